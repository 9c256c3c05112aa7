"""A page: sections of charts, tables and sentences, and the one way in which they become an HTML file.

The file needs nothing but itself. Plotly's script is put inside once, taken from the installed package, and a
content security policy forbids the page to load anything at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tidegate.report.charts import Brush, Chart
from tidegate.report.language import Language, format_value
from tidegate.report.statements import Statement, Tone
from tidegate.report.theme import FONT, ColourScheme, palette, palette_css

__all__ = ["Card", "Cell", "Link", "Page", "Painter", "Section", "Sentence", "Table"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text
        What it says, already formatted.
    numeric
        Whether it is set flush right in tabular figures.
    shade
        Strength of the background, -4 (deep loss) to 4 (strong gain); 0 leaves it plain.
    tone
        How it bears on what is reported; anything but neutral is set in its colour.
    """

    text: str
    numeric: bool = True
    shade: int = 0
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; ``folded`` hides it behind its title until the reader opens it, ``dense`` sets it small."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    dense: bool = False


@dataclass(frozen=True)
class Sentence:
    """A sentence with the tone it is said in."""

    text: str
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, kw_only=True)
class Card:
    """A key figure and what to compare it with; ``direction`` is ``up``, ``down`` or empty."""

    name: str
    value: str
    detail: str
    direction: str = ""


@dataclass(frozen=True)
class Link:
    """A way to another report that lies beside this one."""

    text: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: a title, one sentence, and what it shows in this order."""

    title: str
    lead: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    sentences: Sequence[Sentence] = ()
    links: Sequence[Link] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything a report shows.

    Parameters
    ----------
    kind
        What kind of report it is, in words.
    title, subtitle
        The name of the thing reported on, and its circumstances.
    facts
        Name and value of each line of the head.
    verdict, cautions
        What was found, the first as the headline, and what to keep in mind.
    appendix
        Name and preformatted text of each folded block at the foot.
    opening
        Charts that stand right below the headline: what a reader of half a minute sees.
    """

    kind: str
    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    verdict: Sequence[Sentence]
    cautions: Sequence[Sentence]
    cards: Sequence[Card]
    sections: Sequence[Section]
    origin: Sequence[tuple[str, str]]
    appendix: Sequence[tuple[str, str]]
    opening: Sequence[Chart] = ()


@dataclass(frozen=True)
class Painter:
    """Turns figures into texts, charts and finally a page, in one language and one colour scheme."""

    language: Language
    colours: ColourScheme

    @property
    def brush(self) -> Brush:
        """What charts are drawn with."""
        return Brush(self.language, palette(self.colours))

    def text(self, key: str, **values: object) -> str:
        """Return a text of the page's language."""
        return self.language.text(key, **values)

    def say(self, statement: Statement) -> Sentence:
        """Return a statement as a sentence; names of models and benchmarks are put into the language."""
        values = {name: self._named(name, value) for name, value in statement.values.items()}
        return Sentence(self.language.text(statement.key, **values), statement.tone)

    def number(self, value: object, spec: str) -> Cell:
        """Return a cell with a number."""
        return Cell(format_value(value, spec))

    def words(self, text: str, tone: Tone = Tone.NEUTRAL) -> Cell:
        """Return a cell with words."""
        return Cell(text, numeric=False, tone=tone)

    def name(self, model: str) -> str:
        """Return what the language calls a model."""
        return self.language.name_of("model", model)

    def render(self, page: Page) -> str:
        """Return the page as HTML."""
        charts = bool(page.opening) or any(section.charts for section in page.sections)
        schemes = {
            f"{scheme}-{'dark' if dark else 'light'}": dict(palette(scheme, dark=dark))
            for scheme in ColourScheme
            for dark in (False, True)
        }
        return _environment().get_template("page.html").render(
            page=page,
            language=self.language,
            text=self.language.text,
            colours=self.colours.value,
            style=Markup(f"{palette_css()}\n:root{{--font:{FONT}}}"),  # noqa: S704 - our own constants
            schemes=_script_json({"drawn": f"{self.colours}-light", **schemes}),
            figure=lambda chart: Markup(_escaped(chart.figure)),  # noqa: S704 - escaped for a script element
            plotly=Markup(_plotly()) if charts else "",  # noqa: S704 - from the installed package
        )  # fmt: skip

    def _named(self, name: str, value: object) -> object:
        kinds = {
            "model": "model",
            "rival": "model",
            "benchmark": "benchmark_phrase",
            "constraint": "binding",
            "capacity_reason": "capacity_reason",
            "metric": "metric",
        }
        return self.language.name_of(kinds[name], str(value)) if name in kinds else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tidegate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _plotly() -> str:
    return str(get_plotlyjs())


def _script_json(content: Mapping[str, Any]) -> Markup:
    return Markup(_escaped(json.dumps(content, separators=(",", ":"))))  # noqa: S704 - escaped for a script element


def _escaped(text: str) -> str:
    """Make JSON harmless inside a script element: no text in it can end the element or open a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")

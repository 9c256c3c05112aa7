"""The section of a report about what lies around the best set: neighbours, idle parameters, sets that are the same."""

from __future__ import annotations

from typing import Final

from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.plateau_charts import heatmap_chart
from tidegate.report.search_result import Neighbour, Plateau, SearchResult
from tidegate.report.search_words import figure_spec, plain_value, tried_phrase
from tidegate.report.statements import Tone

__all__ = ["around_section", "inert_table", "neighbour_table"]

_HEATMAPS: Final = 6
_GROUPS: Final = 12


def around_section(painter: Painter, found: SearchResult) -> Section | None:
    """Return what lies around the best set; None where nothing was looked at."""
    # Training runs lie on no lattice: a seed has no neighbour.
    around, idle = None if found.is_selection else found.plateau, inert_table(painter, found)
    tables = [*([neighbour_table(painter, found, around)] if around and around.neighbours else [])]
    tables += [idle] if idle else []
    if around is None and not tables and not found.duplicates:
        return None
    said = [] if around is None else [_finding(painter, around)]
    if found.duplicates:
        groups = "; ".join(", ".join(str(number) for number in group) for group in found.duplicates[:_GROUPS])
        said.append(Sentence(painter.text("around.duplicates", groups=groups, count=len(found.duplicates))))
    heatmaps = () if around is None else around.heatmaps[:_HEATMAPS]
    return Section(
        title=painter.text("section.around"),
        lead=painter.text("section.around.lead"),
        sentences=said,
        charts=[heatmap_chart(painter.brush, one, found.objective) for one in heatmaps],
        tables=tables,
    )


def _finding(painter: Painter, around: Plateau) -> Sentence:
    tones = {"plateau": Tone.GOOD, "peak": Tone.CAUTION}
    values = {
        "best": around.best,
        "neighbours": len(around.counted),
        "feasible": around.feasible,
        "share": around.share_of_best,
    }
    return Sentence(painter.text(f"around.{around.said}", **values), tones.get(around.finding, Tone.NEUTRAL))


def neighbour_table(painter: Painter, found: SearchResult, around: Plateau) -> Table:
    """Return the neighbours of the best set, one step away in one parameter."""
    text = painter.text
    rows = [_neighbour_row(painter, found, one) for one in around.neighbours]
    objective = text("figure.on_training", figure=painter.language.name_of("bounded", found.objective))
    head = ["", text("figure.step"), objective, text("figure.max_drawdown"), text("figure.bounds")]
    return Table(title=text("table.neighbours", number=around.best), head=head, rows=rows)


def _neighbour_row(painter: Painter, found: SearchResult, one: Neighbour) -> list[Cell]:
    step = {"parameter": one.parameter, "before": plain_value(one.before), "after": plain_value(one.after)}
    tone = Tone.NEUTRAL if one.feasible else Tone.CAUTION
    kept = "around.same" if one.same_account else "around.keeps" if one.feasible else "around.breaks"
    return [
        painter.words(painter.text("unit.set", number=one.number)),
        painter.words(painter.text("around.step", **step)),
        painter.number(one.objective, figure_spec(found.objective)),
        painter.number(one.max_drawdown, "percent1"),
        painter.words(painter.text(kept), tone),
    ]


def inert_table(painter: Painter, found: SearchResult) -> Table | None:
    """Return the parameters that changed nothing, or None where each changed something."""
    rows = [
        [
            painter.words(one.parameter),
            painter.words(tried_phrase(painter.language, one.values)),
            painter.words(painter.language.name_of("inert", one.why)),
        ]
        for one in found.inert
        if one.why is not None
    ]
    if not rows:
        return None
    head = [painter.text(f"figure.{name}") for name in ("parameter", "tried", "why")]
    return Table(title=painter.text("table.inert"), head=head, rows=rows)

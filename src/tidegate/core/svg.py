"""A small canvas for pictures that a program draws: SVG text, without a library and without a network.

Colours are roles, each with a light and a dark value; a viewer that asks for dark gets the dark ones by a media query,
any other reader the light ones. Text is escaped, numbers are finite: what comes out is always well-formed XML.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from tidegate.core.errors import InputError

__all__ = ["COLOURS", "FONT", "Canvas"]

FONT: Final = (
    "Helvetica Neue, Segoe UI, Arial, Noto Sans SC, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
)
"""System fonts, Latin first, then the Chinese ones of each platform."""

COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "card": ("#ffffff", "#171c24"),
    "ink": ("#18202c", "#e9e6df"),
    "muted": ("#566070", "#a0a9b6"),
    "rule": ("#dcd8ce", "#323a46"),
    "grid": ("#ebe8e1", "#262d37"),
    "first": ("#1b4b7a", "#7db1e4"),
    "second": ("#b4862d", "#dcb565"),
    "third": ("#3f8584", "#6cbab5"),
    "fourth": ("#8a4f7d", "#cc97c3"),
    "training": ("#b9c9d9", "#46607c"),
    "purge": ("#c7600f", "#f29a4a"),
    "benchmark": ("#7d8590", "#98a1ad"),
}
"""Colour of every role on light and on dark paper."""

_UNPRINTABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Canvas:
    """A picture of a fixed size in pixels; the origin is its upper left corner, y grows downwards.

    Parameters
    ----------
    width, height
        Pixels, above 0. The picture scales with the space that it is given.
    title
        What it shows, read aloud by screen readers and shown on hovering.
    description
        More of the same, for those who cannot see it.
    background
        Role of the paper, None for none.

    Raises
    ------
    InputError
        If a number is not finite, a size is negative or a role of a colour is unknown; so do all methods that draw.

    Examples
    --------
    >>> canvas = Canvas(40, 20, title="A step", background=None)
    >>> canvas.line(0, 10, 40, 10, stroke="ink")
    >>> print(canvas.as_text().splitlines()[-2])
    <line x1="0" y1="10" x2="40" y2="10" stroke="#18202c" class="tg-stroke-ink" stroke-width="1"/>
    """

    def __init__(
        self, width: float, height: float, *, title: str, description: str = "", background: str | None = "card"
    ) -> None:
        if not (width > 0.0 and height > 0.0):
            raise InputError(
                found=f"a picture of {width} x {height} pixels",
                expected="a width and a height above 0",
                hint="give it room to draw in",
            )
        self.width, self.height = width, height
        self.title, self.description = title, description
        self._shapes: list[str] = []
        self._used: dict[str, str] = {}
        self._hatches: dict[str, str] = {}
        if background is not None:
            self.rect(0, 0, width, height, fill=background)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None,
        stroke: str | None = None,
        radius: float = 0.0,
        opacity: float = 1.0,
        hatched: bool = False,
        hint: str = "",
    ) -> None:
        """Draw a rectangle from its upper left corner; ``hatched`` fills it with slanted lines of its colour.

        ``hint`` is shown while the pointer rests on it.
        """
        if width < 0.0 or height < 0.0:
            raise InputError(
                found=f"a rectangle of {width} x {height} pixels",
                expected="no side below 0",
                hint="give the upper left corner and the size",
            )
        shape = f"<rect {_places(x=x, y=y, width=width, height=height)}{_optional('rx', radius)}"
        paint = self._hatch(fill) if hatched and fill is not None else self._paint(fill=fill, stroke=stroke)
        self._add(shape, "rect", paint + _opacity(opacity), hint)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, stroke: str, width: float = 1.0, dashes: str = ""
    ) -> None:
        """Draw a straight line; ``dashes`` is a pattern such as ``"3 2"``, in pixels on and off."""
        style = self._paint(stroke=stroke) + _stroke(width, dashes)
        self._add(f"<line {_places(x1=x1, y1=y1, x2=x2, y2=y2)}", "line", style, "")

    def polyline(
        self,
        points: Iterable[tuple[float, float]],
        *,
        stroke: str | None,
        width: float = 1.5,
        fill: str | None = None,
        opacity: float = 1.0,
        dashes: str = "",
        hint: str = "",
    ) -> None:
        """Draw a line through points ``(x, y)``; with ``fill`` what it encloses is painted, for a band."""
        places = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        style = self._paint(fill=fill, stroke=stroke) + _opacity(opacity)
        style += _stroke(width, dashes) if stroke is not None else ""
        self._add(f'<polyline points="{places}" stroke-linejoin="round"', "polyline", style, hint)

    def circle(
        self, x: float, y: float, radius: float, *, fill: str | None, stroke: str | None = None, hint: str = ""
    ) -> None:
        """Draw a circle around its centre."""
        style = self._paint(fill=fill, stroke=stroke)
        self._add(f"<circle {_places(cx=x, cy=y, r=radius)}", "circle", style, hint)

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: float = 12.0,
        fill: str = "ink",
        anchor: Literal["start", "middle", "end"] = "start",
        bold: bool = False,
        turned: float = 0.0,
    ) -> None:
        """Write one line of text whose baseline is at ``y``; ``turned`` degrees clockwise around its anchor."""
        style = f' font-size="{_number(size)}"{self._paint(fill=fill)}'
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        style += ' font-weight="600"' if bold else ""
        style += f' transform="rotate({_number(turned)} {_number(x)} {_number(y)})"' if turned else ""
        self._shapes.append(f"<text {_places(x=x, y=y)}{style}>{_escaped(content)}</text>")

    def as_text(self) -> str:
        """Return the picture as a document of its own, which may also be put into a page as it is."""
        size = f'width="{_number(self.width)}" height="{_number(self.height)}"'
        box = f'viewBox="0 0 {_number(self.width)} {_number(self.height)}"'
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" font-family={quoteattr(FONT)}>',
            f"<title>{_escaped(self.title)}</title>",
        ]
        if self.description:
            head.append(f"<desc>{_escaped(self.description)}</desc>")
        if self._used:
            dark = "".join(self._used.values())
            head.append(f"<style>@media (prefers-color-scheme: dark) {{{dark}}}</style>")
        if self._hatches:
            head.append(f"<defs>{''.join(self._hatches.values())}</defs>")
        return "\n".join([*head, *self._shapes, "</svg>"]) + "\n"

    def _add(self, shape: str, name: str, style: str, hint: str) -> None:
        self._shapes.append(f"{shape}{style}><title>{_escaped(hint)}</title></{name}>" if hint else f"{shape}{style}/>")

    def _paint(self, **parts: str | None) -> str:
        """Return the attributes of ``fill`` and ``stroke``: light colours, and the classes that darken them."""
        written, classes = "", []
        for part, role in parts.items():
            if role is None:
                written += f' {part}="none"' if part == "fill" else ""
                continue
            light, dark = _colour(role)
            name = f"tg-{part}-{role}"
            self._used[name] = f".{name}{{{part}:{dark}}}"
            written += f' {part}="{light}"'
            classes.append(name)
        return written + (f' class="{" ".join(classes)}"' if classes else "")

    def _hatch(self, role: str) -> str:
        name = f"tg-hatch-{role}"
        line = f'<path d="M0 0V6" stroke-width="2.6"{self._paint(stroke=role)}/>'
        where = 'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"'
        self._hatches[name] = f'<pattern id="{name}" {where}>{line}</pattern>'
        return f' fill="url(#{name})"'


def _colour(role: str) -> tuple[str, str]:
    if role not in COLOURS:
        raise InputError(
            found=f"colour {role!r}",
            expected=f"one of {', '.join(COLOURS)}",
            hint="colours are roles, so that a picture can be read on light and on dark paper",
        )
    return COLOURS[role]


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise InputError(
            found=f"{value} as a place in a picture",
            expected="a finite number of pixels",
            hint="leave out what has no value",
        )
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _places(**values: float) -> str:
    return " ".join(f'{name}="{_number(value)}"' for name, value in values.items())


def _optional(name: str, value: float) -> str:
    return f' {name}="{_number(value)}"' if value else ""


def _opacity(value: float) -> str:
    return f' opacity="{_number(value)}"' if value != 1.0 else ""


def _stroke(width: float, dashes: str) -> str:
    dashed = f" stroke-dasharray={quoteattr(_printable(dashes))}" if dashes else ""
    return f' stroke-width="{_number(width)}"{dashed}'


def _printable(content: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", content)


def _escaped(content: str) -> str:
    return escape(_printable(content))

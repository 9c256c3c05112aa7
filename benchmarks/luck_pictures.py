"""Draws what `luck_study.py` found: how often noise is called an edge, and how often an edge is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.core.files import write_atomically
from tidegate.core.svg import Canvas

__all__ = ["draw_power", "draw_size"]

ROLES: Final = ("first", "second", "third", "fourth", "purge", "benchmark")
DASHES: Final = ("", "6 3", "2 2", "8 3 2 3", "", "6 3")
WIDTH, GAP, LEFT, TOP, HEIGHT = 250.0, 70.0, 58.0, 78.0, 190.0
BETWEEN: Final = 122.0


@dataclass(frozen=True)
class Panel:
    """A rectangle of the picture: values along x, evenly spaced or to scale, and shares along y."""

    canvas: Canvas
    x: float
    y: float
    places: Sequence[float]
    most: float
    to_scale: bool = False

    def at(self, place: int, value: float) -> tuple[float, float]:
        """Return where a value lies in the picture."""
        across = place / (len(self.places) - 1)
        if self.to_scale:
            across = (self.places[place] - self.places[0]) / (self.places[-1] - self.places[0])
        return self.x + across * WIDTH, self.y + HEIGHT * (1.0 - min(value, self.most) / self.most)

    def frame(self, title: str, label: str, ticks: Sequence[float], digits: int) -> None:
        """Draw axes, their values and the title."""
        self.canvas.text(self.x, self.y - 12, title, size=13, bold=True)
        for tick in ticks:
            left, height = self.at(0, tick)
            self.canvas.line(left, height, left + WIDTH, height, stroke="grid")
            self.canvas.text(left - 8, height + 4, f"{100 * tick:.{digits}f} %", size=11, fill="muted", anchor="end")
        for place, value in enumerate(self.places):
            self.canvas.text(
                self.at(place, 0)[0], self.y + HEIGHT + 18, f"{value:g}", size=11, fill="muted", anchor="middle"
            )
        self.canvas.text(self.x + WIDTH / 2, self.y + HEIGHT + 36, label, size=11, fill="muted", anchor="middle")
        self.canvas.line(self.x, self.y + HEIGHT, self.x + WIDTH, self.y + HEIGHT, stroke="rule")

    def curve(self, values: Sequence[float], number: int) -> None:
        """Draw one curve."""
        points = [self.at(place, value) for place, value in enumerate(values)]
        self.canvas.polyline(points, stroke=ROLES[number], width=2.0, dashes=DASHES[number])
        for (x, y), value in zip(points, values, strict=True):
            self.canvas.circle(x, y, 2.6, fill=ROLES[number])
            if value > self.most:
                self.canvas.text(x + 8, y + 4, f"{100 * value:.0f} %", size=11, fill=ROLES[number])

    def limit(self, value: float, says: str) -> None:
        """Draw a level that is asked for."""
        (x, y), (end, _) = self.at(0, value), self.at(len(self.places) - 1, value)
        self.canvas.line(x, y, end, y, stroke="ink", width=1.2, dashes="3 3")
        self.canvas.text(end, y + 14 if value > self.most / 2 else y - 6, says, size=11, anchor="end")


def draw_size(
    path: Path, shares: Mapping[str, Sequence[float]], levels: Sequence[float], blocks: Sequence[int]
) -> None:
    """Draw how often noise is called an edge, at a nominal 2 and 5 %, by block length and kind of noise."""
    kinds = list(dict.fromkeys(cell.split("|")[0] for cell in shares))
    canvas = Canvas(
        LEFT + 2 * WIDTH + GAP + 40, TOP + HEIGHT + 92, title="Size of the verdict",
        description="Share of searches on noise that are called an edge, by mean block length.",
    )  # fmt: skip
    canvas.text(LEFT, 28, "Noise that is called an edge: 30 sets correlated at 0.7, 12 years", size=15, bold=True)
    for number, level in enumerate((0.02, 0.05)):
        panel = Panel(canvas, LEFT + number * (WIDTH + GAP), TOP, blocks, 5.0 * level)
        panel.frame(f"nominal {100 * level:.0f} %", "mean block, bars", [level * step for step in range(6)], 0)
        panel.limit(level, "nominal")
        for place, kind in enumerate(kinds):
            panel.curve([shares[f"{kind}|{block}"][levels.index(level)] for block in blocks], place)
    legend(canvas, kinds, TOP + HEIGHT + 68)
    save(path, canvas)


def draw_power(
    path: Path, shares: Mapping[str, float], sharpes: Sequence[float], blocks: Sequence[int], usual: int
) -> None:
    """Draw how often an edge is found, by who carries it: by block length, and by correlation."""
    carriers, correlations = ("all", "half", "one"), (0.5, 0.7, 0.9)
    canvas = Canvas(
        LEFT + 3 * WIDTH + 2 * GAP + 40, TOP + 2 * HEIGHT + BETWEEN + 92, title="Power of the verdict",
        description="Share of searches in which a planted edge is found, by its Sharpe ratio.",
    )  # fmt: skip
    canvas.text(LEFT, 28, "Planted edges that are found at a nominal 2 %: 30 sets, 12 years", size=15, bold=True)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    for number, one in enumerate(carriers):
        x = LEFT + number * (WIDTH + GAP)
        says = {"all": "all sets carry it", "half": "half of the sets carry it", "one": "one set carries it"}[one]
        upper, lower = (
            Panel(canvas, x, TOP + row * (HEIGHT + BETWEEN), sharpes, 1.0, to_scale=True) for row in range(2)
        )
        for panel in (upper, lower):
            panel.frame(says, "planted excess Sharpe ratio, a year", ticks, 0)
            panel.limit(0.9, "90 %")
        for place, block in enumerate(blocks):
            upper.curve([shares[f"0.7|{one}|{sharpe}|{block}"] for sharpe in sharpes], place)
        for place, correlation in enumerate(correlations):
            lower.curve([shares[f"{correlation}|{one}|{sharpe}|{usual}"] for sharpe in sharpes], place)
    legend(canvas, [f"block {block}" for block in blocks], TOP + HEIGHT + 62, "correlated at 0.7:")
    told = [f"correlated at {correlation}" for correlation in correlations]
    legend(canvas, told, TOP + 2 * HEIGHT + BETWEEN + 68, f"blocks of {usual} bars:")
    save(path, canvas)


def legend(canvas: Canvas, names: Sequence[str], y: float, before: str = "") -> None:
    """Say which curve is which."""
    x = LEFT
    if before:
        canvas.text(x, y + 4, before, size=12, fill="muted")
        x += 7.0 * len(before) + 8
    for number, name in enumerate(names):
        canvas.line(x, y, x + 26, y, stroke=ROLES[number], width=2.0, dashes=DASHES[number])
        canvas.circle(x + 13, y, 2.6, fill=ROLES[number])
        canvas.text(x + 32, y + 4, name, size=12)
        x += 32 + 7.0 * len(name) + 18


def save(path: Path, canvas: Canvas) -> None:
    """Write the picture."""
    write_atomically(path, lambda partial: partial.write_text(canvas.as_text(), encoding="utf-8"))

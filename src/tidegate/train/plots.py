"""Pictures of a training run, as SVG: they stand in its artifact and need nothing but a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Any, Final

from tidegate.core.files import write_text
from tidegate.core.svg import Canvas
from tidegate.split import Fold
from tidegate.split.timeline import fold_timeline

__all__ = [
    "draw_precision_recall",
    "draw_quarters",
    "draw_reliability",
    "write_plots",
]

_WIDTH: Final = 640.0
_HEIGHT: Final = 400.0
_LEFT: Final = 64.0
_RIGHT: Final = 24.0
_TOP: Final = 56.0
_BOTTOM: Final = 56.0
_TICKS: Final = 5
_ROUND_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class _Axes:
    """A plane inside a picture: numbers to pixels, with a frame, ticks and names."""

    def __init__(
        self,
        title: str,
        description: str,
        *,
        across: tuple[float, float],
        up: tuple[float, float],
        names: tuple[str, str],
        width: float = _WIDTH,
        height: float = _HEIGHT,
    ) -> None:
        self.canvas = Canvas(width, height, title=title, description=description)
        self._across, self._up = across, up
        self._left, self._right, self._top, self._bottom = _LEFT, width - _RIGHT, _TOP, height - _BOTTOM
        self.canvas.text(_LEFT - 44.0, 26.0, title, size=15.0, bold=True)
        for step in range(_TICKS + 1):
            value = up[0] + (up[1] - up[0]) * step / _TICKS
            self.canvas.line(self._left, self.y(value), self._right, self.y(value), stroke="grid")
            self.canvas.text(
                self._left - 8.0, self.y(value) + 4.0, f"{value:.2f}", size=11.0, fill="muted", anchor="end"
            )
        self.canvas.text(self._left - 44.0, self._top - 12.0, names[1], size=11.0, fill="muted")
        self.canvas.text(self._right, self._bottom + 40.0, names[0], size=11.0, fill="muted", anchor="end")

    def x(self, value: float) -> float:
        low, high = self._across
        return self._left + (value - low) / (high - low) * (self._right - self._left)

    def y(self, value: float) -> float:
        low, high = self._up
        return self._bottom - (value - low) / (high - low) * (self._bottom - self._top)

    def ticks(self, places: Sequence[tuple[float, str]]) -> None:
        for place, name in places:
            self.canvas.text(self.x(place), self._bottom + 18.0, name, size=11.0, fill="muted", anchor="middle")

    def level(self, value: float, name: str, role: str) -> None:
        """Draw a dashed line across at a value, with its name at the right end."""
        self.canvas.line(self._left, self.y(value), self._right, self.y(value), stroke=role, dashes="5 4")
        self.canvas.text(self._right, self.y(value) - 5.0, name, size=11.0, fill=role, anchor="end")

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        _legend(self.canvas, entries, self._left, self._bottom + 40.0)


def draw_reliability(table: Sequence[Mapping[str, Any]], *, model: str) -> str:
    """Return the share of hits against the forecast probability; on the diagonal a model is honest.

    Parameters
    ----------
    table
        Bins with ``mean``, ``rate`` and ``count``, of the test windows; empty bins have no rate.
    model
        Name in the title.
    """
    filled = [one for one in table if one["count"] and one["rate"] is not None and one["mean"] is not None]
    top = _round_up(max((max(one["mean"], one["rate"]) for one in filled), default=1.0))
    axes = _Axes(
        f"Reliability of {model}: forecast probability and share of hits",
        "Out of sample. On the diagonal, what was forecast happened as often as it was said.",
        across=(0.0, top),
        up=(0.0, top),
        names=("forecast probability", "share of hits"),
    )
    axes.ticks([(top * step / _TICKS, f"{top * step / _TICKS:.2f}") for step in range(_TICKS + 1)])
    axes.canvas.line(axes.x(0.0), axes.y(0.0), axes.x(top), axes.y(top), stroke="benchmark", dashes="5 4")
    axes.canvas.polyline([(axes.x(one["mean"]), axes.y(one["rate"])) for one in filled], stroke="first")
    most = max((one["count"] for one in filled), default=1)
    for one in filled:
        hint = f"{one['count']:,} rows, forecast {one['mean']:.1%}, came {one['rate']:.1%}"
        radius = 3.0 + 6.0 * (one["count"] / most) ** 0.5
        axes.canvas.circle(axes.x(one["mean"]), axes.y(one["rate"]), radius, fill="first", hint=hint)
    axes.legend([("first", "rows of the test windows, by bin"), ("benchmark", "as forecast")])
    return axes.canvas.as_text()


def draw_precision_recall(
    curve: Sequence[Sequence[float | None]], *, model: str, base_rate: float, threshold: Mapping[str, Any] | None
) -> str:
    """Return precision against recall, with the floor and the chosen point.

    Parameters
    ----------
    curve
        ``threshold, precision, recall, calls`` of the test windows.
    base_rate
        Precision of calling everything.
    threshold
        What the calibration slice chose; None where nothing was calibrated.
    """
    points = [(one[0], one[1], one[2]) for one in curve if None not in one[:3]]
    shown = [(float(at or 0.0), float(precision or 0.0), float(recall or 0.0)) for at, precision, recall in points]
    axes = _Axes(
        f"Precision and recall of {model}",
        "Out of sample. The floor is the precision that was asked for.",
        across=(0.0, 1.0),
        up=(0.0, 1.0),
        names=("recall", "precision"),
    )
    axes.ticks([(step / _TICKS, f"{step / _TICKS:.1f}") for step in range(_TICKS + 1)])
    axes.level(base_rate, f"base rate {base_rate:.1%}", "benchmark")
    axes.canvas.polyline([(axes.x(recall), axes.y(precision)) for _, precision, recall in shown], stroke="first")
    entries = [("first", "test windows, by threshold")]
    if threshold is not None:
        axes.level(threshold["target_precision"], f"floor {threshold['target_precision']:.0%}", "purge")
        at = threshold["value"] if threshold["value"] is not None else threshold["candidate"]
        if at is not None and shown:
            _, precision, recall = min(shown, key=lambda one: abs(one[0] - at))
            met = threshold["status"] == "met"
            axes.canvas.circle(
                axes.x(recall), axes.y(precision), 6.0, fill="second" if met else None, stroke="second",
                hint=f"threshold {at:.2f}: precision {precision:.1%}, recall {recall:.1%}",
            )  # fmt: skip
            entries.append(("second", f"threshold {at:.2f}, {'chosen' if met else 'nearest; below the floor'}"))
    axes.legend(entries)
    return axes.canvas.as_text()


def draw_quarters(quarters: Sequence[Mapping[str, Any]], *, model: str, metric: str, name: str, level: float) -> str:
    """Return a figure of every quarter with its 95 % interval.

    Parameters
    ----------
    quarters
        Figures by quarter, with ``<metric>_interval`` where there is one.
    metric, name
        The figure, and how it is called in the picture.
    level
        What no skill would give.
    """
    known = [one for one in quarters if one.get(metric) is not None]
    bounds = [edge for one in known for edge in (one.get(f"{metric}_interval") or (one[metric],))]
    low, high = _span([level, *(one[metric] for one in known), *bounds])
    axes = _Axes(
        f"{name} of {model} by quarter",
        "Out of sample, with 95 % intervals of a bootstrap by week.",
        across=(-0.5, max(len(known), 1) - 0.5),
        up=(low, high),
        names=("quarter", name),
        width=max(_WIDTH, _LEFT + _RIGHT + 46.0 * len(known)),
    )
    axes.ticks([(float(place), str(one["quarter"])) for place, one in enumerate(known)])
    axes.level(level, f"no skill {level:g}", "benchmark")
    for place, one in enumerate(known):
        interval = one.get(f"{metric}_interval")
        hint = f"{one['quarter']}: {one[metric]:.3f}"
        if interval is not None:
            axes.canvas.line(
                axes.x(place), axes.y(interval[0]), axes.x(place), axes.y(interval[1]), stroke="first", width=2.0
            )
            hint += f", {interval[0]:.3f} to {interval[1]:.3f}"
        axes.canvas.circle(axes.x(place), axes.y(one[metric]), 4.5, fill="first", hint=hint)
    axes.legend([("first", "figure and 95 % interval"), ("benchmark", "no skill")])
    return axes.canvas.as_text()


def write_plots(
    folder: Path,
    *,
    model: str,
    figures: Mapping[str, Any] | None,
    threshold: Mapping[str, Any] | None,
    folds: Sequence[Fold],
) -> list[str]:
    """Write the pictures that a run has figures for, and return their names.

    Parameters
    ----------
    folder
        Where they are written.
    figures
        The model's part of ``classification.json``; None for targets that are returns.
    threshold
        The shipped model's; None where nothing was calibrated.
    folds
        Those that were tested.
    """
    drawn = {"timeline": fold_timeline(folds)} if folds else {}
    if figures is not None:
        base_rate = float(figures["overall"]["base_rate"])
        if figures.get("reliability"):
            drawn["reliability"] = draw_reliability(figures["reliability"], model=model)
        if figures.get("curve"):
            drawn["precision_recall"] = draw_precision_recall(
                figures["curve"], model=model, base_rate=base_rate, threshold=threshold
            )
        if figures["quarters"]:
            drawn["quarters"] = draw_quarters(
                figures["quarters"], model=model, metric="auc_within_date", name="AUC within the date", level=0.5
            )
    for name, text in drawn.items():
        write_text(folder / f"{name}.svg", text)
    return [f"{name}.svg" for name in drawn]


def _legend(canvas: Canvas, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
    for role, name in entries:
        canvas.rect(x, y - 9.0, 10.0, 10.0, fill=role, radius=2.0)
        canvas.text(x + 15.0, y, name, size=11.0, fill="muted")
        x += 30.0 + 6.0 * len(name)


def _round_up(value: float) -> float:
    """Return the next tenth, so that ticks are round; at least a tenth and at most 1."""
    return min(max(-(-value * 10.0 // 1.0) / 10.0, 0.1), 1.0)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return a little more than the span of some values, such that the ticks are round."""
    low, high = min(values), max(values)
    for step in _ROUND_STEPS:
        start = floor(low / step) * step
        if start + _TICKS * step >= high:
            return start, start + _TICKS * step
    return low, high

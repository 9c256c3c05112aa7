"""Charts of how the folds lie in time: training, the slices that are looked at before the test, and the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from tidegate.core.time import DAY, format_instant
from tidegate.report.charts import Brush, Chart
from tidegate.report.run_figures import Fold

__all__ = ["boundary_chart", "fold_chart", "gaps_of"]

_ROLES: Final = {"training": "training", "validation": "seventh", "calibration": "second", "test": "first"}


def fold_chart(brush: Brush, folds: Sequence[Fold]) -> Chart:
    """Draw training, slices and test of every fold; a tick marks each purge gap, too short to see at this scale."""
    figure = brush.figure(barmode="overlay", hovermode="closest", bargap=0.4)
    labels = _fold_names(brush, folds)
    _add_span(figure, brush, "training", labels, [(fold.train_start, fold.train_end) for fold in folds])
    for name in ("validation", "calibration"):
        having = [
            (label, dict(fold.slices)[name])
            for label, fold in zip(labels, folds, strict=True)
            if name in dict(fold.slices)
        ]
        if having:
            _add_span(
                figure, brush, name, [label for label, _ in having], [(part.start, part.reaches) for _, part in having]
            )
    _add_span(figure, brush, "test", labels, [(fold.test_start, fold.test_end) for fold in folds])
    sliced = any(fold.slices for fold in folds)
    marks = [(label, end, days) for label, fold in zip(labels, folds, strict=True) for _, end, days in gaps_of(fold)]
    figure.add_scatter(
        x=[_day(end) for _, end, _ in marks],
        y=[label for label, _, _ in marks],
        mode="markers" if sliced else "markers+text",
        marker={"symbol": "line-ns", "size": 17, "line": {"width": 4, "color": brush.colours["purge"]}},
        text=[brush.language.text("unit.days_short", days=_days_text(days)) for _, _, days in marks],
        textposition="middle left",
        textfont={"color": brush.colours["purge"], "size": 11},
        name=brush.language.text("fold.purge"),
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_xaxes(type="date", tickformat="%Y", hoverformat="%Y-%m-%d")
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    return brush.chart("folds_sliced" if sliced else "folds", figure, height=_fold_height(folds), wide=sliced)


def gaps_of(fold: Fold) -> tuple[tuple[str, int, float], ...]:
    """Return the purge gaps of a fold in order of time: what begins behind each, when, and its days.

    A gap behind training begins with the last decision that is trained on, one behind a slice with the last instant
    that a label of the slice reaches.
    """
    gaps, end = [], fold.train_end
    for name, part in fold.slices:
        gaps.append((name, part.start, (part.start - end) / DAY))
        end = part.reaches
    return (*gaps, ("test", fold.test_start, (fold.test_start - end) / DAY))


def boundary_chart(brush: Brush, folds: Sequence[Fold]) -> Chart:
    """Draw the same folds in days around the first test session, where the purged gap is as wide as it is.

    Where a slice lies before the test, it is drawn until the last instant that one of its labels reaches.
    """
    last = folds[0].slices[-1][0] if folds[0].slices else "training"
    ends = [fold.slices[-1][1].reaches if fold.slices else fold.train_end for fold in folds]
    widest = max((fold.test_start - end) / DAY for fold, end in zip(folds, ends, strict=True))
    before, after = max(2.2 * widest, 10.0), max(1.0 * widest, 6.0)
    figure = brush.figure(barmode="overlay", hovermode="closest", bargap=0.4)
    labels = _fold_names(brush, folds)
    seen_until = [(end - fold.test_start) / DAY for fold, end in zip(folds, ends, strict=True)]
    known = [(fold.trained_until - fold.test_start) / DAY for fold in folds]
    _add_days(figure, brush, last, labels, [-before] * len(folds), seen_until)
    _add_days(figure, brush, "labels", labels, seen_until, known)
    _add_days(figure, brush, "gap", labels, known, [0.0] * len(folds))
    _add_days(figure, brush, "test", labels, [0.0] * len(folds), [after] * len(folds))
    figure.update_xaxes(
        range=[-before, after],
        title={"text": brush.language.text("axis.days_to_test"), "font": {"size": 11}, "standoff": 12},
    )
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    figure.update_layout(margin_b=56)
    key = "boundary" if last == "training" else "boundary_sliced"
    return brush.chart(key, figure, height=_fold_height(folds), wide=last != "training")


def _add_span(
    figure: go.Figure, brush: Brush, part: str, labels: Sequence[str], spans: Sequence[tuple[int, int]]
) -> None:
    figure.add_bar(
        base=[_day(start) for start, _ in spans],
        x=[(end - start) / 1_000 for start, end in spans],
        y=labels,
        orientation="h",
        marker_color=brush.colours[_ROLES[part]],
        name=brush.language.text(f"fold.{part}"),
        hovertemplate="%{y}: %{base|%Y-%m-%d} – %{x|%Y-%m-%d}",
    )


def _add_days(
    figure: go.Figure,
    brush: Brush,
    part: str,
    labels: Sequence[str],
    starts: Sequence[float],
    ends: Sequence[float],
) -> None:
    roles = {**_ROLES, "labels": "purge_soft", "gap": "purge"}
    lengths = [round(end - start, 3) for start, end in zip(starts, ends, strict=True)]
    if max(lengths) <= 0:
        return
    colour = brush.colours[roles[part]]
    hatch = {"shape": "/", "fgcolor": brush.colours["purge"], "size": 5, "solidity": 0.25} if part == "labels" else None
    figure.add_bar(
        base=starts,
        x=lengths,
        y=labels,
        orientation="h",
        marker={"color": colour, "pattern": hatch},
        name=brush.language.text(f"fold.{part}"),
        customdata=lengths,
        hovertemplate="%{customdata:.1f}",
    )


def _fold_names(brush: Brush, folds: Sequence[Fold]) -> list[str]:
    return [brush.language.text("fold.name", number=fold.fold) for fold in folds]


def _fold_height(folds: Sequence[Fold]) -> int:
    return 116 + (26 if len(folds) <= 12 else 19) * len(folds)


def _day(instant: int) -> str:
    return format_instant(instant)[:10]


def _days_text(days: float) -> str:
    return f"{days:.0f}" if days >= 2 else f"{days:.1f}"

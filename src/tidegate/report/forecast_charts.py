"""Charts of the forecasts: rank correlation, what the models looked at, how the folds lie in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import polars as pl

from tidegate.core.time import DAY, format_instant
from tidegate.core.units import Int64Array
from tidegate.report.charts import Brush, Chart, bar_gap, date_format, decimated, iso_days, year_axis
from tidegate.report.run_figures import Fold, ModelQuality
from tidegate.report.theme import MODEL_ROLES

__all__ = ["boundary_chart", "cumulative_chart", "fold_chart", "importance_chart", "rank_ic_chart"]

_TOP_FEATURES = 15


def rank_ic_chart(brush: Brush, models: Sequence[ModelQuality]) -> Chart:
    """Draw the mean rank correlation of forecast and outcome in each year, per model."""
    figure = brush.figure(
        barmode="group",
        bargap=bar_gap(max((len(model.by_year) for model in models), default=1)),
        bargroupgap=0.05,
    )
    for model, role in zip(models, _roles(len(models)), strict=True):
        figure.add_bar(
            x=[str(year.year) for year in model.by_year],
            y=[year.rank_ic for year in model.by_year],
            name=brush.language.name_of("model", model.model),
            marker_color=brush.colours[role],
            hovertemplate="%{y:.3f}",
        )
    year_axis(figure, sorted({year.year for model in models for year in model.by_year}))
    figure.update_yaxes(tickformat=".3~f", zeroline=True, zerolinecolor=brush.colours["muted"], zerolinewidth=1)
    return brush.chart("rank_ic", figure, height=290, wide=False)


def cumulative_chart(brush: Brush, models: Sequence[ModelQuality], daily: pl.DataFrame) -> Chart:
    """Draw the running sum of the rank correlations: a steady slope is steady skill."""
    figure = brush.figure()
    for model, role in zip(models, _roles(len(models)), strict=True):
        own = daily.filter((pl.col("model") == model.model) & pl.col("rank_ic").is_finite())
        if own.is_empty():
            continue
        when, total = decimated(_times(own), own["rank_ic"].cum_sum().to_numpy())
        figure.add_scatter(
            x=iso_days(when),
            y=total,
            mode="lines",
            name=brush.language.name_of("model", model.model),
            line={"color": brush.colours[role], "width": 1.8},
            hovertemplate="%{y:.1f}",
        )
    figure.update_yaxes(zeroline=True, zerolinecolor=brush.colours["muted"], zerolinewidth=1)
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(_times(daily)))
    return brush.chart("cumulative_ic", figure, height=290, wide=False)


def importance_chart(brush: Brush, model: str, role: str, shares: Mapping[str, float], *, wide: bool) -> Chart:
    """Draw the features that a model relied on most, by their share of the whole."""
    top = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_TOP_FEATURES]
    figure = brush.figure(showlegend=False, hovermode="closest", bargap=0.28)
    figure.add_bar(
        x=[share for _, share in reversed(top)],
        y=[feature for feature, _ in reversed(top)],
        orientation="h",
        marker_color=brush.colours[role],
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    figure.update_xaxes(tickformat=".0%", showgrid=True, ticks="", showline=False, rangemode="tozero")
    figure.update_yaxes(ticklabelstandoff=6, tickfont={"size": 11}, dtick=1)
    name = brush.language.name_of("model", model)
    return brush.chart("importance", figure, height=70 + 22 * len(top), wide=wide, model=name)


def fold_chart(brush: Brush, folds: Sequence[Fold]) -> Chart:
    """Draw training and test of every fold; a tick marks the purge gap, too short to see at this scale."""
    figure = brush.figure(barmode="overlay", hovermode="closest", bargap=0.4)
    labels = _fold_names(brush, folds)
    _add_span(figure, brush, "training", labels, [(fold.train_start, fold.train_end) for fold in folds])
    _add_span(figure, brush, "test", labels, [(fold.test_start, fold.test_end) for fold in folds])
    days = [(fold.test_start - fold.train_end) / DAY for fold in folds]
    figure.add_scatter(
        x=[_day(fold.test_start) for fold in folds],
        y=labels,
        mode="markers+text",
        marker={"symbol": "line-ns", "size": 17, "line": {"width": 4, "color": brush.colours["purge"]}},
        text=[brush.language.text("unit.days_short", days=_days_text(count)) for count in days],
        textposition="middle left",
        textfont={"color": brush.colours["purge"], "size": 11},
        name=brush.language.text("fold.purge"),
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_xaxes(type="date", tickformat="%Y", hoverformat="%Y-%m-%d")
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    return brush.chart("folds", figure, height=_fold_height(folds), wide=False)


def boundary_chart(brush: Brush, folds: Sequence[Fold]) -> Chart:
    """Draw the same folds in days around the first test session, where the purged gap is as wide as it is."""
    widest = max((fold.test_start - fold.train_end) / DAY for fold in folds)
    before, after = max(2.2 * widest, 10.0), max(1.0 * widest, 6.0)
    figure = brush.figure(barmode="overlay", hovermode="closest", bargap=0.4)
    labels = _fold_names(brush, folds)
    train_end = [(fold.train_end - fold.test_start) / DAY for fold in folds]
    known = [(fold.trained_until - fold.test_start) / DAY for fold in folds]
    _add_days(figure, brush, "training", labels, [-before] * len(folds), train_end)
    _add_days(figure, brush, "labels", labels, train_end, known)
    _add_days(figure, brush, "gap", labels, known, [0.0] * len(folds))
    _add_days(figure, brush, "test", labels, [0.0] * len(folds), [after] * len(folds))
    figure.update_xaxes(
        range=[-before, after],
        title={"text": brush.language.text("axis.days_to_test"), "font": {"size": 11}, "standoff": 12},
    )
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    figure.update_layout(margin_b=56)
    return brush.chart("boundary", figure, height=_fold_height(folds), wide=False)


def _add_span(
    figure: go.Figure, brush: Brush, part: str, labels: Sequence[str], spans: Sequence[tuple[int, int]]
) -> None:
    figure.add_bar(
        base=[_day(start) for start, _ in spans],
        x=[(end - start) / 1_000 for start, end in spans],
        y=labels,
        orientation="h",
        marker_color=brush.colours["training" if part == "training" else "first"],
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
    roles = {"training": "training", "labels": "purge_soft", "gap": "purge", "test": "first"}
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


def _times(frame: pl.DataFrame) -> Int64Array:
    return frame["time"].dt.timestamp("us").to_numpy()


def _day(instant: int) -> str:
    return format_instant(instant)[:10]


def _days_text(days: float) -> str:
    return f"{days:.0f}" if days >= 2 else f"{days:.1f}"


def _roles(count: int) -> list[str]:
    return [MODEL_ROLES[place % len(MODEL_ROLES)] for place in range(count)]

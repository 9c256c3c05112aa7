"""Charts of the forecasts: rank correlation, and what the models looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tidegate.core.units import Int64Array
from tidegate.report.charts import Brush, Chart, bar_gap, date_format, decimated, iso_days, year_axis
from tidegate.report.run_figures import ModelQuality
from tidegate.report.theme import MODEL_ROLES

__all__ = ["cumulative_chart", "importance_chart", "rank_ic_chart"]

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


def _times(frame: pl.DataFrame) -> Int64Array:
    return frame["time"].dt.timestamp("us").to_numpy()


def _roles(count: int) -> list[str]:
    return [MODEL_ROLES[place % len(MODEL_ROLES)] for place in range(count)]

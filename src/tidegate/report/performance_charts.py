"""Charts of the money: wealth, drawdown, turnover, cost and exposure of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tidegate.core.units import FloatArray, Int64Array
from tidegate.report.charts import (
    Brush,
    Chart,
    bar_gap,
    date_format,
    decimated,
    growth_ticks,
    iso_days,
    year_axis,
)
from tidegate.report.yearly import COST_PARTS, Year

__all__ = ["cost_chart", "drawdown_chart", "exposure_chart", "turnover_chart", "wealth_chart"]

_COST_ROLES = dict(zip(COST_PARTS, ("first", "third", "second", "fourth"), strict=True))


@dataclass(frozen=True)
class _Line:
    name: str
    role: str
    dash: str
    width: float
    values: FloatArray


def wealth_chart(brush: Brush, equity: pl.DataFrame, benchmark: str, index: str | None) -> Chart:
    """Draw the growth of 1, logarithmic: strategy after costs, benchmark and, if there is one, index."""
    times = _times(equity)
    figure = brush.figure(margin={"l": 44, "r": 54, "t": 8, "b": 28})
    lines = _lines(brush, equity, benchmark, index)
    for line in reversed(lines):
        when, growth = decimated(times, line.values)
        style = {"color": brush.colours[line.role], "width": line.width, "dash": line.dash}
        figure.add_scatter(
            x=iso_days(when), y=growth, name=line.name, line=style, hovertemplate="%{y:.2f}×", mode="lines"
        )
    places, labels = growth_ticks(np.concatenate([line.values for line in lines]))
    figure.update_yaxes(type="log", tickvals=places, ticktext=labels)
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(times))
    figure.update_layout(legend_traceorder="reversed")
    _label_ends(figure, brush, lines)
    return brush.chart("wealth", figure, height=400)


def drawdown_chart(brush: Brush, equity: pl.DataFrame, benchmark: str) -> Chart:
    """Draw how far strategy and benchmark stood below their highest point so far."""
    times = _times(equity)
    figure = brush.figure()
    for line in _lines(brush, equity, benchmark, None):
        when, fall = decimated(times, line.values / np.fmax.accumulate(line.values) - 1.0, lowest=True)
        own = line.role == "first"
        figure.add_scatter(
            x=iso_days(when),
            y=fall,
            name=line.name,
            mode="lines",
            line={"color": brush.colours["down" if own else line.role], "width": 1.4 if own else 1.2},
            fill="tozeroy" if own else None,
            fillcolor=brush.colours["down_soft"] if own else None,
            hovertemplate="%{y:.1%}",
        )
    figure.update_yaxes(tickformat=".0%")
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(times))
    return brush.chart("drawdown", figure, height=240)


def cost_chart(brush: Brush, years: Sequence[Year]) -> Chart:
    """Draw what trading cost in each year, stacked by kind, as a fraction of mean equity."""
    figure = brush.figure(barmode="stack", bargap=bar_gap(len(years)), legend_traceorder="normal")
    for part in COST_PARTS:
        shares = [year.costs[part] for year in years]
        if any(shares):
            figure.add_bar(
                x=[str(year.year) for year in years],
                y=shares,
                name=brush.language.text(f"cost.{part}"),
                marker_color=brush.colours[_COST_ROLES[part]],
                hovertemplate="%{y:.2%}",
            )
    year_axis(figure, [year.year for year in years])
    figure.update_yaxes(tickformat=".1%", rangemode="tozero")
    return brush.chart("costs", figure, height=270, wide=False)


def turnover_chart(brush: Brush, years: Sequence[Year]) -> Chart:
    """Draw how many times the account was turned over in each year."""
    figure = brush.figure(showlegend=False, bargap=bar_gap(len(years)))
    figure.add_bar(
        x=[str(year.year) for year in years],
        y=[year.turnover for year in years],
        marker_color=brush.colours["first"],
        name=brush.language.text("figure.turnover"),
        hovertemplate="%{y:.1f}×",
    )
    year_axis(figure, [year.year for year in years])
    figure.update_yaxes(ticksuffix="×", rangemode="tozero")
    return brush.chart("turnover", figure, height=270, wide=False)


def exposure_chart(brush: Brush, equity: pl.DataFrame) -> Chart:
    """Draw the invested fraction of equity; what is missing to one is cash."""
    when, exposure = decimated(_times(equity), equity["exposure"].to_numpy())
    figure = brush.figure(showlegend=False)
    figure.add_scatter(
        x=iso_days(when),
        y=exposure,
        mode="lines",
        line={"color": brush.colours["first"], "width": 1.2},
        fill="tozeroy",
        fillcolor=brush.colours["first_soft"],
        name=brush.language.text("figure.exposure"),
        hovertemplate="%{y:.0%}",
    )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(_times(equity)))
    return brush.chart("exposure", figure, height=180)


def _lines(brush: Brush, equity: pl.DataFrame, benchmark: str, index: str | None) -> list[_Line]:
    own = brush.language.text("figure.strategy")
    lines = [
        _Line(own, "first", "solid", 2.2, _growth(equity["equity"])),
        _Line(benchmark, "benchmark", "solid", 1.5, _growth(equity["benchmark"])),
    ]
    if index is not None:
        lines.append(_Line(index, "second", "dot", 1.3, _growth(equity["index"])))
    return lines


def _growth(values: pl.Series) -> FloatArray:
    amounts = values.cast(pl.Float64).to_numpy()
    return np.asarray(amounts / amounts[np.flatnonzero(np.isfinite(amounts))[0]], dtype=np.float64)


def _times(equity: pl.DataFrame) -> Int64Array:
    return equity["time"].dt.timestamp("us").to_numpy()


def _label_ends(figure: go.Figure, brush: Brush, lines: Sequence[_Line]) -> None:
    """Write each line's last value beside its end, moved apart where two would cover each other."""
    spread = np.log10(
        np.nanmax([np.nanmax(line.values) for line in lines]) / np.nanmin([np.nanmin(line.values) for line in lines])
    )
    gap = 0.055 * max(float(spread), 1e-6)
    floor = -np.inf
    for line in sorted(lines, key=lambda line: float(line.values[-1])):
        place = max(float(np.log10(line.values[-1])), floor + gap)
        floor = place
        figure.add_annotation(
            x=1.0, xref="paper", xanchor="left", xshift=6, y=place, showarrow=False,
            text=f"{line.values[-1]:.2f}×", font={"color": brush.colours[line.role], "size": 12},
        )  # fmt: skip

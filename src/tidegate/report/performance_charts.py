"""Charts of the money: wealth, drawdown, turnover, cost and exposure of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.periods import rolling_sharpe
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
from tidegate.report.yearly import COST_PARTS, COST_ROLES, Year

__all__ = [
    "SHARPE_SESSIONS",
    "cost_chart",
    "drawdown_chart",
    "exposure_chart",
    "sharpe_chart",
    "turnover_chart",
    "wealth_chart",
]

SHARPE_SESSIONS: Final = 252
"""Returns that each point of the rolling Sharpe ratio looks back on."""


@dataclass(frozen=True)
class _Line:
    name: str
    role: str
    dash: str
    width: float
    values: FloatArray


def wealth_chart(
    brush: Brush, equity: pl.DataFrame, benchmark: str, index: str | None, equal_weight: str | None = None
) -> Chart:
    """Draw the growth of 1, logarithmic: strategy after costs, benchmark and, where they are named, the others."""
    times = _times(equity)
    figure = brush.figure(margin={"l": 44, "r": 54, "t": 8, "b": 28})
    lines = _lines(brush, equity, benchmark, index, equal_weight)
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


def sharpe_chart(brush: Brush, days: pl.DataFrame, benchmark: str, per_year: float) -> Chart | None:
    """Draw the Sharpe ratio of the last year at each close, beside the benchmark's; ``None`` before there is one.

    Parameters
    ----------
    days
        One row per day.
    per_year
        Days of a year that are traded.
    """
    if days.height <= SHARPE_SESSIONS:
        return None
    figure = brush.figure()
    times = _times(days)[SHARPE_SESSIONS:]
    for line in reversed(_lines(brush, days, benchmark, None)):
        when, ratio = decimated(times, rolling_sharpe(line.values, SHARPE_SESSIONS, per_year))
        figure.add_scatter(
            x=iso_days(when),
            y=np.round(ratio, 3),
            name=line.name,
            mode="lines",
            line={"color": brush.colours[line.role], "width": line.width - 0.4},
            hovertemplate="%{y:.2f}",
        )
    figure.update_layout(legend_traceorder="reversed")
    figure.update_yaxes(zeroline=True, zerolinecolor=brush.colours["muted"], zerolinewidth=1, tickformat=".1~f")
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(times))
    return brush.chart("sharpe", figure, height=240, sessions=SHARPE_SESSIONS)


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
                marker_color=brush.colours[COST_ROLES[part]],
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


def _lines(
    brush: Brush, equity: pl.DataFrame, benchmark: str, index: str | None, equal_weight: str | None = None
) -> list[_Line]:
    own = brush.language.text("figure.strategy")
    lines = [
        _Line(own, "first", "solid", 2.2, _growth(equity["equity"])),
        _Line(benchmark, "benchmark", "solid", 1.5, _growth(equity["benchmark"])),
    ]
    if index is not None:
        lines.append(_Line(index, "second", "dot", 1.3, _growth(equity["index"])))
    if equal_weight is not None:
        lines.append(_Line(equal_weight, "third", "dash", 1.3, _growth(equity["equal_weight"])))
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

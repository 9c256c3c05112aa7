"""From what the strategy earned before costs to what was left of it, each kind of cost a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray
from tidegate.report.charts import Brush, Chart
from tidegate.report.language import format_value
from tidegate.report.yearly import COST_PARTS, COST_ROLES

__all__ = ["Bridge", "bridge_chart", "cost_bridge"]

_EQUAL: Final = 1e-12


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Growth a year before and after costs and interest, and what each of them took or gave.

    ``gross`` and all ``steps`` add up to ``net``, the CAGR; a cost is negative.
    """

    gross: float
    steps: Mapping[str, float]
    net: float


def cost_bridge(equity: pl.DataFrame, years: float) -> Bridge | None:
    """Return the steps from the gross to the net growth rate, or ``None`` where there is none to split.

    The gross growth compounds what each bar would have grown by without its costs and its interest. Both the gap of
    each bar and the gap of the two growth rates are split by the logarithmic mean, the only split without a remainder
    that does not depend on the order of the steps (Ang 2004, https://doi.org/10.1016/j.enpol.2003.10.010).

    Parameters
    ----------
    equity
        One row per bar: ``equity`` after everything, and the ``interest`` and costs of that bar in currency.
    years
        Length of the span.

    Examples
    --------
    >>> none = [0.0, 0.0]
    >>> costs = {"commission": [0.0, 5.0], "half_spread": none, "impact": none, "stamp_tax": none}
    >>> table = pl.DataFrame({"equity": [100.0, 105.0], **costs, "interest": [0.0, 1.0]})
    >>> bridge = cost_bridge(table, 1.0)
    >>> round(bridge.gross, 6), round(bridge.steps["commission"], 6), round(bridge.steps["interest"], 6)
    (0.09, -0.05, 0.01)
    """
    if equity.height < 2 or years <= 0.0:
        return None
    after, flows = equity["equity"].to_numpy()[1:], _flows(equity)
    before = after - sum(flows.values())
    start = float(equity["equity"][0])
    if start <= 0.0 or not ((before > 0.0).all() and (after > 0.0).all()):
        return None
    taken = {part: float(np.sum(flow / _logarithmic_mean(before, after))) / years for part, flow in flows.items()}
    net_log = float(np.log(after[-1] / start)) / years
    gross, net = np.exp([net_log - sum(taken.values()), net_log])
    scale = float(_logarithmic_mean(np.array([gross]), np.array([net]))[0])
    return Bridge(
        gross=float(gross) - 1.0, steps={part: log * scale for part, log in taken.items()}, net=float(net) - 1.0
    )


def bridge_chart(brush: Brush, bridge: Bridge) -> Chart:
    """Draw the growth rate before costs, a step for each kind of cost, and what is left."""
    text = brush.language.text
    parts = [part for part in (*COST_PARTS, "interest") if bridge.steps[part] != 0.0]
    names = [text("bridge.gross"), *(text(f"cost.{part}") for part in parts), text("bridge.net")]
    levels = list(accumulate((bridge.steps[part] for part in parts), initial=bridge.gross))
    starts = [0.0, *levels[:-1], 0.0]
    ends = [bridge.gross, *levels[1:], bridge.net]
    roles = ["benchmark", *(COST_ROLES.get(part, "fifth") for part in parts), "benchmark"]
    said = [format_value(value, "signed2") for value in (bridge.gross, *(bridge.steps[p] for p in parts), bridge.net)]
    figure = brush.figure(showlegend=False, hovermode=False, bargap=0.3)
    figure.add_bar(
        y=names,
        x=[abs(end - start) for start, end in zip(starts, ends, strict=True)],
        base=[min(start, end) for start, end in zip(starts, ends, strict=True)],
        orientation="h",
        marker_color=[brush.colours[role] for role in roles],
        text=said,
        textposition="outside",
        textfont={"color": brush.colours["ink"]},
        cliponaxis=False,
    )
    for place, level in enumerate(levels):
        figure.add_shape(
            type="line",
            x0=level,
            x1=level,
            y0=place - 0.35,
            y1=place + 1.35,
            line={"color": brush.colours["muted"], "width": 1},
        )
    low, high = min(0.0, *starts, *ends), max(0.0, *starts, *ends)
    room = 0.12 * (high - low)
    figure.update_xaxes(
        tickformat=".1~%", showgrid=True, ticks="", showline=False, range=[low - room * (low < 0), high + room]
    )
    figure.update_yaxes(type="category", autorange="reversed", ticklabelstandoff=6, showgrid=False)
    return brush.chart("bridge", figure, height=60 + 28 * len(names))


def _flows(equity: pl.DataFrame) -> dict[str, FloatArray]:
    """Return what each kind of cost took, negative, and what interest gave, bar by bar after the first."""
    taken = {part: -equity[part].cast(pl.Float64).to_numpy()[1:] for part in COST_PARTS}
    return {**taken, "interest": equity["interest"].cast(pl.Float64).to_numpy()[1:]}


def _logarithmic_mean(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return ``(a - b) / (ln a - ln b)`` of positive numbers, ``a`` where the two are equal."""
    apart = np.log(first / second)
    close = np.abs(apart) < _EQUAL
    # Near each other the quotient loses its digits, and the mean of the two is the same.
    return np.where(close, 0.5 * (first + second), (first - second) / np.where(close, 1.0, apart))

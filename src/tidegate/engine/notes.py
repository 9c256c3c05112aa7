"""What a reader must know before believing a backtest, as codes with values; the report puts them into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidegate.core.orders import OrderStatus
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, Recipe
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray
from tidegate.data.universe import EQUAL_WEIGHT, Survivorship
from tidegate.engine.simulate import Simulation

__all__ = ["backtest_notes"]

_SILENT_BARS = 20
"""A holding without a bar for longer than this counts as one that may have ended."""


def backtest_notes(
    recipe: Recipe,
    panel: Panel,
    strategy: Simulation,
    index: FloatArray | None,
    cash_rate: FloatArray | None,
    data_notes: Mapping[str, Mapping[str, Any]],
    chosen: Survivorship,
) -> list[dict[str, Any]]:
    """Return every note that applies, each with a text ``note.<code>`` in all languages of the report.

    Parameters
    ----------
    data_notes
        Code and values of what the audit of the training data found, as the training run keeps them.
    chosen
        How the names were chosen.
    """
    notes: list[dict[str, Any]] = [{"code": code, "values": dict(values)} for code, values in data_notes.items()]

    def note(code: str, applies: bool, **values: Any) -> None:
        if applies:
            notes.append({"code": code, "values": values})

    note("nothing_traded", not strategy.ledger.fills)
    note("survivorship", chosen is Survivorship.SURVIVORS_ONLY)
    note("static_list", chosen is Survivorship.STATIC_LIST, names=len(recipe.universe.symbols))
    note("static_data_set", chosen is Survivorship.STATIC_DATA_SET)
    note("snapshots_of_bars", chosen is Survivorship.SNAPSHOTS_OF_BARS)
    note("fills_at_next_close", recipe.backtest.fill is FillPrice.NEXT_CLOSE)
    note("no_impact", not any(fill.impact for fill in strategy.ledger.fills))
    note("no_price_limits", recipe.costs.preset == "a-share")
    note("index_without_dividends", index is not None, index=recipe.universe.index)
    note("benchmark_without_costs", applies=True)
    note("equal_weight_benchmark", recipe.universe.benchmark == EQUAL_WEIGHT)
    note("cash_earns_nothing", cash_rate is None)
    if cash_rate is not None:
        known = np.flatnonzero(np.isfinite(cash_rate))
        last = int(known[-1]) if known.size else 0
        note("no_cash_rate_after", last < len(cash_rate) - 1, date=format_instant(int(strategy.times[last]))[:10])
    expired = sum(order.status is OrderStatus.EXPIRED for order in strategy.orders)
    note("expired_orders", expired > 0, count=expired)
    stale = sum(decision.reason.startswith("no fresh scores") for decision in strategy.decisions)
    note("stale_scores", stale > 0, count=stale)
    count, share = _silent_holdings(panel, strategy)
    note("silent_holdings", count > 0, count=count, share=share, bars=_SILENT_BARS)
    return notes


def _silent_holdings(panel: Panel, strategy: Simulation) -> tuple[int, float]:
    """Return how many names are held at the end without a recent bar, and their share of the equity."""
    recent = np.isfinite(panel["close"][-_SILENT_BARS - 1 :]).any(axis=0)
    silent = (strategy.final_weights != 0.0) & ~recent
    return int(silent.sum()), float(strategy.final_weights[silent].sum())

"""What a reader must know before believing a backtest, as codes with values; the report puts them into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.recipe import DataKind, FillPrice, Recipe
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray
from tidegate.data.universe import EQUAL_WEIGHT, Survivorship
from tidegate.engine.market import Market
from tidegate.engine.recording import Recording

__all__ = ["backtest_notes"]

_SILENT_BARS = 20
"""A holding without a bar for longer than this counts as one that may have ended."""


def backtest_notes(
    recipe: Recipe,
    market: Market,
    recording: Recording,
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

    note("nothing_traded", recording.fills.is_empty())
    note("survivorship", chosen is Survivorship.SURVIVORS_ONLY)
    note("static_list", chosen is Survivorship.STATIC_LIST, names=len(recipe.universe.symbols))
    note("static_data_set", chosen is Survivorship.STATIC_DATA_SET)
    note("snapshots_of_bars", chosen is Survivorship.SNAPSHOTS_OF_BARS)
    note("fills_at_next_close", recipe.backtest.fill is FillPrice.NEXT_CLOSE)
    note("no_impact", not (recording.fills["impact"] > 0.0).any())
    unknown_treatment = recipe.backtest.price_limits and DataKind.SYMBOL_LIVES not in recipe.data.uses
    note("limits_without_treatment", unknown_treatment)
    note("no_price_limits", recipe.costs.preset == "a-share" and not recipe.backtest.price_limits)
    note("index_without_dividends", index is not None, index=recipe.universe.index)
    note("benchmark_without_costs", applies=True)
    note("equal_weight_benchmark", recipe.universe.benchmark == EQUAL_WEIGHT)
    note("cash_earns_nothing", cash_rate is None)
    if cash_rate is not None:
        known = np.flatnonzero(np.isfinite(cash_rate))
        last = int(known[-1]) if known.size else 0
        note(
            "no_cash_rate_after",
            last < len(cash_rate) - 1,
            date=format_instant(int(market.times[last - len(cash_rate)]))[:10],
        )
    expired = recording.orders.filter(pl.col("status") == "expired").height
    note("expired_orders", expired > 0, count=expired)
    stale = recording.decisions.filter(pl.col("binding").list.contains("stale_scores")).height
    note("stale_scores", stale > 0, count=stale)
    count, share = _silent_holdings(market, recording)
    note("silent_holdings", count > 0, count=count, share=share, bars=_SILENT_BARS)
    return notes


def _silent_holdings(market: Market, recording: Recording) -> tuple[int, float]:
    """Return how many names are held at the end without a recent bar, and their share of the equity."""
    recent = np.any(market.traded[-_SILENT_BARS - 1 :], axis=0)
    silent = {symbol for symbol, traded in zip(market.symbols, recent.tolist(), strict=True) if not traded}
    last = recording.positions.filter(
        pl.col("time") == recording.daily["time"][-1], pl.col("symbol").is_in(list(silent))
    )
    return last.height, float(last["weight"].sum())

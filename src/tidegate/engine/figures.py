"""What a backtest earned and what it cost, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.ledger import COST_ACCOUNTS
from tidegate.engine.simulate import Simulation
from tidegate.evaluate.performance import excess_over, performance
from tidegate.strategy import opens_new_week

__all__ = ["backtest_figures"]

_SESSIONS_PER_YEAR = 252.0
_DAYS_PER_YEAR = 365.0
_BETWEEN_SESSIONS_AND_DAYS = 300.0
_YEAR = 365.25 * DAY


def backtest_figures(
    recipe: Recipe, strategy: Simulation, benchmark: Simulation, index: FloatArray | None, flows: pl.DataFrame
) -> dict[str, Any]:
    """Return performance of strategy, benchmark and index, the excess, and the itemised costs, as plain values."""
    per_year = _bars_per_year(recipe, strategy.times)
    whole = performance(strategy.times, strategy.equity, per_year)
    excess = excess_over(strategy.times, strategy.equity, benchmark.equity, opens_new_week(strategy.times))
    return {
        "strategy": whole.as_dict(),
        "benchmark": performance(benchmark.times, benchmark.equity, per_year).as_dict(),
        "index": None if index is None else performance(strategy.times, index, per_year).as_dict(),
        "excess": None if excess is None else excess.as_dict(),
        "costs": _costs(strategy, flows, whole.years),
    }


def _bars_per_year(recipe: Recipe, times: Int64Array) -> float:
    """Return the usual 252 sessions or 365 days for daily bars, and what there really was for shorter ones."""
    found = (len(times) - 1) * _YEAR / float(times[-1] - times[0])
    if not recipe.data.interval.is_session:
        return found
    return _DAYS_PER_YEAR if found > _BETWEEN_SESSIONS_AND_DAYS else _SESSIONS_PER_YEAR


def _costs(strategy: Simulation, flows: pl.DataFrame, years: float) -> dict[str, Any]:
    paid = {account.value: float(flows[account.value].sum()) for account in COST_ACCOUNTS}
    spent_fractions = sum(flows[account.value].to_numpy() for account in COST_ACCOUNTS) / strategy.equity
    return {
        **paid,
        "total": sum(paid.values()),
        "annual_drag": float(np.sum(spent_fractions)) / years,
        "interest": float(flows["interest"].sum()),
        "annual_turnover": float(flows["turnover"].sum()) / years,
    }

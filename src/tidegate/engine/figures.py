"""What a backtest earned and what it cost, in numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.capacity import Capacity
from tidegate.engine.inert import InertParameter
from tidegate.engine.ledger import COST_ACCOUNTS
from tidegate.engine.sweep import Sweep
from tidegate.evaluate.drawdowns import drawdown_periods
from tidegate.evaluate.performance import excess_over, performance
from tidegate.evaluate.periods import monthly_returns, yearly_returns
from tidegate.strategy.schedule import opens_new_week
from tidegate.strategy.seam import Binding

__all__ = ["backtest_figures", "bars_per_year", "binding_counts", "decision_bars_per_year"]

_SESSIONS_PER_YEAR: Final = 252.0
_DAYS_PER_YEAR: Final = 365.0
_BETWEEN_SESSIONS_AND_DAYS: Final = 300.0
_YEAR: Final = 365.25 * DAY
_SMALLEST_DRAWDOWN: Final = 0.01
_FIRST_DAYS: Final = 28
_THURSDAY_OFFSET: Final = 3
_SATURDAY: Final = 5


def backtest_figures(
    recipe: Recipe,
    sweep: Sweep,
    flows: pl.DataFrame,
    benchmark: FloatArray,
    index: FloatArray | None,
    capacity: Capacity,
    inert: list[InertParameter],
) -> dict[str, Any]:
    """Return what ``performance.json`` holds, as plain values.

    Parameters
    ----------
    sweep
        The recorded backtest, alone.
    flows
        Its closes, from :attr:`~tidegate.engine.recording.Recording.daily`.
    benchmark, index
        ``float64 (n_times,)`` currency at the same closes.
    """
    times, equity = sweep.times, np.ascontiguousarray(sweep.equity[:, 0])
    per_year = bars_per_year(recipe, times)
    whole = performance(times, equity, per_year)
    excess = excess_over(times, equity, benchmark, opens_new_week(times))
    return {
        "strategy": whole.as_dict(),
        "benchmark": performance(times, benchmark, per_year).as_dict(),
        "index": None if index is None else performance(times, index, per_year).as_dict(),
        "excess": None if excess is None else excess.as_dict(),
        "costs": _costs(flows, equity, whole.years),
        "drawdowns": [one.as_dict() for one in drawdown_periods(times, equity, _SMALLEST_DRAWDOWN)],
        "yearly": yearly_returns(times, equity),
        "monthly": monthly_returns(times, equity),
        "rebalances": int(sweep.rebalances[0]),
        "binding_counts": binding_counts(sweep.counts[0]),
        "capacity": capacity.as_dict(),
        "inert": [one.as_dict() for one in inert],
    }


def binding_counts(counts: Int64Array) -> dict[str, int]:
    """Return at how many rebalances each constraint bound, those alone that did, from ``int64 (15,)`` counts by bit."""
    return {str(Binding(1 << bit).name).lower(): count for bit, count in enumerate(counts.tolist()) if count}


def bars_per_year(recipe: Recipe, times: Int64Array) -> float:
    """Return the usual 252 sessions or 365 days for daily bars, and what there really was for shorter ones."""
    found = (len(times) - 1) * _YEAR / float(times[-1] - times[0])
    if not recipe.data.interval.is_session:
        return found
    return _DAYS_PER_YEAR if found > _BETWEEN_SESSIONS_AND_DAYS else _SESSIONS_PER_YEAR


def decision_bars_per_year(recipe: Recipe, times: Int64Array) -> float:
    """Return the bars of a year as decisions count them: from the first weeks of the data, and no later bar.

    Days of 24 hours that trade at weekends make years of 365 days, others of 252 sessions.
    """
    days = (times - 1) // DAY
    seen = days < days[0] + _FIRST_DAYS
    weekend = bool(np.any((days[seen] + _THURSDAY_OFFSET) % 7 >= _SATURDAY))
    per_year = _DAYS_PER_YEAR if weekend else _SESSIONS_PER_YEAR
    if recipe.data.interval.is_session:
        return per_year
    return per_year * float(np.max(np.unique(days[seen], return_counts=True)[1]))


def _costs(flows: pl.DataFrame, equity: FloatArray, years: float) -> dict[str, Any]:
    paid = {account.value: float(flows[account.value].sum()) for account in COST_ACCOUNTS}
    spent_fractions = sum(flows[account.value].to_numpy() for account in COST_ACCOUNTS) / equity
    return {
        **paid,
        "total": sum(paid.values()),
        "annual_drag": float(np.sum(spent_fractions)) / years,
        "interest": float(flows["interest"].sum()),
        "annual_turnover": float(flows["turnover"].sum()) / years,
    }

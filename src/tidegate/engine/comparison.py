"""What a strategy is measured against, through the same kernel, at the same fills, and without costs.

Costs would ruin any equal-weighted benchmark, which pays a thousand minimum fees a week, and flatter the strategy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tidegate.core.recipe_strategy import StrategySettings, Weighting
from tidegate.core.units import FloatArray, Mask
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.market import Market
from tidegate.engine.sweep import Trial, run_trials

__all__ = ["bought_and_held", "equal_weight_of_the_universe"]


def equal_weight_of_the_universe(market: Market, trial: Trial, start: int, initial_cash: float) -> FloatArray:
    """Return the equity of every tradable name of the universe in equal parts, rebalanced when the strategy is.

    Returns
    -------
    equity
        ``float64 (n_times - start,)`` currency.
    """
    score = np.where(market.candidate, 1.0, np.nan) * market.traded
    every = {"top_n": len(market.symbols), "weighting": Weighting.EQUAL}
    return _equity(replace(_free(market), score=score), every, trial, start, initial_cash)


def bought_and_held(market: Market, trial: Trial, place: int, start: int, initial_cash: float) -> FloatArray:
    """Return the equity of one symbol that is all there is to hold: bought whole at the first rebalance, and kept.

    Returns
    -------
    equity
        ``float64 (n_times - start,)`` currency.
    """
    only: Mask = np.arange(len(market.symbols)) == place
    score = np.full(market.shape, np.nan)
    score[:, place] = market.traded[:, place]
    held = replace(_free(market), score=score, candidate=only)
    return _equity(held, {"top_n": 1}, trial, start, initial_cash)


def _free(market: Market) -> Market:
    """Return the market without lots and limits, which a benchmark does not meet."""
    return replace(market, lot=np.zeros(len(market.symbols)), buy_blocked=None, sell_blocked=None)


def _equity(market: Market, wanted: dict[str, Any], trial: Trial, start: int, initial_cash: float) -> FloatArray:
    same = trial.settings
    if isinstance(same, StrategySettings):
        wanted |= {"rebalance": same.rebalance, "rebalance_day": same.rebalance_day}
    rules = FillRules(haircut=trial.rules.haircut)
    only = Trial(settings=StrategySettings(**wanted), rules=rules)
    sweep = run_trials(market, [only], initial_cash=initial_cash, start=start, whole=False)
    equity: FloatArray = sweep.equity[:, 0]
    return equity

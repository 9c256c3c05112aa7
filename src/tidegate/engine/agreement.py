"""Kernel and event mode of one backtest, held against each other fill by fill."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import LedgerError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import format_instant
from tidegate.engine.loop import run_loop
from tidegate.engine.market import Market
from tidegate.engine.recount import written
from tidegate.engine.sweep import Sweep, Trial
from tidegate.strategy.stepwise import LongShortStrategy, RotationStrategy

__all__ = ["require_agreement"]


def require_agreement(
    market: Market, trial: Trial, sweep: Sweep, *, initial_cash: float, start: int, periods_per_year: float
) -> Sweep:
    """Drive a recorded backtest bar by bar through the event loop, and return what that gave.

    Parameters
    ----------
    market, trial, initial_cash, start, periods_per_year
        As the kernel had them.
    sweep
        What the kernel gave, recorded, of this one parameter set.

    Raises
    ------
    LedgerError
        If a decision, an order, a fill or the equity of a close differs in a single bit.
    """
    settings = trial.settings
    strategy: RotationStrategy | LongShortStrategy
    if isinstance(settings, StrategySettings):
        strategy = RotationStrategy(
            settings,
            market.symbols,
            initial_cash=initial_cash,
            benchmark_place=market.benchmark_place,
            periods_per_year=periods_per_year,
        )
    else:
        strategy = LongShortStrategy(settings, market.symbols)
    driven = run_loop(market, strategy, costs=trial.costs, rules=trial.rules, initial_cash=initial_cash, start=start)
    unlike = np.flatnonzero(driven.equity[:, 0] != sweep.equity[:, 0])
    if unlike.size:
        row = int(unlike[0])
        raise _disagreement(
            f"{driven.equity[row, 0]!r} at {format_instant(int(sweep.times[row]))[:10]}",
            f"{sweep.equity[row, 0]!r}, the equity of the kernel",
        )
    one, other = written(driven.journals[0]), written(sweep.journals[0])
    for name in ("decision", "target", "weight", "order", "size", "fill", "paid", "flow", "amount"):
        if not np.array_equal(getattr(one, name), getattr(other, name)):
            raise _disagreement(f"another {name} in event mode", "the same decisions, orders and fills to the bit")
    return driven


def _disagreement(found: str, expected: str) -> LedgerError:
    return LedgerError(found=found, expected=expected, hint="this is a mistake in the engine; please report it")

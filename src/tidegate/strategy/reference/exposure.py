"""How much of the book the plain rotation invests: drawdown guard, market filter, tiers, volatility target."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.strategy.reference.state import Close, Memory, add_up

__all__ = [
    "annual_deviation",
    "guard_is_locked",
    "lists_late",
    "market_is_up",
    "observe",
    "returns_of",
    "sample_deviation",
    "tier_cap",
    "volatility",
]

_CLOSES_OF_A_YEAR: Final = 252


def observe(memory: Memory, equity: float) -> None:
    """Note the equity of a close, and how far it is below its peaks."""
    memory.peak = max(memory.peak, equity)
    memory.ring = [*memory.ring, equity][-_CLOSES_OF_A_YEAR:]
    memory.drawdown = max(0.0, 1.0 - equity / memory.peak)
    memory.drawdown_52w = max(0.0, 1.0 - equity / max(memory.ring))


def guard_is_locked(memory: Memory, close: Close) -> bool:
    """Let the drawdown guard take its step of this close, and say whether it is locked (rule 5)."""
    settings = close.settings
    if memory.locked_at is None:
        if _too_deep(memory, settings):
            memory.locked_at = close.row
            return True
        return False
    if _recovered(memory, settings):
        memory.locked_at = None
        return False
    if _may_enter_again(memory.locked_at, close):
        memory.locked_at = None
        memory.peak, memory.ring = close.equity, []
        memory.drawdown = memory.drawdown_52w = 0.0
        return False
    return True


def _too_deep(memory: Memory, settings: StrategySettings) -> bool:
    limit, limit_52w = settings.max_drawdown, settings.max_drawdown_52w
    return (limit > 0.0 and memory.drawdown >= limit) or (limit_52w > 0.0 and memory.drawdown_52w >= limit_52w)


def _recovered(memory: Memory, settings: StrategySettings) -> bool:
    limit, limit_52w = settings.max_drawdown, settings.max_drawdown_52w
    part = settings.drawdown_recovery_ratio
    return (limit == 0.0 or memory.drawdown <= part * limit) and (
        limit_52w == 0.0 or memory.drawdown_52w <= part * limit_52w
    )


def _may_enter_again(locked_at: int, close: Close) -> bool:
    if close.settings.legacy.guard_without_reentry:
        return False
    match close.settings.guard_reentry:
        case "time_out":
            return close.row - locked_at >= close.settings.guard_sessions
        case "market_filter":
            return market_is_up(close) is True
        case _:
            return False


def market_is_up(close: Close) -> bool | None:
    """Say whether the benchmark closed at or above its mean; None before there are enough closes (rule 13)."""
    window = close.settings.market_window
    first = close.row + 1 - window
    if close.past.benchmark is None or first < 0:
        return None
    closes = close.past.benchmark[first : close.row + 1]
    if not all(math.isfinite(price) for price in closes):
        return None
    return closes[-1] >= add_up(closes) / window


def tier_cap(memory: Memory, settings: StrategySettings) -> float:
    """Return the exposure that the drawdown allows (rule 4)."""
    cap = settings.max_exposure
    if not settings.dynamic_exposure:
        return cap
    reached = None
    for threshold, exposure in zip(settings.drawdown_tiers, settings.drawdown_exposures, strict=True):
        if threshold <= memory.drawdown:
            reached = exposure
    if reached is not None:
        absolute = settings.tier_mode == "absolute" or settings.legacy.tiers_absolute
        cap = min(settings.max_exposure, reached) if absolute else settings.max_exposure * reached
    floor = settings.drawdown_exposure_floor
    return min(floor, settings.max_exposure) if floor > 0.0 and cap < floor else cap


def volatility(weights: dict[int, float], close: Close) -> float | None:
    """Return the annual volatility that the target is held against; None where it is unknown or 0 (rule 3).

    Parameters
    ----------
    weights
        Of the chosen names, in order of symbol, with a sum above 0.
    """
    first = close.row + 1 - close.settings.volatility_closes
    if first < 0:
        return None
    if close.settings.volatility_of == "benchmark":
        if close.past.benchmark is None:
            return None
        moves = [_or_nothing(move) for move in returns_of(close.past.benchmark[first : close.row + 1])]
    else:
        moves = _book_returns(weights, close, first)
    sigma = annual_deviation(moves, close.periods_per_year)
    return sigma if sigma > 0.0 else None


def lists_late(weights: Iterable[int], close: Close) -> bool:
    """Say whether a chosen name lacks closes of the window, so that the portfolio's figure is too low."""
    first = close.row + 1 - close.settings.volatility_closes
    if first < 0 or close.settings.volatility_of == "benchmark":
        return False
    return any(math.isnan(close.past.close[first][place]) for place in weights)


def _book_returns(weights: dict[int, float], close: Close, first: int) -> list[float]:
    """Return what the weights, scaled to sum to one, would have earned in each session of the window."""
    total = add_up(weights.values())
    moves = [0.0] * (close.row - first)
    for place, weight in weights.items():
        part = weight / total
        closes = [close.past.close[row][place] for row in range(first, close.row + 1)]
        for day, move in enumerate(returns_of(closes)):
            moves[day] += part * _or_nothing(move)
    return moves


def _or_nothing(move: float) -> float:
    return move if math.isfinite(move) else 0.0


def returns_of(closes: list[float]) -> list[float]:
    """Return ``close / close before - 1``, one fewer than there are closes."""
    return [after / before - 1.0 for before, after in pairwise(closes)]


def sample_deviation(values: list[float]) -> float:
    """Return the deviation with one degree of freedom less, mean first.

    Examples
    --------
    >>> sample_deviation([1.0, 2.0, 3.0])
    1.0
    """
    count = len(values)
    mean = add_up(values) / count
    return math.sqrt(add_up((value - mean) * (value - mean) for value in values) / (count - 1))


def annual_deviation(values: list[float], periods_per_year: float) -> float:
    """Return the sample deviation of returns, made annual."""
    return sample_deviation(values) * math.sqrt(periods_per_year)

"""One symbol on a million bars: two moving averages that cross, orders at the next open, a stop and a target.

Each bar opens at the close before it. The price strays around 1,000 and never far, so one unit is always affordable.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

__all__ = [
    "CASH",
    "FAST",
    "FEE",
    "MARGIN",
    "SLOW",
    "STOP",
    "TARGET",
    "Bars",
    "bars",
    "limit_equity",
    "plain_equity",
]

FAST: Final = 20
SLOW: Final = 50
MARGIN: Final = 1e-9
"""By how much the fast average has to be above the slow one: less is rounding."""
STOP: Final = 0.005
TARGET: Final = 0.01
CASH: Final = 1e6
FEE: Final = 0.001
DRIFT: Final = 20_000
"""Bars of the average that the price reverts to."""


class Bars(NamedTuple):
    """Prices, each ``float64 (n,)``."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


def bars(count: int = 1_000_000) -> Bars:
    """Return made-up bars, the same in every run."""
    random = np.random.default_rng(3)
    path = np.cumsum(random.normal(0, 0.0012, count))
    close = np.round(1000.0 * np.exp(path - _trailing_mean(path, DRIFT)), 2)
    first = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(random.normal(0, 0.0008, (2, count)))
    return Bars(
        open=first,
        high=np.round(np.maximum(first, close) * (1.0 + reach[0]), 2),
        low=np.round(np.minimum(first, close) * (1.0 - reach[1]), 2),
        close=close,
    )


def plain_equity(given: Bars, *, stops: bool = True) -> tuple[np.ndarray, int]:
    """Return the equity at each close and how often it bought, bar by bar in plain Python."""
    nearest, farthest = (1.0 - STOP, 1.0 + TARGET) if stops else (-np.inf, np.inf)
    equity, trades = np.empty(len(given.close)), 0
    cash, units, wish, stop, target = CASH, 0.0, 0, 0.0, 0.0
    sums, above = [0.0, 0.0], None
    closes = given.close.tolist()
    for row, (first, high, low, close) in enumerate(zip(*(column.tolist() for column in given), strict=True)):
        if wish > 0 and units == 0.0:
            cash, units, trades = cash - first * (1.0 + FEE), 1.0, trades + 1
            stop, target = first * nearest, first * farthest
        elif wish < 0 and units == 1.0:
            cash, units = cash + first * (1.0 - FEE), 0.0
        if units == 1.0 and low <= stop:
            cash, units = cash + min(first, stop) * (1.0 - FEE), 0.0
        elif units == 1.0 and high >= target:
            cash, units = cash + max(first, target) * (1.0 - FEE), 0.0
        wish = 0
        for which, window in enumerate((FAST, SLOW)):
            sums[which] += close - (closes[row - window] if row >= window else 0.0)
        if row >= SLOW - 1:
            now = sums[0] / FAST > sums[1] / SLOW + MARGIN
            wish = 0 if above is None else int(now) - int(above)
            above = now
        equity[row] = cash + units * close
    return equity, trades


@njit
def limit_equity(first, high, low, close):
    """Return the same from a compiled loop that can do nothing else: the limit."""
    equity, trades = np.empty(len(close)), 0
    cash, units, wish, stop, target = CASH, 0.0, 0, 0.0, 0.0
    fast, slow, above, known = 0.0, 0.0, False, False
    for row in range(len(close)):
        if wish > 0 and units == 0.0:
            cash, units, trades = cash - first[row] * (1.0 + FEE), 1.0, trades + 1
            stop, target = first[row] * (1.0 - STOP), first[row] * (1.0 + TARGET)
        elif wish < 0 and units == 1.0:
            cash, units = cash + first[row] * (1.0 - FEE), 0.0
        wish = 0
        if units == 1.0 and low[row] <= stop:
            cash, units = cash + min(first[row], stop) * (1.0 - FEE), 0.0
        elif units == 1.0 and high[row] >= target:
            cash, units = cash + max(first[row], target) * (1.0 - FEE), 0.0
        fast += close[row] - (close[row - FAST] if row >= FAST else 0.0)
        slow += close[row] - (close[row - SLOW] if row >= SLOW else 0.0)
        if row >= SLOW - 1:
            now = fast / FAST > slow / SLOW + MARGIN
            if known and now != above:
                wish = 1 if now else -1
            above, known = now, True
        equity[row] = cash + units * close[row]
    return equity, trades


def _trailing_mean(values: np.ndarray, window: int) -> np.ndarray:
    sums = np.cumsum(np.concatenate([[0.0], values]))
    last = np.arange(1, len(values) + 1)
    start = np.maximum(last - window, 0)
    return (sums[last] - sums[start]) / (last - start)

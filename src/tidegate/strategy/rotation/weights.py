"""How the chosen names share the exposure: raw weights, a cap that is never broken, and a volatility target."""

from __future__ import annotations

import math
from typing import Any, Final

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.seam import Past

__all__ = [
    "CAPPED",
    "SPENT",
    "benchmark_sigma",
    "name_sigma",
    "portfolio_sigma",
    "raw_weights",
    "renormalised",
    "water_fill",
]

CAPPED: Final = 1
SPENT: Final = 2
_ROUND_OFF: Final = 1e-12
_PASSES: Final = 1.0 + _ROUND_OFF


@compiled
def raw_weights(
    p: Any, place: Int64Array, score: FloatArray, count: int, mean: float, past: Past, row: int, raw: FloatArray
) -> None:
    """Write the raw weights of names in order of rank: n..1 by rank, what a score has above an origin, or equal."""
    total = 0.0
    for k in range(count):
        if p.weighting == 1:
            raw[k] = count - k
        elif p.weighting == 2:
            raw[k] = max(score[k] - mean, 0.0)
        elif p.weighting == 3:
            raw[k] = max(score[k] - p.score_origin, 0.0)
        elif p.weighting == 4:
            sigma = name_sigma(past.close, place[k], row, p.volatility_closes)
            raw[k] = 1.0 / (sigma * math.sqrt(p.periods_per_year)) if sigma > 0.0 else 0.0
        else:
            raw[k] = 1.0
        total += raw[k]
    if p.weighting == 4:
        _most_cautious_where_unknown(raw, count)
    if total <= 0.0:
        for k in range(count):
            raw[k] = 1.0


@compiled
def _most_cautious_where_unknown(raw: FloatArray, count: int) -> None:
    smallest = math.inf
    for k in range(count):
        if raw[k] > 0.0:
            smallest = min(smallest, raw[k])
    for k in range(count):
        if raw[k] == 0.0 and smallest < math.inf:
            raw[k] = smallest


@compiled
def water_fill(raw: FloatArray, count: int, budget: float, cap: float, is_open: Mask, weight: FloatArray) -> int:
    """Share ``budget`` in proportion to ``raw``, no part above ``cap``.

    Returns :data:`CAPPED` where the cap cut something off, plus :data:`SPENT` where nothing of the budget is left.

    The cap is a hard limit on weights of equity: nothing is scaled up again afterwards, and what nobody may take is
    left over (H 2).
    """
    total = 0.0
    for k in range(count):
        weight[k] = 0.0
        is_open[k] = raw[k] > 0.0
        total += raw[k] if is_open[k] else 0.0
    rest, capped = budget, 0
    while total > 0.0 and rest > 0.0:
        over = False
        for k in range(count):
            if is_open[k]:
                weight[k] = rest * raw[k] / total
                over = over or weight[k] >= cap
        if not over:
            return capped + SPENT
        closed = 0.0
        left = 0.0
        for k in range(count):
            if is_open[k] and weight[k] >= cap:
                capped = CAPPED if weight[k] > cap * _PASSES else capped
                is_open[k] = False
                weight[k] = cap
            elif is_open[k]:
                weight[k] = 0.0
        for k in range(count):
            closed += weight[k]
            left += raw[k] if is_open[k] else 0.0
        rest = budget - closed
        total = left
    return capped + (SPENT if rest <= _ROUND_OFF * budget else 0)


@compiled
def renormalised(raw: FloatArray, count: int, exposure: float, cap: float, is_open: Mask, weight: FloatArray) -> int:
    """Cap, then scale up to a sum of one again, as earlier platforms did: the cap is broken (H 2, for comparison)."""
    total = 0.0
    for k in range(count):
        total += raw[k]
    for k in range(count):
        weight[k] = raw[k] / total
        is_open[k] = True
    capped = 0
    while _cap_once(count, cap, is_open, weight):
        capped = CAPPED
    total = 0.0
    for k in range(count):
        total += weight[k]
    for k in range(count):
        weight[k] = weight[k] / total * exposure
    return capped + SPENT


@compiled
def _cap_once(count: int, cap: float, is_open: Mask, weight: FloatArray) -> bool:
    """Fix names above the cap and share the rest among the others; return whether there were any."""
    over, closed, left = False, 0.0, 0.0
    for k in range(count):
        if is_open[k] and weight[k] > cap:
            over = True
            is_open[k] = False
            weight[k] = cap
        if is_open[k]:
            left += weight[k]
        else:
            closed += weight[k]
    for k in range(count):
        if over and is_open[k] and left > 0.0:
            weight[k] = (1.0 - closed) * weight[k] / left
    return over


@compiled
def portfolio_sigma(
    past: Past, place: Int64Array, weight: FloatArray, count: int, row: int, closes: int, daily: FloatArray
) -> float:
    """Return the deviation per bar of a portfolio of fixed weights, scaled to sum to one; NaN where it is unknown."""
    first = row - closes + 1
    total = 0.0
    for k in range(count):
        total += weight[k]
    if first < 0 or total <= 0.0 or closes < 3:
        return math.nan
    for d in range(first + 1, row + 1):
        earned = 0.0
        for k in range(count):
            change = past.close[d, place[k]] / past.close[d - 1, place[k]] - 1.0
            if change == change:
                earned += weight[k] / total * change
        daily[d - first - 1] = earned
    return _deviation(daily, closes - 1)


@compiled
def benchmark_sigma(benchmark: FloatArray, row: int, closes: int, daily: FloatArray) -> float:
    """Return the deviation per bar of the benchmark's returns; NaN where it is unknown."""
    first = row - closes + 1
    if first < 0 or row >= len(benchmark) or closes < 3:
        return math.nan
    for d in range(first + 1, row + 1):
        change = benchmark[d] / benchmark[d - 1] - 1.0
        daily[d - first - 1] = change if change == change else 0.0
    return _deviation(daily, closes - 1)


@compiled
def name_sigma(close: FloatArray, place: int, row: int, closes: int) -> float:
    """Return the deviation per bar of one symbol's returns over so many closes; NaN where one is missing."""
    first = row - closes + 1
    if first < 0 or closes < 3:
        return math.nan
    total = 0.0
    for d in range(first + 1, row + 1):
        total += close[d, place] / close[d - 1, place] - 1.0
    mean = total / (closes - 1)
    squares = 0.0
    for d in range(first + 1, row + 1):
        off = close[d, place] / close[d - 1, place] - 1.0 - mean
        squares += off * off
    return math.sqrt(squares / (closes - 2))


@compiled
def _deviation(values: FloatArray, count: int) -> float:
    total = 0.0
    for k in range(count):
        total += values[k]
    mean = total / count
    squares = 0.0
    for k in range(count):
        off = values[k] - mean
        squares += off * off
    return math.sqrt(squares / (count - 1))

"""Drawdowns, and the guard that leaves the market when they grow too deep."""

from __future__ import annotations

import math
from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray
from tidegate.strategy.rotation.parameters import RING
from tidegate.strategy.seam import Past

__all__ = ["guard_locked", "market_state", "observe_equity", "tier_cap"]


@compiled
def observe_equity(p: Any, states: Any, s: int, equity: float) -> None:
    """Take note of the equity at a close: the peak, and, if a guard asks, the highest of the last 252 closes."""
    state = states[s]
    state.peak = max(state.peak, equity)
    state.drawdown = max(0.0, 1.0 - equity / state.peak)
    if p.max_drawdown_52w <= 0.0:
        return
    at = state.ring_count % RING
    leaving = state.ring[at]
    full = state.ring_count >= RING
    state.ring[at] = equity
    state.ring_count += 1
    if state.ring_count == 1 or equity >= state.ring_highest:
        state.ring_highest = equity
    elif full and leaving == state.ring_highest:
        highest = equity
        for k in range(RING):
            highest = max(highest, state.ring[k])
        state.ring_highest = highest
    state.drawdown_52w = max(0.0, 1.0 - equity / state.ring_highest)


@compiled
def market_state(benchmark: FloatArray, row: int, window: int) -> int:
    """Return 1 where the benchmark closes at or above its average, -1 below it, 0 where there are too few closes."""
    first = row - window + 1
    if first < 0 or row >= len(benchmark) or math.isnan(benchmark[first]):
        return 0
    total = 0.0
    for k in range(first, row + 1):
        total += benchmark[k]
    return -1 if benchmark[row] < total / window else 1


@compiled
def guard_locked(p: Any, states: Any, s: int, equity: float, past: Past, row: int) -> bool:
    """Step the guard at a close and return whether it is locked (A.7, with a way back)."""
    state = states[s]
    deepest, deepest_52w = p.max_drawdown, p.max_drawdown_52w
    if deepest <= 0.0 and deepest_52w <= 0.0:
        return False
    if state.locked:
        state.locked_for += 1
        if _recovered(state.drawdown, deepest, p.recovery_ratio) and _recovered(
            state.drawdown_52w, deepest_52w, p.recovery_ratio
        ):
            state.locked = False
        elif _may_come_back(p, state.locked_for, past, row):
            state.locked = False
            state.peak = equity
            state.ring_count = 0
            state.drawdown = 0.0
            state.drawdown_52w = 0.0
        return bool(state.locked)
    if (deepest > 0.0 and state.drawdown >= deepest) or (deepest_52w > 0.0 and state.drawdown_52w >= deepest_52w):
        state.locked = True
        state.locked_for = 0
        state.triggers += 1
    return bool(state.locked)


@compiled
def _recovered(drawdown: float, limit: float, ratio: float) -> bool:
    return limit <= 0.0 or drawdown <= ratio * limit


@compiled
def _may_come_back(p: Any, locked_for: int, past: Past, row: int) -> bool:
    if p.reentry == 0:
        return bool(locked_for >= p.guard_sessions)
    return bool(p.reentry == 1 and market_state(past.benchmark, row, p.market_window) == 1)


@compiled
def tier_cap(p: Any, drawdown: float) -> float:
    """Return the exposure that the drawdown tiers allow (A.8)."""
    cap = p.max_exposure
    if p.tiers == 0:
        return float(cap)
    for k in range(p.tiers):
        if drawdown >= p.tier_drawdown[k]:
            cap = p.tier_cap[k]
    if p.tier_floor > 0.0 and cap < p.tier_floor:
        cap = min(p.tier_floor, p.max_exposure)
    return float(cap)

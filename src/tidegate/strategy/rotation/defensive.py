"""Where money goes that stocks do not get: risk-off, and the idle part of the equity."""

from __future__ import annotations

import math
from typing import Any

from tidegate.core.compiled import compiled
from tidegate.strategy.rotation.weights import name_sigma
from tidegate.strategy.seam import Binding, Past, Targets, put

__all__ = ["fill_idle", "pick_defensive", "risk_off"]

_CASH = -1
_IDLE = int(Binding.IDLE)
_IDLE_FLOOR = 1e-4


@compiled
def pick_defensive(p: Any, past: Past, row: int) -> int:
    """Return the defensive asset of a close: the calmest or the strongest; -1 where none trades (A.10).

    An asset needs ``lookback + 1`` closes to be compared. If none has them, the first that trades is taken.
    """
    best, best_figure, first_traded = _CASH, math.inf, _CASH
    for k in range(p.defensives):
        place = p.defensive[k]
        if not past.traded[row, place]:
            continue
        if first_traded == _CASH:
            first_traded = place
        start = row - p.lookback
        if start < 0 or math.isnan(past.close[start, place]):
            continue
        if p.pick_by_momentum:
            figure = -(past.close[row, place] / past.close[start, place] - 1.0)
        else:
            figure = name_sigma(past.close, place, row, p.lookback + 1)
        if figure < best_figure:
            best, best_figure = place, figure
    return int(first_traded if best == _CASH else best)


@compiled
def _pick(p: Any, mode: int, past: Past, row: int) -> int:
    if mode == 2:
        return pick_defensive(p, past, row)
    if mode == 1 and p.benchmark_place >= 0 and past.traded[row, p.benchmark_place]:
        return int(p.benchmark_place)
    return _CASH


@compiled
def risk_off(p: Any, states: Any, s: int, cap: float, past: Past, row: int, targets: Targets) -> bool:
    """Write the target of risk-off, the pick and nothing else, and return whether it is to be traded.

    The pick stays for the spell. Within it the target is issued again only if a weight is off by more than the band.
    """
    if p.keeps_book and cap > 0.0 and p.risk_off != 0:
        _buy_on_top(p, cap, past, row, targets)
        return True
    state = states[s]
    entering = not state.risk_off
    if entering:
        state.risk_off = True
        state.pick = _pick(p, p.risk_off, past, row)
    # A pick that does not trade at this close is not ordered; one that is stuck in the book keeps its shares.
    if state.pick != _CASH and past.traded[row, state.pick]:
        put(targets, state.pick, max(cap - targets.value[5], 0.0))
    return bool(entering or _is_off(targets, p.risk_off_band))


@compiled
def _buy_on_top(p: Any, cap: float, past: Past, row: int, targets: Targets) -> None:
    """Do as the platforms before: buy the pick of the day and sell nothing (H 1, for comparison)."""
    place = _pick(p, p.risk_off, past, row)
    targets.number[5] = place
    if place == _CASH:
        return
    for k in range(targets.number[0]):
        targets.keep[k] = targets.place[k] != place
    put(targets, place, max(cap - targets.value[5], 0.0))


@compiled
def _is_off(targets: Targets, band: float) -> bool:
    for k in range(targets.number[0]):
        if not targets.keep[k] and abs(targets.weight[k] - targets.current[k]) > band:
            return True
    return False


@compiled
def fill_idle(p: Any, past: Past, row: int, targets: Targets) -> None:
    """Put what the weights leave free into the idle asset, outside every cap."""
    if p.idle == 0:
        return
    used = 0.0
    for k in range(targets.number[0]):
        used += targets.current[k] if targets.keep[k] else targets.weight[k]
    free = 1.0 - used
    place = _pick(p, p.idle, past, row)
    if free > _IDLE_FLOOR and place != _CASH:
        put(targets, place, free)
        targets.number[2] |= _IDLE

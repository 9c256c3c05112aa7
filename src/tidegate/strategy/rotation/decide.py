"""One decision of the rotation, steps 3 to 11 of the order of operations: guard, filter, scores, weights, turnover."""

from __future__ import annotations

import math
from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array
from tidegate.strategy.rotation.defensive import fill_idle, risk_off
from tidegate.strategy.rotation.guard import guard_locked, market_state, tier_cap
from tidegate.strategy.rotation.selection import choose
from tidegate.strategy.rotation.weights import (
    CAPPED,
    SPENT,
    benchmark_sigma,
    portfolio_sigma,
    raw_weights,
    renormalised,
    water_fill,
)
from tidegate.strategy.seam import Action, Binding, Past, Ranking, Step, Targets, Work, open_book, put_all

__all__ = ["decide_rotation"]

_HOLD, _TRADE = int(Action.HOLD), int(Action.TRADE)
_CAP, _MAX_EXPOSURE, _TIER, _VOLATILITY = (
    int(Binding.CAP),
    int(Binding.MAX_EXPOSURE),
    int(Binding.TIER),
    int(Binding.VOLATILITY),
)
_GUARD, _FILTER, _TURNOVER = int(Binding.GUARD), int(Binding.FILTER), int(Binding.TURNOVER)
_STALE, _EMPTY, _NOT_READY = int(Binding.STALE_SCORES), int(Binding.NO_CANDIDATES), int(Binding.NOT_READY)
_UNKNOWN, _SUSPENDED = int(Binding.VOLATILITY_UNKNOWN), int(Binding.SUSPENDED)
_RANKING, _BY_GUARD, _BY_FILTER, _BY_TIER = int(Step.RANKING), int(Step.GUARD), int(Step.FILTER), int(Step.TIER)
_BY_AGE, _BY_READINESS, _BY_EMPTINESS = int(Step.STALE), int(Step.NOT_READY), int(Step.EMPTY)
_ROUND_OFF = 1e-12


@compiled
def decide_rotation(
    p: Any,
    states: Any,
    s: int,
    equity: float,
    place: Int64Array,
    shares: FloatArray,
    count: int,
    past: Past,
    ranking: Ranking,
    r: int,
    row: int,
    rebalances: bool,
    targets: Targets,
    work: Work,
) -> None:
    """Decide at the close of ``row`` (see :func:`tidegate.strategy.decide.decide`).

    The guard acts at every close, everything else where ``rebalances``.
    """
    targets.number[1] = 0
    locked = guard_locked(p, states, s, equity, past, row)
    if not locked and not rebalances:
        return
    open_book(past, row, place, shares, count, equity, targets)
    targets.value[0] = states[s].drawdown
    _count_stuck(p, targets)
    cap = tier_cap(p, states[s].drawdown)
    targets.value[1] = cap
    if locked:
        targets.number[2] |= _GUARD
        _leave(p, states, s, cap, past, row, rebalances, targets, _BY_GUARD)
        return
    if p.market_filter:
        market = market_state(past.benchmark, row, p.market_window)
        if market == 0:
            _hold(targets, _NOT_READY, _BY_READINESS)
            return
        if market < 0:
            targets.number[2] |= _FILTER
            _leave(p, states, s, cap, past, row, rebalances, targets, _BY_FILTER)
            return
    if cap <= 0.0:
        targets.number[2] |= _TIER if p.max_exposure > 0.0 else _MAX_EXPOSURE
        _leave(p, states, s, cap, past, row, rebalances, targets, _BY_TIER)
        return
    states[s].risk_off = False
    states[s].pick = -1
    if ranking.count[r] < 0 and not p.exit_when_stale:
        _hold(targets, _STALE, _BY_AGE)
        return
    _rank_and_weigh(p, past, ranking, r, row, cap, targets, work)
    fill_idle(p, past, row, targets)
    _limit_turnover(p, targets)
    targets.number[1] = _TRADE


@compiled
def _count_stuck(p: Any, targets: Targets) -> None:
    """Sum what cannot trade and uses exposure: stocks, not defensive assets or the benchmark, which lie outside it."""
    stuck = 0.0
    for k in range(targets.number[0]):
        if targets.keep[k]:
            targets.number[2] |= _SUSPENDED
            stuck += 0.0 if _is_apart(p, targets.place[k]) else targets.current[k]
    targets.value[5] = stuck


@compiled
def _is_apart(p: Any, place: int) -> bool:
    for k in range(p.defensives):
        if p.defensive[k] == place:
            return True
    return bool(place == p.benchmark_place)


@compiled
def _hold(targets: Targets, why: int, step: int) -> None:
    targets.number[1] = _HOLD
    targets.number[2] |= why
    targets.number[3] = step


@compiled
def _leave(
    p: Any, states: Any, s: int, cap: float, past: Past, row: int, rebalances: bool, targets: Targets, step: int
) -> None:
    """Go to risk-off, or stay in it."""
    traded = risk_off(p, states, s, cap, past, row, targets)
    targets.number[3] = step
    targets.number[5] = states[s].pick
    if traded:
        targets.number[1] = _TRADE
    elif rebalances:
        targets.number[1] = _HOLD


@compiled
def _rank_and_weigh(
    p: Any, past: Past, ranking: Ranking, r: int, row: int, cap: float, targets: Targets, work: Work
) -> None:
    """Write the weights of the chosen names, under cap and exposure."""
    targets.number[3] = _RANKING
    chosen = (
        choose(p, ranking, r, targets, work.is_held, work.taken, work.rank, work.slot, work.score)
        if ranking.count[r] > 0
        else 0
    )
    if chosen == 0:
        targets.number[2] |= _STALE if ranking.count[r] < 0 else _EMPTY
        targets.number[3] = _BY_EMPTINESS
        return
    for k in range(chosen):
        work.place[k] = ranking.place[r, work.rank[k]]
    raw_weights(p, work.place, work.score, chosen, ranking.mean[r], past, row, work.weight)
    _by_symbol(ranking, r, min(p.band, ranking.count[r]), work)
    if p.renormalises:
        shared = renormalised(work.raw, chosen, p.max_exposure, p.max_weight, work.is_open, work.weight)
    else:
        budget = max(p.max_exposure - targets.value[5], 0.0)
        shared = water_fill(work.raw, chosen, budget, p.max_weight, work.is_open, work.weight)
    if shared & CAPPED:
        targets.number[2] |= _CAP
    if shared & SPENT and p.max_exposure < 1.0:
        targets.number[2] |= _MAX_EXPOSURE
    _limit_exposure(p, past, row, cap, chosen, targets, work)
    put_all(targets, work.place, work.weight, chosen)


@compiled
def _by_symbol(ranking: Ranking, r: int, reach: int, work: Work) -> None:
    """Order the chosen by symbol, in which all sums run; their raw weights come by rank, in ``work.weight``."""
    to = 0
    for j in range(ranking.count[r]):
        k = ranking.order[r, j]
        if k < reach and work.taken[k]:
            work.place[to] = ranking.place[r, k]
            work.raw[to] = work.weight[work.slot[k]]
            to += 1


@compiled
def _limit_exposure(p: Any, past: Past, row: int, cap: float, count: int, targets: Targets, work: Work) -> None:
    """Scale the weights down to what exposure, tier and volatility target leave beside suspended holdings."""
    total = 0.0
    for k in range(count):
        total += work.weight[k]
    if total <= 0.0:
        return
    exposure, limited_by = p.max_exposure, _MAX_EXPOSURE
    if cap < exposure:
        exposure, limited_by = cap, _TIER
    if p.volatility_target > 0.0:
        allowed = _volatility_cap(p, past, row, count, targets, work)
        if allowed < exposure:
            exposure, limited_by = allowed, _VOLATILITY
    targets.value[3] = exposure
    room = max(exposure - targets.value[5], 0.0)
    if total <= room:
        return
    if limited_by != _MAX_EXPOSURE:  # which held already when the budget was shared out
        targets.number[2] = targets.number[2] & ~_MAX_EXPOSURE | limited_by
    factor = room / total
    for k in range(count):
        work.weight[k] = work.weight[k] * factor


@compiled
def _volatility_cap(p: Any, past: Past, row: int, count: int, targets: Targets, work: Work) -> float:
    """Return the exposure at which the annual volatility is the target; infinite where it is unknown, which is told."""
    if p.volatility_of_benchmark:
        sigma = benchmark_sigma(past.benchmark, row, p.volatility_closes, work.daily)
    else:
        sigma = portfolio_sigma(past, work.place, work.weight, count, row, p.volatility_closes, work.daily)
        first = row - p.volatility_closes + 1
        for k in range(count):  # a name that lists late adds nothing before: the figure is too low, which is told
            if first >= 0 and math.isnan(past.close[first, work.place[k]]):
                targets.number[2] |= _UNKNOWN
    sigma *= math.sqrt(p.periods_per_year)
    targets.value[2] = sigma
    if not sigma > 0.0:
        targets.number[2] |= _UNKNOWN
        return math.inf
    return float(p.volatility_target / sigma)


@compiled
def _limit_turnover(p: Any, targets: Targets) -> None:
    """Go only part of the way if the half sum of weight changes is above the limit."""
    count = targets.number[0]
    change = 0.0
    for k in range(count):
        if not targets.keep[k]:
            change += abs(targets.weight[k] - targets.current[k])
    turnover = 0.5 * change
    targets.value[4] = turnover
    if p.max_turnover <= 0.0 or turnover <= p.max_turnover + _ROUND_OFF:
        return
    targets.number[2] |= _TURNOVER
    part = p.max_turnover / turnover
    for k in range(count):
        if not targets.keep[k]:
            targets.weight[k] = targets.current[k] + (targets.weight[k] - targets.current[k]) * part

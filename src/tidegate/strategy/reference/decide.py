"""The rotation strategy as its rules read: every step of a decision in order, with dictionaries and no arrays.

It is written apart from the compiled strategy, and slow; that the two agree in every bit is what proves the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.strategy.reference.exposure import guard_is_locked, lists_late, market_is_up, tier_cap, volatility
from tidegate.strategy.reference.risk_off import pick, risk_off_targets
from tidegate.strategy.reference.selection import candidates, choose, choose_alphabetically, read_scores
from tidegate.strategy.reference.state import Close, Memory, PlainDecision, add_up
from tidegate.strategy.reference.weights import capped_and_scaled_up, raw_weights, water_fill

__all__ = ["decide_plainly"]

_LEAST_IDLE: Final = 1e-4
_ROUND_OFF: Final = 1e-12


def decide_plainly(memory: Memory, close: Close, *, is_rebalance: bool) -> PlainDecision | None:
    """Return what is decided at a close for the next session; None where nothing is and no rebalance is due.

    Guard, market filter, scores, selection, weights, exposure, idle asset, turnover: in this order (A.21).

    Parameters
    ----------
    memory
        Carried from close to close, and changed here; the equity of this close was observed before.
    is_rebalance
        Whether the next session is one of the schedule.
    """
    scores = read_scores(memory, close) if is_rebalance else None
    if guard_is_locked(memory, close):
        return _risk_off(memory, close, is_rebalance, "guard", "drawdown guard: risk-off")
    if not is_rebalance:
        return None
    if close.settings.market_filter:
        up = market_is_up(close)
        if up is None:
            return _hold(close, {"not_ready"}, "market filter is not ready: hold")
        if not up:
            return _risk_off(memory, close, is_rebalance, "filter", "market filter: risk-off")
    if tier_cap(memory, close.settings) <= 0.0:
        cause = "tier" if close.settings.max_exposure > 0.0 else "max_exposure"
        return _risk_off(memory, close, is_rebalance, cause, "no exposure allowed: risk-off")
    memory.in_spell, memory.pick = False, None
    if scores is None and close.settings.stale_scores == "hold":
        return _hold(close, {"stale_scores"}, "no fresh scores: hold")
    return _rotate(memory, close, scores)


def _hold(close: Close, binding: set[str], reason: str, *, is_rebalance: bool = True) -> PlainDecision:
    kept = set(close.held)
    bound = binding | _suspended(close)
    return PlainDecision(close.row, close.row + 1, is_rebalance, "hold", bound, reason, None, kept)


def _risk_off(memory: Memory, close: Close, is_rebalance: bool, cause: str, reason: str) -> PlainDecision | None:
    issued = risk_off_targets(memory, close)
    if issued is None:
        return _hold(close, {cause}, reason, is_rebalance=is_rebalance) if is_rebalance else None
    targets, kept = issued
    targets = {place: weight for place, weight in targets.items() if weight != 0.0}
    binding = {cause} | _suspended(close)
    return PlainDecision(close.row, close.row + 1, is_rebalance, "trade", binding, reason, targets, kept)


def _suspended(close: Close) -> set[str]:
    return {"suspended"} if close.stuck else set()


def _rotate(memory: Memory, close: Close, scores: dict[int, float] | None) -> PlainDecision:
    binding, weights = _suspended(close), {}
    if scores is None:
        binding.add("stale_scores")
        reason = "no fresh scores: exit"
    else:
        chosen, eligible = _select(close, scores, binding)
        reason = "top scores" if chosen else "no name qualifies"
        weights = _weigh(close, chosen, eligible, scores, binding)
        weights = _limit_exposure(memory, close, weights, binding)
    weights = _use_idle_cash(close, weights, binding)
    weights = _limit_turnover(close, weights, binding)
    targets = {place: weights[place] for place in sorted(weights) if weights[place] != 0.0}
    return PlainDecision(close.row, close.row + 1, True, "trade", binding, reason, targets, set(close.stuck))


def _select(close: Close, scores: dict[int, float], binding: set[str]) -> tuple[list[int], list[int]]:
    """Return the chosen and the eligible places, both in order of rank."""
    ranking = candidates(close, scores)
    least = close.settings.minimum_score
    eligible = [place for place in ranking if least is None or scores[place] >= least]
    if close.settings.legacy.retain_alphabetical:
        chosen = choose_alphabetically(ranking, eligible, close)
        without_floor = choose_alphabetically(ranking, ranking, close)
    else:
        chosen, without_floor = choose(eligible, close), choose(ranking, close)
    if chosen != without_floor:
        binding.add("minimum_score")
    if set(chosen) - set(eligible[: close.settings.top_n]):
        binding.add("retain")
    if not chosen:
        binding.add("no_candidates")
    return chosen, eligible


def _weigh(
    close: Close, chosen: list[int], eligible: list[int], scores: dict[int, float], binding: set[str]
) -> dict[int, float]:
    if not chosen:
        return {}
    settings = close.settings
    raw = raw_weights(chosen, eligible, scores, close)
    if settings.legacy.cap_renormalises:
        shared = capped_and_scaled_up(raw, settings.max_exposure, settings.max_weight)
    else:
        budget = max(settings.max_exposure - close.stuck_weight, 0.0)
        shared = water_fill(raw, budget, settings.max_weight)
    if shared.capped:
        binding.add("cap")
    if shared.spent and settings.max_exposure < 1.0:
        binding.add("max_exposure")
    return shared.weights


@dataclass(frozen=True)
class _Exposure:
    allowed: float
    limited_by: str


def _limit_exposure(memory: Memory, close: Close, weights: dict[int, float], binding: set[str]) -> dict[int, float]:
    """Scale the weights down to what tiers and volatility target allow, suspended holdings counted in."""
    total = add_up(weights.values())
    if total <= 0.0:
        return weights
    exposure = _exposure(memory, close, weights, binding)
    room = max(exposure.allowed - close.stuck_weight, 0.0)
    if total <= room:
        return weights
    if exposure.limited_by != "max_exposure":  # which held already when the budget was shared out
        binding.discard("max_exposure")
        binding.add(exposure.limited_by)
    factor = room / total
    return {place: weight * factor for place, weight in weights.items()}


def _exposure(memory: Memory, close: Close, weights: dict[int, float], binding: set[str]) -> _Exposure:
    settings = close.settings
    exposure = _Exposure(settings.max_exposure, "max_exposure")
    cap = tier_cap(memory, settings)
    if cap < exposure.allowed:
        exposure = _Exposure(cap, "tier")
    if settings.volatility_target > 0.0 and not settings.legacy.vol_target_dead:
        sigma = volatility(weights, close)
        if lists_late(weights, close):
            binding.add("volatility_unknown")
        if sigma is None:
            binding.add("volatility_unknown")
        elif settings.volatility_target / sigma < exposure.allowed:
            exposure = _Exposure(settings.volatility_target / sigma, "volatility")
    return exposure


def _use_idle_cash(close: Close, weights: dict[int, float], binding: set[str]) -> dict[int, float]:
    """Put what the weights leave free into the idle asset, outside cap and exposure (rule 14)."""
    whole = {**weights, **{place: close.weights[place] for place in close.stuck}}
    free = 1.0 - add_up(whole[place] for place in sorted(whole))
    if close.settings.idle == "none" or free <= _LEAST_IDLE:
        return weights
    place = pick(close.settings.idle, close)
    if place is None:
        return weights
    binding.add("idle")
    return {**weights, place: free}


def _limit_turnover(close: Close, weights: dict[int, float], binding: set[str]) -> dict[int, float]:
    """Move every weight by the same part of its way if all of it were too much (rule 10)."""
    limit = close.settings.max_turnover
    places = sorted((set(close.held) | set(weights)) - set(close.stuck))
    now = {place: close.weights.get(place, 0.0) for place in places}
    then = {place: weights.get(place, 0.0) for place in places}
    turnover = 0.5 * add_up(abs(then[place] - now[place]) for place in places)
    if limit == 0.0 or turnover <= limit + _ROUND_OFF:
        return weights
    binding.add("turnover")
    factor = limit / turnover
    return {place: now[place] + (then[place] - now[place]) * factor for place in places}

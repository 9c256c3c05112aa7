"""How the names that the plain rotation chose share the exposure."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from tidegate.core.recipe_strategy import Weighting
from tidegate.strategy.reference.exposure import annual_deviation, returns_of
from tidegate.strategy.reference.state import Close, add_up

__all__ = ["Shared", "capped_and_scaled_up", "raw_weights", "water_fill"]

_ROUND_OFF: Final = 1e-12


class Shared(NamedTuple):
    """Weights by place, whether the cap cut any of them, and whether the whole budget found takers."""

    weights: dict[int, float]
    capped: bool
    spent: bool


def raw_weights(chosen: list[int], eligible: list[int], scores: dict[int, float], close: Close) -> dict[int, float]:
    """Return raw weights by place, in order of symbol; all equal where none is above 0 (rule 9).

    Parameters
    ----------
    chosen, eligible
        Places in order of rank.
    """
    match close.settings.weighting:
        case Weighting.RANK:
            raw = {place: float(len(chosen) - position) for position, place in enumerate(chosen)}
        case Weighting.ZSCORE:
            # The deviation would divide all of them alike.
            mean = add_up(scores[place] for place in sorted(eligible)) / len(eligible) if eligible else 0.0
            raw = {place: max(scores[place] - mean, 0.0) for place in chosen}
        case Weighting.SCORE:
            origin = close.settings.minimum_score or 0.0
            raw = {place: max(scores[place] - origin, 0.0) for place in chosen}
        case Weighting.INVERSE_VOLATILITY:
            raw = _inverse_volatility(chosen, close)
        case _:
            raw = dict.fromkeys(chosen, 1.0)
    if not any(weight > 0.0 for weight in raw.values()):
        raw = dict.fromkeys(chosen, 1.0)
    return {place: raw[place] for place in sorted(raw)}


def _inverse_volatility(chosen: list[int], close: Close) -> dict[int, float]:
    """Return one over the annual deviation; the smallest known one where it is unknown or 0."""
    known = {}
    for place in chosen:
        deviation = _deviation_of(place, close)
        if deviation > 0.0:
            known[place] = 1.0 / deviation
    smallest = min(known.values(), default=0.0)
    return {place: known.get(place, smallest) for place in chosen}


def _deviation_of(place: int, close: Close) -> float:
    first = close.row + 1 - close.settings.volatility_closes
    if first < 0:
        return 0.0
    closes = [close.past.close[row][place] for row in range(first, close.row + 1)]
    if not all(math.isfinite(price) for price in closes):
        return 0.0
    return annual_deviation(returns_of(closes), close.periods_per_year)


def water_fill(raw: dict[int, float], budget: float, cap: float) -> Shared:
    """Share ``budget`` in proportion to ``raw``, no part above ``cap``; what nobody may take stays cash (rule 2).

    Parameters
    ----------
    raw
        By place, in order of symbol; only those above 0 take a part.

    Examples
    --------
    >>> water_fill({0: 6.0, 1: 4.0, 2: 0.0}, budget=1.0, cap=0.4)
    Shared(weights={0: 0.4, 1: 0.4, 2: 0.0}, capped=True, spent=False)
    """
    weights = dict.fromkeys(raw, 0.0)
    open_names = [place for place in raw if raw[place] > 0.0]
    closed: set[int] = set()
    rest, capped = budget, False
    while open_names and rest > 0.0:
        total = add_up(raw[place] for place in open_names)
        offers = {place: rest * raw[place] / total for place in open_names}
        over = {place for place in open_names if offers[place] >= cap}
        if not over:
            return Shared({**weights, **offers}, capped, spent=True)
        capped = capped or any(offers[place] > cap * (1.0 + _ROUND_OFF) for place in over)
        weights.update(dict.fromkeys(over, cap))
        closed |= over
        open_names = [place for place in open_names if place not in over]
        rest = budget - add_up(weights[place] for place in weights if place in closed)
    return Shared(weights, capped, spent=rest <= _ROUND_OFF * budget)


def capped_and_scaled_up(raw: dict[int, float], exposure: float, cap: float) -> Shared:
    """Return weights as earlier platforms made them: capped, then scaled up to sum to one again (A.16)."""
    total = add_up(raw.values())
    weights = {place: weight / total for place, weight in raw.items()}
    closed: set[int] = set()
    while over := {place for place in weights if place not in closed and weights[place] > cap}:
        closed |= over
        weights.update(dict.fromkeys(over, cap))
        rest = 1.0 - add_up(weights[place] for place in weights if place in closed)
        total = add_up(weights[place] for place in weights if place not in closed)
        if total <= 0.0:
            break
        for place in weights:
            if place not in closed:
                weights[place] = rest * weights[place] / total
    total = add_up(weights.values())
    return Shared({place: weight / total * exposure for place, weight in weights.items()}, bool(closed), spent=True)

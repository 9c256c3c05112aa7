"""Which names are held: the best scores first, with a band that spares needless trades."""

from __future__ import annotations

from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array
from tidegate.strategy.seam import Binding, Ranking, Targets, find

__all__ = ["choose"]

_MINIMUM_SCORE = int(Binding.MINIMUM_SCORE)
_RETAIN = int(Binding.RETAIN)


@compiled
def choose(p: Any, ranking: Ranking, r: int, targets: Targets, rank: Int64Array, score: FloatArray) -> int:
    """Write the ranks of the chosen names, best first, and return how many they are.

    Held names that rank within the band come first, then the best others. A suspended holding is not among the
    candidates: it takes no place.
    """
    count = ranking.count[r]
    eligible = _above(ranking, r, count, p.minimum_score)
    if eligible < min(p.top_n, count):
        targets.number[2] |= _MINIMUM_SCORE
    chosen = _retained_alphabetically(p, ranking, r, targets, rank) if p.alphabetical else 0
    if not p.alphabetical:
        for k in range(min(p.band, eligible)):
            if chosen == p.top_n:
                break
            if _is_held(targets, ranking.place[r, k]):
                rank[chosen] = k
                chosen += 1
                if k >= p.top_n:
                    targets.number[2] |= _RETAIN
    retained = chosen
    for k in range(eligible):
        if chosen == p.top_n:
            break
        if not _among(rank, retained, k):
            rank[chosen] = k
            chosen += 1
    _sort(rank, chosen)
    for k in range(chosen):
        score[k] = ranking.score[r, rank[k]]
    return chosen


@compiled
def _above(ranking: Ranking, r: int, count: int, minimum: float) -> int:
    """Return how many leading names score at least ``minimum``."""
    eligible = count
    while eligible > 0 and ranking.score[r, eligible - 1] < minimum:
        eligible -= 1
    return eligible


@compiled
def _is_held(targets: Targets, place: int) -> bool:
    at = find(targets.place, targets.number[0], place)
    return bool(at < targets.number[0] and targets.place[at] == place and targets.held[at] and not targets.keep[at])


@compiled
def _among(values: Int64Array, count: int, wanted: int) -> bool:
    for k in range(count):
        if values[k] == wanted:
            return True
    return False


@compiled
def _retained_alphabetically(p: Any, ranking: Ranking, r: int, targets: Targets, rank: Int64Array) -> int:
    """Keep held names within the band in order of symbols, whatever their score (A.15, for comparison)."""
    chosen = 0
    for at in range(targets.number[0]):
        if chosen == p.top_n:
            break
        if not targets.held[at] or targets.keep[at]:
            continue
        for k in range(min(p.band, ranking.count[r])):
            if ranking.place[r, k] == targets.place[at]:
                rank[chosen] = k
                chosen += 1
    return chosen


@compiled
def _sort(values: Int64Array, count: int) -> None:
    for k in range(1, count):
        value = values[k]
        at = k
        while at > 0 and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value

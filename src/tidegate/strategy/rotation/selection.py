"""Which names are held: the best scores first, with a band that spares needless trades."""

from __future__ import annotations

from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.seam import Binding, Ranking, Targets

__all__ = ["choose"]

_MINIMUM_SCORE = int(Binding.MINIMUM_SCORE)
_RETAIN = int(Binding.RETAIN)


@compiled
def choose(
    p: Any,
    ranking: Ranking,
    r: int,
    targets: Targets,
    is_held: Mask,
    taken: Mask,
    rank: Int64Array,
    slot: Int64Array,
    score: FloatArray,
) -> int:
    """Write the ranks of the chosen names, best first, and return how many they are; ``slot`` is the way back.

    Held names that rank within the band come first, then the best others. A suspended holding is not among the
    candidates: it takes no place.
    """
    count = ranking.count[r]
    eligible = _above(ranking, r, count, p.minimum_score)
    reach = min(p.band, count)
    for k in range(reach):
        taken[k] = False
    if p.alphabetical:
        free = p.top_n - _retain_alphabetically(p, ranking, r, targets, reach, taken)
    else:
        free = p.top_n - _retain(p, ranking, r, targets, min(reach, eligible), reach, is_held, taken)
    chosen = 0
    for k in range(reach):
        if not taken[k] and free > 0:
            if k < eligible:
                taken[k] = True
                free -= 1
            else:
                targets.number[2] |= _MINIMUM_SCORE
        if taken[k]:
            if k >= min(p.top_n, eligible):
                targets.number[2] |= _RETAIN
            rank[chosen] = k
            slot[k] = chosen
            score[chosen] = ranking.score[r, k]
            chosen += 1
    return chosen


@compiled
def _retain(
    p: Any, ranking: Ranking, r: int, targets: Targets, eligible: int, reach: int, is_held: Mask, taken: Mask
) -> int:
    """Keep held names within the band, best first; ``is_held`` comes and goes empty."""
    for at in range(targets.number[0]):
        is_held[targets.place[at]] = targets.held[at] and not targets.keep[at]
    kept = 0
    for k in range(reach):
        if kept == p.top_n:
            break
        if is_held[ranking.place[r, k]]:
            if k >= eligible:
                targets.number[2] |= _MINIMUM_SCORE
                break
            taken[k] = True
            kept += 1
    for at in range(targets.number[0]):
        is_held[targets.place[at]] = False
    return kept


@compiled
def _above(ranking: Ranking, r: int, count: int, minimum: float) -> int:
    """Return how many leading names score at least ``minimum``."""
    eligible = count
    while eligible > 0 and ranking.score[r, eligible - 1] < minimum:
        eligible -= 1
    return eligible


@compiled
def _retain_alphabetically(p: Any, ranking: Ranking, r: int, targets: Targets, reach: int, taken: Mask) -> int:
    """Keep held names within the band in order of symbols, whatever their score (A.15, for comparison)."""
    kept = 0
    for at in range(targets.number[0]):
        if kept == p.top_n:
            break
        if not targets.held[at] or targets.keep[at]:
            continue
        for k in range(reach):
            if ranking.place[r, k] == targets.place[at]:
                taken[k] = True
                kept += 1
    return kept

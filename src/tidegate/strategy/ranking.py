"""Ranking candidates at each decision: once for all parameter sets that read the scores alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.core.compiled import allocating, compiled
from tidegate.core.recipe_strategy import StrategySettings, Weighting
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.seam import Ranking

__all__ = ["RankingRule", "empty_ranking", "rank_decisions"]

_FEW: Final = 256
_STALE: Final = -1
_UNLIMITED: Final = 2**62


@dataclass(frozen=True)
class RankingRule:
    """What a ranking depends on; parameter sets that share it share the ranking.

    Parameters
    ----------
    delay, maximum_age
        Bars before the decision's close at which scores are read, and how old they may be, counted from that close.
    smoothing, carry
        Weight of the new score in the smoothed one (0 = none), and whether names without a new score stay ranked.
    minimum
        Floor of the eligible scores, for their mean; -inf where it is not asked for.
    needs_mean
        Whether the mean of the eligible scores is asked for.
    """

    delay: int
    maximum_age: int
    smoothing: float
    carry: bool
    minimum: float
    needs_mean: bool

    @classmethod
    def of(cls, settings: StrategySettings) -> RankingRule:
        """Return the rule of a strategy."""
        needs_mean = settings.weighting is Weighting.ZSCORE
        floor = settings.minimum_score if needs_mean else None
        return cls(
            delay=settings.score_delay_bars,
            maximum_age=_UNLIMITED if settings.legacy.score_age_unlimited else settings.max_score_age_bars,
            smoothing=settings.score_smoothing,
            carry=settings.score_smoothing_carry,
            minimum=-np.inf if floor is None else floor,
            needs_mean=needs_mean,
        )


def empty_ranking() -> Ranking:
    """Return a ranking of no decision, for strategies that rank nothing."""
    return Ranking(
        place=np.zeros((1, 0), dtype=np.int64),
        score=np.zeros((1, 0)),
        count=np.zeros(1, dtype=np.int64),
        mean=np.full(1, np.nan),
        order=np.zeros((1, 0), dtype=np.int64),
    )


def rank_decisions(
    score: FloatArray,
    traded: Mask,
    member: Mask,
    candidate: Mask,
    rows: Int64Array,
    rule: RankingRule,
    kept: int,
    smoothed: FloatArray | None = None,
) -> Ranking:
    """Rank the candidates of each decision.

    Parameters
    ----------
    score
        ``float64 (n_times, n_symbols)``; only finite values count.
    traded, member
        ``bool``, same shape: what trades at that close, and what belongs to the universe; ``member`` of shape
        ``(0, 0)`` means that all do.
    candidate
        ``bool (n_symbols,)``: what may be chosen at all.
    rows
        ``int64 (n_decisions,)`` closes of the decisions, ascending; each reads rows up to itself.
    kept
        How many of the best are kept.
    smoothed
        ``float64 (n_symbols,)``: smoothed scores after the decision before, NaN where there are none; it is moved on.
        None starts anew.

    Returns
    -------
    Ranking
        One row per decision.
    """
    width = min(kept, score.shape[1])
    ranking = Ranking(
        place=np.zeros((len(rows), width), dtype=np.int64),
        score=np.zeros((len(rows), width)),
        count=np.zeros(len(rows), dtype=np.int64),
        mean=np.full(len(rows), np.nan),
        order=np.zeros((len(rows), width), dtype=np.int64),
    )
    if smoothed is None:
        smoothed = np.full(score.shape[1] if rule.smoothing > 0.0 else 0, np.nan)
    _rank(
        score,
        traded,
        member,
        candidate,
        rows,
        rule.delay,
        rule.maximum_age,
        rule.smoothing,
        rule.carry,
        rule.minimum,
        rule.needs_mean,
        smoothed,
        ranking,
    )
    return ranking


@allocating
def _rank(
    score: FloatArray,
    traded: Mask,
    member: Mask,
    candidate: Mask,
    rows: Int64Array,
    delay: int,
    maximum_age: int,
    smoothing: float,
    carry: bool,
    minimum: float,
    needs_mean: bool,
    smoothed: FloatArray,
    ranking: Ranking,
) -> None:
    for i in range(len(rows)):
        row = rows[i]
        newest = _newest_row(score, row - delay, max(row - maximum_age, 0))
        if newest < 0:
            ranking.count[i] = _STALE
            continue
        values = score[newest]
        if smoothing > 0.0:
            _smooth(values, smoothed, smoothing, carry)
            values = smoothed
        if ranking.place.shape[1] > _FEW:
            _sort_all(values, traded, member, candidate, row, i, ranking)
        else:
            _keep_best(values, traded, member, candidate, row, i, ranking)
        _order_by_symbol(ranking.place[i], ranking.count[i], ranking.order[i])
        if needs_mean:
            ranking.mean[i] = _mean(values, traded, member, candidate, row, minimum)


@allocating
def _order_by_symbol(place: Int64Array, count: int, order: Int64Array) -> None:
    """Write the ranks of the kept names in symbol order, once for all parameter sets."""
    if count > _FEW:
        order[:count] = np.argsort(place[:count])
        return
    for k in range(count):
        at = k
        while at > 0 and place[order[at - 1]] > place[k]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = k


@compiled
def _newest_row(score: FloatArray, last: int, first: int) -> int:
    """Return the newest row with any score in it; -1 where there is none."""
    for row in range(last, first - 1, -1):
        for c in range(score.shape[1]):
            if np.isfinite(score[row, c]):
                return row
    return -1


@compiled
def _smooth(values: FloatArray, smoothed: FloatArray, part: float, carry: bool) -> None:
    for c in range(len(values)):
        if np.isfinite(values[c]):
            before = smoothed[c]
            smoothed[c] = values[c] if np.isnan(before) else part * values[c] + (1.0 - part) * before
        elif not carry:
            smoothed[c] = np.nan


@compiled
def _may_be_chosen(traded: Mask, member: Mask, candidate: Mask, row: int, c: int) -> bool:
    if not candidate[c] or not traded[row, c]:
        return False
    return bool(member.shape[0] == 0 or member[row, c])


@compiled
def _keep_best(
    values: FloatArray, traded: Mask, member: Mask, candidate: Mask, row: int, i: int, ranking: Ranking
) -> None:
    """Insert each name that beats the worst kept one; the masks are looked at for those alone."""
    place, best = ranking.place[i], ranking.score[i]
    room = len(place)
    count = 0
    worst = -np.inf
    for c in range(len(values)):
        x = values[c]
        if not x > worst or x == np.inf:
            continue
        if not _may_be_chosen(traded, member, candidate, row, c):
            continue
        at = min(count, room - 1)
        while at > 0 and best[at - 1] < x:
            best[at] = best[at - 1]
            place[at] = place[at - 1]
            at -= 1
        best[at] = x
        place[at] = c
        count = min(count + 1, room)
        if count == room:
            worst = best[room - 1]
    ranking.count[i] = count


@allocating
def _sort_all(
    values: FloatArray, traded: Mask, member: Mask, candidate: Mask, row: int, i: int, ranking: Ranking
) -> None:
    negative = np.full(len(values), np.inf)
    count = 0
    for c in range(len(values)):
        if np.isfinite(values[c]) and _may_be_chosen(traded, member, candidate, row, c):
            negative[c] = -values[c]
            count += 1
    order = np.argsort(negative, kind="mergesort")
    count = min(count, ranking.place.shape[1])
    for k in range(count):
        ranking.place[i, k] = order[k]
        ranking.score[i, k] = values[order[k]]
    ranking.count[i] = count


@compiled
def _mean(values: FloatArray, traded: Mask, member: Mask, candidate: Mask, row: int, minimum: float) -> float:
    total, count = 0.0, 0
    for c in range(len(values)):
        x = values[c]
        if np.isfinite(x) and x >= minimum and _may_be_chosen(traded, member, candidate, row, c):
            total += x
            count += 1
    mean: Any = total / count if count else np.nan
    return float(mean)

"""How well scores tell hits from misses: areas under curves, pooled over all rows and within each date."""

from __future__ import annotations

import numpy as np

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.ranked import RankedRows, check_rows, mean_of_known, rank_rows

__all__ = ["area_under_roc", "average_precision", "last_of_ties", "roc_by_instant", "tie_groups", "within_date_area"]


def area_under_roc(score: FloatArray, outcome: FloatArray) -> float | None:
    """Return the pooled area under the ROC curve: how often a hit scores above a miss, ties counted half.

    ``AUC = (#{score_hit > score_miss} + #{score_hit = score_miss} / 2) / (hits * misses)``

    Pooled over dates it also rewards a score that knows nothing but the date (equity G.5: the date explains most of a
    label); :func:`within_date_area` does not.

    Source: Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747.

    Parameters
    ----------
    score
        ``float64 (n,)``, finite.
    outcome
        ``float64 (n,)``: 0, 1, or NaN for unknown, which counts for nothing.

    Returns
    -------
    area
        In [0, 1]; None without both hits and misses.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.

    Examples
    --------
    >>> area_under_roc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    check_rows(score, outcome)
    order = np.argsort(-score, kind="stable")
    ordered, sorted_outcome = score[order], outcome[order]
    hit, miss = sorted_outcome == 1.0, sorted_outcome == 0.0
    pairs = int(hit.sum()) * int(miss.sum())
    # From the best down, what stands above a hit is a pair lost.
    return (pairs - float(np.sum(_half_ties(tie_groups(ordered), miss)[hit]))) / pairs if pairs else None


def average_precision(score: FloatArray, outcome: FloatArray) -> float | None:
    """Return the average precision: precision at each score that occurs, weighted by the recall it adds.

    ``AP = sum_i (recall_i - recall_{i-1}) * precision_i`` over the distinct scores from the highest down, without
    interpolation. A random score reaches the base rate.

    Source: Manning, Raghavan and Schütze 2008, *Introduction to Information Retrieval*, section 8.4.

    Parameters
    ----------
    score, outcome
        As of :func:`area_under_roc`.

    Returns
    -------
    precision
        In [0, 1]; None without a hit.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.

    Examples
    --------
    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])), 6)
    0.833333
    """
    check_rows(score, outcome)
    known = ~np.isnan(outcome)
    order = np.argsort(-score[known], kind="stable")
    hit = outcome[known][order] == 1.0
    hits = np.cumsum(hit)
    if not hits.size or not hits[-1]:
        return None
    last = last_of_ties(score[known][order])
    hits, calls = hits[last], np.flatnonzero(last) + 1
    return float(np.sum(np.diff(hits, prepend=0) * (hits / calls)) / hits[-1])


def roc_by_instant(ranked: RankedRows, score: FloatArray, outcome: FloatArray) -> FloatArray:
    """Return the area under the ROC curve of each instant on its own; NaN where it lacks hits or misses.

    Parameters
    ----------
    ranked
        From :func:`tidegate.evaluate.ranked.rank_rows` of the same rows.
    score, outcome
        As of :func:`area_under_roc`.

    Returns
    -------
    areas
        ``float64 (n_instants,)``.
    """
    ordered, sorted_outcome = score[ranked.order], outcome[ranked.order]
    hit, miss = sorted_outcome == 1.0, sorted_outcome == 0.0
    hits, misses = ranked.sums(hit), ranked.sums(miss)
    opens = tie_groups(ordered)
    opens[ranked.starts] = True
    # The order falls: what stands above a hit scores more, so the pairs lost are counted.
    above = _half_ties(opens, miss) - np.repeat(np.cumsum(misses) - misses, ranked.sizes)
    pairs = hits * misses
    lost = ranked.sums(np.where(hit, above, 0.0))
    areas: FloatArray = np.divide(pairs - lost, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0.0)
    return areas


def within_date_area(times: Int64Array, score: FloatArray, outcome: FloatArray) -> float | None:
    """Return the mean of the areas under the ROC curve within each instant.

    Every instant that has both hits and misses weighs the same, however many symbols it has. A score that says the same
    of all symbols of a date has an area of one half, though it may know the good dates from the bad ones: what a picker
    needs is the order within the day.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants.
    score, outcome
        As of :func:`area_under_roc`.

    Returns
    -------
    area
        In [0, 1]; None where no instant has both.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.

    Examples
    --------
    >>> times, score = np.array([1, 1, 2, 2]), np.array([0.1, 0.2, 0.9, 0.8])
    >>> within_date_area(times, score, np.array([0.0, 1.0, 0.0, 1.0]))
    0.5
    """
    check_rows(score, outcome, times)
    return mean_of_known(roc_by_instant(rank_rows(times, score), score, outcome))


def last_of_ties(ordered: FloatArray) -> Mask:
    """Return where a value ends along a sorted series, ``bool (n,)``, true at its last place."""
    return tie_groups(ordered[::-1])[::-1]


def tie_groups(ordered: FloatArray) -> Mask:
    """Return where a new value begins along a sorted series, ``bool (n,)``, true at its first place."""
    opens = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=opens[1:])
    return opens


def _half_ties(opens: Mask, marked: Mask) -> FloatArray:
    """Return how many marked places come before the group of each place, and half of those within it."""
    group = np.cumsum(opens) - 1
    counted = np.concatenate([[0], np.cumsum(marked)])
    edges = np.append(np.flatnonzero(opens), len(opens))
    before, until = counted[edges[:-1]], counted[edges[1:]]
    halves: FloatArray = (0.5 * (before + until))[group]
    return halves

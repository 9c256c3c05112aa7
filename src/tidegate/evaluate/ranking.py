"""How good the best names of each instant were: precision against the same day's base rate, turnover, NDCG, rank IC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.discrimination import tie_groups
from tidegate.evaluate.forecast import rank_correlation
from tidegate.evaluate.ranked import RankedRows, check_rows, mean_of_known, rank_rows

__all__ = [
    "TopNames",
    "ndcg_over_shuffled",
    "rank_ic_by_instant",
    "top_names",
    "top_places",
    "turnover_by_instant",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class TopNames:
    """The best names of each instant against all of them.

    Parameters
    ----------
    instants
        ``int64 (n_instants,)``, ascending.
    precision, base_rate
        ``float64 (n_instants,)``: share of hits among the best names, and among all names of the same instant. NaN in
        both where no outcome of the best names is known.
    """

    instants: Int64Array
    precision: FloatArray
    base_rate: FloatArray

    @property
    def mean_precision(self) -> float | None:
        """Mean over the instants, each weighing the same; None without any."""
        return mean_of_known(self.precision)

    @property
    def mean_base_rate(self) -> float | None:
        """Mean over the same instants; None without any."""
        return mean_of_known(self.base_rate)

    @property
    def lift(self) -> float | None:
        """Mean precision over mean base rate, 1 for a random choice; None where either is missing or nothing hit.

        A ratio of means: the mean of the ratios would be ruled by the days on which hardly anything hit.
        """
        precision, base = self.mean_precision, self.mean_base_rate
        return precision / base if precision is not None and base else None


def top_places(ranked: RankedRows, k: int) -> Mask:
    """Return which places of the order are among the best *k* of their instant; all where there are fewer.

    Raises
    ------
    InputError
        If *k* is below 1.
    """
    if k < 1:
        raise InputError(found=f"the best {k} names", expected="at least 1", hint="set picks.top_k")
    return ranked.places() < k


def top_names(ranked: RankedRows, outcome: FloatArray, k: int) -> TopNames:
    """Compare the best *k* names of each instant with all names of that instant.

    Dates differ more than names do: on a day when all rise every list is right. So the yardstick of a list is the base
    rate of its own day (equity J.7).

    Parameters
    ----------
    ranked
        From :func:`tidegate.evaluate.ranked.rank_rows`.
    outcome
        ``float64 (n,)``: 0, 1, or NaN for unknown. A name of unknown outcome takes its place in the list, which nobody
        could have withheld from it, and counts neither for nor against.
    k
        Length of the list; an instant with fewer names lists all.

    Examples
    --------
    >>> ranked = rank_rows(np.array([1, 1, 1, 1]), np.array([0.9, 0.7, 0.2, 0.1]))
    >>> found = top_names(ranked, np.array([1.0, 1.0, 0.0, 0.0]), 2)
    >>> found.mean_precision, found.mean_base_rate, found.lift
    (1.0, 0.5, 2.0)
    """
    chosen, ordered = top_places(ranked, k), outcome[ranked.order]
    known, hit = ~np.isnan(ordered), ordered == 1.0
    listed = ranked.sums(known & chosen)
    usable = listed > 0.0
    nothing = np.full(len(listed), np.nan)
    return TopNames(
        instants=ranked.instants,
        precision=np.divide(ranked.sums(hit & chosen), listed, out=nothing.copy(), where=usable),
        base_rate=np.divide(ranked.sums(hit), ranked.sums(known), out=nothing, where=usable),
    )


def turnover_by_instant(ranked: RankedRows, symbols: Int64Array, k: int) -> FloatArray:
    """Return the share of the best *k* names that were not among those of the instant before; NaN at the first.

    ``1 - |list_t and list_{t-1}| / |list_t|``: 1 where the whole list is new.

    Examples
    --------
    >>> symbols = np.array([1, 2, 3, 1, 2, 3])
    >>> ranked = rank_rows(np.array([1, 1, 1, 2, 2, 2]), np.array([0.9, 0.8, 0.1, 0.9, 0.1, 0.8]), symbols)
    >>> turnover_by_instant(ranked, symbols, 2).tolist()
    [nan, 0.5]
    """
    chosen = top_places(ranked, k)
    instant = np.repeat(np.arange(len(ranked.starts)), ranked.sizes)[chosen]
    _, codes = np.unique(symbols[ranked.order[chosen]], return_inverse=True)
    width = int(codes.max()) + 1
    stays = np.isin((instant - 1) * width + codes, instant * width + codes)
    kept = np.bincount(instant, weights=stays, minlength=len(ranked.starts))
    share = 1.0 - kept / np.minimum(ranked.sizes, k)
    share[0] = np.nan
    return share


def ndcg_over_shuffled(times: Int64Array, score: FloatArray, gain: FloatArray, k: int) -> FloatArray:
    r"""Return, per instant, NDCG at *k* minus what a random order of the same names reaches on average.

    With places from 1, ``d_i = 1 / log2(1 + i)`` for ``i <= k`` and 0 beyond, gains *g*:

    ``(sum_i g_i * d_i - mean(g) * sum_i d_i) / sum_i g*_i * d_i``, *g\** being the gains from the largest down.

    The middle term is the exact mean over all orders, so nothing is shuffled; a random ranking of five equal buckets
    already reaches an NDCG far above 0, and the raw number says little (equity C.9). Equal scores share the mean gain
    of the places they take. NaN where all gains are 0.

    Source: Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants.
    score
        ``float64 (n,)``, finite.
    gain
        ``float64 (n,)``, finite, at least 0: ``2^bucket - 1`` for buckets, or 0 and 1 for hits.
    k
        How many places count.

    Returns
    -------
    excess
        ``float64 (n_instants,)`` in order of time: 0 on average for a random score, below 1.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or a score or gain cannot be used.

    Examples
    --------
    >>> times, gain = np.zeros(3, dtype=np.int64), np.array([3.0, 1.0, 0.0])
    >>> ndcg_over_shuffled(times, gain, gain, k=3).round(4).tolist()
    [0.2175]
    >>> abs(ndcg_over_shuffled(times, np.zeros(3), gain, k=3)).round(4).tolist()
    [0.0]
    """
    _check_gains(times, score, gain)
    ranked = rank_rows(times, score)
    places = ranked.places()
    discount = np.where(top_places(ranked, k), 1.0 / np.log2(places + 2.0), 0.0)
    opens = tie_groups(score[ranked.order])
    opens[ranked.starts] = True
    group = np.cumsum(opens) - 1
    shared = (np.bincount(group, weights=gain[ranked.order]) / np.bincount(group))[group]
    # Sorting by gain keeps every instant on the places it has, so starts and discounts are the same.
    best = ranked.sums(gain[rank_rows(times, gain).order] * discount)
    random = ranked.sums(gain[ranked.order]) / ranked.sizes * ranked.sums(discount)
    excess = ranked.sums(shared * discount) - random
    found: FloatArray = np.divide(excess, best, out=np.full(len(best), np.nan), where=best > 0.0)
    return found


def rank_ic_by_instant(times: Int64Array, score: FloatArray, outcome: FloatArray) -> FloatArray:
    """Return Spearman's rank correlation of score and outcome within each instant of flat rows.

    The figure of :func:`tidegate.evaluate.forecast.rank_correlation`: NaN with fewer than 3 names, or where one side
    does not vary.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants.
    score, outcome
        ``float64 (n,)``; a row with NaN in either is left out.

    Returns
    -------
    correlations
        ``float64 (n_instants,)`` in order of time.

    Examples
    --------
    >>> rank_ic_by_instant(np.zeros(3, dtype=np.int64), np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.9])).tolist()
    [1.0]
    """
    ranked = rank_rows(times, score)
    rows = np.repeat(np.arange(len(ranked.starts)), ranked.sizes)
    known = ~np.isnan(score[ranked.order] + outcome[ranked.order])
    shape = (len(ranked.starts), int(ranked.sizes.max()))
    matrices = np.full((2, *shape), np.nan)
    for matrix, values in zip(matrices, (score, outcome), strict=True):
        matrix[rows, ranked.places()] = np.where(known, values[ranked.order], np.nan)
    return rank_correlation(matrices[0], matrices[1])


def _check_gains(times: Int64Array, score: FloatArray, gain: FloatArray) -> None:
    check_rows(score, np.zeros(gain.shape), times)
    if not (np.isfinite(gain).all() and (gain >= 0.0).all()):
        raise DataError(
            found="gains that are negative or not finite",
            expected="finite gains of at least 0",
            hint="leave out rows without a label; buckets count from 0",
        )

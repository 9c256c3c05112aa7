"""How sure figures are: whole weeks drawn again, so that what shares a week stays together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.randomness import generator
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.discrimination import average_precision, tie_groups

__all__ = ["FEWEST_WEEKS", "PERCENTILES", "WeekDraws", "draw_weeks", "week_numbers", "weekly_sums"]

FEWEST_WEEKS: Final = 10
"""Weeks with something to count below which a figure has no interval."""
PERCENTILES: Final = (2.5, 97.5)
"""Ends of a 95 % interval among the draws, in per cent."""
_REPLICATES: Final = 1000
_MOST_EMPTY: Final = 0.025
_GROUPS: Final = 1000
_MONDAY: Final = 3  # 1970-01-01 was a Thursday


def week_numbers(times: Int64Array) -> Int64Array:
    """Return the ISO week of each instant, counted from that of 1970-01-01.

    An instant belongs to the day, UTC, that ends with or contains it: a bar that closes at midnight on Sunday is
    Sunday's.

    Examples
    --------
    >>> sunday_and_monday = np.array(["2024-03-03T08", "2024-03-04T00", "2024-03-04T08"], dtype="datetime64[us]")
    >>> np.diff(week_numbers(sunday_and_monday.astype(np.int64))).tolist()
    [0, 1]
    """
    return ((times - 1) // DAY + _MONDAY) // 7


def weekly_sums(weeks: Int64Array, values: FloatArray, count: int) -> FloatArray:
    """Return the sum of values by week, NaN left out, ``float64 (count,)``."""
    return np.asarray(np.bincount(weeks, np.where(np.isnan(values), 0.0, values), count), dtype=np.float64)


def draw_weeks(count: int, seed: int, replicates: int = _REPLICATES) -> WeekDraws | None:
    """Draw as many weeks as there are, with replacement, again and again; None with fewer than 10 weeks.

    Rows of one date rise and fall together and labels of neighbouring days overlap, so that rows are no independent
    observations; weeks are nearly so. What reaches over the end of a week stays outside, which makes the intervals a
    little narrow where labels span several weeks.

    Few weeks make them much too narrow, and it is the weeks of the figure's own denominator that count: where calls
    fall into 1, 2, 3 or 6 weeks of 13, an interval that says 95 % holds the truth in 4, 53, 80 or 87 of 100 cases, with
    8 weeks in 89, with 10 in 92, with 13 in 93. So :class:`WeekDraws` gives none below 10.

    Source: Künsch 1989, https://doi.org/10.1214/aos/1176347265 (blocks); Efron 1979 (percentiles).
    """
    if count < FEWEST_WEEKS:
        return None
    random = generator(seed, "bootstrap by week", count)
    return WeekDraws(counts=random.multinomial(count, np.full(count, 1.0 / count), size=replicates).astype(np.float64))


@dataclass(frozen=True, eq=False, kw_only=True)
class WeekDraws:
    """How often each week was drawn.

    A figure has an interval where its denominator is above 0 in at least 10 weeks (:func:`draw_weeks` says why), and in
    all but 2.5 % of the draws: a draw without a denominator says nothing, and leaving out many would choose among the
    draws.

    Parameters
    ----------
    counts
        ``float64 (n_replicates, n_weeks)``, whole numbers.
    """

    counts: FloatArray

    def of_ratio(self, above: FloatArray | Int64Array, below: FloatArray | Int64Array) -> tuple[float, float] | None:
        """Return the interval of ``sum(above) / sum(below)`` from sums by week, both ``float64 (n_weeks,)``."""
        return None if _few(below) else _interval(self.counts @ above, self.counts @ below)

    def of_area(self, score: FloatArray, outcome: FloatArray, weeks: Int64Array) -> tuple[float, float] | None:
        """Return the interval of the pooled area under the ROC curve, exact in every replicate.

        With ``C[a, b]`` the pairs of a hit in week *a* and a miss in week *b* that are in the right order, ties half,
        hits *p* and misses *q* by week, a replicate that holds week *a* ``w_a`` times has the area
        ``w'Cw / ((w'p) * (w'q))``: rows are sorted once, whatever the number of replicates.

        Parameters
        ----------
        score, outcome
            ``float64 (n,)``; outcomes 0, 1, or NaN for unknown.
        weeks
            ``int64 (n,)``: place of each row's week in the counts.
        """
        width = self.counts.shape[1]
        hits, misses = (np.bincount(weeks[outcome == kind], minlength=width) for kind in (1.0, 0.0))
        if _few(hits) or _few(misses):
            return None
        pairs = _concordant_pairs(score, outcome, weeks, width)
        right = np.sum((self.counts @ pairs) * self.counts, axis=1)
        return _interval(right, (self.counts @ hits) * (self.counts @ misses))

    def of_average_precision(
        self, score: FloatArray, outcome: FloatArray, weeks: Int64Array
    ) -> tuple[float, float] | None:
        """Return the interval of the average precision; parameters as of :meth:`of_area`.

        Exact with up to 1,000 distinct scores. Beyond, neighbouring scores are taken together in 1,000 groups with
        equally many hits, precision within a group running straight from its beginning to its end; the figures of the
        groups stand in for those of the rows in how much they vary, and their level is that of the rows.
        """
        exact = average_precision(score, outcome)
        if exact is None:
            return None
        rows = np.flatnonzero(~np.isnan(outcome))
        rows = rows[np.argsort(-score[rows], kind="stable")]
        hit, width = outcome[rows] == 1.0, self.counts.shape[1]
        group, is_exact = _groups(score[rows], hit)
        cells, size = group * width + weeks[rows], (int(group[-1]) + 1) * width
        calls = np.cumsum(np.bincount(cells, minlength=size).reshape(-1, width), axis=0)
        hits = np.cumsum(np.bincount(cells[hit], minlength=size).reshape(-1, width), axis=0)
        if _few(hits[-1]):
            return None
        drawn, below = _precision_sums(hits, calls, self.counts, is_exact), self.counts @ hits[-1]
        if not is_exact:
            once = _precision_sums(hits, calls, np.ones((1, width)), is_exact)[0] / hit.sum()
            drawn += (exact - once) * below
        return _interval(drawn, below)


def _few(below: FloatArray | Int64Array) -> bool:
    """Return whether too few weeks have a denominator."""
    return int(np.count_nonzero(below)) < FEWEST_WEEKS


def _concordant_pairs(score: FloatArray, outcome: FloatArray, weeks: Int64Array, width: int) -> FloatArray:
    """Return the pairs of a hit (row) and a miss (column) in the right order by week, ``float64 (width, width)``."""
    rows = np.flatnonzero(~np.isnan(outcome))
    rows = rows[np.argsort(-score[rows], kind="stable")]
    hit, week, opens = outcome[rows] == 1.0, weeks[rows], tie_groups(score[rows])
    edges = np.append(np.flatnonzero(opens), len(rows))
    reached = np.concatenate([[0], np.cumsum(hit)])[edges]
    group = (np.cumsum(opens) - 1)[~hit]
    by_week = np.argsort(week[~hit], kind="stable")
    # A miss beats the hits behind its group of equal scores, and half of those within it.
    places = np.stack([reached[group], reached[group + 1]])[:, by_week]
    week_of_hit, hits = week[hit], np.bincount(week[hit], minlength=width)
    ends = np.cumsum(np.bincount(week[~hit], minlength=width))
    pairs = np.zeros((width, width))
    for column, end in enumerate(ends.tolist()):
        beaten = places[:, ends[column - 1] if column else 0 : end]
        halves = np.cumsum(np.bincount(beaten.ravel(), minlength=len(week_of_hit) + 1))[:-1]
        lost = 0.5 * np.bincount(week_of_hit, weights=halves, minlength=width)
        pairs[:, column] = hits * beaten.shape[1] - lost
    return pairs


def _precision_sums(hits: Int64Array, calls: Int64Array, counts: FloatArray, is_exact: bool) -> FloatArray:
    """Return hits times precision, summed over groups from the best down, for each replicate."""
    hits_drawn, calls_drawn = hits @ counts.T, calls @ counts.T
    precision = hits_drawn / np.maximum(calls_drawn, 1.0)
    if not is_exact:
        precision[1:] = (precision[1:] + precision[:-1]) / 2.0
    return np.asarray(np.sum(np.diff(hits_drawn, axis=0, prepend=0.0) * precision, axis=0), dtype=np.float64)


def _groups(falling: FloatArray, hit: Mask) -> tuple[Int64Array, bool]:
    """Return a rising number for the group of each row, and whether a group is one score throughout."""
    group = np.cumsum(tie_groups(falling)) - 1
    if int(group[-1]) < _GROUPS:
        return group, True
    last = np.flatnonzero(np.append(np.diff(group) != 0, True))
    reached = np.cumsum(hit)
    return (reached[last] * _GROUPS // (reached[-1] + 1))[group], False


def _interval(above: FloatArray, below: FloatArray) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a ratio; None where too many draws lack a denominator."""
    usable = below > 0.0
    if np.mean(~usable) > _MOST_EMPTY:
        return None
    low, high = np.percentile(above[usable] / below[usable], PERCENTILES)
    return float(low), float(high)

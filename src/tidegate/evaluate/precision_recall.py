"""Precision against recall: of calls that were made, and of all thresholds that could have been chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.units import FloatArray, Mask
from tidegate.evaluate.discrimination import last_of_ties
from tidegate.evaluate.ranked import check_rows

__all__ = ["CallQuality", "best_f_score", "call_quality", "precision_recall_curve"]

_POINTS: Final = 100


@dataclass(frozen=True, kw_only=True)
class CallQuality:
    """Calls against what came.

    Parameters
    ----------
    calls, hits, positives
        Rows called, hits among them, and hits among all rows.
    """

    calls: int
    hits: int
    positives: int

    @property
    def precision(self) -> float | None:
        """Share of the calls that were hits; None without calls."""
        return self.hits / self.calls if self.calls else None

    @property
    def recall(self) -> float | None:
        """Share of the hits that were called; None without hits."""
        return self.hits / self.positives if self.positives else None

    def f_score(self, beta: float = 1.0) -> float | None:
        """Return ``(1 + b^2) * precision * recall / (b^2 * precision + recall)``; None where either is not known.

        Below 1 *b* gives precision the greater weight. It is 0 where no call was a hit.

        Source: van Rijsbergen 1979, *Information Retrieval*, chapter 7.
        """
        if not self.calls or not self.positives:
            return None
        return (1.0 + beta**2) * self.hits / (beta**2 * self.positives + self.calls)


def call_quality(called: Mask, outcome: FloatArray) -> CallQuality:
    """Count calls and hits among rows whose outcome is known.

    Parameters
    ----------
    called
        ``bool (n,)``.
    outcome
        ``float64 (n,)``: 0, 1, or NaN for unknown.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or an outcome cannot be used.

    Examples
    --------
    >>> quality = call_quality(np.array([True, True, False, False]), np.array([1.0, 0.0, 1.0, 0.0]))
    >>> quality.precision, quality.recall, quality.f_score()
    (0.5, 0.5, 0.5)
    """
    check_rows(called.astype(np.float64), outcome)
    known, hit = ~np.isnan(outcome), outcome == 1.0
    return CallQuality(calls=int((called & known).sum()), hits=int((called & hit).sum()), positives=int(hit.sum()))


def best_f_score(score: FloatArray, outcome: FloatArray, beta: float = 1.0) -> float | None:
    """Return the largest :meth:`CallQuality.f_score` of all thresholds; None without a hit.

    The threshold is chosen on the rows that it is judged by: it says how good a rule could be made of the scores, and
    promises nothing of other rows.

    Parameters
    ----------
    score
        ``float64 (n,)``, finite; rows of one score are called together.
    outcome
        ``float64 (n,)``: 0, 1, or NaN for unknown, which counts for nothing.
    beta
        Below 1 precision has the greater weight.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.

    Examples
    --------
    >>> best_f_score(np.array([0.9, 0.5, 0.4, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    1.0
    """
    check_rows(score, outcome)
    known = ~np.isnan(outcome)
    order = np.argsort(-score[known], kind="stable")
    hits, ordered = np.cumsum(outcome[known][order]), score[known][order]
    if not hits.size or not hits[-1]:
        return None
    last = last_of_ties(ordered)
    calls, weight = np.flatnonzero(last) + 1.0, beta**2
    return float(np.max((1.0 + weight) * hits[last] / (weight * hits[-1] + calls)))


def precision_recall_curve(
    probability: FloatArray, outcome: FloatArray, points: int = _POINTS
) -> list[tuple[float, float, float | None, int]]:
    """Return what each threshold would have achieved, from the highest down, thinned to a readable number.

    Only thresholds that occur are points, and each gives exact figures. Where there are too many, those are kept whose
    numbers of calls follow a geometric series from the first to the last: the rare high end, where thresholds are
    chosen, keeps its detail.

    Parameters
    ----------
    probability
        ``float64 (n,)``; rows where it or the outcome is NaN are left out.
    outcome
        ``float64 (n,)``, 0 or 1.
    points
        Most points to return, at least 2.

    Returns
    -------
    curve
        ``(threshold, precision, recall, calls)``; recall is None without hits, and the curve empty without rows.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.

    Examples
    --------
    >>> precision_recall_curve(np.array([0.9, 0.5, 0.5]), np.array([1.0, 0.0, 1.0]))
    [(0.9, 1.0, 0.5, 1), (0.5, 0.6666666666666666, 1.0, 3)]
    """
    check_rows(np.nan_to_num(probability), outcome)
    known = ~(np.isnan(probability) | np.isnan(outcome))
    order = np.argsort(-probability[known], kind="stable")
    ordered, hits = probability[known][order], np.cumsum(outcome[known][order])
    if not ordered.size:
        return []
    last = np.flatnonzero(last_of_ties(ordered))
    if len(last) > points:
        wished = np.geomspace(last[0] + 1, last[-1] + 1, points)
        last = last[np.unique(np.minimum(np.searchsorted(last + 1, wished), len(last) - 1))]
    called, positives = last + 1, float(hits[-1])
    recall = (hits[last] / positives).tolist() if positives else [None] * len(last)
    return list(zip(ordered[last].tolist(), (hits[last] / called).tolist(), recall, called.tolist(), strict=True))

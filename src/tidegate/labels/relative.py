"""Outcomes beside each other: how one symbol did among those labelled at the same instant."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.ranks import average_ranks
from tidegate.core.units import FloatArray

__all__ = ["among_best", "excess_over_mean", "percent_rank", "rank_bucket"]


def excess_over_mean(outcome: FloatArray) -> FloatArray:
    """Return each row less the mean of its numbers; a missing outcome stays missing and counts in no mean.

    Parameters
    ----------
    outcome
        ``float64 (n_times, n_symbols)``.

    Examples
    --------
    >>> excess_over_mean(np.array([[0.03, np.nan, 0.01]])).round(3).tolist()
    [[0.01, nan, -0.01]]
    """
    labelled = ~np.isnan(outcome)
    count = labelled.sum(axis=1, keepdims=True)
    total = np.where(labelled, outcome, 0.0).sum(axis=1, keepdims=True)
    mean: FloatArray = total / np.maximum(count, 1)
    return outcome - mean


def percent_rank(outcome: FloatArray) -> FloatArray:
    """Return the place of each outcome in its row, from 0 for the worst to 1 for the best.

    ``(rank - 1) / (n - 1)`` over the *n* numbers of the row. Equal outcomes share the mean of their places, so that the
    order of the symbols never decides. An outcome that stands alone in its row has no place: it is missing.

    Parameters
    ----------
    outcome
        ``float64 (n_times, n_symbols)``.

    Examples
    --------
    >>> percent_rank(np.array([[0.1, 0.3, 0.1], [0.2, np.nan, np.nan]])).tolist()
    [[0.25, 1.0, 0.25], [nan, nan, nan]]
    """
    return (average_ranks(outcome) - 1.0) / _others(outcome)


def among_best(outcome: FloatArray, share: float) -> FloatArray:
    """Return 1 where an outcome is among the best of its row, 0 where it is not; missing where it has no place.

    ``percent_rank > 1 - share``: of *n* different outcomes exactly ``share * n`` where that is a whole number. Equal
    outcomes share the mean of their places, so that they are among the best together or not at all.

    Parameters
    ----------
    outcome
        ``float64 (n_times, n_symbols)``.
    share
        How many of the row, between 0 and 1.

    Raises
    ------
    InputError
        If the share is not between 0 and 1.

    Examples
    --------
    >>> among_best(np.array([[0.1, 0.5, np.nan, 0.4, 0.2, 0.3]]), 0.4).tolist()
    [[0.0, 1.0, nan, 1.0, 0.0, 0.0]]
    """
    if not 0.0 < share < 1.0:
        raise InputError(found=f"a share of {share}", expected="a fraction between 0 and 1", hint="a fifth is 0.2")
    place = percent_rank(outcome)
    return np.where(np.isnan(place), np.nan, place > 1.0 - share)


def rank_bucket(outcome: FloatArray, buckets: int) -> FloatArray:
    """Return which of some equal parts of its row each outcome falls in, from 0 for the worst.

    ``min(floor(percent_rank * buckets), buckets - 1)``. Equal outcomes fall in one bucket; one that stands alone in its
    row falls in none: it is missing.

    Parameters
    ----------
    outcome
        ``float64 (n_times, n_symbols)``.
    buckets
        How many parts, at least 2.

    Raises
    ------
    InputError
        If there are fewer than two.

    Examples
    --------
    >>> rank_bucket(np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]), 2).tolist()
    [[0.0, 0.0, 1.0, 1.0, 1.0]]
    """
    if buckets < 2:
        raise InputError(found=f"{buckets} buckets", expected="at least 2", hint="correct labels.buckets")
    # Multiplied before it is divided: a whole number then stays one, and no outcome slips into the bucket below.
    place = np.floor((average_ranks(outcome) - 1.0) * buckets / _others(outcome))
    bucket: FloatArray = np.minimum(place, buckets - 1.0)
    return bucket


def _others(outcome: FloatArray) -> FloatArray:
    """Return how many others each row has, ``float64 (n_times, 1)``; NaN where there are none."""
    others = (~np.isnan(outcome)).sum(axis=1, keepdims=True) - 1.0
    return np.where(others > 0.0, others, np.nan)

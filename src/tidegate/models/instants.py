"""Rows that stand side by side at one decision instant: how many, and who is ahead of whom."""

from __future__ import annotations

import numpy as np

from tidegate.core.ranks import average_ranks
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["group_sizes", "percent_places", "rank_buckets"]


def group_sizes(instants: Int64Array) -> Int64Array:
    """Return how many rows each instant has, in order of time.

    Examples
    --------
    >>> group_sizes(np.array([10, 10, 20])).tolist()
    [2, 1]
    """
    starts = np.flatnonzero(np.diff(instants, prepend=instants[:1] - 1))
    sizes: Int64Array = np.diff(starts, append=len(instants))
    return sizes


def percent_places(values: FloatArray, instants: Int64Array) -> FloatArray:
    """Return each row's place among those of its instant: 0 for the least, 1 for the largest, 0.5 where alone.

    ``(rank - 1) / (rows of the instant - 1)``; equal values share the mean of their places.

    Examples
    --------
    >>> percent_places(np.array([3.0, 1.0, 2.0, 9.0]), np.array([10, 10, 10, 20])).tolist()
    [1.0, 0.0, 0.5, 0.5]
    """
    ahead, others = _ahead(values, instants)
    return np.where(others > 0.0, ahead / np.maximum(others, 1.0), 0.5)


def rank_buckets(values: FloatArray, instants: Int64Array, buckets: int) -> FloatArray:
    """Return which of ``buckets`` equal parts of its instant each row falls in, from 0; 0 where it stands alone.

    ``min(floor(percent place * buckets), buckets - 1)``, the rule of the bucket label. It stands here a second time
    because what trades loads models, and must not load what looks ahead.

    Examples
    --------
    >>> rank_buckets(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.zeros(5, dtype=np.int64), 2).tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0]
    """
    ahead, others = _ahead(values, instants)
    # Multiplied before it is divided: a whole number then stays one, and no row slips into the bucket below.
    return np.minimum(np.floor(ahead * buckets / np.maximum(others, 1.0)), buckets - 1.0)


def _ahead(values: FloatArray, instants: Int64Array) -> tuple[FloatArray, FloatArray]:
    """Return how many rows of its instant each row is ahead of, and how many others there are."""
    sizes = group_sizes(instants)
    group = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    beside = np.full((len(sizes), int(sizes.max(initial=0))), np.nan)
    beside[group, place] = values
    return average_ranks(beside)[group, place] - 1.0, np.repeat(sizes - 1.0, sizes)

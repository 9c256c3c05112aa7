"""Ranks, and choices by rank: the one implementation behind features, correlations, universes and portfolios."""

from __future__ import annotations

import numpy as np

from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["average_ranks", "choose"]


def average_ranks(matrix: FloatArray) -> FloatArray:
    """Rank every row on its own; equal values share the mean of the places they take.

    Parameters
    ----------
    matrix
        ``float64 (n_rows, n_places)``; NaN is not ranked.

    Returns
    -------
    ranks
        ``float64``, same shape, 1 for the smallest value of a row up to the count of its numbers; NaN stays
        NaN.

    Examples
    --------
    >>> average_ranks(np.array([[30.0, 10.0, np.nan, 10.0]])).tolist()
    [[3.0, 1.5, nan, 1.5]]
    """
    order = np.argsort(matrix, axis=1)  # NaN comes last, so it never shifts the rank of a number
    ordered = np.take_along_axis(matrix, order, axis=1)
    opens = np.ones(ordered.shape, dtype=bool)
    opens[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    closes = np.ones(ordered.shape, dtype=bool)
    closes[:, :-1] = opens[:, 1:]

    place = np.arange(1, matrix.shape[1] + 1, dtype=np.float64)
    first = np.maximum.accumulate(np.where(opens, place, 0.0), axis=1)
    last = np.minimum.accumulate(np.where(closes, place, np.inf)[:, ::-1], axis=1)[:, ::-1]

    ranks = np.empty(matrix.shape, dtype=np.float64)
    np.put_along_axis(ranks, order, (first + last) / 2.0, axis=1)
    ranks[np.isnan(matrix)] = np.nan
    return ranks


def choose(order: Int64Array, held: Mask, top_n: int, retain_top_n: int) -> Int64Array:
    """Return at most ``top_n`` places in order of rank: held ones within the band first, then the best others.

    Parameters
    ----------
    order
        Places by rank, best first.
    held
        ``bool (n_symbols,)``: names that are in already and may stay.
    retain_top_n
        Width of the band below ``top_n`` in which a held name may stay; it spares needless changes.

    Examples
    --------
    >>> held = np.array([False, False, False, True])
    >>> choose(np.array([0, 1, 2, 3]), held, top_n=2, retain_top_n=2).tolist()
    [0, 3]
    """
    ranks = np.arange(len(order))
    stays = held[order] & (ranks < top_n + retain_top_n)
    kept = np.flatnonzero(stays)[:top_n]
    others = np.flatnonzero(~stays)[: top_n - len(kept)]
    chosen: Int64Array = order[np.sort(np.concatenate([kept, others]))]
    return chosen

"""Ranks, and choices by rank: the one implementation behind features, correlations, universes and portfolios."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["average_ranks", "choose"]

_CELLS_PER_BLOCK: Final = 2**16
_REPAIRS: Final = 8
_LARGEST: Final = np.iinfo(np.int64).max


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
    ranks = np.empty(matrix.shape, dtype=np.float64)
    step = max(_CELLS_PER_BLOCK // max(matrix.shape[1], 1), 1)
    for first in range(0, len(matrix) if matrix.size else 0, step):
        rows = np.ascontiguousarray(matrix[first : first + step])
        absent = np.isnan(rows)
        order = _ascending(rows, absent)
        block = ranks[first : first + step].reshape(-1)
        block[order] = _shared_places(rows.reshape(-1)[order])
        block[absent.reshape(-1)] = np.nan
    return ranks


def _ascending(rows: FloatArray, absent: Mask) -> Int64Array:
    """Return which cells of the flattened rows hold the values of each row in ascending order, NaN last.

    Sorting numbers is ten times faster than sorting places by them. The bits of a float64, read as an integer, sort as
    the number does once those of negative numbers are turned over, and the place is written over the lowest of them.
    Numbers that differ in those alone may come out in the wrong order; that is put right afterwards.
    """
    width = rows.shape[1]
    lowest = (1 << width.bit_length()) - 1
    bits = rows.view(np.int64)
    keys = bits ^ ((bits >> 63) & _LARGEST)
    keys[absent] = _LARGEST
    keys &= ~lowest
    keys |= np.arange(width)
    keys.sort(axis=1)
    keys &= lowest
    starts = np.arange(0, rows.size, width)[:, np.newaxis]
    keys += starts
    _exchange_neighbours(keys, rows.reshape(-1))
    if (wrong := _descends(keys, rows).any(axis=1)).any():
        keys[wrong] = np.argsort(rows[wrong], axis=1) + starts[wrong]
    return keys


def _exchange_neighbours(order: Int64Array, values: FloatArray) -> None:
    """Exchange neighbours in the wrong order, a few times over: enough where equal prices differ by round-off."""
    line = order.reshape(-1)
    for _ in range(_REPAIRS):
        wrong = np.flatnonzero(_descends(order, values))
        if not wrong.size:
            return
        wrong = wrong[np.diff(wrong, prepend=-2) > 1]
        line[wrong], line[wrong + 1] = line[wrong + 1], line[wrong]


def _descends(order: Int64Array, values: FloatArray) -> Mask:
    """Return where a value is followed by a smaller one, ``bool`` in the shape of ``order``; never at a row's end."""
    ordered = values.reshape(-1)[order]
    descends = np.zeros(order.shape, dtype=bool)
    np.greater(ordered[:, :-1], ordered[:, 1:], out=descends[:, :-1])
    return descends


def _shared_places(ordered: FloatArray) -> FloatArray:
    """Return places 1, 2, ... along ascending rows; equal values share the mean of theirs."""
    places = np.empty(ordered.shape)
    places[:] = np.arange(1.0, ordered.shape[1] + 1.0)
    continues = np.zeros(ordered.shape, dtype=bool)
    np.equal(ordered[:, 1:], ordered[:, :-1], out=continues[:, 1:])
    tied = np.flatnonzero(continues)
    if tied.size:
        line = places.reshape(-1)
        runs = np.flatnonzero(np.diff(tied, prepend=-2) > 1)
        opens, further = tied[runs] - 1, np.diff(runs, append=tied.size)
        mean = line[opens] + further / 2.0
        line[opens], line[tied] = mean, np.repeat(mean, further)
    return places


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

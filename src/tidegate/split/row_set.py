"""Rows of a split without a copy: ranges of rows in time order, and the few that survive near a border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.units import Int64Array

__all__ = ["RowSet"]


@dataclass(frozen=True, eq=False, slots=True)
class RowSet:
    """Some of *n* rows, held as ranges; indices are made when they are asked for.

    Parameters
    ----------
    pieces
        In time order and disjoint: ``(start, stop)`` is a range of places in the order of time, an ``int64`` array
        holds single places. Rows that survive a purge stand in such an array, because ends of mixed horizons are not
        in order there.
    order
        ``int64 (n,)``, the row at each place in the order of time.

    Examples
    --------
    >>> rows = RowSet(((0, 2), np.array([3])), np.array([5, 4, 3, 2, 1, 0]))
    >>> len(rows), rows.indices().tolist()
    (3, [5, 4, 2])
    """

    pieces: tuple[tuple[int, int] | Int64Array, ...]
    order: Int64Array

    def __len__(self) -> int:
        return sum(piece[1] - piece[0] if isinstance(piece, tuple) else piece.size for piece in self.pieces)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The pieces that are ranges ``[start, stop)`` of places."""
        return tuple(piece for piece in self.pieces if isinstance(piece, tuple))

    @property
    def tails(self) -> tuple[Int64Array, ...]:
        """The pieces that are single places, ``int64``."""
        return tuple(piece for piece in self.pieces if not isinstance(piece, tuple))

    def indices(self) -> Int64Array:
        """Return the rows, ``int64``, in the order of time."""
        rows = np.empty(len(self), dtype=np.int64)
        filled = 0
        for piece in self.pieces:
            found = self.order[slice(*piece)] if isinstance(piece, tuple) else self.order[piece]
            rows[filled : filled + found.size] = found
            filled += found.size
        return rows

"""Samples in the order of time, cut into groups that never cut an instant, and what labels leave beside a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.spans import Spans
from tidegate.core.units import Int64Array
from tidegate.split.row_set import RowSet

__all__ = ["Survivors", "TimeGroups"]

_LONGEST_EMBARGO = 2**60


@dataclass(frozen=True, eq=False, kw_only=True)
class Survivors:
    """What each group as a test leaves of its neighbours, as places in the order of time.

    Parameters
    ----------
    sure
        Per group, the place before which no label is long enough to reach it.
    tails
        Per group, the places from there to the group whose labels end at or before its first start.
    after
        Per group, the first place whose start is not before the group's last label end and the embargo behind it.
    """

    sure: tuple[int, ...]
    tails: tuple[Int64Array, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class TimeGroups:
    """Samples in the order of time, and where their groups begin.

    Parameters
    ----------
    order
        ``int64 (n,)``, the row at each place in the order of time.
    start, end
        ``int64 (n,)``, the spans in that order.
    bounds
        ``n_groups + 1`` places: group *g* holds ``bounds[g]`` to ``bounds[g + 1]``.
    longest
        Length of the longest span in microseconds.
    embargo
        Microseconds kept free after the last label of a test group.
    """

    order: Int64Array
    start: Int64Array
    end: Int64Array
    bounds: tuple[int, ...]
    longest: int
    embargo: int

    @classmethod
    def of(cls, spans: Spans, n_groups: int, embargo: int) -> Self:
        """Order samples and cut them.

        Raises
        ------
        InputError
            If there are fewer instants than groups, or the embargo is no length of time.
        """
        if not 0 <= embargo <= _LONGEST_EMBARGO:
            raise InputError(
                found=f"an embargo of {embargo} microseconds",
                expected="a length of time, 0 or more",
                hint="one bar and the longest horizon is usual: tidegate.core.time holds DAY, HOUR and MINUTE",
            )
        start, end = spans.start, spans.end
        order = np.arange(len(spans), dtype=np.int64)
        if np.any(start[1:] < start[:-1]):
            order = np.argsort(start, kind="stable")
            start, end = start[order], end[order]
        return cls(
            order=order,
            start=start,
            end=end,
            bounds=_bounds(start, n_groups),
            longest=int((end - start).max()),
            embargo=int(embargo),
        )

    def survivors(self) -> Survivors:
        """Return what each group leaves of its neighbours: one pass over the ends, and a search for each group."""
        bounds = np.array(self.bounds, dtype=np.int64)
        first = self.start[bounds[:-1]]
        reach = np.maximum.reduceat(self.end, bounds[:-1])
        sure = np.searchsorted(self.start, first - self.longest, side="right")
        after = np.maximum(np.searchsorted(self.start, reach + self.embargo, side="left"), bounds[1:])
        tails = [
            np.flatnonzero(self.end[low:high] <= begins) + low
            for low, high, begins in zip(sure, bounds[:-1], first, strict=True)
        ]
        return Survivors(sure=tuple(sure.tolist()), tails=tuple(tails), after=tuple(after.tolist()))

    def sides(self, chosen: tuple[int, ...], survivors: Survivors) -> tuple[RowSet, RowSet]:
        """Return training and test of the split that tests some groups, given in ascending order.

        Raises
        ------
        DataError
            If purge and embargo leave nothing to train on.
        """
        pieces: list[tuple[int, int] | Int64Array] = []
        free = 0
        for group in chosen:
            if self.bounds[group] > free:
                sure, tail = survivors.sure[group], survivors.tails[group]
                if sure > free:
                    pieces.append((free, sure))
                else:
                    tail = tail[np.searchsorted(tail, free) :]
                if tail.size:
                    pieces.append(tail)
            # A label of this group may reach further than all labels of the test group behind it.
            free = max(free, survivors.after[group])
        if free < self.order.size:
            pieces.append((free, self.order.size))
        if not pieces:
            raise DataError(
                found=f"nothing to train on beside the test groups {', '.join(map(str, chosen))}",
                expected="samples outside the test whose labels do not reach into it",
                hint="take more groups, shorter labels or a shorter embargo",
            )
        test = tuple((self.bounds[group], self.bounds[group + 1]) for group in chosen)
        return RowSet(tuple(pieces), self.order), RowSet(test, self.order)

    def kept(self, train: RowSet, chosen: tuple[int, ...]) -> bool:
        """Return whether every piece of training keeps away from every label of the test groups."""
        return all(self._apart(piece, group) for piece in train.pieces for group in chosen)

    def _apart(self, piece: tuple[int, int] | Int64Array, group: int) -> bool:
        low, high = self.bounds[group], self.bounds[group + 1]
        first, last = (piece[0], piece[1] - 1) if isinstance(piece, tuple) else (piece[0], piece[-1])
        if last < low:
            ends = self.end[slice(*piece)] if isinstance(piece, tuple) else self.end[piece]
            return bool(ends.max() <= self.start[low])
        return bool(first >= high and self.start[first] >= self.end[low:high].max() + self.embargo)


def _bounds(start: Int64Array, n_groups: int) -> tuple[int, ...]:
    """Return where groups begin: equal numbers of samples, moved to the nearest beginning of an instant."""
    wished = np.linspace(0, start.size, n_groups + 1).astype(np.int64)
    if start.size >= n_groups:
        inner = start[wished[1:-1]]
        before, behind = (np.searchsorted(start, inner, side=side) for side in ("left", "right"))
        nearest = np.where(wished[1:-1] - before <= behind - wished[1:-1], before, behind)
        bounds = np.concatenate(([0], nearest, [start.size]))
        if np.all(bounds[1:] > bounds[:-1]):
            return tuple(bounds.tolist())
    return _bounds_of_few_instants(start, wished)


def _bounds_of_few_instants(start: Int64Array, wished: Int64Array) -> tuple[int, ...]:
    """Return the same where instants are so few or so full that the nearest beginnings coincide."""
    begins = np.append(np.flatnonzero(np.diff(start, prepend=start[:1] - 1)), start.size)
    instants, n_groups = begins.size - 1, wished.size - 1
    if instants < n_groups:
        raise InputError(
            found=f"{start.size} samples at {instants} instants",
            expected=f"at least {n_groups} instants, one for each group",
            hint="take fewer groups; an instant with all its symbols stays on one side",
        )
    chosen = [0]
    for group in range(1, n_groups):
        nearest = int(np.argmin(np.abs(begins - wished[group])))
        chosen.append(min(max(nearest, chosen[-1] + 1), instants - (n_groups - group)))
    return tuple(begins[[*chosen, instants]].tolist())

"""Bars against their calendar: which ones are there, which are missing, in which stretches.

Everything here is arithmetic on *ordinals*: places in the ascending array of bar closes that a calendar owes.
Instants become ordinals in one function, so that the two can never be mixed up (D-20).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tidegate.core.units import Int64Array, Mask

__all__ = ["Coverage", "Months", "Stretches", "cover", "shared_stretches"]


@dataclass(frozen=True, eq=False)
class Stretches:
    """Runs of consecutive ordinals ``[start, stop)``, each of one member; sorted by member and start.

    Parameters
    ----------
    member, start, stop
        ``int64 (n_stretches,)``.
    """

    member: Int64Array
    start: Int64Array
    stop: Int64Array

    def of(self, member: int) -> slice:
        """Return the places of one member's stretches."""
        first, last = np.searchsorted(self.member, [member, member + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True, eq=False)
class Months:
    """Bars per member and month.

    Parameters
    ----------
    names
        Months as ``2024-01``, ascending.
    expected, present
        ``int64 (n_members, n_months)``.
    """

    names: list[str]
    expected: Int64Array
    present: Int64Array


@dataclass(frozen=True, eq=False)
class Coverage:
    """Bars of several members laid on one grid of owed closes.

    Parameters
    ----------
    grid
        ``int64 (n_grid,)``: owed closes, microseconds UTC, ascending.
    start, stop
        ``int64 (n_members,)``: each member's life ``[start, stop)`` in ordinals.
    member, ordinal
        ``int64 (n_bars,)``: whose bar, and its ordinal, or -1 for a bar that the calendar does not owe.
    gaps
        The stretches of each life without a bar.
    """

    grid: Int64Array
    start: Int64Array
    stop: Int64Array
    member: Int64Array
    ordinal: Int64Array
    gaps: Stretches

    @cached_property
    def expected(self) -> Int64Array:
        """``(n_members,)``: owed bars of each life."""
        return self.stop - self.start

    @cached_property
    def present(self) -> Int64Array:
        """``(n_members,)``: owed bars that are there."""
        return np.bincount(self.member[self.ordinal >= 0], minlength=len(self.start)).astype(np.int64)

    @cached_property
    def unexpected(self) -> Int64Array:
        """``(n_members,)``: bars that the calendar does not owe."""
        return np.bincount(self.member[self.ordinal < 0], minlength=len(self.start)).astype(np.int64)

    def months(self) -> Months:
        """Count by the month in which a bar ends; a bar that ends at midnight belongs to the day before."""
        month_of = (self.grid - 1).astype("datetime64[us]").astype("datetime64[M]")
        months, begins = np.unique(month_of, return_index=True)
        edges = np.append(begins, len(self.grid)).astype(np.int64)
        lives = np.clip(edges[None, :], self.start[:, None], self.stop[:, None])
        hit = self.ordinal >= 0
        month = np.searchsorted(edges, self.ordinal[hit], side="right") - 1
        cells = len(self.start) * len(months)
        counted = np.bincount(self.member[hit] * len(months) + month, minlength=cells)
        present = counted.astype(np.int64).reshape(len(self.start), len(months))
        return Months(months.astype(str).tolist(), np.diff(lives, axis=1), present)


def cover(grid: Int64Array, member: Int64Array, times: Int64Array, first: Int64Array, last: Int64Array) -> Coverage:
    """Lay bars on a grid.

    Parameters
    ----------
    grid
        Owed closes, ascending.
    member, times
        ``int64 (n_bars,)``: whose bar, and its close; sorted by member and time, no bar twice.
    first, last
        ``int64 (n_members,)``: the instants between which, both inclusive, each member is owed bars.

    Examples
    --------
    >>> day = np.arange(10) * 100
    >>> times = np.array([200, 300, 700])
    >>> coverage = cover(day, np.zeros(3, dtype=np.int64), times, times[:1], times[-1:])
    >>> int(coverage.expected[0]), int(coverage.present[0])
    (6, 3)
    >>> coverage.gaps.start.tolist(), coverage.gaps.stop.tolist()
    ([4], [7])
    """
    start, stop = np.searchsorted(grid, first), np.searchsorted(grid, last, side="right")
    place = np.searchsorted(grid, times)
    owed = np.zeros(len(times), dtype=np.bool_)
    inside = place < len(grid)
    owed[inside] = grid[place[inside]] == times[inside]
    ordinal = np.where(owed, place, -1)
    gaps = _gaps(member[owed], place[owed], start, stop)
    return Coverage(grid=grid, start=start, stop=stop, member=member, ordinal=ordinal, gaps=gaps)


def shared_stretches(coverage: Coverage, listed: Mask) -> tuple[Stretches, Int64Array]:
    """Return the stretches in which every listed member alive is without a bar, and how many those were.

    At least two members must be alive: what one member alone lacks is its own gap. The ``member`` of each
    stretch is 0.

    Parameters
    ----------
    coverage
        Bars on their grid.
    listed
        ``bool (n_members,)``: members that have a bar at all; the others say nothing about a common cause.
    """
    size, gaps = len(coverage.grid), coverage.gaps
    counts = listed[gaps.member]
    alive = _depth(coverage.start[listed], coverage.stop[listed], size)
    lacking = _depth(gaps.start[counts], gaps.stop[counts], size)
    common = np.concatenate(([False], (alive >= 2) & (lacking == alive), [False])).astype(np.int8)
    change = np.diff(common)
    begins, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    widest = np.array([alive[i:j].max() for i, j in zip(begins, ends, strict=True)], dtype=np.int64)
    return Stretches(np.zeros_like(begins), begins, ends), widest


def _gaps(member: Int64Array, ordinal: Int64Array, start: Int64Array, stop: Int64Array) -> Stretches:
    """Return the jumps of the ordinal between neighbours, and from the ends of a life to its outer bars."""
    new = np.ones(len(member), dtype=np.bool_)
    new[1:] = member[1:] != member[:-1]
    before = np.empty_like(ordinal)
    before[1:] = ordinal[:-1]
    before[new] = start[member[new]] - 1
    final = np.ones(len(member), dtype=np.bool_)
    final[:-1] = new[1:]
    latest = start - 1
    latest[member[final]] = ordinal[final]

    inner, tail = ordinal - before > 1, np.flatnonzero(stop - latest > 1)
    whose = np.concatenate((member[inner], tail))
    begin = np.concatenate((before[inner], latest[tail])) + 1
    end = np.concatenate((ordinal[inner], stop[tail]))
    order = np.lexsort((begin, whose))
    return Stretches(whose[order], begin[order], end[order])


def _depth(start: Int64Array, stop: Int64Array, size: int) -> Int64Array:
    """Return how many of the stretches hold each ordinal."""
    opened, closed = (np.bincount(edge, minlength=size + 1)[: size + 1] for edge in (start, stop))
    return np.cumsum(opened - closed)[:size].astype(np.int64)

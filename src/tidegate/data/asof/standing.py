"""Which row of a slow source was, at each instant, the newest known one: the array core of every as-of join.

A row counts from its ``known_time`` on, until one about a newer event is known or it grows too old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tidegate.core.units import Int64Array, Mask

__all__ = ["Standing", "newest_known"]

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Standing:
    """Which row of a source stands at each of many instants, as runs of instants.

    Parameters
    ----------
    rows
        ``int64 (n_runs,)`` row of the source, or -1 where none stands.
    lengths
        ``int64 (n_runs,)`` how many instants in a row it stands at; they add up to all instants.
    """

    rows: Int64Array
    lengths: Int64Array

    def spread(self, values: npt.NDArray[_Value], absent: float) -> npt.NDArray[_Value]:
        """Return one value per instant: that of the row that stands there, or ``absent``."""
        found = np.full(len(self.rows), absent, dtype=values.dtype)
        present = self.rows >= 0
        found[present] = values[self.rows[present]]
        return np.repeat(found, self.lengths)

    @property
    def stands(self) -> Mask:
        """``bool (n_instants,)`` whether any row stands there."""
        return np.repeat(self.rows >= 0, self.lengths)

    @staticmethod
    def joined(parts: Sequence[Standing]) -> Standing:
        """Return several stretches of instants, one after the other, as one."""
        return Standing(np.concatenate([part.rows for part in parts]), np.concatenate([part.lengths for part in parts]))


def newest_known(
    times: Int64Array,
    known: Int64Array,
    event: Int64Array,
    *,
    maximum_age: int,
    recorded: Int64Array | None = None,
) -> Standing:
    """Return which row of one source was, at each instant, the newest known and still young enough.

    The few are sought among the many: each row's ``known`` among ``times``. The answer is therefore runs of instants,
    and spreading a value over them costs one pass of writing.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending instants of decisions.
    known, event
        ``int64 (m,)`` instants, in any order: when each row became known, and what it is about. The row with the newest
        event among those with ``known <= t`` stands at ``t``; of one event, the row that was known last. A restatement
        of an older event therefore never stands in for a newer event that was known before it, and what was announced
        ahead never for what is.
    maximum_age
        Microseconds since the event after which a value counts as missing.
    recorded
        ``int64 (m,)`` decides between rows of one event that were known at once: the later record wins. Without it
        the later row does.

    Examples
    --------
    >>> times = np.array([10, 20, 30, 40])
    >>> standing = newest_known(times, np.array([15, 30]), np.array([14, 24]), maximum_age=6)
    >>> standing.spread(np.array([1.0, 2.0]), np.nan).tolist()
    [nan, 1.0, 2.0, nan]
    """
    known = np.maximum(known, event)  # what was announced ahead stands from when it happens
    rows = _ever_newest(known, event, recorded)
    starts = _first_not_before(times, known[rows])
    ends = np.append(starts, len(times))[1:]
    if not (seen := ends > starts).all():
        rows, starts, ends = rows[seen], starts[seen], ends[seen]
    before = starts[:1] if len(starts) else np.array([len(times)])
    # Only where the last instant of a run is too late for its event is the end of its youth sought.
    old = np.flatnonzero(times[ends - 1] - event[rows] > maximum_age)
    if not len(old):
        return Standing(np.append(-1, rows), np.append(before, ends - starts))
    fresh = ends.copy()
    fresh[old] = np.maximum(np.searchsorted(times, event[rows[old]] + maximum_age, side="right"), starts[old])
    runs, lengths = np.full(2 * len(rows) + 1, -1), np.append(before, np.repeat(ends, 2))
    runs[1::2], lengths[1::2], lengths[2::2] = rows, fresh - starts, ends - fresh
    return Standing(runs, lengths)


def _first_not_before(times: Int64Array, instants: Int64Array) -> Int64Array:
    """Return the place in ``times`` of the first one at or after each instant, as ``np.searchsorted`` does.

    On a grid without holes arithmetic tells the place in a third of the time; where the neighbours say that it did not,
    the place is sought.
    """
    if len(times) < 2:
        return np.searchsorted(times, instants)
    last = len(times) - 1
    step = max(int(times[last] - times[0]) // last, 1)
    places: Int64Array = np.clip(-((times[0] - instants) // step), 0, last + 1)
    after = (places == 0) | (times[np.maximum(places - 1, 0)] < instants)
    wrong = np.flatnonzero(~(after & ((places > last) | (times[np.minimum(places, last)] >= instants))))
    places[wrong] = np.searchsorted(times, instants[wrong])
    return places


def _ever_newest(known: Int64Array, event: Int64Array, recorded: Int64Array | None) -> Int64Array:
    """Return, in the order of ``known``, the rows about an event at least as new as all that were known before."""
    if np.all(known[1:] > known[:-1]):
        order = np.arange(len(known))
    else:
        order = np.lexsort((event, known) if recorded is None else (recorded, event, known))
        event = event[order]
    if np.all(event[1:] >= event[:-1]):
        return order
    return order[event >= np.maximum.accumulate(event)]

"""When labels are known."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.spans import Spans
from tidegate.core.units import Int64Array

__all__ = ["NEVER", "ends_at", "spans_until"]

NEVER: Final = int(np.iinfo(np.int64).max)
"""The end of a label that is not known within the data."""


def ends_at(times: Int64Array, exits: Int64Array) -> Int64Array:
    """Return the instant at which the label of each row is known, ``int64 (n_times,)``; ``NEVER`` beyond the data.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants.
    exits
        ``int64 (n,)``: the row that ends the label of each of the first *n* rows.
    """
    ends = np.full(len(times), NEVER, dtype=np.int64)
    ends[: len(exits)] = times[exits]
    return ends


def spans_until(times: Int64Array, ends: Int64Array) -> Spans:
    """Return the spans from each decision to its end: of the first rows, as many as have one.

    Examples
    --------
    >>> spans_until(np.array([10, 20, 30]), np.array([20, 30, NEVER])).end.tolist()
    [20, 30]
    """
    count = int(np.searchsorted(ends, NEVER))
    return Spans(times[:count], ends[:count])

"""When a book is rebalanced."""

from __future__ import annotations

import numpy as np

from tidegate.core.time import DAY
from tidegate.core.units import Int64Array, Mask

__all__ = ["opens_new_week"]

_THURSDAY_OFFSET = 3  # 1970-01-01 was a Thursday, so day 3 before it opened its ISO week


def opens_new_week(times: Int64Array) -> Mask:
    """Return which bars are the first of their ISO week; row 0 never is, since nothing was decided before it.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending closes of bars. A bar belongs to the day that ends with or contains its close (UTC).

    Examples
    --------
    >>> friday, monday = 1_704_488_400_000_000, 1_704_747_600_000_000  # 2024-01-05 and -08, 21:00 UTC
    >>> opens_new_week(np.array([friday, monday])).tolist()
    [False, True]
    """
    weeks = ((times - 1) // DAY + _THURSDAY_OFFSET) // 7
    first = np.zeros(len(times), dtype=np.bool_)
    first[1:] = weeks[1:] != weeks[:-1]
    return first

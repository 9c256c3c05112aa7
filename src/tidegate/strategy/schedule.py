"""When a book is rebalanced."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY
from tidegate.core.units import Int64Array, Mask

__all__ = ["fill_sessions", "opens_new_month", "opens_new_week"]

_THURSDAY_OFFSET: Final = 3  # 1970-01-01 was a Thursday, so day 3 before it opened its ISO week
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")


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
    return _first_of(_weeks(_days(times)))


def opens_new_month(times: Int64Array) -> Mask:
    """Return which bars are the first of their calendar month; otherwise as :func:`opens_new_week`."""
    return _first_of(_days(times).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def fill_sessions(times: Int64Array, settings: StrategySettings) -> Mask:
    """Return the rows at which decisions of a strategy fill.

    Weekly is the first session of the ISO week on ``rebalance_day`` or later: a holiday moves the trade to the next
    session (A.4), and a week that has no session left is passed over. Row 0 never trades: a week that the
    data begin within has its trade only if its day is still to come.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending closes of bars, microseconds UTC.
    """
    legacy = settings.legacy
    if settings.rebalance == "monthly":
        return opens_new_month(times)
    if settings.rebalance == "daily" and not legacy.daily_is_weekly:
        every = np.ones(len(times), dtype=np.bool_)
        every[:1] = False
        return every
    day = _WEEKDAYS.index(settings.rebalance_day)
    weekdays = (_days(times) + _THURSDAY_OFFSET) % 7
    if legacy.holiday_week_skipped:
        due: Mask = _first_of(_days(times)) & (weekdays == day)
        return due
    return _first_reaching(_weeks(_days(times)), weekdays >= day)


def _first_reaching(weeks: Int64Array, reached: Mask) -> Mask:
    """Return the first row of each week that is reached; row 0 never is one."""
    marks = np.where(reached, weeks, weeks.min(initial=0) - 1)
    first = np.zeros(len(weeks), dtype=np.bool_)
    first[1:] = reached[1:] & (marks[1:] != marks[:-1])
    return first


def _days(times: Int64Array) -> Int64Array:
    days: Int64Array = (times - 1) // DAY
    return days


def _weeks(days: Int64Array) -> Int64Array:
    weeks: Int64Array = (days + _THURSDAY_OFFSET) // 7
    return weeks


def _first_of(periods: Int64Array) -> Mask:
    first = np.zeros(len(periods), dtype=np.bool_)
    first[1:] = periods[1:] != periods[:-1]
    return first

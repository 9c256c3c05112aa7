"""Days on which offices in Washington and markets in New York both work."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.units import Int64Array
from tidegate.data.calendars import trading_calendar

__all__ = ["next_business_day"]

_FIRST_YEAR: Final = 1950
_LAST_YEAR: Final = 2100
_FIXED: Final = (
    (1, 1), (6, 19), (7, 4), (11, 11), (12, 25),
    # By order of the president offices are often closed on the days around Christmas; later is safer than earlier.
    (12, 24), (12, 26),
)  # fmt: skip
_NTH_WEEKDAYS: Final = ((1, 0, 3), (2, 0, 3), (9, 0, 1), (10, 0, 2), (11, 3, 4))
"""Month, weekday and its number: King, Washington, Labor, Columbus, Thanksgiving."""


def next_business_day(days: pl.Series) -> pl.Series:
    """Return the first business day after each date.

    A business day is a weekday that is neither a federal holiday nor one on which the New York stock exchange stays
    closed. Where only one of the two works, as on Good Friday or Columbus Day, nothing counts as published.

    Examples
    --------
    >>> next_business_day(pl.Series([date(2023, 10, 6)])).to_list()  # the Friday before Columbus Day
    [datetime.date(2023, 10, 10)]
    """
    known = days.is_not_null()
    following = days.fill_null(date(1970, 1, 1)).to_numpy().astype("datetime64[D]") + 1
    first = np.busday_offset(following, 0, roll="forward", holidays=_holidays())
    return pl.select(pl.when(known).then(pl.Series(first.astype("datetime64[ms]")).cast(pl.Date))).to_series()


@lru_cache(maxsize=1)
def _holidays() -> Any:
    federal = [day for year in range(_FIRST_YEAR, _LAST_YEAR) for day in _federal(year)]
    sessions: Int64Array = trading_calendar("XNYS").days
    between = np.arange(sessions[0], sessions[-1] + 1)
    closed = between[~np.isin(between, sessions)].astype("datetime64[D]")
    return np.unique(np.concatenate([np.array(federal, dtype="datetime64[D]"), closed]))


def _federal(year: int) -> list[date]:
    days = [_observed(date(year, month, day)) for month, day in _FIXED]
    days += [_nth(year, month, weekday, number) for month, weekday, number in _NTH_WEEKDAYS]
    last_of_may = date(year, 5, 31)
    days.append(last_of_may - timedelta(days=last_of_may.weekday()))
    if year % 4 == 1:
        days.append(date(year, 1, 20))  # a president is sworn in
    return days


def _observed(day: date) -> date:
    """Return the weekday on which offices stay closed for a holiday on a weekend."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))

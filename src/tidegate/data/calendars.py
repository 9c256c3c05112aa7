"""Trading calendars: when a market was open, so that a gap is told from a holiday."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.panel import read_only
from tidegate.core.time import DAY, BarInterval, format_instant
from tidegate.core.units import Int64Array, Mask

__all__ = ["CONTINUOUS", "TradingCalendar", "trading_calendar"]

CONTINUOUS: Final = "24/7"
"""The calendar of markets that never close."""

_FIRST_YEAR: Final = {"XNYS": "1970-01-01", "XSHG": "1990-12-19"}
_DEFAULT_FIRST: Final = "1990-01-01"
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class TradingCalendar:
    """Sessions of one market.

    Parameters
    ----------
    name
        A name of ``exchange_calendars`` such as ``XNYS`` or ``XSHG``, or ``24/7``.
    days
        ``int64 (n_sessions,)``: session dates as days since 1970-01-01; empty for ``24/7``.
    opens, closes
        ``int64 (n_sessions,)``: instants, microseconds UTC.
    break_starts, break_ends
        The midday break of each session; both equal to the open where there is none.
    """

    name: str
    days: Int64Array
    opens: Int64Array
    closes: Int64Array
    break_starts: Int64Array
    break_ends: Int64Array

    @property
    def is_continuous(self) -> bool:
        """Whether the market never closes."""
        return self.name == CONTINUOUS

    def closes_of(self, days: Int64Array) -> tuple[Int64Array, Mask]:
        """Return the close of each day and whether it is a session at all.

        For ``24/7`` the session of a day ends at the next midnight UTC.
        """
        if self.is_continuous:
            return (days + 1) * DAY, np.ones(len(days), dtype=np.bool_)
        place = np.searchsorted(self.days, days)
        inside = np.minimum(place, len(self.days) - 1)
        return self.closes[inside], self.days[inside] == days

    def expected(self, interval: BarInterval, start: int, end: int) -> Int64Array:
        """Return every bar close that the market owes within ``[start, end]``, ascending.

        Bars shorter than a session count from its open and again from the end of its midday break; the last one
        before a break or a close ends there.

        Raises
        ------
        InputError
            If the calendar does not reach as far as asked.
        """
        if self.is_continuous:
            step = interval.microseconds
            return np.arange(-(-start // step) * step, end + 1, step, dtype=np.int64)
        self._require(start, end)
        if interval.is_session:
            return self.closes[np.searchsorted(self.closes, start) : np.searchsorted(self.closes, end, side="right")]
        sessions = slice(np.searchsorted(self.closes, start), np.searchsorted(self.opens, end, side="right"))
        parts = ((self.opens, self.break_starts), (self.break_ends, self.closes))
        bars = [
            _bar_closes(opened, closed, interval.microseconds)
            for opens, closes in parts
            for opened, closed in zip(opens[sessions], closes[sessions], strict=True)
        ]
        every = np.sort(np.concatenate(bars)) if bars else np.empty(0, dtype=np.int64)
        return every[(every >= start) & (every <= end)]

    def _require(self, start: int, end: int) -> None:
        if start < self.opens[0] - DAY or end > self.closes[-1] + 7 * DAY:
            raise InputError(
                found=f"{format_instant(start)} to {format_instant(end)}",
                expected=f"a window inside the calendar {self.name}, {format_instant(self.opens[0])[:10]} to "
                f"{format_instant(self.closes[-1])[:10]}",
                hint="check the dates, or name another calendar",
            )


@lru_cache(maxsize=16)
def trading_calendar(name: str) -> TradingCalendar:
    """Return a calendar by its exchange code, with its whole history.

    Raises
    ------
    InputError
        If there is no such calendar.

    Examples
    --------
    >>> trading_calendar("24/7").is_continuous
    True
    >>> days = np.array([19725, 19726])  # Wednesday 2024-01-03 and Thursday
    >>> trading_calendar("XNYS").closes_of(days)[1].tolist()
    [True, True]
    """
    if name == CONTINUOUS:
        nothing = np.empty(0, dtype=np.int64)
        return TradingCalendar(name, *[nothing] * 5)
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        # Without start= the history begins twenty years ago and older bars would look like bars on holidays.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the library's own use of pandas
            warnings.simplefilter("ignore", DeprecationWarning)
            source = exchange_calendars.get_calendar(name, start=_FIRST_YEAR.get(name, _DEFAULT_FIRST))
    except InvalidCalendarName:
        raise InputError(
            found=f"calendar {name!r}",
            expected="an exchange code such as XNYS, XSHG, XHKG, or 24/7",
            hint="see exchange_calendars for the codes",
        ) from None
    days = source.sessions.values.astype("datetime64[D]").astype(np.int64)
    opens, closes = _microseconds(source.opens), _microseconds(source.closes)
    pause = [_microseconds(column.fillna(source.opens)) for column in (source.break_starts, source.break_ends)]
    return TradingCalendar(name, *(read_only(array) for array in (days, opens, closes, *pause)))


def _bar_closes(opened: int, closed: int, step: int) -> Int64Array:
    """Return the closes of bars that fill a stretch of trading; none for an empty stretch."""
    if closed <= opened:
        return np.empty(0, dtype=np.int64)
    return np.append(np.arange(opened + step, closed, step, dtype=np.int64), closed)


def _microseconds(column: object) -> Int64Array:
    values = column.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")  # type: ignore[attr-defined]
    return np.asarray(values.astype(np.int64), dtype=np.int64)

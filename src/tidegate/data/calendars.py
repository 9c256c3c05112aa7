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
    timezone
        IANA name of the market's own clock.
    """

    name: str
    days: Int64Array
    opens: Int64Array
    closes: Int64Array
    break_starts: Int64Array
    break_ends: Int64Array
    timezone: str = "UTC"

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

    def close_of_bar(self, opens: Int64Array, interval: BarInterval) -> tuple[Int64Array, Mask]:
        """Return when the bars that open at these instants close, and whether the market owes such bars.

        A bar ends early where its session or midday break does. For bars shorter than a session.
        """
        if self.is_continuous:
            return opens + interval.microseconds, self.owes_close(opens, interval)
        starts, ends = self._bars(interval, opens)
        place = np.minimum(np.searchsorted(starts, opens), max(len(starts) - 1, 0))
        if not len(starts):
            return opens + interval.microseconds, np.zeros(len(opens), dtype=np.bool_)
        return ends[place], starts[place] == opens

    def owes_close(self, closes: Int64Array, interval: BarInterval) -> Mask:
        """Return whether the market owes a bar that closes at each of these instants."""
        if self.is_continuous:
            on_grid: Mask = closes % interval.microseconds == 0
            return on_grid
        owed: Mask = np.isin(closes, self._bars(interval, closes)[1])
        return owed

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
        every = self.closes if interval.is_session else self._bars(interval, np.array([start, end]))[1]
        return every[np.searchsorted(every, start) : np.searchsorted(every, end, side="right")]

    def _bars(self, interval: BarInterval, around: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return opens and closes of the bars of every session that touches the stretch of these instants."""
        if not len(around):
            return around, around
        sessions = slice(
            np.searchsorted(self.closes, around.min()), np.searchsorted(self.opens, around.max(), side="right")
        )
        parts = ((self.opens, self.break_starts), (self.break_ends, self.closes))
        stretches = [part for opens, closes in parts for part in zip(opens[sessions], closes[sessions], strict=True)]
        starts = [np.arange(opened, closed, interval.microseconds) for opened, closed in stretches]
        ends = [
            np.minimum(start + interval.microseconds, stretch[1])
            for start, stretch in zip(starts, stretches, strict=True)
        ]
        nothing = np.empty(0, dtype=np.int64)
        return np.sort(np.concatenate([nothing, *starts])), np.sort(np.concatenate([nothing, *ends]))

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
        return TradingCalendar(name, nothing, nothing, nothing, nothing, nothing)
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
    opens = _microseconds(source.opens)
    return TradingCalendar(
        name=name,
        days=read_only(source.sessions.values.astype("datetime64[D]").astype(np.int64)),
        opens=read_only(opens),
        closes=read_only(_microseconds(source.closes)),
        break_starts=read_only(_microseconds(source.break_starts.fillna(source.opens))),
        break_ends=read_only(_microseconds(source.break_ends.fillna(source.opens))),
        timezone=str(source.tz),
    )


def _microseconds(column: object) -> Int64Array:
    values = column.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")  # type: ignore[attr-defined]
    return np.asarray(values.astype(np.int64), dtype=np.int64)

"""Instants and bar intervals: UTC, whole microseconds, one representation everywhere.

An *instant* is an ``int``: microseconds since 1970-01-01T00:00:00Z. Arrays of instants are ``int64``. Aware
``datetime`` objects appear only at the edges (files, command line, reports); naive ones are refused.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NewType

from pydantic_core import core_schema

from tidegate.core.errors import InputError

__all__ = [
    "DAILY",
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "BarInterval",
    "Instant",
    "Window",
    "format_instant",
    "instant_of",
    "moment_of",
    "parse_instant",
]

Instant = NewType("Instant", int)

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def instant_of(moment: datetime) -> Instant:
    """Return the instant of an aware ``datetime``.

    Raises
    ------
    InputError
        If ``moment`` carries no time zone: guessing one would shift time silently.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> instant_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc))
    1000000
    """
    if moment.tzinfo is None:
        raise InputError(
            found=f"a time without a zone: {moment.isoformat()}",
            expected="an aware time",
            hint="add an offset such as +00:00",
        )
    return Instant((moment - _EPOCH) // _MICROSECOND)


def moment_of(instant: int) -> datetime:
    """Return the aware UTC ``datetime`` of an instant.

    Examples
    --------
    >>> moment_of(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=int(instant))


def format_instant(instant: int) -> str:
    """Return an instant as ISO text in UTC, without the time of day when it is midnight.

    Examples
    --------
    >>> format_instant(0), format_instant(1_000_000)
    ('1970-01-01', '1970-01-01T00:00:01Z')
    """
    moment = moment_of(instant)
    if instant % DAY == 0:
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")


def parse_instant(text: str | date | datetime) -> Instant:
    """Read ISO text, a date (midnight UTC) or an aware ``datetime`` as an instant.

    Raises
    ------
    InputError
        If the text is not ISO 8601 or has a time of day without a zone.

    Examples
    --------
    >>> parse_instant("1970-01-02")
    86400000000
    >>> parse_instant("1970-01-01T08:00:00+08:00")
    0
    """
    if isinstance(text, datetime):
        return instant_of(text)
    if isinstance(text, date):
        return instant_of(datetime(text.year, text.month, text.day, tzinfo=UTC))
    with suppress(ValueError):
        return parse_instant(date.fromisoformat(text))
    try:
        return instant_of(datetime.fromisoformat(text))
    except ValueError:
        raise InputError(
            found=f"{text!r}",
            expected="an ISO date or time",
            hint="write 2024-01-31 or 2024-01-31T09:30:00+08:00",
        ) from None


class BarInterval(str):
    """The size of a bar, written as a count and a unit: ``5m``, ``1h``, ``1d``.

    A ``1d`` bar covers one session of its calendar; shorter ones cover exactly that much wall time.

    Raises
    ------
    InputError
        If the text is not such a size.

    Examples
    --------
    >>> BarInterval("5m").microseconds
    300000000
    >>> BarInterval("1d").is_session
    True
    """

    __slots__ = ()

    def __new__(cls, text: str) -> BarInterval:
        """Check the text."""
        if not re.fullmatch(r"[1-9][0-9]{0,3}[smh]|1d", text):
            raise InputError(
                found=f"bar interval {text!r}",
                expected="a count of s, m or h, or 1d",
                hint="for example 5m, 1h or 1d",
            )
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        # Settings hold intervals; a wrong one is then reported with its line.
        return core_schema.no_info_plain_validator_function(cls._validated)

    @classmethod
    def _validated(cls, value: object) -> BarInterval:
        try:
            return cls(str(value))
        except InputError as error:
            raise ValueError(error.expected + ", " + error.hint) from None

    @property
    def microseconds(self) -> int:
        """The wall time that one bar covers; for ``1d`` a whole calendar day."""
        return int(self[:-1]) * _UNITS[self[-1]]

    @property
    def is_session(self) -> bool:
        """Whether one bar stands for one trading session rather than a fixed span of wall time."""
        return self[-1] == "d"


DAILY: Final = BarInterval("1d")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of event times, ``start < event_time <= end``; None leaves that side open.

    A bar is stamped with its close, so the window of a day holds the bars that end in it or with it.

    Raises
    ------
    InputError
        If it ends before it starts.

    Examples
    --------
    >>> Window.of_dates(date(1970, 1, 1), date(1970, 1, 1))
    Window(start=0, end=86400000000)
    """

    start: Instant | None = None
    end: Instant | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InputError(
                found=f"a window from {format_instant(self.start)} to {format_instant(self.end)}",
                expected="an end after its start",
                hint="swap the two",
            )

    @classmethod
    def of_dates(cls, start: date | None, end: date | None) -> Window:
        """Return the window of whole UTC days, both inclusive."""
        return cls(
            start=None if start is None else parse_instant(start),
            end=None if end is None else Instant(parse_instant(end) + DAY),
        )

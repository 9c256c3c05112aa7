"""Understanding the fields of a row: text, numbers in their range, instants; what is not usable refuses the row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from tidegate.core.errors import DataError
from tidegate.core.time import DAY, Instant, instant_of, parse_instant
from tidegate.data.connectors.items.reading import read_json_text

__all__ = ["Row", "read_instant", "refusal"]

_EARLIEST: Final = parse_instant("1900-01-01")
_LATEST: Final = parse_instant("2200-01-01")
_EPOCH_UNITS: Final = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))
"""Numbers below the limit are seconds, ms or us since 1970; and how many us one of them is."""
_NUMBER: Final = re.compile(r"-?\d{1,17}(\.\d{1,9})?")
_MISSING: Final = frozenset({"", "na", "n/a", "nan", "none", "null"})
# X writes times in English whatever the language, so the months are spelled here rather than by a locale.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_X_TIME: Final = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{4}) (\d{4})")


def refusal(reason: str) -> DataError:
    """Return the error that sends one row to the quarantine; ``reason`` holds no value, so that reasons can be counted.

    Examples
    --------
    >>> refusal("no time of the event").found
    'no time of the event'
    """
    return DataError(found=reason, expected="a usable row", hint="look at the rejected rows in the quarantine folder")


def read_instant(value: object, *, timezone: str | None = None, day_ends: bool = False) -> Instant:
    """Read a time of any usual form.

    ISO text, the mail format of feeds, the format of X, a date, ``YYYYMMDD[HHMMSS]``, or a number of seconds, ms or us
    since 1970.

    Parameters
    ----------
    timezone
        IANA zone of times without an offset; None refuses them.
    day_ends
        Whether a date without a time of day stands for its last instant (UTC): what was published on a day may not
        have been there before its end. Otherwise it stands for the first.

    Raises
    ------
    DataError
        If it is no time, has no zone, or lies outside 1900 to 2200.

    Examples
    --------
    >>> read_instant("Wed Oct 10 20:19:24 +0000 2018") == read_instant("2018-10-10T20:19:24Z")
    True
    >>> read_instant("1970-01-01", day_ends=True)
    86400000000
    """
    try:
        moment = _moment(value.strip() if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise refusal("an unparsable time") from None
    if isinstance(moment, datetime):
        instant = instant_of(moment if moment.tzinfo else _placed(moment, timezone))
    elif isinstance(moment, date):
        instant = Instant(parse_instant(moment) + (DAY if day_ends else 0))
    else:
        instant = moment
    if not _EARLIEST <= instant < _LATEST:
        raise refusal("a time outside 1900 to 2200")
    return instant


def _moment(value: object) -> datetime | date | Instant:
    if isinstance(value, datetime | date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    if not isinstance(value, str):
        raise TypeError
    if _NUMBER.fullmatch(value):
        return _of_number(float(value) if "." in value else int(value))
    if len(value) == len("2024-01-31"):
        return date.fromisoformat(value)
    written = _X_TIME.fullmatch(value)
    if written:
        month, day, clock, offset, year = written.groups()
        return datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{offset}")
    try:
        return datetime.fromisoformat(f"{value[:-4]}+00:00" if value.endswith((" UTC", " GMT")) else value)
    except ValueError:
        return parsedate_to_datetime(value)


def _of_number(number: float) -> datetime | date | Instant:
    whole = int(number)
    if 19_000_101 <= whole <= 22_001_231 and whole == number:
        return date.fromisoformat(str(whole))
    if 19_000_101_000_000 <= whole <= 22_001_231_235_959 and whole == number:
        text = str(whole)
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}+00:00")
    for limit, factor in _EPOCH_UNITS:
        if abs(whole) < limit:
            return Instant(round(number * factor))
    raise ValueError


def _placed(moment: datetime, timezone: str | None) -> datetime:
    """Return a time on a named clock; one that it shows twice or never says too little."""
    if timezone is None:
        raise refusal("a time without a zone")
    try:
        placed = moment.replace(tzinfo=ZoneInfo(timezone))
    except (KeyError, ValueError, OSError):
        raise refusal("an unknown time zone") from None
    if placed.utcoffset() != placed.replace(fold=1).utcoffset():
        raise refusal("a time that its clock shows twice or never")
    return placed


class Row:
    """The fields of one row by our names.

    Parameters
    ----------
    content
        The row by the source's names.
    columns
        Our name to the source's; a name that is not mapped is looked for under itself.
    timezone
        IANA zone of times without an offset; None refuses them.

    Examples
    --------
    >>> row = Row({"headline": "Up", "likes": "3"}, columns={"title": "headline"})
    >>> row.text("title"), row.number("likes", least=0.0), row.rest()
    ('Up', 3.0, {})
    """

    def __init__(
        self, content: Mapping[str, Any], *, columns: Mapping[str, str] | None = None, timezone: str | None = None
    ) -> None:
        self._content = content
        self._columns = columns or {}
        self._timezone = timezone
        self._read: set[str] = set()

    def value(self, *names: str) -> Any:
        """Return the first of these fields that says anything; None where none does."""
        found = None
        for name in names:
            theirs = self._columns.get(name, name)
            self._read.add(theirs)
            value = self._content.get(theirs)
            if found is None and value is not None and not (isinstance(value, str) and not value.strip()):
                found = value
        return found

    def present(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of many fields that say something, as they are, by our names."""
        found = {}
        for name in names:
            theirs = self._columns.get(name, name)
            self._read.add(theirs)
            value = self._content.get(theirs)
            if value is not None and value != "":
                found[name] = value
        return found

    def text(self, *names: str) -> str | None:
        """Return a field as text; whole numbers are names too."""
        value = self.value(*names)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise refusal(f"{names[0]} is not text")

    def number(self, *names: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        """Return a field as a number between two bounds; None where it says nothing."""
        value = self.value(*names)
        if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (ValueError, TypeError, OverflowError):
            raise refusal(f"{names[0]} is not a number") from None
        if not math.isfinite(number):
            raise refusal(f"{names[0]} is not a number")
        if not least <= number <= most:
            raise refusal(f"{names[0]} outside {least:g} to {most:g}")
        return number

    def instant(self, *names: str, day_ends: bool = False) -> Instant | None:
        """Return a field as an instant; otherwise as :func:`read_instant`."""
        value = self.value(*names)
        return None if value is None else read_instant(value, timezone=self._timezone, day_ends=day_ends)

    def after(self, start: Instant, microseconds: float) -> Instant:
        """Return a later instant, refusing the row where that leaves the calendar."""
        if not 0 <= microseconds < _LATEST - start:
            raise refusal("a delay below 0 or without end")
        return Instant(start + round(microseconds))

    def flag(self, *names: str) -> bool:
        """Return whether a field says yes."""
        value = self.value(*names)
        return value.strip().lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)

    def mapping(self, *names: str) -> dict[str, Any]:
        """Return a field that is a mapping, or JSON text of one; empty where it says nothing."""
        value = _opened(self.value(*names), "{")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise refusal(f"{names[0]} is not a mapping")
        return {str(key): one for key, one in value.items()}

    def several(self, *names: str) -> list[Any]:
        """Return a field that is a list, JSON text of one, or one thing; empty where it says nothing."""
        value = _opened(self.value(*names), "[")
        if value is None:
            return []
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]

    def rest(self) -> dict[str, Any]:
        """Return the fields that say something and were not read, times as ISO text."""
        left = {name: value for name, value in self._content.items() if name not in self._read and value is not None}
        return {str(name): _without_times(value) for name, value in left.items()}


def _opened(value: Any, bracket: str) -> Any:
    """Return what JSON text holds; a table has no other way to keep a list in a cell."""
    if not (isinstance(value, str) and value.lstrip().startswith(bracket)):
        return value
    try:
        return read_json_text(value)
    except ValueError:
        return value


def _without_times(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _without_times(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_times(one) for one in value]
    return value

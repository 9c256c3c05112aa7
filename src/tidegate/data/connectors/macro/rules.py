"""When a value became public, from a rule in words; no rule makes it earlier than the words can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.local_days import day_at, day_end
from tidegate.data.connectors.macro.business_days import next_business_day
from tidegate.data.connectors.macro.series import NEW_YORK
from tidegate.data.tables import MOMENT

__all__ = ["CAUTIOUS_DAYS", "AvailabilityRule", "Period", "period_of", "read_rule", "with_period_end"]

CAUTIOUS_DAYS: Final = 90
"""Days after the end of its period at which a value counts as known whose release date nobody wrote down.

The longest delay of a usual release came from the shutdown of 2025: the first estimate of growth in the third quarter
was published on 23 December, after 84 days.
"""
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")
_SHUTDOWN: Final = (date(2025, 10, 1), date(2025, 11, 26))
"""No weekly release of a department came out as planned: the lapse of appropriations, and two weeks to catch up."""
_SPACINGS: Final = ((4, "1d"), (10, "1w"), (35, "1mo"), (100, "3mo"), (190, "6mo"), (380, "1y"))
"""The usual number of days between two observations is at most this for each period."""

Period = str
"""What one observation is about: 1d, 1w, 1mo, 3mo, 6mo or 1y; a week is named by its last day."""
Instants = Callable[[pl.DataFrame], pl.Series]


@dataclass(frozen=True, kw_only=True)
class AvailabilityRule:
    """A rule in words, understood.

    Parameters
    ----------
    words
        As the source has them.
    period
        What an observation is about, if the words tell; otherwise the spacing of the observations does.
    calendar
        Name of the table of release dates that the words refer to.
    event
        Makes the instants that observations are about from columns ``date`` and ``period_end``, the day after the
        period's last.
    known
        Makes the instants from which on they are public from the same columns.
    """

    words: str
    period: Period | None
    calendar: str | None
    event: Instants
    known: Instants


def read_rule(words: str) -> AvailabilityRule:
    """Understand a rule in words.

    ==================================== ==================================================================
    words                                known from
    ==================================== ==================================================================
    close 16:15 ET same day              that time in New York
    close same day                       the end of the day in New York
    next business day (...)              the end of the next business day in New York
    Thursday 08:30 ET of following week  that time; after the shutdown of 2025 for a week that fell into it
    month end                            the end of the first business day of the next month: the value needs
                                         the month's last day, which comes then
    release date: see TABLE              the table's time; 90 days after the period where it has none
    release date not stored              90 days after the end of the period
    N days after period end              the end of that day in New York
    ==================================== ==================================================================

    A value is about the end of its period, midnight UTC; a close is about itself.

    Raises
    ------
    DataError
        If the words mean nothing here; they are quoted.

    Examples
    --------
    >>> rule = read_rule("next business day (H.15)")
    >>> rule.known(pl.DataFrame({"date": [date(2023, 10, 6)]}))[0].isoformat()
    '2023-10-11T04:00:00+00:00'
    """
    plain = " ".join(words.split()).casefold()
    for pattern, make in _RULES:
        found = re.fullmatch(pattern, plain)
        if found is not None:
            return make(words, found)
    raise DataError(
        found=f"the availability rule {words!r}",
        expected="close HH:MM ET same day; close same day; next business day; WEEKDAY HH:MM ET of following week; "
        "month end; release date: see TABLE; release date not stored; N days after period end",
        hint='name one that is true and late rather than early: --rules "SERIES=next business day"',
    )


def period_of(dates: pl.Series) -> Period | None:
    """Return what an observation is about, by the usual distance between two of them; None where nothing tells.

    Examples
    --------
    >>> period_of(pl.Series([date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]))
    '1mo'
    """
    usual = dates.drop_nulls().unique().sort().diff().dt.total_days().median()
    if not isinstance(usual, int | float):
        return None
    return next((period for most, period in _SPACINGS if usual <= most), None)


def with_period_end(rows: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Add ``period_end``, the day after the last one of the period that each ``date`` lies in.

    Examples
    --------
    >>> with_period_end(pl.DataFrame({"date": [date(2024, 2, 1)]}), "1mo")["period_end"].to_list()
    [datetime.date(2024, 3, 1)]
    """
    if period in {"1d", "1w"}:
        return rows.with_columns((pl.col("date") + timedelta(days=1)).alias("period_end"))
    return rows.with_columns(pl.col("date").dt.truncate(period).dt.offset_by(period).alias("period_end"))


def _period_end(rows: pl.DataFrame) -> pl.Series:
    return rows["period_end"].cast(MOMENT)


def _ends(days: pl.Series) -> pl.Series:
    """Return when days end in New York."""
    return days.to_frame("day").select(day_end("day", NEW_YORK)).to_series()


def _clock(found: re.Match[str], place: int) -> time:
    try:
        return time(int(found[place]), int(found[place + 1]))
    except ValueError:
        raise DataError(
            found=f"the availability rule {found[0]!r}", expected="a time of day from 00:00 to 23:59", hint="correct it"
        ) from None


def _rule(
    words: str, known: Instants, *, period: Period | None = None, calendar: str | None = None
) -> AvailabilityRule:
    return AvailabilityRule(words=words, period=period, calendar=calendar, event=_period_end, known=known)


def _close_at(words: str, found: re.Match[str]) -> AvailabilityRule:
    at = _clock(found, 1)

    def closes(rows: pl.DataFrame) -> pl.Series:
        return rows.select(day_at("date", at, NEW_YORK)).to_series()

    return AvailabilityRule(words=words, period="1d", calendar=None, event=closes, known=closes)


def _close(words: str, _: re.Match[str]) -> AvailabilityRule:
    return _rule(words, lambda rows: _ends(rows["date"]), period="1d")


def _next_business_day(words: str, _: re.Match[str]) -> AvailabilityRule:
    return _rule(words, lambda rows: _ends(next_business_day(rows["date"])), period="1d")


def _month_end(words: str, _: re.Match[str]) -> AvailabilityRule:
    return _rule(words, lambda rows: _ends(next_business_day(rows["period_end"] - timedelta(days=1))), period="1mo")


def _following_week(words: str, found: re.Match[str]) -> AvailabilityRule:
    weekday, at = _WEEKDAYS.index(found[1]), _clock(found, 2)

    def released(rows: pl.DataFrame) -> pl.Series:
        sunday = pl.col("date") + pl.duration(days=7 - pl.col("date").dt.weekday())
        due = (sunday + timedelta(days=1 + weekday)).cast(pl.Date)
        first, caught_up = _SHUTDOWN
        day = pl.when(due.is_between(first, caught_up)).then(pl.lit(caught_up)).otherwise(due)
        return rows.select(day.alias("day")).select(day_at("day", at, NEW_YORK)).to_series()

    return _rule(words, released, period="1w")


def _calendar(words: str, found: re.Match[str]) -> AvailabilityRule:
    return _rule(words, _days_after(CAUTIOUS_DAYS), period="1mo", calendar=found[1])


def _not_stored(words: str, found: re.Match[str]) -> AvailabilityRule:
    return _rule(words, _days_after(CAUTIOUS_DAYS), period=_NAMED.get(found[1] or ""))


def _counted(words: str, found: re.Match[str]) -> AvailabilityRule:
    return _rule(words, _days_after(int(found[1])))


def _days_after(count: int) -> Instants:
    return lambda rows: _ends(rows["period_end"] + timedelta(days=count - 1))


_NAMED: Final = {"daily": "1d", "weekly": "1w", "monthly": "1mo", "quarterly": "3mo", "annual": "1y"}
_RULES: Final[tuple[tuple[str, Callable[[str, re.Match[str]], AvailabilityRule]], ...]] = (
    (r"close (\d\d):(\d\d) et same day", _close_at),
    (r"close same day", _close),
    (r"next business day( \([^()]*\))?", _next_business_day),
    (rf"({'|'.join(_WEEKDAYS)}) (\d\d):(\d\d) et of following week", _following_week),
    (r"month end", _month_end),
    (r"release date: see ([a-z0-9_]{1,64})", _calendar),
    (rf"(?:({'|'.join(_NAMED)}); )?release date not stored", _not_stored),
    (r"(\d{1,3}) days? after period end", _counted),
)

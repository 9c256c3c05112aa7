"""From a file's times to the closes of bars."""

from __future__ import annotations

from datetime import time

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.units import Int64Array, Mask
from tidegate.data.calendars import TradingCalendar, trading_calendar
from tidegate.data.connectors.ohlcv.settings import OhlcvSettings, Stamp
from tidegate.data.tables import MOMENT

__all__ = ["with_event_time"]

_OFFSET = r"(Z|[+-]\d{2}:?\d{2})$"
_EPOCH_UNITS = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))
"""Numbers below the limit are seconds, ms or us since 1970; and how many us one of them is."""


def with_event_time(rows: pl.DataFrame, settings: OhlcvSettings) -> pl.DataFrame:
    """Add ``event_time``, the close of each bar, and ``time_fault``, why there is none.

    Both are null where the time is understood, but names no bar of the calendar.

    Raises
    ------
    DataError
        If times carry different zones, a time of day has no zone at all, or daily times mix dates with times of day.
    """
    calendar = trading_calendar(settings.calendar)
    read = _read(rows["time"], settings)
    moments = _localized(read, settings)
    if settings.interval.is_session:
        days = _session_days(moments, calendar)
        known, closes, is_owed = days.is_not_null(), *calendar.closes_of(days.fill_null(0).to_numpy())
    else:
        instants = moments.cast(MOMENT).dt.epoch("us")
        known, closes, is_owed = (
            instants.is_not_null(),
            *_bar_closes(instants.fill_null(0).to_numpy(), calendar, settings),
        )
    event_time = pl.select(pl.when(known & pl.Series(is_owed)).then(pl.Series(closes).cast(MOMENT))).to_series()
    return rows.with_columns(event_time.alias("event_time"), _faults(read, moments, settings).alias("time_fault"))


def _bar_closes(instants: Int64Array, calendar: TradingCalendar, settings: OhlcvSettings) -> tuple[Int64Array, Mask]:
    if settings.stamp is Stamp.OPEN:
        return calendar.close_of_bar(instants, settings.interval)
    return instants, calendar.owes_close(instants, settings.interval)


def _session_days(moments: pl.Series, calendar: TradingCalendar) -> pl.Series:
    """Return the session that each daily bar names, as days since 1970-01-01.

    Dates, and times that are all midnight UTC, name it outright. Other times are read on the market's own clock:
    midnight in Shanghai is still the day before in UTC, and a bar filed there would be known a day early. A file of
    both kinds could be read either way, and one of the two is a day early, so it is refused.

    Raises
    ------
    DataError
        If some times are midnight UTC and others neither that nor midnight on the market's clock, or a market without
        sessions has daily bars that do not begin at midnight UTC.
    """
    if moments.dtype == pl.Date:
        return moments.cast(pl.Int32).cast(pl.Int64)
    in_utc = moments.dt.time() == time(0)
    if in_utc.all():
        return moments.dt.date().cast(pl.Int32).cast(pl.Int64)
    if calendar.is_continuous:
        raise DataError(
            found="daily bars around the clock that do not begin at midnight UTC",
            expected="days of UTC",
            hint="ingest bars of an hour or less",
        )
    local = moments.dt.convert_time_zone(calendar.timezone)
    if in_utc.any() and not (local.dt.time() == time(0)).all():
        odd = moments.filter(~in_utc)
        raise DataError(
            found=f"{in_utc.sum()} daily times at midnight UTC and {len(odd)} at other times, the first "
            f"{odd[0]:%Y-%m-%d %H:%M} UTC",
            expected=f"dates alone, or times that are all on the clock of {calendar.name}",
            hint="drop the row of the running day, whose bar is not complete",
        )
    return local.dt.date().cast(pl.Int32).cast(pl.Int64)


def _localized(read: pl.Series, settings: OhlcvSettings) -> pl.Series:
    """Return dates, or moments in UTC; null where a clock that is changed shows a time twice or never."""
    if not isinstance(read.dtype, pl.Datetime) or read.dtype.time_zone is not None:
        return read
    if settings.interval.is_session and (read.drop_nulls().dt.time() == time(0)).all():
        return read.dt.date()
    if settings.timezone is None:
        raise DataError(
            found="times of day without a zone",
            expected="an offset in each time, or one zone for all",
            hint="add --timezone UTC (or America/New_York, Asia/Shanghai)",
        )
    placed = read.dt.replace_time_zone(settings.timezone, ambiguous="null", non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def _faults(read: pl.Series, moments: pl.Series, settings: OhlcvSettings) -> pl.Series:
    """Return why a time is not understood; null where it is."""
    unread, lost = read.is_null(), moments.is_null()
    twice = unread
    if lost.sum() > unread.sum():
        twice = read.dt.replace_time_zone(settings.timezone, ambiguous="earliest", non_existent="null").is_not_null()
    return pl.select(
        pl.when(unread)
        .then(pl.lit("unparsable time"))
        .when(lost & twice)
        .then(pl.lit(f"ambiguous time in {settings.timezone}"))
        .when(lost)
        .then(pl.lit(f"no such time in {settings.timezone}"))
    ).to_series()


def _read(times: pl.Series, settings: OhlcvSettings) -> pl.Series:
    """Return dates, moments in UTC, or moments on an unnamed clock."""
    if times.dtype == pl.Date:
        return times
    if isinstance(times.dtype, pl.Datetime):
        moments = times.cast(pl.Datetime("us", times.dtype.time_zone))
        return moments if times.dtype.time_zone is None else moments.dt.convert_time_zone("UTC")
    if times.dtype.is_numeric():
        return _from_numbers(times.cast(pl.Int64, strict=False), settings)
    if times.dtype == pl.String:
        return _from_text(times.str.strip_chars(), settings)
    raise DataError(
        found=f"a time column of type {times.dtype}",
        expected="dates, times, text or numbers",
        hint="check --column time=...",
    )


def _from_numbers(numbers: pl.Series, settings: OhlcvSettings) -> pl.Series:
    known = numbers.drop_nulls()
    if known.is_empty():
        return pl.Series(numbers.name, [None] * len(numbers), dtype=pl.Date)
    largest = int(known.abs().to_numpy().max())
    if settings.time_format is not None or 19_000_101 <= largest <= 22_001_231:
        return _from_text(numbers.cast(pl.String), settings)
    for limit, factor in _EPOCH_UNITS:
        if largest < limit:
            return (numbers * factor).cast(MOMENT)
    raise DataError(found=f"the time {largest}", expected="seconds, ms or us since 1970", hint="give --time-format")


def _from_text(texts: pl.Series, settings: OhlcvSettings) -> pl.Series:
    if settings.time_format is not None:
        return _in_format(texts, settings.time_format)
    sample = texts.drop_nulls()
    if sample.str.contains(r"^\d{8}$").all():
        return texts.str.to_date("%Y%m%d", strict=False)
    if sample.str.contains(r"^\d{9,17}$").all():
        return _from_numbers(texts.cast(pl.Int64), settings)
    if (sample.str.len_chars() <= len("2024-01-31")).all():
        return texts.str.to_date("%Y-%m-%d", strict=False)
    offsets = texts.str.extract(_OFFSET)
    written = offsets.drop_nulls()
    if written.is_empty():
        naive = texts.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
        short = texts.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us")
        return naive.fill_null(short)
    _refuse_mixed_zones(offsets, settings)
    plain = texts.str.replace("T", " ").str.replace("Z$", "+00:00")
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC")


def _in_format(texts: pl.Series, pattern: str) -> pl.Series:
    if any(mark in pattern for mark in ("%H", "%I", "%s", "%T", "%R")):
        moments = texts.str.to_datetime(pattern, strict=False, time_unit="us")
        has_zone = isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None
        return moments.dt.convert_time_zone("UTC") if has_zone else moments
    return texts.str.to_date(pattern, strict=False)


def _refuse_mixed_zones(offsets: pl.Series, settings: OhlcvSettings) -> None:
    """Refuse a file whose times are on several clocks, unless a declared zone explains them (summer time)."""
    written = offsets.drop_nulls().str.replace("Z", "+00:00").unique().sort().to_list()
    without = offsets.null_count()
    if len(written) == 1 and not without:
        return
    if len(written) == 2 and not without and settings.timezone is not None and _hours_apart(written) == 1.0:
        return
    found = " and ".join(written) + (f" and {without} times without any" if without else "")
    raise DataError(
        found=f"times with offsets {found}",
        expected="one time zone in a file",
        hint="split the file, or name its zone with --timezone if it is summer time",
    )


def _hours_apart(offsets: list[str]) -> float:
    hours = [int(text[:3]) + np.copysign(int(text[-2:]) / 60, int(text[:3])) for text in offsets]
    return float(abs(hours[1] - hours[0]))

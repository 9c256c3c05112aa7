"""Tables of release dates: which month was published when."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.local_days import day_end
from tidegate.data.connectors.macro.series import NEW_YORK
from tidegate.data.connectors.plain_table import read_table
from tidegate.data.tables import MOMENT

__all__ = ["find_release_dates", "read_release_dates"]

_ENDINGS: Final = (".parquet", ".csv")
_LONGEST_DAYS: Final = 366


def find_release_dates(name: str, beside: Path) -> Path:
    """Return the file of a table of release dates in the folder of the file whose rules refer to it.

    Raises
    ------
    DataError
        If it is not there.
    """
    places = [beside.parent / f"{name}{ending}" for ending in _ENDINGS]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(
            found=f"no table {name} beside {beside}",
            expected=" or ".join(place.name for place in places),
            hint="name it with --releases FILE, or give the series another rule with --rules",
        )
    return found


def read_release_dates(file: Path) -> pl.DataFrame:
    """Return ``period_end``, the day after a reference month, and ``released``, the instant of its release.

    The file has ``reference_month`` (2024-02) and ``release_ts_utc``, or ``release_date``, which counts from its end
    in New York. So does a midnight: it is a date that somebody wrote as a time.

    Raises
    ------
    DataError
        If a month or a time is unreadable, repeated, or a release lies before the end of its month or a year after it.
    """
    raw = read_table(file)
    moments = "release_ts_utc" if "release_ts_utc" in raw.columns else "release_date"
    missing = [name for name in ("reference_month", moments) if name not in raw.columns]
    if missing:
        raise _unusable(file, f"no column {missing[0]} among {', '.join(raw.columns[:20])}")
    month = pl.col("reference_month").cast(pl.String).str.slice(0, 7)
    read = raw.select(
        pl.concat_str(month, pl.lit("-01"))
        .str.to_date("%Y-%m-%d", strict=False)
        .dt.offset_by("1mo")
        .alias("period_end"),
        _instants(raw[moments], are_dates=moments == "release_date").alias("released"),
    )
    month_ends = pl.col("period_end").cast(MOMENT)
    in_time = pl.col("released").is_between(month_ends, month_ends + timedelta(days=_LONGEST_DAYS))
    broken = read.filter(~in_time.fill_null(value=False))
    if broken.height:
        # As text: a date may lie after all that Python can show.
        month_end, released = broken.select(pl.all().cast(pl.String)).row(0)
        raise _unusable(file, f"a month that ends before {month_end} and is released at {released}")
    if read["period_end"].is_duplicated().any():
        raise _unusable(file, "a month with two releases")
    return read


def _instants(column: pl.Series, *, are_dates: bool) -> pl.Series:
    """Return the instants of releases; a date, whether it is shown as a time or not, counts from its end."""
    if column.dtype == pl.Date:
        return column.to_frame("day").select(day_end("day", NEW_YORK)).to_series()
    if isinstance(column.dtype, pl.Datetime):
        zoned = column.dt.replace_time_zone("UTC") if column.dtype.time_zone is None else column
        ended = _instants(zoned.dt.date(), are_dates=True)
        at = zoned.dt.convert_time_zone("UTC").cast(MOMENT)
        is_date = pl.lit(value=True) if are_dates else zoned.dt.time() == time(0)
        return pl.select(pl.when(is_date).then(pl.max_horizontal(ended, at)).otherwise(at)).to_series()
    text = column.cast(pl.String).str.strip_chars().str.replace("T", " ").str.replace(r"(Z|[+-]00:?00)$", "")
    dates = text.str.to_date("%Y-%m-%d", strict=False)
    if dates.null_count() < len(dates):
        return _instants(dates, are_dates=True)
    times = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us", time_zone="UTC")
    return _instants(times, are_dates=are_dates)


def _unusable(file: Path, what: str) -> DataError:
    return DataError(
        found=f"{file}: {what}",
        expected="one release for each reference_month, at or after the month's end",
        hint="correct the table",
    )

"""Tables of release dates: which month was published when."""

from __future__ import annotations

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
    in New York.

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
        _instants(raw[moments]).alias("released"),
    )
    after = (
        pl.col("released").dt.replace_time_zone(None) - pl.col("period_end").cast(pl.Datetime("us"))
    ).dt.total_days()
    broken = read.filter(~after.is_between(0, _LONGEST_DAYS).fill_null(value=False))
    if broken.height:
        month_end, released = broken.row(0)
        raise _unusable(file, f"a month that ends before {month_end} and is released at {released}")
    if read["period_end"].is_duplicated().any():
        raise _unusable(file, "a month with two releases")
    return read


def _instants(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Date:
        return column.to_frame("day").select(day_end("day", NEW_YORK)).to_series()
    if isinstance(column.dtype, pl.Datetime):
        zoned = column.dt.replace_time_zone("UTC") if column.dtype.time_zone is None else column
        return zoned.dt.convert_time_zone("UTC").cast(MOMENT)
    text = column.cast(pl.String).str.strip_chars().str.replace("T", " ").str.replace(r"(Z|[+-]00:?00)$", "")
    dates = text.str.to_date("%Y-%m-%d", strict=False)
    if dates.null_count() < len(dates):
        return _instants(dates)
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us", time_zone="UTC")


def _unusable(file: Path, what: str) -> DataError:
    return DataError(
        found=f"{file}: {what}",
        expected="one release for each reference_month, at or after the month's end",
        hint="correct the table",
    )

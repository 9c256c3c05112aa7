"""Slow series beside the bars, such as a cash rate: what was known of them, and when."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.asof import newest_known
from tidegate.data.calendars import TradingCalendar, trading_calendar
from tidegate.data.catalog import Appended, Catalog
from tidegate.data.tables import MOMENT

__all__ = ["append_daily_series", "series_as_of"]

_DEFAULT_MAXIMUM_AGE: Final = 10 * DAY


def append_daily_series(
    catalog: Catalog, frame: pl.DataFrame, *, dataset: str, series: str, unit: str, source: str, calendar: str
) -> Appended:
    """Append a daily series whose value of a day is published after that day.

    Parameters
    ----------
    frame
        Columns ``date`` and ``value``.
    calendar
        The value of a day counts as known at the *next* session's close, which is late rather than early.

    Raises
    ------
    DataError
        If stored values differ, or a value lies beyond the calendar; nothing is appended then.
    """
    frame = frame.drop_nulls()
    midnight = (frame["date"].cast(pl.Int32).cast(pl.Int64).to_numpy() + 1) * DAY
    known = _next_close(midnight, trading_calendar(calendar))
    rows = frame.select(
        pl.lit(dataset).alias("dataset"),
        pl.lit(series).alias("series"),
        pl.Series("event_time", midnight).cast(MOMENT),
        pl.Series("known_time", known).cast(MOMENT),
        pl.col("value").cast(pl.Float64),
        pl.lit(unit).alias("unit"),
        pl.lit(source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
        pl.lit(value=False).alias("revised"),
    )
    return catalog.append("macro", rows)


def _require_series(catalog: Catalog, dataset: str, series: str, version: int | None) -> None:
    """Refuse a series that does not exist: read as missing, a slip of the pen would pass for cash without a rate."""
    names = catalog.members("macro", dataset, version=version)
    if series not in names:
        raise CatalogError(
            found=f"no series {series!r} in {dataset!r}",
            expected=f"one of {', '.join(names)}",
            hint="correct data.cash_rate in the recipe",
        )


def _next_close(instants: Int64Array, calendar: TradingCalendar) -> Int64Array:
    if calendar.is_continuous:
        return instants + DAY
    following = np.searchsorted(calendar.closes, instants, side="right")
    if (following == len(calendar.closes)).any():
        raise DataError(
            found=f"a value on the last day of the calendar {calendar.name}",
            expected="a session after it, at which the value is known",
            hint="leave out the last days",
        )
    return calendar.closes[following]


def series_as_of(
    catalog: Catalog,
    times: Int64Array,
    *,
    dataset: str,
    series: str,
    version: int | None = None,
    maximum_age: int = _DEFAULT_MAXIMUM_AGE,
) -> FloatArray:
    """Return, for each instant, the newest value known by then.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending instants.
    maximum_age
        Microseconds since the event after which a value counts as missing.

    Returns
    -------
    FloatArray
        ``float64 (n,)``; NaN where nothing young enough was known.

    Raises
    ------
    CatalogError
        If there is no such series.
    """
    _require_series(catalog, dataset, series, version)
    rows = catalog.revisions(
        "macro", dataset=dataset, as_of=Instant(int(times[-1])), version=version, symbols=[series]
    ).collect()
    instants = {name: rows[name].dt.epoch("us").to_numpy() for name in ("known_time", "event_time", "recorded_time")}
    standing = newest_known(
        times,
        instants["known_time"],
        instants["event_time"],
        recorded=instants["recorded_time"],
        maximum_age=maximum_age,
    )
    return standing.spread(rows["value"].fill_null(np.nan).to_numpy(), np.nan)

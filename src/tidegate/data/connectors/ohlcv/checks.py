"""Which rows are bars and which are not: every rejected row gets a reason."""

from __future__ import annotations

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import Instant, moment_of
from tidegate.data.connectors.ohlcv.settings import Adjustment, OhlcvSettings

__all__ = ["reject_bad_rows", "require_forward_times"]

_PRICES = ("open", "high", "low", "close")


def require_forward_times(rows: pl.DataFrame, settings: OhlcvSettings) -> None:
    """Refuse a file in which time runs backward within a symbol.

    Raises
    ------
    DataError
        If it does and the settings do not allow it.
    """
    if settings.order == "any":
        return
    # A row without a readable time must not hide the step back behind it.
    backward = (
        rows.filter(pl.col("event_time").is_not_null())
        .select(
            pl.col("file"),
            "row_number",
            "symbol",
            "time",
            (pl.col("event_time").diff() < pl.duration()).over("file", "symbol").alias("back"),
        )
        .filter("back")
    )
    if backward.height:
        first = backward.row(0, named=True)
        raise DataError(
            found=f"{first['file']}: time runs backward {_times(backward.height)}, "
            f"first in row {first['row_number']} ({first['symbol']}, {first['time']})",
            expected="ascending times",
            hint="check that day and month are not swapped; for a newest-first file add --order any",
        )


def reject_bad_rows(rows: pl.DataFrame, settings: OhlcvSettings, present: Instant) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows into good bars and rejected ones, the latter with a ``reason``.

    Exact repetitions of a bar are dropped without a reason: they say nothing new.
    """
    conditions = _conditions(rows, settings, present)
    # Numbers stand for reasons until only rejected rows are left: text beside every row would take more than the rows.
    first = [pl.when(condition).then(pl.lit(place, pl.UInt8)) for place, condition in enumerate(conditions.values())]
    places = rows.select(pl.coalesce(first)).to_series()
    bad = places.is_not_null() | rows["time_fault"].is_not_null()
    named = places.filter(bad).replace_strict(dict(enumerate(conditions)), return_dtype=pl.String)
    rejected = rows.filter(bad).with_columns(pl.coalesce("time_fault", named).alias("reason")).drop("time_fault")
    rows = rows.drop("time_fault")
    good, disagreeing = _without_duplicates(rows.filter(~bad) if bad.any() else rows)
    return good, pl.concat([rejected, disagreeing], how="diagonal")


def _without_duplicates(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows with exact repetitions dropped, and apart from them the bars that several rows tell differently."""
    key = ["symbol", "event_time"]
    rows = rows.sort(key, maintain_order=True)
    like_last = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift()))
    repeated = rows.select(like_last | like_last.shift(-1, fill_value=False)).to_series()
    reason = pl.lit("duplicates that disagree").alias("reason")
    if not repeated.any():
        return rows, rows.clear().with_columns(reason)
    content = [name for name in rows.columns if name not in {"file", "row_number", "time"}]
    distinct = rows.filter(repeated).unique(content, keep="first", maintain_order=True)
    disagree = distinct.select(key).is_duplicated()
    return pl.concat([rows.filter(~repeated), distinct.filter(~disagree)]), distinct.filter(disagree).with_columns(
        reason
    )


def _conditions(rows: pl.DataFrame, settings: OhlcvSettings, present: Instant) -> dict[str, pl.Expr]:
    """Return when each reason applies; the first that does names a row's reason."""
    prices = [name for name in _PRICES if name in rows.columns]
    numbers = [
        *prices,
        *(name for name in ("volume", "traded_value", "factor", "adj_close") if name in rows.columns),
    ]
    positive = [*prices, *(name for name in ("factor", "adj_close") if name in rows.columns)]
    found = {
        "no symbol": pl.col("symbol").is_null() | (pl.col("symbol") == ""),
        f"not a {_bar(settings)} of {settings.calendar}": pl.col("event_time").is_null(),
        "bar in the future": pl.col("event_time") > moment_of(present),
        "missing price": pl.any_horizontal(pl.col(name).is_null() for name in prices),
        "not a finite number": pl.any_horizontal(~pl.col(name).is_finite() for name in numbers),
        "non-positive price": pl.any_horizontal(pl.col(name) <= 0 for name in positive),
    }
    if settings.adjust is not Adjustment.NONE:
        found["missing adjustment"] = pl.col(settings.adjust.value).is_null()
    if "volume" in rows.columns:
        found["negative volume"] = pl.col("volume") < 0
    if {"high", "low"} <= set(rows.columns):
        found["high below low"] = pl.col("high") < pl.col("low")
    return found


def _bar(settings: OhlcvSettings) -> str:
    return "session" if settings.interval.is_session else f"{settings.interval} bar"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"

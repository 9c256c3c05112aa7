"""From the archive's columns to rows of our tables: what each number means, and from when on it was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.time import DAY, MINUTE, Instant
from tidegate.data.calendars import CONTINUOUS
from tidegate.data.connectors.binance_archive.settings import ArchiveKind, BinanceArchiveSettings
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.ohlcv.checks import reject_bad_rows
from tidegate.data.connectors.ohlcv.settings import OhlcvSettings
from tidegate.data.metrics import METRICS
from tidegate.data.tables import BARS, FUNDING, MOMENT, TRADES, TableSpec
from tidegate.data.tables import METRICS as METRICS_TABLE

__all__ = ["COLUMNS", "ArchiveFile", "batch_of"]

COLUMNS: Final = {
    ArchiveKind.BARS: (
        "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
        "taker_buy_volume", "taker_buy_quote_volume", "ignore",
    ),
    ArchiveKind.FUNDING: ("calc_time", "funding_interval_hours", "last_funding_rate"),
    ArchiveKind.METRICS: (
        "create_time", "symbol", "sum_open_interest", "sum_open_interest_value", "count_toptrader_long_short_ratio",
        "sum_toptrader_long_short_ratio", "count_long_short_ratio", "sum_taker_long_short_vol_ratio",
    ),
    ArchiveKind.TRADES: (
        "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker",
    ),
}  # fmt: skip
"""Columns of files without a header, in order (https://github.com/binance/binance-public-data)."""

_METRICS: Final = {
    "sum_open_interest": "open_interest",
    "sum_open_interest_value": "open_interest_value",
    "count_toptrader_long_short_ratio": "long_short_ratio_top_accounts",
    "sum_toptrader_long_short_ratio": "long_short_ratio_top_positions",
    "count_long_short_ratio": "long_short_ratio_global_accounts",
    "sum_taker_long_short_vol_ratio": "taker_buy_sell_ratio",
}
_BUCKET: Final = 5 * MINUTE
_LEAST_MICROSECONDS: Final = 10**14
"""Spot files count us since 2025, all others ms; ms reach this number in the year 5138."""


@dataclass(frozen=True, kw_only=True)
class ArchiveFile:
    """A file of the archive: whose it is, and the days ``[start, end)`` that it covers."""

    name: str
    symbol: str
    member: str
    start: Instant
    end: Instant


def batch_of(settings: BinanceArchiveSettings, file: ArchiveFile, rows_before: int, text: pl.DataFrame) -> Batch:
    """Return the rows of a block of a file, all cells as text, as rows of a table; bad ones are rejected.

    Raises
    ------
    DataError
        If a needed column is missing.
    """
    needed, read = {
        ArchiveKind.BARS: (COLUMNS[ArchiveKind.BARS][:6], _bars),
        ArchiveKind.FUNDING: (COLUMNS[ArchiveKind.FUNDING], _funding),
        ArchiveKind.METRICS: (("create_time", "symbol"), _metrics),
        ArchiveKind.TRADES: (("agg_trade_id", "price", "quantity", "transact_time", "is_buyer_maker"), _trades),
    }[settings.kind]
    missing = [name for name in needed if name not in text.columns]
    if missing:
        raise DataError(
            found=f"{file.name}: no column {', '.join(missing)} among {', '.join(text.columns)[:200]}",
            expected=f"{settings.kind.folder}: {', '.join(needed)}",
            hint="check that kind and market fit the file",
        )
    place = pl.int_range(rows_before + 1, rows_before + 1 + pl.len(), dtype=pl.Int64).alias("row_number")
    rows = text.with_columns(pl.lit(file.name).alias("file"), place, pl.lit(file.member).alias("member"))
    return read(settings, file, rows)


def _bars(settings: BinanceArchiveSettings, file: ArchiveFile, rows: pl.DataFrame) -> Batch:
    """Read bars: stamped with their open, known at their close."""
    opened, step = _instant("open_time"), settings.interval.microseconds
    quote = next((name for name in ("quote_volume", "quote_asset_volume") if name in rows.columns), None)
    closed = _instant("close_time") if "close_time" in rows.columns else pl.lit(None, pl.Int64)
    fault = _first_fault(
        ("unparsable time", opened.is_null()),
        ("outside its file", ~opened.is_between(file.start, file.end, closed="left")),
        (f"not a {settings.interval} bar of {CONTINUOUS}", opened % step != 0),
        # Stamped as a bar of five minutes, an hour would be known fifty-five minutes early.
        (f"closes after its {settings.interval}", closed > opened + step),
    )
    read = rows.select(
        "file",
        "row_number",
        pl.col("member").alias("symbol"),
        pl.col("open_time").alias("time"),
        fault.alias("time_fault"),
        pl.when(fault.is_null()).then(opened + step).cast(MOMENT).alias("event_time"),
        *(_number(name) for name in ("open", "high", "low", "close", "volume")),
        (_number(quote) if quote else pl.lit(None, pl.Float64)).alias("traded_value"),
    )
    meaning = OhlcvSettings(dataset=settings.dataset, interval=settings.interval, calendar=CONTINUOUS)
    good, rejected = reject_bad_rows(read, meaning, now())
    made = {"interval": pl.lit(str(settings.interval)), "adjustment": pl.lit(1.0), "calendar": pl.lit(CONTINUOUS)}
    return Batch(table=BARS.name, rows=_table_rows(BARS, settings, good, made), rejected=rejected)


def _funding(settings: BinanceArchiveSettings, file: ArchiveFile, rows: pl.DataFrame) -> Batch:
    """Read funding: a rate is known when it is paid.

    Stamps are a few milliseconds late; in whole seconds a payment is the same one as from every other source.
    """
    paid = _instant("calc_time")
    read = rows.select(
        "file",
        "row_number",
        pl.col("member").alias("symbol"),
        pl.col("calc_time").alias("time"),
        paid.cast(MOMENT).dt.round("1s").alias("event_time"),
        _number("last_funding_rate").alias("rate"),
        _number("funding_interval_hours").alias("period_hours"),
        _first_fault(*_within(paid, file)).alias("fault"),
    )
    reason = pl.coalesce(
        "fault",
        _first_fault(
            ("no finite rate", ~pl.col("rate").is_finite().fill_null(value=False)),
            ("no period", ~(pl.col("period_hours") > 0).fill_null(value=False)),
        ),
    )
    return _batch(FUNDING, settings, read.with_columns(reason.alias("reason")).drop("fault"), {})


def _metrics(settings: BinanceArchiveSettings, file: ArchiveFile, rows: pl.DataFrame) -> Batch:
    """Read metrics: what a bucket of five minutes brought is known at its end."""
    stamped = pl.col("create_time").str.strip_chars().str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    day = pl.col("create_time").str.strip_chars().str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    read = rows.with_columns(pl.coalesce(stamped, day).dt.epoch("us").alias("stamp"))
    ends = pl.col("stamp") + _until_end(read["stamp"], file)
    known_names = [name for name in _METRICS if name in rows.columns]
    fault = _first_fault(
        ("unparsable time", pl.col("stamp").is_null()),
        ("outside its file", ~ends.is_between(file.start, file.end, closed="right")),
        ("another symbol", pl.col("symbol") != file.symbol),
    )
    long = (
        read.with_columns(fault.alias("fault"), ends.cast(MOMENT).alias("event_time"))
        .unpivot(known_names, index=["file", "row_number", "member", "create_time", "event_time", "fault"])
        .filter(pl.col("value").str.strip_chars().fill_null("") != "")
        .select(
            "file",
            "row_number",
            pl.col("member").alias("symbol"),
            pl.col("create_time").alias("time"),
            "event_time",
            pl.col("variable").replace_strict(_METRICS, return_dtype=pl.String).alias("metric"),
            _number("value"),
            "fault",
        )
    )
    bad_number = _first_fault(("not a number of 0 or more", ~(pl.col("value") >= 0).fill_null(value=False)))
    read = long.with_columns(pl.coalesce("fault", bad_number).alias("reason")).drop("fault")
    units = {name: METRICS[name].unit for name in _METRICS.values()}
    made = {"unit": pl.col("metric").replace_strict(units, return_dtype=pl.String)}
    return _batch(METRICS_TABLE, settings, read, made)


def _until_end(stamps: pl.Series, file: ArchiveFile) -> int:
    """Return how long after its stamp a bucket of a daily file ends.

    Until 2026-06-24 files stamp the end of a bucket (00:05 to the midnight after), since then its beginning (00:00 to
    23:55); see https://github.com/binance/binance-public-data/issues/491. Only a file that shows the midnight after and
    not the one before is read as the former: five minutes late is better than five minutes early. Early files hold one
    row a day.
    """
    times = stamps.drop_nulls()
    if (times == file.end).any() and not (times == file.start).any():
        return 0
    return DAY if times.n_unique() == 1 and times[0] == file.start else _BUCKET


def _trades(settings: BinanceArchiveSettings, file: ArchiveFile, rows: pl.DataFrame) -> Batch:
    """Read trades: known when they happen; a buyer who waited in the book was hit by a seller."""
    happened = _instant("transact_time")
    waited = pl.col("is_buyer_maker").str.strip_chars().str.to_lowercase()
    read = rows.select(
        "file",
        "row_number",
        pl.col("member").alias("symbol"),
        pl.col("transact_time").alias("time"),
        happened.cast(MOMENT).alias("event_time"),
        pl.col("agg_trade_id").str.strip_chars().alias("trade_id"),
        _number("price"),
        _number("quantity").alias("size"),
        waited.replace_strict({"true": "sell", "false": "buy"}, default=None, return_dtype=pl.String).alias("side"),
        _first_fault(*_within(happened, file)).alias("fault"),
    )
    reason = pl.coalesce(
        "fault",
        _first_fault(
            ("no trade number", ~pl.col("trade_id").str.contains(r"^\d+$").fill_null(value=False)),
            ("no positive price", ~_is_positive("price")),
            ("no positive size", ~_is_positive("size")),
            ("no side", pl.col("side").is_null()),
        ),
    )
    return _batch(TRADES, settings, read.with_columns(reason.alias("reason")).drop("fault"), {})


def _batch(spec: TableSpec, settings: BinanceArchiveSettings, read: pl.DataFrame, made: dict[str, pl.Expr]) -> Batch:
    """Part good rows from rejected ones; exact repetitions are dropped, others that share a key are rejected."""
    key = [name for name in spec.key if name in read.columns]
    content = [name for name in read.columns if name not in {"file", "row_number", "time"}]
    good = read.filter(pl.col("reason").is_null()).unique(content, keep="first", maintain_order=True)
    disagree = good.select(pl.struct(key).is_duplicated()).to_series()
    rejected = pl.concat(
        [
            read.filter(pl.col("reason").is_not_null()),
            good.filter(disagree).with_columns(pl.lit("duplicates that disagree").alias("reason")),
        ]
    )
    return Batch(table=spec.name, rows=_table_rows(spec, settings, good.filter(~disagree), made), rejected=rejected)


def _table_rows(
    spec: TableSpec, settings: BinanceArchiveSettings, good: pl.DataFrame, made: dict[str, pl.Expr]
) -> pl.DataFrame:
    given = {
        "dataset": pl.lit(settings.dataset),
        "known_time": pl.col("event_time"),
        "source": pl.lit("binance-archive"),
        "synthetic": pl.lit(value=False),
        **made,
    }
    columns = {name: kind for name, kind in spec.schema.items() if name != "recorded_time"}
    return good.select(given.get(name, pl.col(name)).cast(kind).alias(name) for name, kind in columns.items())


def _instant(name: str) -> pl.Expr:
    """Return a time in ms or us as an instant."""
    number = pl.col(name).str.strip_chars().cast(pl.Int64, strict=False)
    # What is far from any date would overflow, and is as little a time as text is.
    number = pl.when(number.is_between(0, 10**17)).then(number)
    return pl.when(number >= _LEAST_MICROSECONDS).then(number).otherwise(number * 1_000)


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)


def _is_positive(name: str) -> pl.Expr:
    return (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(value=False)


def _within(at: pl.Expr, file: ArchiveFile) -> Sequence[tuple[str, pl.Expr]]:
    return (
        ("unparsable time", at.is_null()),
        ("outside its file", ~at.is_between(file.start, file.end, closed="left")),
    )


def _first_fault(*faults: tuple[str, pl.Expr]) -> pl.Expr:
    """Return the first reason whose condition holds; null where none does."""
    return pl.coalesce(*(pl.when(holds).then(pl.lit(reason)) for reason, holds in faults), pl.lit(None, pl.String))

"""From Tushare's rows about sessions to bars and metrics."""

from __future__ import annotations

from datetime import time
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.data.calendars import trading_calendar
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.local_days import day_at
from tidegate.data.connectors.ohlcv.adjustment import with_adjustment
from tidegate.data.connectors.ohlcv.checks import reject_bad_rows
from tidegate.data.connectors.ohlcv.ingest import bar_rows
from tidegate.data.connectors.ohlcv.settings import PRESETS, Adjustment, OhlcvSettings
from tidegate.data.connectors.ohlcv.times import with_event_time
from tidegate.data.connectors.tushare.endpoints import ENDPOINTS, KNOWN_TIMES, SHANGHAI
from tidegate.data.connectors.tushare.settings import Kind, TushareSettings
from tidegate.data.metrics import metric_spec
from tidegate.data.tables import BARS, METRICS

__all__ = ["BASIC_METRICS", "LIMIT_METRICS", "NEVER_ZERO", "bars", "metrics"]

BASIC_METRICS: Final = {name: name for name in ENDPOINTS["daily_basic"].columns.numbers}
"""Metrics of ``daily_basic``, which keep Tushare's names."""
LIMIT_METRICS: Final = {"limit_up": "up_limit", "limit_down": "down_limit"}
"""Metrics of ``stk_limit``, and Tushare's names of them."""
_ABOUT: Final = ("ts_code", "trade_date")
_SCALES: Final = dict.fromkeys(("total_share", "float_share", "free_share", "total_mv", "circ_mv"), 10_000.0)
"""Shares and yuan are counted by ten thousands."""
NEVER_ZERO: Final = (
    "pe", "pe_ttm", "pb", "ps", "ps_ttm", "total_share", "float_share", "free_share", "total_mv", "circ_mv",
    "limit_up", "limit_down",
)  # fmt: skip
"""A zero of these is a hole that somebody filled: a price over a finite number is never 0."""


def bars(raw: pl.DataFrame, settings: TushareSettings, kind: Kind) -> Batch:
    """Return daily bars of shares, or of indexes.

    Prices are raw, volume is in shares, traded value in yuan. The adjustment of shares is ``adj_factor``, which only
    past events have entered; a bar without it is rejected, since its return could not be told from an ex-date.

    Parameters
    ----------
    raw
        Typed rows of ``daily`` with ``adj_factor``, or of ``index_daily``.
    """
    meaning = _meaning(settings, kind)
    rows = raw.select(
        "file", "row_number",
        pl.col("ts_code").alias("symbol"), pl.col("trade_date").alias("time"),
        "open", "high", "low", "close", pl.col("vol").alias("volume"), pl.col("amount").alias("traded_value"),
        *([pl.col("adj_factor").alias("factor")] if kind is Kind.DAILY else []),
    )  # fmt: skip
    good, rejected = reject_bad_rows(with_event_time(rows, meaning), meaning, now())
    adjusted = with_adjustment(good.sort("symbol", "event_time"), meaning, None)
    return Batch(table=BARS.name, rows=bar_rows(adjusted, meaning), rejected=rejected)


def metrics(raw: pl.DataFrame, settings: TushareSettings, kind: Kind) -> tuple[Batch, int]:
    """Return one row per share, session and metric that is there, and how many zeros were taken as holes.

    A hole stays a hole: no row, and never 0. Values of ``daily_basic`` are stamped with the close of their session,
    price limits with the hour at which they are known.
    """
    names = LIMIT_METRICS if kind is Kind.STK_LIMIT else BASIC_METRICS
    known = KNOWN_TIMES[kind].at or time(0)
    judged = raw.with_columns(_why_not().alias("reason"))
    wide = judged.filter(pl.col("reason").is_null()).select(
        pl.col("ts_code").alias("symbol"),
        day_at("trade_date", time(15) if kind is Kind.DAILY_BASIC else known, SHANGHAI).alias("event_time"),
        day_at("trade_date", known, SHANGHAI).alias("known_time"),
        *(pl.col(theirs).alias(ours) * _SCALES.get(ours, 1.0) for ours, theirs in names.items()),
    )
    long = wide.unpivot(index=wide.columns[:3], on=list(names), variable_name="metric").filter(
        pl.col("value").is_finite()
    )
    there = long.filter(~((pl.col("value") == 0) & pl.col("metric").is_in(NEVER_ZERO)))
    once = there.unique(maintain_order=True)
    disagree = once.select("symbol", "metric", "event_time").is_duplicated()
    rejected = [
        judged.filter(pl.col("reason").is_not_null()).select("file", "row_number", "reason", *_ABOUT),
        once.filter(disagree).with_columns(pl.lit("duplicates that disagree").alias("reason")),
    ]
    return (
        Batch(
            table=METRICS.name,
            rows=_as_metrics(once.filter(~disagree), settings.dataset),
            rejected=pl.concat(rejected, how="diagonal"),
        ),
        long.height - there.height,
    )


def _meaning(settings: TushareSettings, kind: Kind) -> OhlcvSettings:
    """Return how the rows of bars are to be understood: as those of the preset that reads files of Tushare."""
    preset = {name: value for name, value in PRESETS["tushare-daily"].items() if name != "columns"}
    if kind is Kind.INDEX_DAILY:
        return OhlcvSettings(**{**preset, "dataset": settings.index_dataset, "adjust": Adjustment.NONE})
    return OhlcvSettings(**{**preset, "dataset": settings.dataset})


def _as_metrics(rows: pl.DataFrame, dataset: str) -> pl.DataFrame:
    units = {name: metric_spec(name).unit for name in (*BASIC_METRICS, *LIMIT_METRICS)}
    return rows.select(
        pl.lit(dataset).alias("dataset"),
        "symbol",
        "metric",
        "event_time",
        "known_time",
        "value",
        pl.col("metric").replace_strict(units, return_dtype=pl.String).alias("unit"),
        pl.lit("tushare").alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )


def _why_not() -> pl.Expr:
    """Return why a row is about no session of a share."""
    sessions = pl.Series(trading_calendar("XSHG").days).cast(pl.Int32).cast(pl.Date)
    return pl.coalesce(
        pl.when(pl.col("ts_code").is_null()).then(pl.lit("no ts_code")),
        "fault",
        pl.when(pl.col("trade_date").is_null()).then(pl.lit("no trade_date")),
        pl.when(~pl.col("trade_date").is_in(sessions.implode())).then(pl.lit("not a session of XSHG")),
    )

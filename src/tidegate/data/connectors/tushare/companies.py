"""From Tushare's rows about companies to symbol lives: listings, names, special treatment, suspensions, industries."""

from __future__ import annotations

from datetime import time
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.time import moment_of
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.local_days import day_at, day_end, day_start
from tidegate.data.connectors.tushare.endpoints import KNOWN_TIMES, SHANGHAI
from tidegate.data.connectors.tushare.settings import Kind, TushareSettings
from tidegate.data.lives import NO_TREATMENT, Change
from tidegate.data.tables import MOMENT, SYMBOL_LIVES

__all__ = ["industries", "listings", "names", "suspensions", "treatment_of"]

_KEY: Final = ("symbol", "change", "event_time")
_TREATMENT: Final = r"^(S\*ST|\*ST|SST|ST|PT)"
_LEAVING: Final = r"^退市|退$|（退）$|\(退\)$"
_HALT: Final = r"([0-2]?\d):([0-5]\d)\s*[-~]\s*([0-2]?\d):([0-5]\d)"
_SESSION: Final = ["09:30-15:00"]


def listings(raw: pl.DataFrame, settings: TushareSettings) -> Batch:
    """Return listings and delistings of ``stock_basic``, of companies gone too.

    A listing is known at the start of its day. A delisting is known at the end of its last day, and not before: the
    source names no day of announcement.
    """
    given = raw.with_columns(pl.col("ts_code").alias("symbol"), pl.lit(None, pl.String).alias("detail"))
    backward = pl.when(pl.col("delist_date") < pl.col("list_date")).then(pl.lit("delisted before it was listed"))
    judged = given.with_columns(_why_not("list_date", backward).alias("reason"))
    good = judged.filter(pl.col("reason").is_null())
    listed = _change(good, Change.LISTED, day_start("list_date", SHANGHAI))
    gone = good.filter(pl.col("delist_date").is_not_null())
    delisted = _change(gone, Change.DELISTED, day_end("delist_date", SHANGHAI))
    return _batch([listed, delisted], judged, settings)


def industries(raw: pl.DataFrame, settings: TushareSettings) -> Batch:
    """Return the industry of each company, known from this moment on.

    The source tells the present state only, so a row is known when it is read. Its event is the company's listing, or
    the day from which Shenwan counts it: a later download with another industry is then a further vintage of the same
    row, and one with the same industry adds nothing.
    """
    own = "industry" in raw.columns
    day, said = ("list_date", "industry") if own else ("in_date", "l1_name")
    current = raw if own else raw.filter(pl.col("out_date").is_null())
    given = current.with_columns(pl.col("ts_code").alias("symbol"), pl.col(said).alias("detail"))
    judged = given.filter(pl.col("detail").is_not_null()).with_columns(_why_not(day).alias("reason"))
    good = judged.filter(pl.col("reason").is_null())
    known = pl.max_horizontal(pl.lit(moment_of(now())).cast(MOMENT), day_start(day, SHANGHAI))
    return _batch([_change(good, Change.INDUSTRY, day_start(day, SHANGHAI), known)], judged, settings)


def names(raw: pl.DataFrame, settings: TushareSettings) -> Batch:
    """Return names, and where they begin or end a special treatment, that too.

    A name holds from the start of its first day. It is known at the end of the day on which it was announced, often
    before its own; without an announcement, at the end of its own first day. The service lists many a name twice, once
    with an end and once without; that is one name.
    """
    given = raw.with_columns(pl.col("ts_code").alias("symbol"), pl.col("name").alias("detail"))
    unnamed = pl.when(pl.col("name").is_null()).then(pl.lit("no name"))
    told = given.group_by("symbol", "detail", "start_date", "fault", maintain_order=True).agg(
        pl.col("ann_date").min(), pl.col("ts_code", "name", "file", "row_number").first()
    )
    judged = told.with_columns(_why_not("start_date", unnamed).alias("reason"))
    good = judged.filter(pl.col("reason").is_null()).sort("symbol", "start_date", maintain_order=True)
    starts = day_start("start_date", SHANGHAI)
    known = pl.coalesce(day_end("ann_date", SHANGHAI), day_end("start_date", SHANGHAI))
    renamed = _change(good, Change.RENAMED, starts, known)
    treated = good.with_columns(treatment_of(pl.col("detail")).fill_null(NO_TREATMENT).alias("detail"))
    before = pl.col("detail").shift(fill_value=NO_TREATMENT).over("symbol")
    changed = treated.filter(pl.col("detail") != before)
    return _batch([renamed, _change(changed, Change.SPECIAL_TREATMENT, starts, known)], judged, settings)


def treatment_of(name: pl.Expr) -> pl.Expr:
    """Return the special treatment that a share's name tells of, null for none.

    ``ST`` and ``*ST`` warn of losses, an ``S`` before them of an unfinished share reform, ``PT`` is their forerunner,
    and a name with 退 is about to leave the exchange.

    Examples
    --------
    >>> frame = pl.DataFrame({"name": ["*ST德豪", "SST自仪", "退市海润", "平安银行", "G德豪"]})
    >>> frame.select(treatment_of(pl.col("name"))).to_series().to_list()
    ['*ST', 'SST', 'leaving', None, None]
    """
    leaving = pl.when(name.str.contains(_LEAVING)).then(pl.lit("leaving"))
    return pl.coalesce(leaving, name.str.extract(_TREATMENT, 1))


def suspensions(raw: pl.DataFrame, settings: TushareSettings) -> Batch:
    """Return suspensions and resumptions of ``suspend_d``.

    The source lists every day of a suspension, so each day has rows of its own: it is known when trading should have
    begun, and is over at the end of its day, since a resumption is not always listed. A halt within the session is
    known, and over, at its own hours.
    """
    opens = KNOWN_TIMES[Kind.SUSPEND_D].at or time(9, 30)
    given = raw.with_columns(pl.col("ts_code").alias("symbol"), pl.col("suspend_timing").alias("detail"))
    kind = pl.col("suspend_type").str.to_uppercase()
    odd = pl.when(~kind.is_in(["S", "R"]).fill_null(value=False)).then(pl.lit("neither S nor R"))
    judged = given.with_columns(_why_not("trade_date", odd).alias("reason"))
    good = judged.filter(pl.col("reason").is_null())
    halts = _halts(good.filter((kind == "S") & pl.col("suspend_timing").is_not_null()))
    whole = good.filter((kind == "S") & pl.col("suspend_timing").is_null())
    return _batch(
        [
            _change(whole, Change.SUSPENDED, day_at("trade_date", opens, SHANGHAI)),
            _change(whole, Change.RESUMED, day_end("trade_date", SHANGHAI)),
            _change(halts, Change.SUSPENDED, pl.col("from")),
            _change(halts.filter(pl.col("to").is_not_null()), Change.RESUMED, pl.col("to")),
            _change(good.filter(kind == "R"), Change.RESUMED, day_at("trade_date", opens, SHANGHAI)),
        ],
        judged,
        settings,
    )


def _halts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per halt with its ``from`` and ``to``; hours that cannot be read are those of the session."""
    hours = pl.col("suspend_timing").str.extract_all(_HALT)
    read = pl.when(hours.list.len() > 0).then(hours).otherwise(pl.lit(_SESSION))
    each = rows.with_columns(read.alias("hours")).explode("hours")
    starts = day_start("trade_date", SHANGHAI)

    def moment(group: int) -> pl.Expr:
        hour, minute = (pl.col("hours").str.extract(_HALT, group + place).cast(pl.Int64) for place in (0, 1))
        return starts + pl.duration(hours=hour, minutes=minute)

    return each.with_columns(moment(1).alias("from"), moment(3).alias("to"))


def _why_not(day: str, *further: pl.Expr) -> pl.Expr:
    """Return why a row tells nothing of a company."""
    return pl.coalesce(
        pl.when(pl.col("ts_code").is_null()).then(pl.lit("no ts_code")),
        "fault",
        pl.when(pl.col(day).is_null()).then(pl.lit(f"no {day}")),
        *further,
    )


def _change(rows: pl.DataFrame, change: Change, event: pl.Expr, known: pl.Expr | None = None) -> pl.DataFrame:
    return rows.select(
        "symbol",
        pl.lit(change.value).alias("change"),
        event.alias("event_time"),
        (event if known is None else known).alias("known_time"),
        "detail",
    )


def _batch(parts: list[pl.DataFrame], judged: pl.DataFrame, settings: TushareSettings) -> Batch:
    """Return rows of the table, those that contradict each other left out."""
    once = pl.concat(parts).unique(maintain_order=True)
    disagree = once.select(*_KEY, "known_time").is_duplicated()
    rows = once.filter(~disagree).select(
        pl.lit(settings.dataset).alias("dataset"),
        *once.columns,
        pl.lit("tushare").alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )
    rejected = [
        judged.filter(pl.col("reason").is_not_null()).select("file", "row_number", "reason", "symbol", "detail"),
        once.filter(disagree).with_columns(pl.lit("duplicates that disagree").alias("reason")),
    ]
    return Batch(table=SYMBOL_LIVES.name, rows=rows, rejected=pl.concat(rejected, how="diagonal"))

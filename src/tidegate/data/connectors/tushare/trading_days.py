"""Tushare's calendar held against ours: a session that only one of the two knows is a hole in every audit."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.data.calendars import trading_calendar
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.local_days import day_end, day_start
from tidegate.data.connectors.tushare.endpoints import SHANGHAI
from tidegate.data.connectors.tushare.settings import TushareSettings
from tidegate.data.tables import MACRO

__all__ = ["SERIES", "differences"]

SERIES: Final = "calendar_difference_xshg"
"""1 on a day that only Tushare calls a session, -1 on a day that only our calendar does; absent where they agree."""
_NAMED: Final = 5


def differences(raw: pl.DataFrame, settings: TushareSettings) -> tuple[Batch, list[str]]:
    """Return the days on which Tushare and the calendar XSHG disagree, and a warning where there are any.

    Days beyond our calendar are not judged. Each day is known at its own end.
    """
    ours = pl.Series(trading_calendar("XSHG").days).cast(pl.Int32).cast(pl.Date)
    reason = pl.coalesce(
        "fault",
        pl.when(pl.col("cal_date").is_null()).then(pl.lit("no cal_date")),
        pl.when(~pl.col("is_open").is_in([0.0, 1.0]).fill_null(value=False)).then(pl.lit("neither open nor closed")),
    )
    judged = raw.with_columns(reason.alias("reason"), pl.col("cal_date").is_in(ours.implode()).alias("here"))
    days = judged.filter(pl.col("reason").is_null(), pl.col("cal_date").is_between(ours.min(), ours.max()))
    differing = days.with_columns((pl.col("is_open") - pl.col("here")).alias("value")).filter(pl.col("value") != 0)
    once = differing.unique("cal_date", maintain_order=True).sort("cal_date")
    rows = once.select(
        pl.lit(settings.dataset).alias("dataset"),
        pl.lit(SERIES).alias("series"),
        day_start("cal_date", SHANGHAI).alias("event_time"),
        day_end("cal_date", SHANGHAI).alias("known_time"),
        "value",
        pl.lit("1 open there only, -1 open here only").alias("unit"),
        pl.lit("tushare").alias("source"),
        pl.lit(value=False).alias("synthetic"),
        pl.lit(value=False).alias("revised"),
    )
    rejected = judged.filter(pl.col("reason").is_not_null()).select("file", "row_number", "reason", "cal_date")
    return Batch(table=MACRO.name, rows=rows, rejected=rejected), _warnings(once)


def _warnings(once: pl.DataFrame) -> list[str]:
    if once.is_empty():
        return []
    named = [f"{day} {'open' if value > 0 else 'closed'}" for day, value in once.select("cal_date", "value").rows()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return [f"{len(named)} days on which Tushare and the calendar XSHG disagree: {', '.join(named[:_NAMED])}{more}"]

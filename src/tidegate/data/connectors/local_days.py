"""Days on a market's own clock: the instants at which a date begins, ends, or reaches a time of day."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import AfterValidator

__all__ = ["ZoneName", "day_at", "day_end", "day_start"]


def _existing(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ValueError("an IANA zone such as UTC or Asia/Shanghai") from None


ZoneName = Annotated[str, AfterValidator(_existing)]
"""A zone of the IANA database."""


def day_at(day: str, at: time, zone: str) -> pl.Expr:
    """Return the instant at which the clocks of a zone show a time of day on the dates of a column.

    Where clocks were put back over it, the first of the two; where they were put forward over it, an hour later.

    Examples
    --------
    >>> from datetime import date
    >>> dates = pl.DataFrame({"day": [date(2024, 1, 2)]})
    >>> dates.select(day_at("day", time(15), "Asia/Shanghai")).item().isoformat()
    '2024-01-02T07:00:00+00:00'
    """
    return _placed(pl.col(day), at, zone)


def day_start(day: str, zone: str) -> pl.Expr:
    """Return the instant at which the dates of a column begin."""
    return _placed(pl.col(day), time(0), zone)


def day_end(day: str, zone: str) -> pl.Expr:
    """Return the instant at which the dates of a column end, which is when the next ones begin.

    Examples
    --------
    >>> from datetime import date
    >>> dates = pl.DataFrame({"day": [date(2024, 1, 2)]})
    >>> dates.select(day_end("day", "America/New_York")).item().isoformat()
    '2024-01-03T05:00:00+00:00'
    """
    return _placed(pl.col(day) + timedelta(days=1), time(0), zone)


def _placed(days: pl.Expr, at: time, zone: str) -> pl.Expr:
    shown = days.cast(pl.Datetime("us")) + timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    placed = [
        moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        for moment in (shown, shown + timedelta(hours=1))
    ]
    return pl.coalesce(placed).dt.convert_time_zone("UTC")

"""Small markets whose universe can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tidegate.core.time import DAY, parse_instant
from tidegate.data.tables import BARS, MOMENT, SYMBOL_LIVES
from tidegate.data.universe import UniverseRules

FIRST_DAY = parse_instant("2024-01-01")
"""A Monday."""


def bars_of(values: Mapping[str, Sequence[float | None]], **columns: Any) -> pl.DataFrame:
    """Return daily bars of a market that never closes: one traded value per day from 2024-01-01, None for no bar."""
    rows = [
        {"symbol": symbol, "event_time": FIRST_DAY + (day + 1) * DAY, "traded_value": float(value)}
        for symbol, days in values.items()
        for day, value in enumerate(days)
        if value is not None
    ]
    frame = pl.DataFrame(rows).with_columns(pl.col("event_time").cast(MOMENT))
    same = dict.fromkeys(("open", "high", "low", "close", "volume", "adjustment"), 1.0)
    facts = {"dataset": "made-up", "interval": "1d", "calendar": "24/7", "source": "test", "synthetic": False}
    return frame.with_columns(
        pl.col("event_time").alias("known_time"), *(pl.lit(value).alias(name) for name, value in (same | facts).items())
    ).with_columns(pl.lit(value).alias(name) for name, value in columns.items()).select(
        name for name in BARS.schema if name != "recorded_time"
    )  # fmt: skip


def lives_of(*changes: tuple[str, str, str, str]) -> pl.DataFrame:
    """Return listings and delistings: symbol, change, when it happens, when it is known."""
    frame = pl.DataFrame(
        [
            {"symbol": symbol, "change": change, "event_time": parse_instant(at), "known_time": parse_instant(known)}
            for symbol, change, at, known in changes
        ]
    ).with_columns(pl.col("event_time", "known_time").cast(MOMENT))
    return frame.with_columns(
        dataset=pl.lit("made-up"), detail=pl.lit(""), source=pl.lit("test"), synthetic=pl.lit(value=False)
    ).select(name for name in SYMBOL_LIVES.schema if name != "recorded_time")


def rules_of(**changes: Any) -> UniverseRules:
    given = {"name": "best", "dataset": "made-up", "top_n": 2, "lookback_bars": 2, "minimum_history_bars": 1}
    return UniverseRules.model_validate(given | changes)

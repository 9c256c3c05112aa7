"""Picks by day: what could not be traded is absent and never counts as nothing earned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tidegate.registry import picks_of
from tidegate.report.pick_days import by_day

COLUMNS = ("day", "symbol", "hit", "net_return", "called", "base_rate")


def picks(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Return picks of one model from rows of day in January 2024, symbol, hit, net return, called and base rate."""
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    frame = pl.DataFrame(
        {
            "time": [datetime(2024, 1, 1, 7, tzinfo=UTC) + timedelta(days=row["day"] - 1) for row in found],
            "symbol": [row["symbol"] for row in found],
            "model": ["xgboost"] * len(found),
            "rank": list(range(1, len(found) + 1)),
            "called": pl.Series([row["called"] for row in found], dtype=pl.Boolean),
            "hit": pl.Series([row["hit"] for row in found], dtype=pl.Float64),
            "net_return": pl.Series([row["net_return"] for row in found], dtype=pl.Float64),
            "base_rate": pl.Series([row["base_rate"] for row in found], dtype=pl.Float64),
        }
    )
    return picks_of(frame, "xgboost")


def test_what_could_not_be_traded_is_absent() -> None:
    day = by_day(picks((2, "a", None, None, None, None)))[0]

    assert day.net_return is None
    assert day.names == "a –"


def test_a_close_at_midnight_belongs_to_the_day_before() -> None:
    frame = picks((2, "a", 1.0, 0.05, True, 0.2)).drop("day")
    midnight = frame.with_columns(time=pl.lit(datetime(2024, 2, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))

    assert by_day(picks_of(midnight, "xgboost"))[0].day == "2024-01-31"


def test_a_day_adds_up() -> None:
    found = by_day(
        picks(
            (2, "a", 1.0, 0.05, True, 0.2),
            (2, "b", 0.0, None, False, 0.2),
            (3, "c", 1.0, 0.03, True, 0.4),
        )
    )

    assert [(one.day, one.picks, one.known, one.hits, one.traded) for one in found] == [
        ("2024-01-02", 2, 2, 1, 1),
        ("2024-01-03", 1, 1, 1, 1),
    ]
    assert [one.net_return for one in found] == [0.05, 0.03]

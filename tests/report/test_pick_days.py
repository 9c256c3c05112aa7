"""Picks by day and by month: what could not be traded is absent and never counts as nothing earned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.report.pick_days import by_day, by_month, picks_of

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


def test_a_month_adds_up() -> None:
    january, year = by_month(
        picks(
            (2, "a", 1.0, 0.05, True, 0.2),
            (2, "b", 0.0, -0.02, False, 0.2),
            (3, "c", None, None, True, 0.4),
            (3, "d", 1.0, 0.03, True, 0.4),
        )
    )

    assert (january.picks, january.known, january.hits, january.days) == (4, 3, 2, 2)
    assert january.precision == pytest.approx(2 / 3)
    assert january.base_rate == pytest.approx((0.2 + 0.2 + 0.4) / 3)
    assert (january.calls, january.call_precision) == (3, 1.0)
    assert january.net_return == pytest.approx(0.02)
    assert january.day_sum == pytest.approx(0.015 + 0.03)
    assert (year.month, year.picks, year.net_return) == (None, 4, january.net_return)


def test_what_could_not_be_traded_is_absent() -> None:
    month = by_month(picks((2, "a", None, None, None, None)))[0]
    day = by_day(picks((2, "a", None, None, None, None)))[0]

    assert (month.precision, month.net_return, month.day_sum, month.calls, month.base_rate) == (None,) * 5
    assert day.net_return is None
    assert day.names == "a –"


def test_a_close_at_midnight_belongs_to_the_day_before() -> None:
    frame = picks((2, "a", 1.0, 0.05, True, 0.2)).drop("day")
    midnight = frame.with_columns(time=pl.lit(datetime(2024, 2, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))

    assert by_day(picks_of(midnight, "xgboost"))[0].day == "2024-01-31"


@given(some.lists(some.tuples(some.integers(1, 28), some.floats(-0.2, 0.2)), min_size=1, max_size=40))
def test_months_and_years_hold_every_pick_once(rows: list[tuple[int, float]]) -> None:
    found = by_month(picks(*((day, f"s{place}", 1.0, net, False, 0.1) for place, (day, net) in enumerate(rows))))

    assert sum(one.picks for one in found if one.month is not None) == len(rows)
    assert sum(one.picks for one in found if one.month is None) == len(rows)
    assert found[-1].net_return == pytest.approx(sum(net for _, net in rows) / len(rows))

"""Past picks by month and year: what could not be traded is absent and never counts as nothing earned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.registry import PastMonth, past_sentence, picks_by_month, picks_by_year, picks_of

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
    found = picks(
        (2, "a", 1.0, 0.05, True, 0.2),
        (2, "b", 0.0, -0.02, False, 0.2),
        (3, "c", None, None, True, 0.4),
        (3, "d", 1.0, 0.03, True, 0.4),
    )
    (january,), (year,) = picks_by_month(found), picks_by_year(found)

    assert (january.picks, january.judged, january.hits, january.days, january.trades) == (4, 3, 2, 2, 3)
    assert january.precision == pytest.approx(2 / 3)
    assert january.base_rate == pytest.approx((0.2 + 0.2 + 0.4) / 3)
    assert (january.called, january.called_judged, january.called_precision) == (3, 2, 1.0)
    assert january.net_return == pytest.approx(0.02)
    assert january.day_sum == pytest.approx(0.015 + 0.03)
    assert (year.month, year.picks, year.net_return) == ("2024", 4, january.net_return)


def test_what_could_not_be_traded_is_absent() -> None:
    (month,) = picks_by_month(picks((2, "a", None, None, None, None)))

    assert (month.precision, month.net_return, month.day_sum, month.called, month.base_rate) == (None,) * 5
    assert month.called_precision is None


def test_a_close_at_midnight_belongs_to_the_month_before() -> None:
    """One rule for the list in the terminal and for the report: the last close of May belongs to May."""
    frame = picks((2, "a", 1.0, 0.05, True, 0.2)).drop("day")
    midnight = frame.with_columns(time=pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))
    found = picks_of(midnight, "xgboost")

    assert [one.month for one in picks_by_month(found)] == ["2023-12"]
    assert [one.month for one in picks_by_year(found)] == ["2023"]


@given(some.lists(some.tuples(some.integers(1, 60), some.floats(-0.2, 0.2)), min_size=1, max_size=40))
def test_months_and_years_hold_every_pick_once(rows: list[tuple[int, float]]) -> None:
    found = picks(*((day, f"s{place}", 1.0, net, False, 0.1) for place, (day, net) in enumerate(rows)))
    months, (year,) = picks_by_month(found), picks_by_year(found)

    assert sum(one.picks for one in months) == year.picks == len(rows)
    assert sum(one.days for one in months) == year.days
    assert year.net_return == pytest.approx(sum(net for _, net in rows) / len(rows))
    assert year.day_sum == pytest.approx(sum(one.day_sum or 0.0 for one in months))


def test_the_sentence_compares_with_all_names() -> None:
    """The base rate is of every name of a day, the picks among them: it is no rate of the others."""
    (month,) = picks_by_month(picks((2, "a", 1.0, 0.05, True, 0.2)))
    assert isinstance(month, PastMonth)

    assert past_sentence([month]) == (
        "In 1 of 1 months the picks were hits more often than all names of the same days: 100.0% of 1 against 20.0%; "
        "one trade earned 5.00% after costs on average."
    )

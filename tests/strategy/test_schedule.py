"""Rule 1 and A.4: at which sessions a book is rebalanced."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import Int64Array
from tidegate.strategy import opens_new_week
from tidegate.strategy.schedule import fill_sessions

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def closes_of(*days: str) -> Int64Array:
    """Return closes at 21:00 UTC."""
    return np.array([parse_instant(day) + 21 * HOUR for day in days], dtype=np.int64)


def filled(days: list[str], **strategy: Any) -> list[str]:
    """Return the days on which orders fill."""
    due = fill_sessions(closes_of(*days), StrategySettings.model_validate(strategy))
    return [day for day, is_due in zip(days, due, strict=True) if is_due]


def test_the_week_opens_at_its_first_session_whatever_day_that_is() -> None:
    """Equity I 5: a Monday holiday moves the rebalance to Tuesday instead of skipping the week."""
    day = 86_400_000_000
    monday = 19_723 * day + 75_600_000_000  # 2024-01-01 21:00 UTC, a holiday of the exchange
    tuesday_to_friday = [monday + k * day for k in (1, 2, 3, 4)]
    next_tuesday = monday + 8 * day
    assert opens_new_week(np.array([*tuesday_to_friday, next_tuesday])).tolist() == [False] * 4 + [True]


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_before() -> None:
    midnight_into_monday = 19_723 * DAY
    times = np.array([midnight_into_monday - DAY, midnight_into_monday, midnight_into_monday + DAY])
    assert opens_new_week(times).tolist() == [False, False, True]


JANUARY = [
    *["2024-01-03", "2024-01-04", "2024-01-05"],  # the data begin on a Wednesday
    *["2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12"],
    *["2024-01-16", "2024-01-17", "2024-01-18", "2024-01-19"],  # Monday, 2024-01-15 was a holiday
    *["2024-01-22", "2024-01-23", "2024-01-24", "2024-01-25"],  # suppose that Friday was one
    *["2024-01-29", "2024-02-01", "2024-02-02"],  # and that only Monday, Thursday and Friday were sessions
]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("monday", ["2024-01-08", "2024-01-16", "2024-01-22", "2024-01-29"]),
        ("tuesday", ["2024-01-09", "2024-01-16", "2024-01-23", "2024-02-01"]),
        ("wednesday", ["2024-01-10", "2024-01-17", "2024-01-24", "2024-02-01"]),
        ("friday", ["2024-01-05", "2024-01-12", "2024-01-19", "2024-02-02"]),
    ],
)
def test_rule_1_a_weekday_or_the_session_after_it(day: str, expected: list[str]) -> None:
    """Rule 1, A.4: a holiday moves the trade on within its week; a week without a session left is passed over."""
    assert filled(JANUARY, rebalance="weekly", rebalance_day=day) == expected


def test_rule_1_a_start_in_mid_week_waits() -> None:
    """Rule 1: the week that the data begin within has no first session, and row 0 never trades."""
    assert filled(JANUARY[:3], rebalance="weekly") == []
    assert filled(["2024-01-08", "2024-01-09"], rebalance="weekly") == []  # Monday is row 0


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("monday", ["2024-01-08", "2024-01-22", "2024-01-29"]),
        ("tuesday", ["2024-01-09", "2024-01-16", "2024-01-23"]),
        ("friday", ["2024-01-05", "2024-01-12", "2024-01-19", "2024-02-02"]),
    ],
)
def test_a_4_legacy_waits_for_the_weekday_itself(day: str, expected: list[str]) -> None:
    """A.4, equity H 13: a week whose day is a holiday was left out."""
    legacy = {"holiday_week_skipped": True}
    assert filled(JANUARY, rebalance="weekly", rebalance_day=day, legacy=legacy) == expected


def test_a_4_monthly_is_the_first_session_of_the_month() -> None:
    """A.4: of the calendar's month, whatever weekday that is; the month that the data begin within waits."""
    assert filled(JANUARY, rebalance="monthly") == ["2024-02-01"]
    assert filled(["2023-12-29", "2024-01-02", "2024-01-03", "2024-02-29", "2024-03-01"], rebalance="monthly") == [
        *["2024-01-02", "2024-02-29", "2024-03-01"]
    ]


def test_a_4_daily_is_every_session_but_the_first() -> None:
    """A.4, equity H 13: daily is daily; as before it is the weekly schedule."""
    assert filled(JANUARY, rebalance="daily") == JANUARY[1:]
    before = filled(JANUARY, rebalance="daily", legacy={"daily_is_weekly": True})
    assert before == filled(JANUARY, rebalance="weekly")


def test_a_market_that_never_closes_opens_its_week_on_monday() -> None:
    """Rule 1: hourly bars; the first of Monday closes at 01:00, that which closes at 00:00 is Sunday's."""
    sunday_evening = parse_instant("2024-01-07") + 22 * HOUR
    times = sunday_evening + np.arange(30, dtype=np.int64) * HOUR
    due = fill_sessions(times, StrategySettings(rebalance="weekly"))

    assert np.flatnonzero(due).tolist() == [3]
    assert times[3] == parse_instant("2024-01-08") + HOUR


@given(
    gaps=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    rebalance=st.sampled_from(["daily", "weekly", "monthly"]),
    day=st.sampled_from(WEEKDAYS),
    skips=st.booleans(),
)
def test_the_schedule_is_the_one_of_the_calendar(gaps: list[int], rebalance: str, day: str, skips: bool) -> None:
    """Rule 1 against the standard library's calendar, one session after the other, whatever is closed."""
    days = [dt.date(2024, 1, 3) + dt.timedelta(days=int(step)) for step in np.cumsum([0, *gaps])]
    legacy = {"holiday_week_skipped": skips}
    chosen = StrategySettings.model_validate({"rebalance": rebalance, "rebalance_day": day, "legacy": legacy})
    expected, seen = [False], {week_or_month(days[0], rebalance, day)}
    for one in days[1:]:
        period = week_or_month(one, rebalance, day)
        on_its_day = not skips or rebalance != "weekly" or one.weekday() == WEEKDAYS.index(day)
        expected.append(period is not None and period not in seen and on_its_day)
        seen.add(period)
    times = closes_of(*[one.isoformat() for one in days])

    assert fill_sessions(times, chosen).tolist() == expected
    for stop in (1, len(times) // 2, len(times) - 1):  # what comes later changes no session before
        assert fill_sessions(times[:stop], chosen).tolist() == expected[:stop]


def week_or_month(day: dt.date, rebalance: str, weekday: str) -> object:
    """Return the period that a session is the first of, if it is new; None while its weekday is still to come."""
    if rebalance == "daily":
        return day
    if rebalance == "monthly":
        return (day.year, day.month)
    return day.isocalendar()[:2] if day.weekday() >= WEEKDAYS.index(weekday) else None


def test_weeks_before_1970_are_weeks_too() -> None:
    """Rule 1 on long histories: no number of a week stands for "not yet"."""
    days = ["1969-12-19", "1969-12-22", "1969-12-23", "1969-12-24", "1969-12-26", "1969-12-29", "1969-12-31"]

    assert filled(days, rebalance_day="wednesday") == ["1969-12-24", "1969-12-31"]

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.config import Settings, parse_settings
from tidegate.core.errors import InputError, RecipeError
from tidegate.core.time import DAY, BarInterval, format_instant, instant_of, moment_of, parse_instant

FIRST, LAST = (datetime.fromisoformat(text) for text in ("1900-01-01", "2200-01-01"))

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=FIRST, max_value=LAST, timezones=zones)
instants = moments.map(instant_of)


@given(moments)
def test_a_moment_survives_the_way_there_and_back(moment: datetime) -> None:
    assert moment_of(instant_of(moment)) == moment


@given(instants)
def test_an_instant_survives_its_text(instant: int) -> None:
    assert instant_of(moment_of(instant)) == instant
    assert parse_instant(format_instant(instant)) == instant


@given(moments, zones)
def test_the_zone_of_a_text_does_not_move_it(moment: datetime, zone: timezone) -> None:
    assert parse_instant(moment.astimezone(zone).isoformat()) == instant_of(moment)


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_a_date_is_its_midnight_in_utc(day: date) -> None:
    assert parse_instant(day) == parse_instant(day.isoformat()) == parse_instant(f"{day:%Y%m%d}")
    assert parse_instant(day) % DAY == 0
    assert format_instant(parse_instant(day)) == day.isoformat()


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(InputError, match="without a zone: 2024-01-31T09:30:00"):
        instant_of(datetime(2024, 1, 31, 9, 30))  # noqa: DTZ001 - the thing refused
    with pytest.raises(InputError, match="without a zone"):
        parse_instant(datetime(2024, 1, 31))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["2024-01-31T09:30", "2024-01-31 09:30:00", "2024-01-31T00", "2024W05T09"])
def test_a_time_of_day_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="without a zone"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["", "yesterday", "31.01.2024", "2024-02-30", "2024-01-31T25:00+00:00"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="an ISO date or time"):
        parse_instant(text)


def test_before_1970_microseconds_are_not_lost() -> None:
    assert instant_of(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@given(st.integers(1, 9999), st.sampled_from("smh"))
def test_every_count_and_unit_makes_an_interval(count: int, unit: str) -> None:
    interval = BarInterval(f"{count}{unit}")

    assert interval.microseconds == count * BarInterval(f"1{unit}").microseconds
    assert not interval.is_session
    assert copy.deepcopy(interval) == pickle.loads(pickle.dumps(interval)) == interval


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0m", "05m", "-5m", "5M", "1w", "2d", "5 m", "5m\n", "1.5h", "10000s", "1٣m"]
)
def test_anything_else_is_no_interval(text: str) -> None:
    with pytest.raises(InputError, match="a count of s, m or h"):
        BarInterval(text)


class Sampling(Settings):
    symbol: str
    interval: BarInterval = BarInterval("1d")


def test_settings_hold_an_interval_and_report_the_line_of_a_wrong_one() -> None:
    assert parse_settings("symbol: A\ninterval: 5m", Sampling, "s.yaml").interval == BarInterval("5m")
    assert isinstance(parse_settings("symbol: A", Sampling, "s.yaml").interval, BarInterval)

    with pytest.raises(RecipeError, match=r"s.yaml:2: interval = 'weekly'; expected a count of s, m or h, or 1d"):
        parse_settings("symbol: A\ninterval: weekly", Sampling, "s.yaml")

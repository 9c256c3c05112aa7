from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.connectors.local_days import day_at, day_end, day_start

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "UTC", "America/Sao_Paulo")


def at(day: date, moment: time, zone: str) -> datetime:
    found: datetime = pl.DataFrame({"day": [day]}).select(day_at("day", moment, zone)).item()
    return found


@given(
    day=st.dates(date(1970, 1, 1), date(2037, 12, 31)), moment=st.times(min_value=time(5)), zone=st.sampled_from(ZONES)
)
def test_an_hour_of_the_day_is_that_of_the_zone(day: date, moment: time, zone: str) -> None:
    shown = moment.replace(microsecond=0)

    assert at(day, shown, zone) == datetime.combine(day, shown, tzinfo=ZoneInfo(zone))


@given(day=st.dates(date(1970, 1, 1), date(2037, 12, 30)), zone=st.sampled_from(ZONES))
def test_a_day_ends_where_the_next_begins(day: date, zone: str) -> None:
    frame = pl.DataFrame({"day": [day], "next": [day + timedelta(days=1)]})

    ends, begins = frame.select(day_end("day", zone), day_start("next", zone).alias("next")).row(0)

    assert ends == begins
    assert timedelta(hours=23) <= ends - frame.select(day_start("day", zone)).item() <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "moment", "zone", "expected"),
    [
        (date(2018, 11, 4), time(0), "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
        (date(2024, 3, 10), time(2, 30), "America/New_York", "2024-03-10T07:30:00+00:00"),
        (date(2024, 11, 3), time(1, 30), "America/New_York", "2024-11-03T05:30:00+00:00"),
    ],
    ids=["no midnight", "no such hour", "an hour twice"],
)
def test_changed_clocks_leave_no_hole(day: date, moment: time, zone: str, expected: str) -> None:
    assert at(day, moment, zone).isoformat() == expected

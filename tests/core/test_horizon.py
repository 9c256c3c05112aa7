"""A time becomes a count of bars in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.horizon import Horizon, Reach
from tidegate.core.time import DAY, HOUR, MINUTE, BarInterval


@pytest.mark.parametrize(("horizon", "bars"), [("1h", 12), ("4h", 48), ("1d", 288), ("7d", 2016)])
def test_the_four_horizons_on_five_minute_bars(horizon: str, bars: int) -> None:
    """Crypto 18.1."""
    reach = Horizon(horizon).reach(BarInterval("5m"))

    assert (reach.name, reach.bars, reach.duration) == (horizon, bars, bars * 5 * MINUTE)


@pytest.mark.parametrize(("horizon", "sessions"), [("1d", 1), ("7d", 7), ("20d", 20)])
def test_days_count_sessions_on_session_bars(horizon: str, sessions: int) -> None:
    assert Horizon(horizon).reach(BarInterval("1d")) == Reach(name=horizon, bars=sessions)


@pytest.mark.parametrize("horizon", ["1h", "24h", "90m", "30s"])
def test_session_bars_know_no_hours(horizon: str) -> None:
    with pytest.raises(InputError, match="days, which count sessions"):
        Horizon(horizon).reach(BarInterval("1d"))


@pytest.mark.parametrize(("horizon", "interval"), [("1h", "7m"), ("30m", "1h"), ("90m", "1h"), ("1d", "7h")])
def test_a_time_that_the_bars_do_not_divide_is_refused_and_never_rounded(horizon: str, interval: str) -> None:
    with pytest.raises(InputError, match=f"a multiple of {interval}"):
        Horizon(horizon).reach(BarInterval(interval))


@pytest.mark.parametrize("text", ["", "d", "0d", "1", "1w", "1.5h", "-1h", "1 h", "1H", "12345m", "1h "])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="a count of s, m, h or d"):
        Horizon(text)


@given(count=st.integers(1, 9999), minutes=st.integers(1, 600))
def test_bars_times_their_length_is_the_horizon_or_there_is_none(count: int, minutes: int) -> None:
    interval = BarInterval(f"{minutes}m")
    if count % minutes:
        with pytest.raises(InputError):
            Horizon(f"{count}m").reach(interval)
    else:
        assert Horizon(f"{count}m").reach(interval).bars * minutes == count


def test_a_length_on_the_clock() -> None:
    assert (Horizon("4h").microseconds, Horizon("7d").microseconds) == (4 * HOUR, 7 * DAY)


@pytest.mark.parametrize("bars", [0, -3])
def test_a_reach_is_at_least_one_bar(bars: int) -> None:
    with pytest.raises(InputError, match="at least 1 bar"):
        Reach.of_bars(bars)

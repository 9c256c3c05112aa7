from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.evaluate.drawdowns import drawdown_periods
from tidegate.evaluate.performance import drawdown

CURVES = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=60).map(lambda steps: np.cumprod(np.array(steps)))


def times_of(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return parse_instant("2024-01-01") + 21 * HOUR + np.arange(count) * DAY


@given(CURVES)
def test_the_deepest_fall_is_the_maximum_drawdown(equity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    found = drawdown_periods(times_of(len(equity)), equity)
    depth, _, trough = drawdown(equity)
    assert max((fall.depth for fall in found), default=0.0) == depth
    if found:
        assert int(times_of(len(equity))[trough]) in {fall.trough for fall in found}


@given(CURVES)
def test_falls_follow_one_another_and_cover_every_close_below_a_peak(
    equity: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    times = times_of(len(equity))
    found = drawdown_periods(times, equity)
    covered = np.zeros(len(equity), dtype=bool)
    for fall in found:
        first = int(np.searchsorted(times, fall.peak))
        end = first + fall.sessions
        assert equity[first:end].max() == equity[first]
        assert fall.recovered is None or equity[end] >= equity[first]
        covered[first + 1 : end + (fall.recovered is None)] = True
    np.testing.assert_array_equal(covered, equity < np.maximum.accumulate(equity))


def test_a_fall_says_its_dates_as_sessions() -> None:
    """A close at midnight ends the day before it."""
    times = parse_instant("2024-01-02") + np.arange(4) * DAY
    (fall,) = drawdown_periods(times, np.array([10.0, 8.0, 9.0, 11.0]))
    assert fall.as_dict() == {
        "peak": "2024-01-01",
        "trough": "2024-01-02",
        "recovered": "2024-01-04",
        "depth": pytest.approx(0.2),
        "sessions": 3,
        "sessions_to_trough": 1,
    }


def test_small_falls_can_be_left_out() -> None:
    equity = np.array([100.0, 99.0, 101.0, 80.0])
    assert len(drawdown_periods(times_of(4), equity)) == 2
    (deep,) = drawdown_periods(times_of(4), equity, least=0.02)
    assert (deep.recovered, deep.sessions) == (None, 1)

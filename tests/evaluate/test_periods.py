from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.evaluate.performance import performance
from tidegate.evaluate.periods import monthly_returns, rolling_sharpe, yearly_returns


@given(st.lists(st.floats(0.8, 1.25), min_size=1, max_size=40), st.integers(1, 40))
def test_months_and_years_compound_to_the_whole(steps: list[float], days: int) -> None:
    equity = np.cumprod(np.array(steps))
    times = parse_instant("2023-11-20") + 21 * HOUR + np.arange(len(equity)) * days * DAY
    for table in (monthly_returns(times, equity), yearly_returns(times, equity)):
        whole = np.prod([1.0 + row["return"] for row in table])
        assert whole == pytest.approx(equity[-1] / equity[0])
        assert [list(row.values())[:-1] for row in table] == sorted(list(row.values())[:-1] for row in table)


def test_a_close_at_midnight_belongs_to_the_year_that_it_ends() -> None:
    times = np.array([parse_instant("2023-12-31"), parse_instant("2024-01-01"), parse_instant("2024-01-02")])
    assert yearly_returns(times, np.array([100.0, 110.0, 99.0])) == [
        {"year": 2023, "return": pytest.approx(0.1)},
        {"year": 2024, "return": pytest.approx(-0.1)},
    ]
    assert [row["month"] for row in monthly_returns(times, np.ones(3))] == [12, 1]


def test_a_window_as_long_as_the_curve_is_its_sharpe_ratio() -> None:
    equity = np.exp(np.cumsum(np.random.default_rng(1).normal(0.001, 0.01, 50)))
    whole = performance(np.arange(50) * DAY, equity, 252.0)
    assert rolling_sharpe(equity, 49, 252.0) == pytest.approx([whole.sharpe])


def test_a_window_without_movement_has_no_ratio_and_a_short_curve_none_at_all() -> None:
    assert np.isnan(rolling_sharpe(np.ones(5), 3, 252.0)).all()
    assert rolling_sharpe(np.ones(3), 3, 252.0).size == 0

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.time import DAY
from tidegate.evaluate import drawdown, excess_over, performance

YEAR = 365.25 * DAY
DAYS = np.arange(1000) * DAY


def test_cagr_counts_calendar_days_of_a_year_of_365_and_a_quarter() -> None:
    times = np.array([0, int(YEAR), int(2 * YEAR)])
    found = performance(times, np.array([100.0, 100.0, 121.0]), 252)
    assert found.cagr == pytest.approx(0.10, abs=1e-12)
    assert found.total_return == pytest.approx(0.21)
    assert found.years == pytest.approx(2.0)


def test_volatility_and_sharpe_use_the_sample_deviation() -> None:
    equity = np.array([100.0, 101.0, 100.0, 102.0])
    returns = np.diff(equity) / equity[:-1]
    found = performance(np.arange(4) * DAY, equity, 252)
    assert found.volatility == pytest.approx(np.std(returns, ddof=1) * math.sqrt(252))
    assert found.sharpe == pytest.approx(np.mean(returns) / np.std(returns, ddof=1) * math.sqrt(252))


def test_money_that_never_moves_has_no_sharpe_and_no_drawdown() -> None:
    found = performance(np.arange(3) * DAY, np.ones(3), 252)
    assert (found.cagr, found.volatility, found.sharpe, found.max_drawdown) == (0.0, 0.0, None, 0.0)


def test_the_drawdown_is_unrounded_and_dated() -> None:
    """B.5: 15.04 % is more than 15 %, whatever a rounded report says."""
    equity = np.array([1.0, 2.0, 2.0 * (1 - 0.1504), 1.9, 2.5, 2.4])
    depth, peak, trough = drawdown(equity)
    assert depth == pytest.approx(0.1504, abs=1e-15)
    assert (peak, trough) == (1, 2)
    found = performance(np.arange(6) * DAY, equity, 252)
    assert (found.drawdown_start, found.drawdown_end) == (DAY, 2 * DAY)


def test_a_drawdown_begins_at_the_last_close_at_its_top() -> None:
    """As the table of drawdown periods says: an account that has not traded yet has not begun to fall."""
    assert drawdown(np.array([1.0, 1.0, 1.0, 0.9, 0.8, 1.0])) == (pytest.approx(0.2), 2, 4)


@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=50))
def test_the_drawdown_is_the_worst_of_all_pairs(values: list[float]) -> None:
    equity = np.array(values)
    worst = max(1 - equity[j] / equity[i] for i in range(len(equity)) for j in range(i, len(equity)))
    assert drawdown(equity)[0] == pytest.approx(worst, abs=1e-12)


def weeks_of(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(count * 5) % 5 == 0


def test_no_difference_is_no_excess() -> None:
    equity = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 500)))
    found = excess_over(DAYS[:500], equity, equity, weeks_of(100))
    assert found is not None
    assert (found.annual_log_excess, found.t_statistic) == (0.0, None)


def test_a_steady_lead_is_found_with_its_size() -> None:
    random = np.random.default_rng(2)
    benchmark = np.exp(np.cumsum(random.normal(0, 0.01, 1000)))
    lead = np.exp(np.arange(1000) * 0.0002 + random.normal(0, 0.0005, 1000))
    found = excess_over(DAYS, benchmark * lead, benchmark, weeks_of(200))
    assert found is not None
    assert found.annual_log_excess == pytest.approx(0.0002 * 365.25, rel=0.05)
    assert found.t_statistic is not None
    assert found.t_statistic > 5


def test_luck_is_seldom_called_significant() -> None:
    """Of independent noise, about one in twenty may reach |t| = 2."""
    random = np.random.default_rng(3)
    loud = 0
    for _ in range(200):
        equity, benchmark = np.exp(np.cumsum(random.normal(0, 0.01, (2, 1000)), axis=1))
        found = excess_over(DAYS, equity, benchmark, weeks_of(200))
        assert found is not None
        assert found.t_statistic is not None
        loud += abs(found.t_statistic) > 2
    assert 2 <= loud <= 22


def test_a_few_weeks_say_nothing() -> None:
    assert excess_over(DAYS[:40], np.ones(40), np.ones(40), weeks_of(8)) is None


def test_the_excess_has_the_sign_of_the_difference_of_growth_whatever_the_last_week_did() -> None:
    """A complete last week that nothing follows counts; dropping it once turned a lead into a lag."""
    equity = np.concatenate([np.full(56, 1.0), np.full(4, 1.02)])
    benchmark = np.concatenate([np.full(30, 1.0), np.full(30, 1.005)])
    found = excess_over(DAYS[:60], equity, benchmark, weeks_of(12))
    assert found is not None
    years = 59 / 365.25
    assert found.annual_log_excess == pytest.approx((math.log(1.02) - math.log(1.005)) / years)


@pytest.mark.parametrize("equity", [[1.0], [1.0, 0.0], [1.0, -1.0, 2.0]])
def test_a_book_that_is_worth_nothing_has_no_growth_rate(equity: list[float]) -> None:
    with pytest.raises(InputError, match="all positive"):
        performance(DAYS[: len(equity)], np.array(equity), 252)

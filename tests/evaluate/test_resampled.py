"""The walk through resampled histories says what the curve of each would."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import Bound
from tidegate.core.units import FloatArray
from tidegate.evaluate.performance import drawdown
from tidegate.evaluate.resampled import Resampled, resampled_figures

NAN = float("nan")


def draws_of(seed: int, replicates: int, bars: int) -> SimpleNamespace:
    return SimpleNamespace(rows=np.random.default_rng(seed).integers(0, bars, (replicates, bars)).astype(np.int32))


def curve_of(returns: FloatArray) -> FloatArray:
    return np.concatenate([[1.0], np.cumprod(1.0 + returns)])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 140), st.floats(0.1, 12.0))
def test_each_history_has_the_figures_of_its_curve(seed: int, bars: int, sets: int, years: float) -> None:
    returns = np.random.default_rng(seed).normal(0.0, 0.03, (bars, sets))
    draws = draws_of(seed + 1, 4, bars)
    found = resampled_figures(returns, draws, years)
    for column in {0, sets // 2, sets - 1}:
        for replicate in range(4):
            curve = curve_of(returns[draws.rows[replicate], column])
            depth = drawdown(curve)[0]
            assert found.max_drawdown[replicate, column] == pytest.approx(depth, abs=1e-7)
            assert found.cagr[replicate, column] == pytest.approx(curve[-1] ** (1 / years) - 1, rel=1e-6, abs=1e-6)


def test_history_as_it_was_is_one_of_the_histories() -> None:
    returns = np.random.default_rng(1).normal(0.0005, 0.01, (750, 5))
    found = resampled_figures(returns, SimpleNamespace(rows=np.arange(750, dtype=np.int32)[None]), 3.0)
    for column in range(5):
        assert found.max_drawdown[0, column] == np.float32(drawdown(curve_of(returns[:, column]))[0])


def test_bounds_are_kept_together_or_not_at_all() -> None:
    """Equity J.8: P(drawdown <= 0.15), with a bound on the growth in the same histories."""
    cagr = np.array([[0.1, 0.1], [0.3, 0.1], [0.1, NAN], [0.3, 0.3]], dtype=np.float32)
    depth = np.array([[0.1, 0.1], [0.2, 0.2], [0.15, NAN], [0.15, 0.1]], dtype=np.float32)
    cagr[0, 1] = depth[0, 1] = NAN
    found = Resampled(cagr=cagr, max_drawdown=depth)
    assert found.share_within({"max_drawdown": Bound(at_most=0.15)})[0] == 0.75
    both = found.share_within({"max_drawdown": Bound(at_most=0.15), "cagr": Bound(at_least=0.2, at_most=0.3)})
    assert both[0] == 0.25
    assert found.share_within({"turnover": Bound(at_most=1.0)})[0] == 1.0


def test_a_set_without_returns_has_no_share() -> None:
    """Equity H 7: what is missing is not a drawdown of nothing."""
    returns = np.array([[0.01, NAN, np.inf], [0.01, 0.01, 0.01]])
    found = resampled_figures(returns, draws_of(1, 50, 2), 1.0)
    share = found.share_within({"max_drawdown": Bound(at_most=0.15)})
    assert share[0] == 1.0
    assert np.isnan(share[1:]).all()
    assert np.isnan(found.interval("max_drawdown")[0][1:]).all()


def test_what_loses_all_stays_lost() -> None:
    returns = np.array([[-1.5], [0.5]])
    found = resampled_figures(returns, SimpleNamespace(rows=np.array([[0, 1], [1, 0], [1, 1]], dtype=np.int32)), 1.0)
    assert found.max_drawdown[:, 0].tolist() == [1.0, 1.0, 0.0]
    assert found.cagr[:, 0].tolist() == [-1.0, -1.0, 1.25]


def test_an_interval_has_as_much_beyond_either_end() -> None:
    values = np.linspace(0.0, 1.0, 1001, dtype=np.float32)[:, None]
    found = Resampled(cagr=values, max_drawdown=values)
    low, high = found.interval("cagr")
    assert (low[0], high[0]) == (pytest.approx(0.025), pytest.approx(0.975))
    low, high = found.interval("max_drawdown", share=0.5)
    assert (low[0], high[0]) == (pytest.approx(0.25), pytest.approx(0.75))


@pytest.mark.parametrize(
    ("rows", "years"),
    [
        (np.zeros((3, 4)), 1.0),
        (np.full((3, 5), 5), 1.0),
        (np.full((3, 5), -1), 1.0),
        (np.zeros((0, 5)), 1.0),
        (np.zeros(5), 1.0),
        (np.zeros((3, 5)), 0.0),
    ],
)
def test_draws_of_other_bars_are_refused(rows: FloatArray, years: float) -> None:
    """Compiled code would read beside the returns."""
    with pytest.raises(InputError, match="rows of the returns"):
        resampled_figures(np.zeros((5, 2)), SimpleNamespace(rows=rows.astype(np.int32)), years)

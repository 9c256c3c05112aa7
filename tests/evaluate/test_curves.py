"""Figures of many curves are those of each alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import FIGURES
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.evaluate.curves import CURVE_FIGURES, curve_figures
from tidegate.evaluate.performance import performance

SHARED = ("cagr", "total_return", "volatility", "max_drawdown")


def curves_of(seed: int, n_times: int, n_sets: int) -> FloatArray:
    moves = np.random.default_rng(seed).normal(0.0004, 0.012, (n_times, n_sets))
    moves[0] = 0.0
    return np.asarray(30_000.0 * np.exp(np.cumsum(moves, axis=0)), dtype=np.float64)


def test_every_figure_but_the_turnover_comes_from_the_curve() -> None:
    assert set(FIGURES) - {"turnover"} == set(CURVE_FIGURES)
    assert tuple(curve_figures(np.arange(3) * DAY, curves_of(1, 3, 1), 252)) == CURVE_FIGURES


@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.integers(1, 130), st.sampled_from([252.0, 365.0]))
def test_each_column_has_the_bits_of_its_own_performance(seed: int, n_times: int, n_sets: int, year: float) -> None:
    """One definition: a search and a backtest of its set say the same, to the last bit."""
    times, equity = np.arange(n_times) * DAY, curves_of(seed, n_times, n_sets)
    found = curve_figures(times, equity, year)
    for column in {0, n_sets // 2, n_sets - 1}:
        alone = performance(times, equity[:, column], year)
        for name in SHARED:
            assert found[name][column] == getattr(alone, name), name
        assert (None if math.isnan(found["sharpe"][column]) else found["sharpe"][column]) == alone.sharpe


def test_downside_calmar_and_excess_by_hand() -> None:
    times = np.array([0, 1, 2, 3]) * 365 * DAY
    equity = np.array([100.0, 110.0, 99.0, 118.8])
    bench = np.array([50.0, 52.0, 50.0, 51.0])
    found = {name: values[0] for name, values in curve_figures(times, equity[:, None], 252, bench).items()}
    r, b = np.array([0.1, -0.1, 0.2]), np.array([0.04, -2 / 52, 0.02])
    cagr = 1.188 ** (365.25 / (3 * 365)) - 1
    assert found["sortino"] == pytest.approx(r.mean() / math.sqrt(0.01 / 3) * math.sqrt(252))
    assert found["calmar"] == pytest.approx(cagr / 0.1)
    assert found["excess_cagr"] == pytest.approx(cagr - (1.02 ** (365.25 / (3 * 365)) - 1))
    assert found["excess_sharpe"] == pytest.approx((r - b).mean() / (r - b).std(ddof=1) * math.sqrt(252))


def test_what_is_not_defined_is_not_zero() -> None:
    """Equity H 7: a missing figure that reads 0 is a drawdown of nothing and wins."""
    times = np.arange(4) * DAY
    interest = 1.0001 ** np.arange(4)
    equity = np.column_stack([np.ones(4), interest, np.array([1.0, 0.5, 0.0, 0.1]), np.array([1.0, np.nan, 1.0, 1.0])])
    found = curve_figures(times, equity, 252, equity[:, 0])
    flat, steady, ruined, unknown = range(4)
    assert found["cagr"][flat] == found["max_drawdown"][flat] == 0.0
    for name in ("sharpe", "sortino", "calmar", "excess_sharpe"):
        assert math.isnan(found[name][flat]), name
        assert math.isnan(found[name][steady]), f"{name}: interest alone has no risk to be paid for"
    assert found["max_drawdown"][ruined] == 1.0
    for name in set(CURVE_FIGURES) - {"max_drawdown"}:
        assert math.isnan(found[name][ruined]), name
    assert all(math.isnan(values[unknown]) for values in found.values())


@pytest.mark.parametrize("bench", [None, np.array([1.0, np.nan, 1.0]), np.array([1.0, 0.0, 1.0])])
def test_without_a_sound_benchmark_there_is_no_excess(bench: FloatArray | None) -> None:
    found = curve_figures(np.arange(3) * DAY, np.array([[1.0], [1.1], [1.2]]), 252, bench)
    assert np.isnan(found["excess_cagr"]).all()
    assert np.isnan(found["excess_sharpe"]).all()
    assert np.isfinite(found["cagr"]).all()


def test_a_growth_that_no_number_holds_is_no_figure() -> None:
    found = curve_figures(np.arange(2) * DAY, np.array([[1.0], [100.0]]), 252)
    assert math.isnan(found["cagr"][0])
    assert found["total_return"][0] == 99.0
    assert found["volatility"][0] == 0.0


@pytest.mark.parametrize(
    ("times", "equity", "bench"),
    [
        (np.arange(1), np.ones((1, 2)), None),
        (np.arange(3), np.ones((2, 2)), None),
        (np.arange(3), np.ones(3), None),
        (np.arange(3), np.ones((3, 2)), np.ones(2)),
        (np.zeros(3, dtype=np.int64), np.ones((3, 2)), None),
    ],
)
def test_what_does_not_fit_is_refused(times: FloatArray, equity: FloatArray, bench: FloatArray | None) -> None:
    with pytest.raises(InputError, match="at least two instants"):
        curve_figures(times.astype(np.int64), equity, 252, bench)


def test_what_is_wanted_alone_is_the_same() -> None:
    equity = np.column_stack([curves_of(3, 50, 70), np.zeros(50)])
    every = curve_figures(np.arange(50) * DAY, equity, 252, equity[:, 0])
    for name in CURVE_FIGURES:
        alone = curve_figures(np.arange(50) * DAY, equity, 252, equity[:, 0], names=(name,))
        assert list(alone) == [name]
        np.testing.assert_array_equal(alone[name], every[name])


def test_no_sets_have_no_figures() -> None:
    assert all(values.shape == (0,) for values in curve_figures(np.arange(3) * DAY, np.ones((3, 0)), 252).values())

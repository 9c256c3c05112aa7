"""The rotation by the engine's kernel: one backtest, 30 and 1,000 parameter sets; beside it the compiled limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peak_memory import peak_over
from rotation_limit import limit_equities, limit_equity
from rotation_market import (
    CASH,
    DATA,
    FEE,
    PERIODS_PER_YEAR,
    Problem,
    market_of,
    parameter_sets,
    problem,
    settings_of,
)
from rotation_plain import exposures, plain_equity, plain_selection, plain_weights

from tidegate.costs import CostModel
from tidegate.engine.market import Market
from tidegate.engine.sweep import Sweep, Trial, run_trials

SESSIONS = {"359 sessions": None, "1,500 sessions": 1_500}
CAP, EXPOSURE = 0.05, 0.95
COSTS = CostModel(commission_bps=FEE * 1e4)
EVERY_RULE = {
    "volatility_target": 0.25,
    "volatility_of": "portfolio",
    "market_filter": True,
    "market_window": 60,
    "dynamic_exposure": True,
    "drawdown_tiers": (0.08, 0.12, 0.15),
    "drawdown_exposures": (0.8, 0.6, 0.4),
    "max_drawdown": 0.2,
    "max_drawdown_52w": 0.2,
    "guard_sessions": 5,
    "score_smoothing": 0.5,
    "max_turnover": 0.5,
}
SETS_IN_MEMORY = 1_000


@pytest.fixture(scope="module", params=SESSIONS.values(), ids=SESSIONS)
def given(request: pytest.FixtureRequest) -> Problem:
    return _problem(request.param)


@pytest.fixture(scope="module")
def real() -> Problem:
    return _problem(None)


def _problem(sessions: int | None) -> Problem:
    if not (DATA / "ashare_daily.parquet").exists():
        pytest.skip("the A-share file is not on this machine")
    return problem(sessions)


def one_set(**changes: Any) -> list[Trial]:
    settings = settings_of(EXPOSURE, 0.0, CAP)
    return [Trial(settings=type(settings)(**{**settings.model_dump(), **changes}), costs=COSTS)]


def many_sets(count: int) -> list[Trial]:
    return [Trial(settings=settings_of(*one), costs=COSTS) for one in parameter_sets(count)]


def by_tidegate(market: Market, trials: list[Trial], *, recorded: bool) -> Sweep:
    """Return every curve, decision, order and fill, or the equity of each set alone."""
    return run_trials(
        market,
        trials,
        initial_cash=CASH,
        periods_per_year=PERIODS_PER_YEAR,
        records=recorded,
        whole=recorded,
    )


def reference(given: Problem, sets: list[tuple[float, float, float]]) -> np.ndarray:
    places, scores = plain_selection(given)
    weights = (plain_weights(scores, exposures(given, most, target), cap) for most, target, cap in sets)
    return np.stack([plain_equity(given, places, one) for one in weights], axis=1)


def test_all_say_the_same(given: Problem) -> None:
    plain = reference(given, [(EXPOSURE, 0.0, CAP)])
    ours = by_tidegate(market_of(given), one_set(), recorded=True)
    np.testing.assert_allclose(ours.equity, plain, rtol=1e-12)
    np.testing.assert_allclose(limit_equity(given, EXPOSURE, CAP), plain[:, 0], rtol=1e-12)


def test_all_say_the_same_of_many_sets(real: Problem) -> None:
    plain = reference(real, parameter_sets(30))
    market = market_of(real)
    np.testing.assert_allclose(by_tidegate(market, many_sets(30), recorded=False).equity, plain, rtol=1e-11)
    limit = limit_equities(real, real.volatility, np.array(parameter_sets(30)))
    np.testing.assert_allclose(limit, plain, rtol=1e-11)
    thousand = by_tidegate(market, many_sets(1_000), recorded=False).equity
    np.testing.assert_allclose(thousand[:, :30], plain, rtol=1e-11)


def test_one_backtest(benchmark: Any, given: Problem) -> None:
    market, trials = market_of(given), one_set()
    benchmark.pedantic(by_tidegate, (market, trials), {"recorded": True}, rounds=5, warmup_rounds=2)


def test_one_backtest_limit(benchmark: Any, given: Problem) -> None:
    benchmark.pedantic(limit_equity, (given, EXPOSURE, CAP), rounds=5, warmup_rounds=2)


def test_one_backtest_with_every_rule(benchmark: Any, given: Problem) -> None:
    market, trials = market_of(given), one_set(**EVERY_RULE)
    result = benchmark.pedantic(by_tidegate, (market, trials), {"recorded": True}, rounds=5, warmup_rounds=2)
    assert np.all(result.counts.sum() > 0)


@pytest.mark.parametrize("count", [30, 1_000])
def test_many_sets(benchmark: Any, real: Problem, count: int) -> None:
    market, trials = market_of(real), many_sets(count)
    benchmark.pedantic(by_tidegate, (market, trials), {"recorded": False}, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("count", [30, 1_000])
def test_many_sets_limit(benchmark: Any, real: Problem, count: int) -> None:
    sets, volatility = np.array(parameter_sets(count)), real.volatility
    benchmark.pedantic(limit_equities, (real, volatility, sets), rounds=5, warmup_rounds=1)


@pytest.mark.usefixtures("real")
def test_peak_memory(capsys: pytest.CaptureFixture[str]) -> None:
    peak = peak_over(
        before="""
            from test_rotation import *
            market = market_of(problem())
            by_tidegate(market, many_sets(2), recorded=False)
            trials = many_sets(SETS_IN_MEMORY)
        """,
        step="result = by_tidegate(market, trials, recorded=False)",
        against="1e6",
    )
    with capsys.disabled():
        print(f"\n{SETS_IN_MEMORY} parameter sets: peak memory grows by {peak:.0f} MB")

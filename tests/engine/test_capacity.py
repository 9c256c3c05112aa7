"""How much money a strategy can carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.costs import CostModel
from tidegate.engine.capacity import Capacity, NoCapacity, capacity_of
from tidegate.engine.market import Market
from tidegate.engine.sweep import Trial, run_trials
from tidegate.evaluate.performance import performance

ROWS, NAMES = 200, 12
TRADED, VOLATILITY = 1e7, 0.02
IMPACT = CostModel(commission_bps=1, impact_coefficient=0.5)


def market(drift: float = 0.003) -> Market:
    """Names that rise by their scores, so that there is an edge; everyone trades ten million a day."""
    random = np.random.default_rng(8)
    score = random.normal(size=(ROWS, NAMES))
    daily = random.normal(0.0, VOLATILITY, (ROWS, NAMES))
    daily[2:] += drift * score[:-2]  # decided at one close, bought at the next
    close = 50.0 * np.exp(np.cumsum(daily, axis=0))
    return Market(
        times=parse_instant("2024-01-01") + 21 * HOUR + np.arange(ROWS, dtype=np.int64) * DAY,
        symbols=tuple(f"S{place:02d}" for place in range(NAMES)),
        close=close,
        mark=close,
        traded=np.ones(close.shape, dtype=np.bool_),
        fill=close,
        score=score,
        candidate=np.ones(NAMES, dtype=np.bool_),
        lot=np.zeros(NAMES),
        interest=np.zeros(ROWS),
        last_row=np.full(NAMES, -1, dtype=np.int64),
        volatility=np.full(close.shape, VOLATILITY),
        daily_value=np.full(close.shape, TRADED),
    )


def capacity(costs: CostModel = IMPACT, drift: float = 0.003, cash: float = 1e4) -> Capacity:
    trial = Trial(settings=StrategySettings(top_n=3, rebalance="daily"), costs=costs)
    return capacity_of(market(drift), trial, initial_cash=cash)


def test_half_of_the_edge_is_gone_at_the_size_named() -> None:
    found = capacity()
    assert found.nav is not None
    assert found.reason is None
    trial = Trial(settings=StrategySettings(top_n=3, rebalance="daily"), costs=IMPACT)
    free = replace(trial, costs=CostModel(commission_bps=1))
    sweep = run_trials(market(), [free, trial], initial_cash=found.nav)
    without, with_impact = (performance(sweep.times, sweep.equity[:, column], 252.0).cagr for column in range(2))
    assert without - with_impact == pytest.approx(without / 2, rel=0.02)
    assert [rung.nav for rung in found.rungs] == sorted(rung.nav for rung in found.rungs)


def test_the_answer_is_the_same_from_a_small_account_and_from_one_that_is_too_large() -> None:
    small = capacity()
    assert small.nav is not None
    large = capacity(cash=300.0 * small.nav)
    assert large.nav == pytest.approx(small.nav, rel=0.02)


def test_twice_the_impact_carries_a_quarter_of_the_money() -> None:
    """Impact grows with the root of the size: cost per unit is the same at a quarter of it."""
    once, twice = capacity(), capacity(IMPACT.model_copy(update={"impact_coefficient": 1.0}))
    assert once.nav is not None
    assert twice.nav == pytest.approx(once.nav / 4.0, rel=0.02)


def test_a_benchmark_takes_its_part_of_the_edge() -> None:
    trial = Trial(settings=StrategySettings(top_n=3, rebalance="daily"), costs=IMPACT)
    level = np.exp(np.arange(ROWS) * 1e-3)
    against = capacity_of(market(), trial, initial_cash=1e4, benchmark=level)
    plain = capacity()
    assert against.edge == pytest.approx((plain.edge or 0.0) - (np.exp(1e-3 * 365.25) - 1.0))
    assert (against.nav or 0.0) < (plain.nav or 0.0)


def test_there_is_no_estimate_without_impact_volume_or_edge() -> None:
    assert capacity(CostModel(commission_bps=1)).reason is NoCapacity.NO_IMPACT
    trial = Trial(settings=StrategySettings(top_n=3), costs=IMPACT)
    blind = replace(market(), daily_value=None)
    assert capacity_of(blind, trial, initial_cash=1e4).reason is NoCapacity.NO_VOLUME
    losing = capacity(drift=-0.01)
    assert (losing.nav, losing.reason) == (None, NoCapacity.NO_EDGE)
    assert losing.as_dict()["reason"] == "there is no edge to eat"


def test_impact_that_is_always_or_never_too_much_is_told() -> None:
    tiny = CostModel(impact_coefficient=1e-9)  # half a basis point is the least that impact is
    assert capacity(tiny).reason is NoCapacity.NEVER
    ruin = capacity(CostModel(impact_coefficient=1e6))
    assert ruin.reason is NoCapacity.ALWAYS

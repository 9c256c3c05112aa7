"""What holds for the rotation on any market, with any settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_markets import ENGINES
from rotation_random import Case, random_case
from tidegate.core.recipe_strategy import LegacySettings
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.reference import ReferenceRun

Engine = Callable[..., ReferenceRun]
SEEDS = st.integers(0, 1_000_000)
FEW = settings(max_examples=25)


@pytest.fixture(params=sorted(ENGINES), scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


def result_of(engine: Engine, case: Case) -> ReferenceRun:
    return engine(case.market, case.settings, case.costs, **case.arguments())


@FEW
@given(seed=SEEDS, stop=st.integers(1, 59))
def test_a_run_that_stops_sooner_saw_the_same(engine: Engine, seed: int, stop: int) -> None:
    """Equity J.2: a market cut at any row gives the first rows of the whole, to the last bit."""
    case = random_case(seed)
    whole = result_of(engine, case)
    part = result_of(engine, replace(case, market=case.market.until(stop), rebalances=case.rebalances[:stop]))

    assert part.equity == whole.equity[:stop]
    assert part.fills == [fill for fill in whole.fills if fill.row < stop]
    assert part.decisions == [decision for decision in whole.decisions if decision.fill_row < stop]


@FEW
@given(seed=SEEDS)
def test_weights_stay_below_cap_and_exposure(engine: Engine, seed: int) -> None:
    """Rules 2 and 11, equity I 2: of the vector before the turnover limit, which is off here."""
    case = random_case(seed)
    changes = {"max_turnover": 0.0, "legacy": LegacySettings(), "idle": "none", "risk_off": "cash"}
    case = replace(case, settings=case.settings.model_copy(update=changes))

    for decision in result_of(engine, case).decisions:
        weights = list((decision.targets or {}).values())
        assert all(weight <= case.settings.max_weight for weight in weights)
        assert sum(weights) <= case.settings.max_exposure + 1e-12


@FEW
@given(seed=SEEDS)
def test_nothing_is_ordered_that_had_no_bar_at_the_decision(engine: Engine, seed: int) -> None:
    """Rule 7: the first try of an order comes at the session after its decision."""
    case = random_case(seed)
    case = replace(case, rules=replace(case.rules, wait_bars=0))
    tradable = case.market.traded

    assert all(tradable[order.row - 1, order.place] for order in result_of(engine, case).orders)


@FEW
@given(seed=SEEDS)
def test_cash_is_what_fills_left_of_it(engine: Engine, seed: int) -> None:
    """Cash and positions are equity at every close; cash is the deposit less what was bought and paid for it."""
    case = random_case(seed)
    flat = replace(case.market, interest=np.zeros(len(case.market.times)), actions=None)
    result = result_of(engine, replace(case, market=flat))
    paid, shares = np.zeros(len(result.cash)), np.zeros((len(result.cash), len(flat.symbols)))
    for fill in result.fills:
        paid[fill.row :] += fill.quantity * fill.price + sum(fill[5:])
        shares[fill.row :, fill.place] += fill.quantity
    invested = np.where(np.abs(shares) > 1e-9, shares * flat.mark, 0.0).sum(axis=1)

    np.testing.assert_allclose(result.cash, 10_000.0 - paid, atol=1e-6)
    np.testing.assert_allclose(result.equity, result.cash + invested, atol=1e-5)


@FEW
@given(seed=SEEDS)
def test_a_book_twice_as_large_has_twice_the_equity(engine: Engine, seed: int) -> None:
    """Without lots, minimum fees, impact and participation, size does not matter; doubling is exact."""
    case = random_case(seed)
    case = replace(
        case,
        market=replace(case.market, lot=np.zeros(len(case.market.symbols))),
        costs=CostModel(commission_bps=10, stamp_tax_sell_bps=5),
        rules=FillRules(wait_bars=case.rules.wait_bars),
    )
    once = result_of(engine, case)
    twice = engine(case.market, case.settings, case.costs, **{**case.arguments(), "initial_cash": 20_000.0})

    assert twice.equity == [2.0 * value for value in once.equity]


def test_the_random_cases_reach_every_constraint() -> None:
    """Properties of what never happens would prove nothing."""
    bound: set[str] = set()
    for seed in range(60):
        bound |= set(result_of(ENGINES["reference"], random_case(seed)).counts)

    assert len(bound) == 15

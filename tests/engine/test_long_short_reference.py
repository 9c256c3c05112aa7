"""The second strategy, plainly, by the kernel and bar by bar: the same to the last bit, short positions included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from rotation_kernel import as_reference, kernel_backtest
from rotation_random import random_costs, random_market, random_rules
from tidegate.core.errors import InputError
from tidegate.core.time import DAY, parse_instant
from tidegate.core.units import FloatArray, Mask
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.loop import run_loop
from tidegate.engine.market import Market
from tidegate.engine.reference import ReferenceRun, reference_backtest
from tidegate.strategy.long_short import LongShort
from tidegate.strategy.stepwise import LongShortStrategy

CASH = 10_000.0
ROWS = 40
SEEDS_OF_A_PART = 50


@dataclass(frozen=True)
class Case:
    """All that one run needs."""

    market: Market
    settings: LongShort
    costs: CostModel
    rules: FillRules
    rebalances: Mask


def random_case(seed: int) -> Case:
    """Return a case of everything; ``seed`` says which. Every fifth may not borrow; the one after it risks ruin."""
    random = np.random.default_rng(seed)
    market = random_market(random, ROWS)
    forecasts = np.round(random.normal(size=(4, *market.shape)), 1)
    forecasts[random.random(forecasts.shape) < 0.02] = np.nan
    settings = LongShort(
        gross=float(random.choice([0.0, 0.6, 1.0, 1.5])),
        max_weight=float(random.choice([0.05, 0.15, 0.4, 4.0])),
        least_votes=int(random.integers(1, 5)),
    )
    rules = replace(random_rules(random), gross_limit=float(random.choice([1.0, 1.5, 9.0])))
    if seed % 5 == 1:
        settings = replace(settings, gross=9.0, max_weight=4.0)
        rules = replace(rules, gross_limit=9.0, participation=0.0)
        close, fill = market.close**3 / 400.0, market.fill**3 / 400.0  # three times as volatile
        market = replace(market, close=close, mark=close, fill=fill)
    return Case(
        market=replace(market, signals=forecasts),
        settings=settings,
        costs=random_costs(random),
        rules=rules,
        rebalances=np.arange(ROWS) % int(random.integers(1, 4)) == 0,
    )


def plainly(case: Case) -> ReferenceRun:
    return reference_backtest(
        case.market, case.settings, case.costs, initial_cash=CASH, rebalances=case.rebalances, rules=case.rules
    )


def by_kernel(case: Case) -> ReferenceRun:
    return kernel_backtest(
        case.market, case.settings, case.costs, initial_cash=CASH, rebalances=case.rebalances, rules=case.rules
    )


def by_loop(case: Case) -> ReferenceRun:
    strategy = LongShortStrategy(case.settings, case.market.symbols)
    sweep = run_loop(
        case.market, strategy, costs=case.costs, rules=case.rules, initial_cash=CASH, rebalances=case.rebalances
    )
    return as_reference(case.market, sweep)


def differences(one: ReferenceRun, other: ReferenceRun) -> list[str]:
    """Return the names of what differs between two runs, by any bit; reasons are worded by each engine for itself."""
    plain, compiled = ([told._replace(reason="") for told in run.decisions] for run in (one, other))
    pairs: dict[str, tuple[Any, Any]] = {
        "equity": (one.equity, other.equity),
        "cash": (one.cash, other.cash),
        "orders": (one.orders, other.orders),
        "fills": (one.fills, other.fills),
        "decisions": (plain, compiled),
        "counts": (dict(one.counts), dict(other.counts)),
        "shares": (one.shares, other.shares),
    }
    return [name for name, (left, right) in pairs.items() if left != right]


@pytest.mark.parametrize("part", range(6))
def test_the_three_engines_agree_to_the_bit(part: int) -> None:
    """Equity J.2 of 300 seeds, which a failure names: decisions, orders, fills, cash, equity, counts and shares."""
    found = {}
    for seed in range(SEEDS_OF_A_PART * part, SEEDS_OF_A_PART * (part + 1)):
        case = random_case(seed)
        plain = plainly(case)
        engines = [by_kernel, by_loop]
        for engine in engines:
            if differ := differences(plain, engine(case)):
                found[seed, engine.__name__] = differ

    assert found == {}


def keeps_a_short(run: ReferenceRun) -> bool:
    """Say whether a decision left alone a short position that did not trade; splits turn no sign."""
    return any(
        sum(fill.quantity for fill in run.fills if fill.place == place and fill.row <= decision.decided_row) < -1.0
        for decision in run.decisions
        for place in decision.kept
    )


def test_the_random_cases_meet_what_they_should() -> None:
    """Shorts, some stuck, each constraint, borrowed cash, and ruin: to agree about nothing proves nothing."""
    runs = [plainly(random_case(seed)) for seed in range(60)]
    bound = {name for run in runs for name in run.counts}

    assert bound == {"cap", "suspended", "no_candidates"}
    assert any(keeps_a_short(run) for run in runs)
    assert min(min(run.shares) for run in runs) < 0.0
    assert min(min(run.cash) for run in runs) < 0.0
    assert min(min(run.equity) for run in runs) < 0.0
    assert len({order.why for run in runs for order in run.orders}) >= 7


@pytest.mark.parametrize("seed", [10, 20, 40])
def test_shorts_are_refused_where_nothing_may_be_owed(seed: int) -> None:
    """A gross limit of 0 is an account that pays from cash; both engines say so."""
    case = random_case(seed)
    case = replace(case, rules=replace(case.rules, gross_limit=0.0))
    with pytest.raises(InputError, match="gross limit of 0"):
        by_kernel(case)
    with pytest.raises(InputError, match="no short positions"):
        by_loop(case)


def with_sign_turned(case: Case, run: ReferenceRun) -> Case:
    """Turn the forecasts of the first symbol that was ordered, where that was decided."""
    first = next(one for one in run.decisions if one.targets)
    assert first.targets is not None
    assert case.market.signals is not None
    forecasts = case.market.signals.copy()
    forecasts[:, first.decided_row, next(iter(first.targets))] *= -1.0
    return replace(case, market=replace(case.market, signals=forecasts))


def test_a_turned_sign_is_noticed() -> None:
    """A comparison that no mistake could fail would prove nothing."""
    case = random_case(1)
    plain = plainly(case)

    assert {"decisions", "orders"} <= set(differences(plain, by_kernel(with_sign_turned(case, plain))))


NOT_KNOWN = np.nan
VOTES_OF_ROW_0 = {"A": (1.0, 2.0, 0.1), "B": (-1.0, -3.0, -0.2), "C": (1.0, 1.0, 0.0), "D": (1.0, NOT_KNOWN, 1.0)}
VOTES_OF_ROW_1 = {"A": (1.0, -1.0, 1.0), "B": (1.0, 1.0, 1.0), "C": (1.0, 1.0, 1.0), "D": (-1.0, -1.0, 0.0)}


def market_by_hand() -> Market:
    """Return four symbols over four rows: B does not trade in rows 1 and 2, D has its last session in row 3."""
    close = np.array(
        [[10.0, 20.0, 5.0, 10.0], [12.5, 25.0, 5.0, 10.0], [12.5, 25.0, 5.0, 10.0], [12.5, 25.0, 5.0, 11.0]]
    )
    fill: FloatArray = np.array(
        [[10.0, 20.0, 5.0, 10.0], [10.0, 20.0, 5.0, 10.0], [12.5, NOT_KNOWN, 5.0, 10.0], [12.5, 25.0, 5.0, 10.5]]
    )
    traded = np.ones((4, 4), dtype=np.bool_)
    traded[1:3, 1] = False
    nothing = dict.fromkeys("ABCD", (0.0, 0.0, 0.0))
    rows = [VOTES_OF_ROW_0, VOTES_OF_ROW_1, nothing, nothing]
    return Market(
        times=parse_instant("2024-01-02") + np.arange(4, dtype=np.int64) * DAY,
        symbols=("A", "B", "C", "D"),
        close=close,
        mark=close,
        traded=traded,
        fill=fill,
        score=np.full((4, 4), np.nan),
        candidate=np.ones(4, dtype=np.bool_),
        lot=np.zeros(4),
        interest=np.array([0.0, 0.0, 0.0, 0.001]),
        last_row=np.array([-1, -1, -1, 3]),
        signals=np.array([[[row[symbol][h] for symbol in "ABCD"] for row in rows] for h in range(3)]),
    )


@pytest.mark.parametrize("engine", [plainly, by_kernel, by_loop])
def test_an_example_computed_by_hand(engine: Callable[[Case], ReferenceRun]) -> None:
    """Two decisions, each number of them worked out on paper.

    Row 0: three horizons for A, three against B, two for C; one of D is missing. Of a gross of 1 the votes 3, 3, 2
    claim 0.375, 0.375 and 0.25; the cap of 0.36 leaves 0.28 for C. At 10, 20 and 5 that is 360, -180 and 560 shares of
    10,000, and 7,200 in cash.

    Row 1: A at 12.5 and B at 25, so that the equity is 7,200 + 4,500 - 4,500 + 2,800 = 10,000. B does not trade: its
    180 shares stay and use 0.45. The 0.55 left go to C and D by 3 and 2 votes, 0.33 and -0.22; A has a majority of
    one, less than two, and is sold. That is 660 shares of C and -220 of D, and 7,200 + 4,500 - 500 + 2,200 = 13,400 in
    cash.

    Row 3: 13,400 earn 0.1 %, and D has its last session: 220 shares are bought back at the close of 11.
    """
    settings = LongShort(gross=1.0, max_weight=0.36, least_votes=2)
    rebalances = np.array([False, True, True, False])
    case = Case(market_by_hand(), settings, CostModel(), FillRules(gross_limit=2.0), rebalances)
    run = engine(case)
    first, second = run.decisions

    assert first.targets == pytest.approx({0: 0.36, 1: -0.36, 2: 0.28})
    assert (first.binding, first.kept) == ({"cap"}, set())
    assert second.targets == pytest.approx({2: 0.33, 3: -0.22})
    assert (second.binding, second.kept) == ({"suspended"}, {1})
    assert dict(run.counts) == {"cap": 1, "suspended": 1}
    assert [(fill.row, fill.place) for fill in run.fills] == [(1, 1), (1, 0), (1, 2), (2, 0), (2, 3), (2, 2), (3, 3)]
    assert [fill.quantity for fill in run.fills] == pytest.approx([-180, 360, 560, -360, -220, 100, 220])
    assert run.cash == pytest.approx([10_000.0, 7_200.0, 13_400.0, 13_400.0 * 1.001 - 2_420.0])
    assert run.equity == pytest.approx([10_000.0, 10_000.0, 10_000.0, 9_793.4])
    assert run.shares == pytest.approx([0.0, -180.0, 660.0, 0.0])

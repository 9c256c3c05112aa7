"""What a session takes of the orders of the rotation, and what happens to the rest, reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from rotation_markets import ENGINES, NAN, market_of, run_rotation, trades_by_symbol
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.reference import ReferenceRun

Run = Callable[..., ReferenceRun]
ONE = StrategySettings(top_n=1, max_score_age_bars=1, stale_scores="exit")


@pytest.fixture(params=sorted(ENGINES))
def run(request: pytest.FixtureRequest) -> Run:
    return partial(run_rotation, engine=request.param)


def reasons(result: ReferenceRun) -> list[tuple[int, float, float, Unfilled]]:
    return [(one.row, round(one.wanted, 9), round(one.filled, 9), one.why) for one in result.orders]


def test_an_order_takes_its_part_of_the_session(run: Run) -> None:
    """A tenth of 4000 traded is 40 shares at 10; where the traded value is unknown nothing fills."""
    market = market_of({"A": 10}, {"A": 1}, session_value=[NAN, 4000, NAN, 4000])
    result = run(market, ONE, rules=FillRules(participation=0.1))

    assert reasons(result) == [
        (1, 100, 40, Unfilled.PARTICIPATION),
        (2, 60, 0, Unfilled.PARTICIPATION),
        (3, 60, 40, Unfilled.PARTICIPATION),
    ]


def test_what_is_left_waits_for_so_many_sessions_and_expires(run: Run) -> None:
    """Two further sessions take 40 and then the last 20; with one, 20 are never bought."""
    market = market_of({"A": 10}, {"A": 1}, rows=6, session_value=4000)
    two, one = (run(market, ONE, rebalances=[1], rules=FillRules(participation=0.1, wait_bars=w)) for w in (2, 1))

    assert reasons(two) == [
        (1, 100, 40, Unfilled.PARTICIPATION),
        (2, 60, 40, Unfilled.PARTICIPATION),
        (3, 20, 20, Unfilled.NOTHING),
    ]
    assert one.shares == [80]
    assert [fill.decided_row for fill in two.fills] == [0, 0, 0]


def test_a_new_decision_ends_the_waiting(run: Run) -> None:
    """What waits for A is forgotten when B is decided for."""
    market = market_of({"A": 10, "B": 10}, {"A": [2, 0, 0, 0, 0, 0], "B": 1}, session_value=4000)
    result = run(market, ONE, rebalances=[1, 3], rules=FillRules(participation=0.1, wait_bars=5))

    assert trades_by_symbol(result, market) == [
        (1, "A", 40, 10),
        (2, "A", 40, 10),
        (3, "A", -40, 10),
        (3, "B", 40, 10),
        (4, "A", -40, 10),
        (4, "B", 40, 10),
        (5, "B", 20, 10),
    ]


def test_a_new_decision_forgets_what_it_does_not_name(run: Run) -> None:
    """A at its limit is not bought later, once B is decided for."""
    market = market_of({"A": 10, "B": 10}, {"A": [2, 0, 0, 0], "B": 1}, limit_up={"A": [1]})
    settings = ONE.model_copy(update={"max_exposure": 0.4})
    result = run(market, settings, rebalances=[1, 2], rules=FillRules(wait_bars=5))

    assert result.shares == [0, 40]


def test_what_waits_is_split_with_the_shares(run: Run) -> None:
    """60 shares still wanted become 120 at half the price."""
    market = market_of({"A": [10, 10, 5]}, {"A": 1}, session_value=[0, 4000, 1e6], actions=[(2, "A", 2.0, 0.0)])
    result = run(market, ONE, rebalances=[1], rules=FillRules(participation=0.1, wait_bars=1))

    assert reasons(result)[1] == (2, 120, 120, Unfilled.NOTHING)
    assert result.shares == [200]


def test_changes_are_cut_to_whole_lots_but_a_position_may_be_closed(run: Run) -> None:
    """105 shares are wanted and 100 bought; a split of 1.015 makes 101.5 of them, and all are sold."""
    market = market_of({"A": 10}, {"A": [1, NAN, NAN, NAN]}, lots={"A": 100}, actions=[(2, "A", 1.015, 0.0)])
    result = run(market, ONE, cash=1050.0, rebalances=[1, 3])

    assert reasons(result) == [(1, 105, 100, Unfilled.LOT), (3, -101.5, -101.5, Unfilled.NOTHING)]
    assert result.shares == [0]


def test_buys_that_shrank_are_cut_to_lots_again(run: Run) -> None:
    """1000 pays for 99 shares at 10 and their fee of 1 %, which is 9 lots of ten; less than a lot is nothing."""
    market = market_of({"A": 10}, {"A": 1}, rows=2, lots={"A": 10})
    fee = CostModel(commission_bps=100)

    assert reasons(run(market, ONE, costs=fee)) == [(1, 100, 90, Unfilled.NO_CASH)]
    small = market_of({"A": 10}, {"A": 1}, rows=2, lots={"A": 200})
    assert reasons(run(small, ONE)) == [(1, 100, 0, Unfilled.LOT)]


def test_shares_bought_today_cannot_be_sold_today(run: Run) -> None:
    """Two bars a day: bought at row 1, A cannot be sold at row 2 if that is the same day, and can at row 3."""
    scores = {"A": [2, 0, 0, 0, 0], "B": [1, 1, 1, 1, 1]}
    same_day = market_of({"A": 10, "B": 10}, scores, bars_per_day=3)
    next_day = market_of({"A": 10, "B": 10}, scores, bars_per_day=2)
    rules = FillRules(t_plus_one=True)

    assert reasons(run(same_day, ONE, rebalances=[1, 2], rules=rules)) == [
        (1, 100, 100, Unfilled.NOTHING),
        (2, -100, 0, Unfilled.BOUGHT_TODAY),
        (2, 100, 0, Unfilled.NO_CASH),
    ]
    assert run(next_day, ONE, rebalances=[1, 2], rules=rules).shares == [0, 100]
    assert run(same_day, ONE, rebalances=[1, 3], rules=rules).shares == [0, 100]


def test_nothing_is_bought_at_the_upper_limit_or_sold_at_the_lower(run: Run) -> None:
    """The other side of each fills."""
    market = market_of(
        {"A": 10}, {"A": [1, 1, NAN, NAN, NAN, NAN]}, limit_up={"A": [1, 4, 5]}, limit_down={"A": [2, 4]}
    )
    result = run(market, ONE, rebalances=[1, 2, 4, 5])

    assert reasons(result) == [
        (1, 100, 0, Unfilled.LIMIT_UP),
        (2, 100, 100, Unfilled.NOTHING),
        (4, -100, 0, Unfilled.LIMIT_DOWN),
        (5, -100, -100, Unfilled.NOTHING),
    ]


def test_a_sale_that_costs_more_than_it_brings_is_not_made(run: Run) -> None:
    """Shares worth 4 are not sold for a fee of 5."""
    market = market_of({"A": [10, 10, 10, 0.04]}, {"A": [1, NAN, NAN, NAN]})
    result = run(market, ONE, rebalances=[1, 3], costs=CostModel(minimum_fee=5.0))

    assert [one.why for one in result.orders] == [Unfilled.NO_CASH, Unfilled.RUINOUS]
    assert result.shares[0] == pytest.approx(99.5)


def test_costs_are_itemised_and_leave_cash_one_by_one(run: Run) -> None:
    """Commission 10 bps but at least 2, half-spread 5 bps, stamp tax of 10 bps on sales."""
    market = market_of({"A": 10}, {"A": [1, NAN, NAN, NAN]})
    costs = CostModel(commission_bps=10, minimum_fee=2.0, half_spread_bps=5, stamp_tax_sell_bps=10)
    settings = ONE.model_copy(update={"max_exposure": 0.5})
    result = run(market, settings, rebalances=[1, 3], costs=costs)

    assert [fill[5:] for fill in result.fills] == [(2.0, 0.25, 0.0, 0.0), (2.0, 0.25, 0.0, 0.5)]
    assert result.cash == pytest.approx([1000, 497.75, 497.75, 995])


@pytest.mark.parametrize(("rate", "expected"), [(0.02, 0.5 * 0.02 * 0.25), (0.0001, 0.00005)])
def test_impact_grows_with_the_root_of_the_size(run: Run, rate: float, expected: float) -> None:
    """500 of 8000 a day: 0.5 * sigma * sqrt(1/16), at least half a basis point; known at the close before."""
    volatile: Any = {"volatility": [[rate], [9.0]], "daily_value": [[8000.0], [1.0]]}
    market = market_of({"A": 10}, {"A": 1}, rows=2, **volatile)
    result = run(market, ONE.model_copy(update={"max_exposure": 0.5}), costs=CostModel(impact_coefficient=0.5))

    assert result.fills[0].impact == pytest.approx(500 * expected)


def test_actions_pay_and_split_what_was_held_overnight(run: Run) -> None:
    """50 shares pay 0.5 each, then become 100; interest came before, on 500; a day later nothing more happens."""
    market = market_of(
        {"A": [10, 10, 4.75, 4.75]},
        {"A": 1},
        actions=[(1, "A", 2.0, 9.0), (2, "A", 2.0, 0.5)],
        interest=[0, 0, 0.01, 0],
    )
    result = run(market, ONE.model_copy(update={"max_exposure": 0.5}), rebalances=[1])

    assert result.shares == [100]
    assert result.cash == pytest.approx([1000, 500, 530, 530])
    assert result.equity[2] == pytest.approx(530 + 475)


def test_borrowing_is_limited_by_the_gross_of_positions(run: Run) -> None:
    """With a gross of 1 the fee is borrowed and the purchase is whole; cash goes below 0."""
    market = market_of({"A": 10}, {"A": 1}, rows=2)
    result = run(market, ONE, costs=CostModel(commission_bps=100), rules=FillRules(gross_limit=1.0))

    assert result.shares == [100]
    assert result.cash[1] == pytest.approx(-10)
    half = run(market, ONE, rules=FillRules(gross_limit=0.5))
    assert reasons(half) == [(1, 100, 50, Unfilled.NO_CASH)]


def test_a_split_without_a_fill_does_not_double_the_book(run: Run) -> None:
    """Rule 6: the last close stands in for a missing fill price, in shares as they are after the split."""
    market = market_of(
        {"A": [10.0, 10.0, 5.0, 5.0], "B": 10.0},
        {"A": 2.0, "B": 1.0},
        unfillable={"A": [2]},
        actions=[(2, "A", 2.0, 0.0)],
    )

    result = run(market, StrategySettings(top_n=2))

    assert trades_by_symbol(result, market) == [(1, "A", 50.0, 10.0), (1, "B", 50.0, 10.0)]
    assert [order for order in result.orders if order.row > 1] == []
    assert result.equity == [1000.0] * 4


def test_a_ruined_book_is_closed_and_never_sold_short(run: Run) -> None:
    """Equity H 1: margin may leave less than nothing, and a weight of that is no order to sell what is not held."""
    market = market_of(
        {"A": [10, 10, 10, 10, 0.1, 0.1, 0.1], "B": [10, 10, 10, 10, 0.1, 0.1, 0.1], "M": [10, 10, 9, 9, 9, 9, 9]},
        {"A": 2.0},
        not_chosen=["B"],
        benchmark="M",
    )
    settings = StrategySettings(
        top_n=1,
        market_filter=True,
        market_window=2,
        risk_off="defensive",
        defensives=("B",),
        legacy=LegacySettings(riskoff_keeps_book=True),
    )

    result = run(market, settings)

    assert result.equity[-1] == pytest.approx(-980.0)
    assert all(shares >= 0.0 for shares in result.shares)
    assert all(fill.quantity < 0.0 for fill in result.fills if fill.row >= 4)

"""The rules of the rotation, one after the other, on markets small enough to reckon by hand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from rotation_markets import ENGINES, NAN, binding_of, market_of, run_rotation, targets_by_symbol, trades_by_symbol
from tidegate.core.recipe_strategy import StrategySettings, Weighting
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.reference import ReferenceRun
from tidegate.strategy import opens_new_week

Run = Callable[..., ReferenceRun]


@pytest.fixture(params=sorted(ENGINES))
def run(request: pytest.FixtureRequest) -> Run:
    return partial(run_rotation, engine=request.param)


def test_rule_1_the_first_session_of_a_week_fills_what_the_close_before_decided(run: Run) -> None:
    """Rule 1 (acceptance test equity I 5): the start in mid-week waits, and a Monday that is closed gives Tuesday."""
    days = ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-12", "2024-01-16", "2024-01-17"]
    market = market_of(
        {"A": [10, 10, 10, 20, 20, 20, 20], "B": [10, 10, 10, 10, 10, 40, 40]},
        {"A": [2, 2, 2, 0, 0, 0, 0], "B": [1, 1, 1, 9, 9, 0, 0]},
        days=days,
    )
    result = run(market, StrategySettings(top_n=1), rebalances=opens_new_week(market.times))

    assert [(one.decided_row, one.fill_row) for one in result.decisions] == [(2, 3), (4, 5)]
    # A scored best on Friday and is bought on Monday, at Monday's price; what Monday's own scores say comes too late.
    assert trades_by_symbol(result, market) == [(3, "A", 50, 20), (5, "A", -50, 20), (5, "B", 25, 40)]


def test_rule_1_the_first_row_never_trades(run: Run) -> None:
    """Rule 1: nothing was decided before row 0, even where the schedule names it."""
    market = market_of({"A": [10, 10]}, {"A": 1})

    assert run(market, StrategySettings(top_n=1), rebalances=[0]).decisions == []


def test_rule_2_what_the_cap_cuts_off_goes_to_names_with_raw_weight(run: Run) -> None:
    """Rule 2 (defect H 2, acceptance test equity I 2): 6:4:0 under a cap of 0.4 leaves 0.2 in cash."""
    market = market_of({"A": 10, "B": 10, "C": 10}, {"A": 6, "B": 4, "C": 0}, rows=2)
    settings = StrategySettings(top_n=3, weighting=Weighting.SCORE, max_weight=0.4)
    result = run(market, settings)

    assert targets_by_symbol(result, market, 0) == {"A": 0.4, "B": 0.4}
    assert result.cash[1] == pytest.approx(200)
    assert binding_of(result, 0) == {"cap"}


def test_rule_2_the_budget_is_the_exposure_and_the_cap_a_weight_of_equity(run: Run) -> None:
    """Rule 2: of 0.8 the first would get 0.48; it is cut to 0.4 and the rest is shared by the others."""
    market = market_of({"A": 10, "B": 10, "C": 10}, {"A": 3, "B": 1, "C": 1}, rows=2)
    settings = StrategySettings(top_n=3, weighting=Weighting.SCORE, max_weight=0.4, max_exposure=0.8)
    result = run(market, settings)

    assert targets_by_symbol(result, market, 0) == {"A": 0.4, "B": 0.2, "C": 0.2}
    assert binding_of(result, 0) == {"cap", "max_exposure"}


def test_rule_2_legacy_scales_the_capped_weights_up_again(run: Run) -> None:
    """Defect H 2: 6:4:0 under a cap of 0.4 became 0.5 and 0.5, times the exposure."""
    market = market_of({"A": 10, "B": 10, "C": 10}, {"A": 6, "B": 4, "C": 0}, rows=2)
    settings = StrategySettings(
        top_n=3,
        weighting=Weighting.SCORE,
        max_weight=0.4,
        max_exposure=0.8,
        legacy={"cap_renormalises": True},
    )

    assert targets_by_symbol(run(market, settings), market, 0) == {"A": 0.4, "B": 0.4}


def test_rule_3_exposure_is_the_least_of_three_limits(run: Run) -> None:
    """Rule 3: min(0.6, target / sigma), and not 0.6 * min(1, target / sigma)."""
    closes = [100.0, 101.0, 99.0, 102.0, 100.0, 100.0]
    moves = [after / before - 1 for before, after in pairwise(closes[:5])]
    sigma = statistics.stdev(moves) * math.sqrt(252)
    market = market_of({"A": closes}, {"A": 1})
    settings = StrategySettings(top_n=1, max_exposure=0.6, volatility_target=0.5 * sigma, volatility_window=5)
    result = run(market, settings, rebalances=[5])

    assert targets_by_symbol(result, market, 4) == {"A": 0.5}
    assert binding_of(result, 4) == {"volatility"}
    loose = settings.model_copy(update={"volatility_target": 2.0 * sigma})
    assert targets_by_symbol(run(market, loose, rebalances=[5]), market, 4) == {"A": 0.6}


def test_rule_3_volatility_is_of_the_targets_at_unit_exposure(run: Run) -> None:
    """Rule 3: two names that offset each other have no volatility, and that is logged instead of scaled by."""
    closes = {"A": [10, 11, 10, 11, 10, 11], "B": [11, 10, 11, 10, 11, 10], "C": 10}
    market = market_of(closes, {"A": 1, "B": 1, "C": 1})
    settings = StrategySettings(top_n=3, max_exposure=0.9, volatility_target=0.1, volatility_window=5)
    result = run(market, settings, rebalances=[5])

    assert targets_by_symbol(result, market, 4) == {"A": 0.3, "B": 0.3, "C": 0.3}
    assert binding_of(result, 4) == {"max_exposure", "volatility_unknown"}
    alone = settings.model_copy(update={"top_n": 1})
    assert binding_of(run(market, alone, rebalances=[5]), 4) == {"volatility"}


def test_rule_3_the_benchmark_is_measured_over_twenty_closes(run: Run) -> None:
    """Rule 3: with 19 closes its volatility is unknown and nothing is scaled; with 20 it is."""
    spy = [100.0 * (1.01 if row % 2 else 1.0) for row in range(22)]
    market = market_of({"A": 10, "SPY": spy}, {"A": 1}, benchmark="SPY")
    moves = [after / before - 1 for before, after in pairwise(spy[:20])]
    sigma = statistics.stdev(moves) * math.sqrt(365)
    settings = StrategySettings(top_n=1, volatility_target=0.25 * sigma, volatility_of="benchmark")
    result = run(market, settings, rebalances=[19, 20], periods_per_year=365.0)

    assert (targets_by_symbol(result, market, 18), binding_of(result, 18)) == ({"A": 1.0}, {"volatility_unknown"})
    assert (targets_by_symbol(result, market, 19), binding_of(result, 19)) == ({"A": 0.25}, {"volatility"})


def test_rule_3_legacy_ignores_the_volatility_target(run: Run) -> None:
    """Defect H 3: any target gives the same weights."""
    market = market_of({"A": [100, 101, 99, 102, 100, 100]}, {"A": 1})
    settings = StrategySettings(top_n=1, volatility_target=0.001, volatility_window=5, legacy={"vol_target_dead": True})
    result = run(market, settings, rebalances=[5])

    assert (targets_by_symbol(result, market, 4), binding_of(result, 4)) == ({"A": 1.0}, set())


DIPPING = {"A": [100.0, 100.0, 90.0, 90.0]}
"""Bought at the first close, a tenth lower at the next."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dynamic_exposure": False}, 0.8),
        ({"drawdown_exposures": (0.5, 0.1)}, 0.4),
        ({"drawdown_exposures": (0.5, 0.1), "tier_mode": "absolute"}, 0.5),
        ({"drawdown_exposures": (0.5, 0.1), "legacy": {"tiers_absolute": True}}, 0.5),
        ({"drawdown_exposures": (0.0, 0.0), "drawdown_exposure_floor": 0.2}, 0.2),
        ({"drawdown_exposures": (0.0, 0.0), "drawdown_exposure_floor": 0.9}, 0.8),
    ],
    ids=["switched off", "relative", "absolute", "legacy", "floor", "floor above the exposure"],
)
def test_rule_4_tiers_lower_the_exposure(run: Run, changes: dict[str, object], expected: float) -> None:
    """Rule 4 (defect H 4): 80 % invested, 8 % below the peak; the tier from 5 % holds and that from 10 % does not."""
    market = market_of(DIPPING, {"A": 1})
    base = {"drawdown_tiers": (0.05, 0.1), "drawdown_exposures": (0.5, 0.1), "dynamic_exposure": True}
    settings = StrategySettings.model_validate({"top_n": 1, "max_exposure": 0.8, **base, **changes})
    result = run(market, settings, rebalances=[1, 3])

    assert result.equity[2] == pytest.approx(920)
    assert targets_by_symbol(result, market, 2) == {"A": expected}
    assert binding_of(result, 2) == {"max_exposure" if expected == 0.8 else "tier"}


def test_rule_4_the_floor_comes_before_the_volatility_target(run: Run) -> None:
    """Rule 4: the floor lifts the tier's 0 to 0.2; the volatility target may go below it."""
    closes = [100.0, 100.0, 99.0, 95.0, 90.0, 90.0]
    moves = [after / before - 1 for before, after in pairwise(closes[:5])]
    sigma = statistics.stdev(moves) * math.sqrt(252)
    settings = StrategySettings(
        top_n=1,
        dynamic_exposure=True,
        drawdown_tiers=(0.05,),
        drawdown_exposures=(0.0,),
        drawdown_exposure_floor=0.2,
        volatility_target=0.15 * sigma,
        volatility_window=5,
    )
    market = market_of({"A": closes}, {"A": 1})

    assert targets_by_symbol(run(market, settings, rebalances=[1, 5]), market, 4) == {"A": 0.15}


def test_rule_4_a_tier_without_exposure_is_risk_off(run: Run) -> None:
    """Rule 4: with no floor the tier sells everything, and no idle asset is bought."""
    market = market_of({**DIPPING, "GLD": 10}, {"A": 1}, not_chosen=["GLD"])
    settings = StrategySettings(
        top_n=1,
        dynamic_exposure=True,
        drawdown_tiers=(0.05,),
        drawdown_exposures=(0.0,),
        drawdown_exposure_floor=0.0,
        risk_off="defensive",
        defensives=("GLD",),
        idle="defensive",
    )
    result = run(market, settings, rebalances=[1, 3])

    assert trades_by_symbol(result, market) == [(1, "A", 10, 100), (3, "A", -10, 90)]
    assert binding_of(result, 2) == {"tier"}


CRASH = {"A": [100.0, 80.0, 80.0, 80.0, 80.0, 80.0, 72.0, 72.0]}
"""Bought at 100 within the session that closes at 80; later another tenth."""


def crash_settings(**changes: object) -> StrategySettings:
    base = {"top_n": 1, "max_drawdown": 0.15, "max_drawdown_52w": 0.15, "guard_sessions": 3}
    return StrategySettings.model_validate({**base, **changes})


def test_rule_5_a_time_out_opens_the_guard_with_a_new_peak_and_an_empty_ring(run: Run) -> None:
    """Rule 5 (acceptance test equity I 4): locked at the first loss, out at the next session, back 3 sessions later."""
    market = market_of(CRASH, {"A": 1}, fills={"A": [100, 100, 80, 80, 80, 80, 80, 72]})
    result = run(market, crash_settings(), rebalances=[1, 3, 5])

    assert result.equity[:3] == [1000, 800, 800]  # the peak is the initial cash: the first close is 20 % below it
    first = result.decisions[1]
    assert (first.decided_row, first.fill_row, first.is_rebalance, first.binding) == (1, 2, False, {"guard"})
    # The lock of row 1 opens at row 4; the rebalance of row 3 comes too early, that of row 5 buys again.
    assert trades_by_symbol(result, market) == [(1, "A", 10, 100), (2, "A", -10, 80), (5, "A", 10, 80)]
    assert binding_of(result, 2) == {"guard"}
    # Ten per cent below the new peak is no reason, though it is 28 % below the old one.
    assert result.equity[6] == pytest.approx(720)
    assert [one.decided_row for one in result.decisions] == [0, 1, 2, 4]


def test_rule_5_trading_resumes_at_the_next_rebalance_and_no_sooner(run: Run) -> None:
    """Rule 5: opened at row 4, the guard lets the next rebalance buy, at row 7."""
    market = market_of(CRASH, {"A": 1}, fills={"A": [100, 100, 80, 80, 80, 80, 80, 72]})
    result = run(market, crash_settings(), rebalances=[1, 7])

    assert trades_by_symbol(result, market)[-1] == (7, "A", round(800 / 72, 9), 72)


@pytest.mark.parametrize("changes", [{"guard_reentry": "recovery"}, {"legacy": {"guard_without_reentry": True}}])
def test_rule_5_recovery_alone_never_opens_a_guard_in_cash(run: Run, changes: dict[str, object]) -> None:
    """Rule 5 (defect H 13): in cash the drawdown cannot recover."""
    market = market_of(CRASH, {"A": 1}, fills={"A": [100, 100, 80, 80, 80, 80, 80, 72]})
    result = run(market, crash_settings(**changes), rebalances=[1, 3, 5, 7])

    assert result.exposure[2:] == [0] * 6


def test_rule_5_recovery_keeps_the_peak(run: Run) -> None:
    """Rule 5: gold heals 12 % to 8.5 %, which opens at 0.9 * 10 %; a small loss then locks again."""
    market = market_of(
        {"A": [100, 88, 88, 88, 88, 85.36, 85.36], "GLD": [100, 100, 100, 104, 104, 104, 104]},
        {"A": 1},
        fills={"A": [100, 100, 88, 88, 88, 85.36, 85.36]},
        not_chosen=["GLD"],
    )
    settings = StrategySettings(
        top_n=1, max_drawdown=0.1, guard_reentry="recovery", risk_off="defensive", defensives=("GLD",)
    )
    result = run(market, settings, rebalances=[1, 4])

    assert [(row, symbol) for row, symbol, *_ in trades_by_symbol(result, market)] == [
        *[(1, "A"), (2, "A"), (2, "GLD")],
        *[(4, "GLD"), (4, "A")],
        *[(6, "A"), (6, "GLD")],
    ]
    assert result.equity[5] == pytest.approx(880 * 1.04 * 0.97)


def test_rule_5_the_market_opens_the_guard_when_it_is_at_its_mean(run: Run) -> None:
    """Rule 5: equality is enough, and the peak is a new one."""
    closes = {**CRASH, "SPY": [100, 90, 80, 70, 70, 70, 70, 70]}
    market = market_of(closes, {"A": 1}, fills={"A": [100, 100, *[80] * 6]}, benchmark="SPY")
    settings = crash_settings(guard_reentry="market_filter", market_window=2)
    result = run(market, settings)

    assert [row for row, _, quantity, _ in trades_by_symbol(result, market) if quantity > 0] == [1, 5]


def test_rule_5_tiers_see_the_drawdown_from_the_new_peak(run: Run) -> None:
    """Rule 5: 20 % below the old peak, nothing below the new one, the whole exposure is bought."""
    market = market_of(CRASH, {"A": 1}, fills={"A": [100, 100, *[80] * 6]})
    tiers = {"dynamic_exposure": True, "drawdown_tiers": (0.1,), "drawdown_exposures": (0.5,)}
    result = run(market, crash_settings(**tiers), rebalances=[1, 5])

    assert targets_by_symbol(result, market, 4) == {"A": 1.0}


def test_rule_6_the_whole_book_is_valued_at_fill_prices(run: Run) -> None:
    """Rule 6: 500 in cash, 50 A at their new price 20, 25 C at their last close where they cannot fill."""
    market = market_of(
        {"A": 10, "B": 10, "C": [10, 10, 10, 10]},
        {"A": 3, "B": [NAN, NAN, 2, 2], "C": 1},
        fills={"A": [10, 10, 10, 20], "B": [10, 10, 10, 5]},
        unfillable={"C": [3]},
    )
    settings = StrategySettings(top_n=2, max_exposure=0.5)
    result = run(market, settings, rebalances=[1, 3])

    assert trades_by_symbol(result, market)[:2] == [(1, "A", 25, 10), (1, "C", 25, 10)]
    # 500 + 25 * 20 + 25 * 10 = 1250, a quarter of it each: 15.625 A, 62.5 B; C cannot be sold here.
    assert trades_by_symbol(result, market)[2:] == [(3, "A", -9.375, 20), (3, "B", 62.5, 5)]
    assert [(order.place, order.why) for order in result.orders if order.row == 3] == [
        (0, Unfilled.NOTHING),
        (1, Unfilled.NOTHING),
        (2, Unfilled.NO_PRICE),
    ]


def test_rule_6_costs_come_out_of_cash_and_all_buys_shrink_by_one_factor(run: Run) -> None:
    """Rule 6: a fee of 1 % on all of the cash buys 1 / 1.01 of what was wanted, of each name."""
    market = market_of({"A": 10, "B": 20}, {"A": 1, "B": 1}, rows=2)
    result = run(market, StrategySettings(top_n=2), costs=CostModel(commission_bps=100))

    assert [fill.quantity for fill in result.fills] == pytest.approx([50 / 1.01, 25 / 1.01], rel=1e-11)
    assert result.cash[1] == pytest.approx(0, abs=1e-9)
    assert [order.why for order in result.orders] == [Unfilled.NO_CASH] * 2


def test_rule_6_a_round_trip_of_ten_basis_points_costs_twenty(run: Run) -> None:
    """Rule 6 (acceptance test equity I 9): and without fees the gross result."""
    market = market_of({"A": 10}, {"A": [1, NAN, NAN, NAN]})
    settings = StrategySettings(top_n=1, max_exposure=0.5, max_score_age_bars=1, stale_scores="exit")
    dear = run(market, settings, rebalances=[1, 3], costs=CostModel(commission_bps=10))
    free = run(market, settings, rebalances=[1, 3])

    assert free.equity[-1] == 1000
    assert dear.equity[-1] == pytest.approx(1000 - 500 * 0.0020, abs=1e-9)


def test_rule_7_what_was_suspended_at_the_decision_is_not_ordered(run: Run) -> None:
    """Rule 7: B has no bar at the decision; that it could fill at the next session is not known then."""
    market = market_of({"A": 10, "B": 10}, {"A": 1, "B": 2}, rows=3, suspended={"B": [1]})
    result = run(market, StrategySettings(top_n=1), rebalances=[2])

    assert trades_by_symbol(result, market) == [(2, "A", 100, 10)]


def test_rule_7_an_order_that_cannot_fill_expires_and_is_logged(run: Run) -> None:
    """Rule 7: B is suspended at the fill, which nobody knew; its place is not given to another."""
    market = market_of({"A": 10, "B": 10}, {"A": 1, "B": 2}, rows=4, suspended={"B": [2]})
    result = run(market, StrategySettings(top_n=1), rebalances=[2])

    assert result.fills == []
    assert [(order.row, order.place, order.wanted, order.filled, order.why) for order in result.orders] == [
        (2, 1, 100, 0, Unfilled.NO_PRICE)
    ]


def test_rule_7_a_suspended_holding_uses_exposure_and_takes_no_slot(run: Run) -> None:
    """Rule 7: A is stuck with half of the book; two others share what is left of the exposure."""
    market = market_of(
        {"A": 10, "B": 10, "C": 10}, {"A": 1, "B": [0, 0, 2, 2], "C": [NAN, NAN, 3, 3]}, suspended={"A": [2, 3]}
    )
    result = run(market, StrategySettings(top_n=2, max_exposure=0.8), rebalances=[1, 3])
    decision = result.decisions[1]

    assert targets_by_symbol(result, market, 0) == {"A": 0.4, "B": 0.4}
    assert targets_by_symbol(result, market, 2) == {"B": 0.2, "C": 0.2}
    assert (decision.kept, decision.binding) == ({0}, {"suspended", "max_exposure"})
    assert result.shares == [40, 20, 20]


def test_rule_7_the_cap_applies_to_what_a_suspended_holding_leaves(run: Run) -> None:
    """Rules 2 and 7: of 0.6 less a stuck 0.3, three quarters go to B, below its cap; shared first it would be half."""
    market = market_of(
        {"A": 10, "B": 10, "C": 10, "D": 10},
        {"A": [1, 1, 0, 0], "D": [1, 1, 0, 0], "B": [NAN, NAN, 3, 3], "C": [NAN, NAN, 1, 1]},
        suspended={"A": [2, 3]},
    )
    settings = StrategySettings(top_n=2, max_exposure=0.6, max_weight=0.3, weighting=Weighting.SCORE)
    result = run(market, settings, rebalances=[1, 3])

    assert targets_by_symbol(result, market, 0) == {"A": 0.3, "D": 0.3}
    assert targets_by_symbol(result, market, 2) == {"B": 0.225, "C": 0.075}


def test_rule_7_a_suspended_holding_uses_what_tiers_allow(run: Run) -> None:
    """Rules 4 and 7: 5 % below the peak 0.6 may be held; A is stuck with 450 of 950, the rest is for B."""
    market = market_of({"A": [10, 10, 9, 9, 9], "B": 10}, {"A": 1, "B": 1}, suspended={"A": [3, 4]})
    settings = StrategySettings(top_n=2, dynamic_exposure=True, drawdown_tiers=(0.04,), drawdown_exposures=(0.6,))
    result = run(market, settings, rebalances=[1, 4])

    assert targets_by_symbol(result, market, 3) == {"B": round(0.6 - 450 / 950, 12)}
    assert binding_of(result, 3) == {"tier", "suspended"}


def test_rule_8_the_band_is_added_to_the_number_of_names(run: Run) -> None:
    """Rule 8: held A and B rank 2 and 3 of 2 + 1 and stay; when B falls to 4 it goes, and the best other comes."""
    market = market_of(
        {"A": 10, "B": 10, "C": 10, "D": 10},
        {"A": [9, 9, 3, 3, 2, 2], "B": [8, 8, 2, 2, 1, 1], "C": [1, 1, 4, 4, 4, 4], "D": [0, 0, 0, 0, 3, 3]},
    )
    result = run(market, StrategySettings(top_n=2, retain_top_n=1), rebalances=[1, 3, 5])

    assert targets_by_symbol(result, market, 0) == {"A": 0.5, "B": 0.5}
    assert (targets_by_symbol(result, market, 2), binding_of(result, 2)) == ({"A": 0.5, "B": 0.5}, {"retain"})
    assert (targets_by_symbol(result, market, 4), binding_of(result, 4)) == ({"A": 0.5, "C": 0.5}, {"retain"})


def test_rule_8_a_held_name_without_a_score_is_sold_and_ties_go_by_symbol(run: Run) -> None:
    """Rule 8: A has no score any more; of three equals the first two are taken."""
    market = market_of({"A": 10, "B": 10, "C": 10, "D": 10}, {"A": [9, 9, NAN, NAN], "B": 1, "C": 1, "D": 1})
    result = run(market, StrategySettings(top_n=2, retain_top_n=5), rebalances=[1, 3])

    assert targets_by_symbol(result, market, 0) == {"A": 0.5, "B": 0.5}
    assert targets_by_symbol(result, market, 2) == {"B": 0.5, "C": 0.5}
    assert result.shares == [0, 50, 50, 0]


def test_rule_8_names_being_run_down_count_as_held_and_the_best_of_them_stay(run: Run) -> None:
    """Rule 8 (acceptance test equity I 6): three names are held, two are kept, by score and not by symbol."""
    scores = {"A": [9, 9, 1, 1, 2, 2], "B": [8, 8, 8, 8, 3, 3], "C": [1, 1, 9, 9, 4, 4]}
    market = market_of({"A": 10, "B": 10, "C": 10}, scores)
    settings = {"top_n": 2, "retain_top_n": 1, "max_turnover": 0.5}
    by_score = run(market, StrategySettings.model_validate({**settings, "retain_top_n": 0}), rebalances=[1, 3, 5])
    by_symbol = StrategySettings.model_validate({**settings, "legacy": {"retain_alphabetical": True}})

    assert targets_by_symbol(by_score, market, 4) == {"B": 0.5, "C": 0.5}
    assert targets_by_symbol(run(market, by_symbol, rebalances=[1, 3, 5]), market, 4) == {"A": 0.5, "B": 0.5}


def test_rule_8_the_floor_of_scores_holds_for_held_names_too(run: Run) -> None:
    """Rule 8 (acceptance test equity I 6, defect H 13): a held name below the floor goes; earlier platforms kept it."""
    market = market_of({"A": 10, "B": 10}, {"A": [5, 5, -1, -1], "B": [-5, -5, -5, -5]})
    settings = StrategySettings(top_n=2, retain_top_n=2, minimum_score=0.0)
    old = settings.model_copy(update={"legacy": settings.legacy.model_copy(update={"retain_alphabetical": True})})
    result, before = run(market, settings, rebalances=[1, 3]), run(market, old, rebalances=[1, 3])

    assert (targets_by_symbol(result, market, 2), binding_of(result, 2)) == ({}, {"minimum_score", "no_candidates"})
    assert targets_by_symbol(before, market, 2) == {"A": 1.0}


@pytest.mark.parametrize(
    ("weighting", "minimum", "scores", "expected"),
    [
        (Weighting.EQUAL, None, (9, 5, 1), {"A": 0.5, "B": 0.5}),
        (Weighting.RANK, None, (9, 5, 1), {"A": 0.666666666667, "B": 0.333333333333}),
        (Weighting.ZSCORE, None, (9, 5, 1), {"A": 1.0}),
        (Weighting.ZSCORE, None, (9, 6, 0), {"A": 0.8, "B": 0.2}),
        (Weighting.ZSCORE, None, (5, 5, 5), {"A": 0.5, "B": 0.5}),
        (Weighting.SCORE, None, (3, 1, -1), {"A": 0.75, "B": 0.25}),
        (Weighting.SCORE, 1.0, (4, 2, 0), {"A": 0.75, "B": 0.25}),
        (Weighting.SCORE, None, (-1, -2, -3), {"A": 0.5, "B": 0.5}),
    ],
)
def test_rule_9_weights(
    run: Run, weighting: Weighting, minimum: float | None, scores: tuple[float, ...], expected: dict[str, float]
) -> None:
    """Rule 9: n..1 over the chosen; above the mean of the eligible; above the floor; equal where all are zero."""
    market = market_of({"A": 10, "B": 10, "C": 10}, dict(zip("ABC", scores, strict=True)), rows=2)
    settings = StrategySettings(top_n=2, weighting=weighting, minimum_score=minimum)

    assert targets_by_symbol(run(market, settings), market, 0) == expected


def test_rule_9_inverse_volatility_gives_unknown_names_the_smallest_weight(run: Run) -> None:
    """Rule 9: B moves twice as much as A; C has too few closes and gets what B gets."""
    a, b = [100, 101, 100, 101, 100, 100], [100, 102, 100, 102, 100, 100]
    market = market_of({"A": a, "B": b, "C": [NAN, NAN, 10, 10, 10, 10]}, {"A": 1, "B": 1, "C": 1})
    ratio = statistics.stdev([0.01, 100 / 101 - 1] * 2) / statistics.stdev([0.02, 100 / 102 - 1] * 2)
    settings = StrategySettings(top_n=3, weighting=Weighting.INVERSE_VOLATILITY, volatility_window=5)
    targets = targets_by_symbol(run(market, settings, rebalances=[5]), market, 4)

    assert targets is not None
    assert targets["B"] == targets["C"] == pytest.approx(ratio / (1 + 2 * ratio), abs=1e-11)


def test_rule_10_turnover_is_half_the_sum_of_changes(run: Run) -> None:
    """Rule 10 (acceptance test equity I 7): from cash to 40 % under a limit of 8 % takes three rebalances."""
    market = market_of({"A": 10}, {"A": 1}, rows=5)
    result = run(market, StrategySettings(top_n=1, max_exposure=0.4, max_turnover=0.08))

    assert [targets_by_symbol(result, market, row) for row in range(4)] == [{"A": w} for w in (0.16, 0.32, 0.4, 0.4)]
    assert ["turnover" in binding_of(result, row) for row in range(4)] == [True, True, False, False]


def test_rule_10_defensives_and_idle_count_and_cash_does_not(run: Run) -> None:
    """Rule 10: 40 % A and 60 % gold from cash is a turnover of a half; a limit of a quarter allows half of each."""
    market = market_of({"A": 10, "GLD": 10}, {"A": 1}, rows=2, not_chosen=["GLD"])
    settings = StrategySettings(top_n=1, max_exposure=0.4, max_turnover=0.25, idle="defensive", defensives=("GLD",))

    assert targets_by_symbol(run(market, settings), market, 0) == {"A": 0.2, "GLD": 0.3}


def test_rule_10_entry_into_risk_off_is_exempt_and_re_entry_is_not(run: Run) -> None:
    """Rule 10 (defect H 1, acceptance test equity I 1): out of stocks at once, back step by step."""
    spy = [100, 100, 100, 100, 50, 50, 50]
    market = market_of({"A": 10, "SPY": spy}, {"A": 1}, benchmark="SPY")
    settings = StrategySettings(
        top_n=1, max_turnover=0.25, market_filter=True, market_window=2, risk_off="benchmark", max_exposure=1.0
    )
    result = run(market, settings, rebalances=[2, 3, 5, 6])

    assert [targets_by_symbol(result, market, row) for row in (1, 2)] == [{"A": 0.5}, {"A": 1.0}]
    assert targets_by_symbol(result, market, 4) == {"SPY": 1.0}
    assert targets_by_symbol(result, market, 5) == {"A": 0.25, "SPY": 0.75}


def test_rule_11_the_turnover_limit_comes_last(run: Run) -> None:
    """Rule 11: A rose to 75 % and shall go; two fifths of the way leave the sum at 65 %, above the exposure."""
    market = market_of({"A": [10, 10, 30, 30], "B": 10}, {"A": [2, 2, 1, 1], "B": [1, 1, 2, 2]})
    settings = StrategySettings(top_n=1, max_exposure=0.5, max_weight=0.5, max_turnover=0.25)
    result = run(market, settings, rebalances=[1, 3])

    assert targets_by_symbol(result, market, 0) == {"A": 0.5}
    assert targets_by_symbol(result, market, 2) == {"A": 0.45, "B": 0.2}


SPELL = {
    "A": [10.0] * 8,
    "GLD": [100, 110, 121, 133.1, 146.41, 146.41, 190.333, 190.333],
    "SPY": [100, 100, 100, 100, 100, 90, 80, 70],
    "TLT": [100, 100, 100, 100, 100, 200, 400, 400],
}


def spell_settings(**changes: object) -> StrategySettings:
    base = {
        "top_n": 1,
        "max_exposure": 0.6,
        "market_filter": True,
        "market_window": 2,
        "risk_off": "defensive",
        "defensives": ("GLD", "TLT"),
        "defensive_lookback_bars": 5,
    }
    return StrategySettings.model_validate({**base, **changes})


def test_rule_12_the_pick_stays_and_is_ordered_again_only_when_it_is_off(run: Run) -> None:
    """Rule 12 (defect H 1, acceptance test equity I 1): one transition, no cap, no volatility target, nothing idle."""
    closes = {**SPELL, "TLT": [100, 100, 100, 100, 100, 100, 400, 400]}
    market = market_of(closes, {"A": 1}, benchmark="SPY", not_chosen=["GLD", "TLT"])
    settings = spell_settings(max_weight=0.5, volatility_target=0.01, volatility_window=5, idle="benchmark")
    result = run(market, settings, rebalances=[2, 6, 7])

    # At row 5 the benchmark is below its mean, and gold rose most; at row 6 TLT did, and the pick stays. Gold fills at
    # row 6, after its jump, so its weight is right.
    assert targets_by_symbol(result, market, 5) == {"GLD": 0.6}
    assert binding_of(result, 5) == {"filter"}
    assert targets_by_symbol(result, market, 6) is None
    assert [decision.action for decision in result.decisions] == ["trade", "trade", "hold"]
    assert result.exposure[7] == pytest.approx(0.6)


def test_rule_12_a_weight_that_drifted_out_of_the_band_is_put_right(run: Run) -> None:
    """Rule 12: bought at 146.41, gold rises by 30 % to 0.78 / 1.18 = 66.1 %, which is more than 5 points off."""
    closes = {**SPELL, "SPY": [100, 100, 100, 100, 90, 80, 70, 60], "TLT": 100}
    market = market_of(closes, {"A": NAN}, benchmark="SPY", not_chosen=["GLD", "TLT"])
    wide = run(market, spell_settings(defensive_lookback_bars=5, risk_off_band=0.07), rebalances=[5, 6, 7])
    result = run(market, spell_settings(), rebalances=[5, 6, 7])

    assert [targets_by_symbol(result, market, row) for row in (4, 5, 6)] == [{"GLD": 0.6}, None, {"GLD": 0.6}]
    assert result.exposure[6] == pytest.approx(0.78 / 1.18)
    assert targets_by_symbol(wide, market, 6) is None


def test_rule_12_a_new_spell_picks_anew(run: Run) -> None:
    """Rule 12: gold rose most before the first spell, bonds before the second."""
    closes = {
        "A": 10,
        "GLD": [100, 100, 100, 100, 100, 110, 110, 110, 110],
        "SPY": [100, 100, 100, 100, 100, 90, 95, 90, 90],
        "TLT": [100, 100, 100, 100, 100, 100, 100, 120, 120],
    }
    market = market_of(closes, {"A": 1}, benchmark="SPY", not_chosen=["GLD", "TLT"])
    result = run(market, spell_settings(), rebalances=[6, 7, 8])

    assert [targets_by_symbol(result, market, row) for row in (5, 6, 7)] == [{"GLD": 0.6}, {"A": 0.6}, {"TLT": 0.6}]


def test_rule_12_what_cannot_be_sold_counts_towards_the_exposure(run: Run) -> None:
    """Rules 7 and 12: A is stuck with 0.2 of 0.6, so gold gets 0.4."""
    closes = {"A": 10, "B": 10, "C": 10, "GLD": 10, "SPY": [100, 100, 100, 90, 90]}
    market = market_of(closes, {"A": 1, "B": 1, "C": 1}, benchmark="SPY", not_chosen=["GLD"], suspended={"A": [3, 4]})
    settings = spell_settings(top_n=3, defensives=("GLD",))
    result = run(market, settings, rebalances=[2, 4])

    assert targets_by_symbol(result, market, 3) == {"GLD": 0.4}
    assert result.decisions[1].kept == {0}


def test_rule_12_exposure_in_risk_off_is_the_tier_cap(run: Run) -> None:
    """Rule 12: 20 % below the peak the tier allows half of the exposure, of gold too."""
    closes = {"A": [100, 100, 100, 80, 80], "GLD": 10, "SPY": [100, 100, 100, 90, 90]}
    market = market_of(closes, {"A": 1}, benchmark="SPY", not_chosen=["GLD"])
    settings = StrategySettings(
        top_n=1,
        market_filter=True,
        market_window=2,
        risk_off="defensive",
        defensives=("GLD",),
        dynamic_exposure=True,
        drawdown_tiers=(0.1,),
        drawdown_exposures=(0.5,),
    )

    assert targets_by_symbol(run(market, settings, rebalances=[2, 4]), market, 3) == {"GLD": 0.5}


def test_rule_12_legacy_buys_on_top_of_the_book_on_margin(run: Run) -> None:
    """Defect H 1: risk-off sold nothing; the gross doubles, and buys shrink where it would pass two."""
    spy = [100, 100, 90, 80, 70]
    market = market_of({"A": 10, "GLD": 10, "SPY": spy}, {"A": 1}, benchmark="SPY", not_chosen=["GLD"])
    settings = StrategySettings(
        top_n=1,
        market_filter=True,
        market_window=2,
        risk_off="defensive",
        defensives=("GLD",),
        legacy={"riskoff_keeps_book": True},
    )
    result = run(market, settings, rebalances=[2, 3, 4])

    assert trades_by_symbol(result, market) == [(2, "A", 100, 10), (3, "GLD", 100, 10)]
    assert result.exposure[2:] == [1.0, 2.0, 2.0]
    assert [one.action for one in result.decisions] == ["trade"] * 3  # ordered again each time
    assert result.decisions[1].kept == {0}


def test_rule_13_the_filter_acts_at_rebalances_only_and_a_close_at_the_mean_passes(run: Run) -> None:
    """Rule 13: not ready holds; equal passes; below between rebalances does nothing; below at one sells."""
    spy = [100, 100, 100, 90, 95, 94, 93]
    market = market_of({"A": 10, "SPY": spy}, {"A": 1}, benchmark="SPY")
    settings = StrategySettings(top_n=1, market_filter=True, market_window=3)
    result = run(market, settings, rebalances=[2, 3, 5, 6])

    assert [(one.decided_row, one.action, one.binding) for one in result.decisions] == [
        (1, "hold", {"not_ready"}),
        (2, "trade", set()),
        (4, "trade", set()),  # (100 + 90 + 95) / 3 = 95 is not above the close
        (5, "trade", set()),  # (90 + 95 + 94) / 3 = 93
    ]
    assert trades_by_symbol(result, market) == [(3, "A", 100, 10)]
    lower = market_of({"A": 10, "SPY": [100, 100, 100, 90, 94.99, 94]}, {"A": 1}, benchmark="SPY")
    assert binding_of(run(lower, settings, rebalances=[3, 5]), 4) == {"filter"}


def test_rule_14_the_idle_asset_takes_what_is_left_outside_cap_and_exposure(run: Run) -> None:
    """Rule 14: 30 % A under the cap, 70 % of the asset that rose most, chosen anew at each rebalance."""
    gold, bonds = [100, 101, 102, 103, 104, 105, 105, 105], [100, 100, 100, 100, 100, 100, 200, 200]
    market = market_of({"A": 10, "GLD": gold, "TLT": bonds}, {"A": 1}, not_chosen=["GLD", "TLT"])
    settings = StrategySettings(
        top_n=1,
        max_weight=0.3,
        max_exposure=0.4,
        idle="defensive",
        defensives=("TLT", "GLD"),
        defensive_lookback_bars=5,
    )
    result = run(market, settings, rebalances=[6, 7])

    assert targets_by_symbol(result, market, 5) == {"A": 0.3, "GLD": 0.7}
    assert targets_by_symbol(result, market, 6) == {"A": 0.3, "TLT": 0.7}
    assert binding_of(result, 5) == {"cap", "idle"}


def test_rule_14_a_defensive_needs_its_closes_and_to_be_tradable(run: Run) -> None:
    """Rule 14: too few closes for any: the first tradable one; none tradable: cash; enough: the calmest."""
    gold, bonds = [100, 110, 100, 110, 100, 110, 100, 110], [NAN, 100, 100, 100, 100, 100, 100, 100]
    market = market_of(
        {"A": 10, "GLD": gold, "TLT": bonds},
        {"A": 1},
        not_chosen=["GLD", "TLT"],
        suspended={"TLT": [0, 3], "GLD": [3]},
    )
    settings = StrategySettings(
        top_n=1,
        max_exposure=0.4,
        idle="defensive",
        defensives=("TLT", "GLD"),
        defensive_pick="lowest_volatility",
        defensive_lookback_bars=5,
    )
    by_row = {}
    for row in (0, 1, 3, 5, 6):
        by_row[row] = targets_by_symbol(run(market, settings, rebalances=[row + 1]), market, row)

    assert by_row[0] == {"A": 0.4, "GLD": 0.6}  # TLT has no bar yet
    assert by_row[1] == {"A": 0.4, "TLT": 0.6}  # no one has six closes: the first
    assert by_row[3] == {"A": 0.4}  # none can trade
    assert by_row[5] == {"A": 0.4, "GLD": 0.6}  # GLD has six closes, TLT five
    assert by_row[6] == {"A": 0.4, "TLT": 0.6}  # both have, and TLT never moves
    twins = market_of({"A": 10, "GLD": gold, "TLT": gold}, {"A": 1}, not_chosen=["GLD", "TLT"])
    assert targets_by_symbol(run(twins, settings, rebalances=[6]), twins, 5) == {"A": 0.4, "TLT": 0.6}  # named first


def test_rule_15_one_whole_row_is_read_and_its_age_counted_in_sessions(run: Run) -> None:
    """Rule 15 (acceptance test equity I 5): rows are never mixed; a stale row is no signal."""
    market = market_of(
        {"A": 10, "B": 10},
        {"A": [1, NAN, NAN, NAN, NAN, NAN], "B": [NAN, 1, NAN, NAN, NAN, NAN]},
    )
    settings = StrategySettings(top_n=2, max_score_age_bars=2)
    result = run(market, settings)

    assert targets_by_symbol(result, market, 0) == {"A": 1.0}
    assert [targets_by_symbol(result, market, row) for row in (1, 2, 3)] == [{"B": 1.0}] * 3
    assert (targets_by_symbol(result, market, 4), binding_of(result, 4)) == (None, {"stale_scores"})
    assert result.shares == [0, 100]
    leaving = settings.model_copy(update={"stale_scores": "exit"})
    assert run(market, leaving).shares == [0, 0]
    for_ever = settings.model_copy(update={"legacy": settings.legacy.model_copy(update={"score_age_unlimited": True})})
    assert targets_by_symbol(run(market, for_ever), market, 4) == {"B": 1.0}


def test_rule_15_a_delay_reads_an_earlier_row_and_an_empty_selection_is_cash_or_idle(run: Run) -> None:
    """Rule 15: one session late, the first decision has no row yet; below the floor nobody is bought."""
    market = market_of({"A": 10, "B": 10, "SPY": 10}, {"A": [2, 0, 0, 0], "B": [0, 2, 0, 0]}, benchmark="SPY")
    settings = StrategySettings(top_n=1, score_delay_bars=1, minimum_score=1.0, idle="benchmark")
    result = run(market, settings)

    assert binding_of(result, 0) == {"stale_scores"}
    assert [targets_by_symbol(result, market, row) for row in (1, 2)] == [{"A": 1.0}, {"B": 1.0}]
    empty = run(market, settings.model_copy(update={"score_delay_bars": 0}), rebalances=[1, 3])
    assert targets_by_symbol(empty, market, 2) == {"SPY": 1.0}
    assert binding_of(empty, 2) == {"minimum_score", "no_candidates", "idle"}


def test_rule_15_smoothing_steps_once_per_rebalance(run: Run) -> None:
    """Rule 15, A.14: 0.5 of today and 0.5 of before; a name without a score leaves unless it is carried."""
    market = market_of({"A": 10, "B": 10}, {"A": [4, 0, NAN, 0], "B": [1, 1.5, 1, 1.5]})
    settings = StrategySettings(top_n=1, score_smoothing=0.5)
    carried = settings.model_copy(update={"score_smoothing_carry": True})

    # A: 4, then 2 against B's 1.25, then gone; carried it still counts 2 against 1.125.
    chosen = [targets_by_symbol(run(market, settings), market, row) for row in range(3)]
    assert chosen == [{"A": 1.0}, {"A": 1.0}, {"B": 1.0}]
    assert targets_by_symbol(run(market, carried), market, 2) == {"A": 1.0}
    # Decided at rows 0 and 2 only, A counts 2 against 1.125; a step at row 1 would have left it at 1.
    seldom = market_of({"A": 10, "B": 10}, {"A": [4, 0, 0, 0], "B": [1, 1, 1.25, 1.25]})
    assert targets_by_symbol(run(seldom, settings, rebalances=[1, 3]), seldom, 2) == {"A": 1.0}


def test_rule_15_membership_is_that_of_the_decision(run: Run) -> None:
    """Rule 15, A.21 step 6 (acceptance test equity I 8): outside the universe a name is not bought, and sold."""
    market = market_of({"A": 10, "B": 10}, {"A": 2, "B": 1}, rows=5, outside={"A": [2, 3]})
    result = run(market, StrategySettings(top_n=1))

    assert [targets_by_symbol(result, market, row) for row in range(4)] == [{"A": 1.0}] * 2 + [{"B": 1.0}] * 2


def test_rule_16_cash_earns_interest_before_orders_are_sized(run: Run) -> None:
    """Rule 16: 1 % on 1000 is there when the session's order is sized; without a rate nothing is earned."""
    market = market_of({"A": 10}, {"A": 1}, rows=3, interest=[0.0, 0.01, 0.01])
    result = run(market, StrategySettings(top_n=1, max_exposure=0.5), rebalances=[1])

    assert trades_by_symbol(result, market) == [(1, "A", 50.5, 10)]
    assert result.cash == pytest.approx([1000, 505, 510.05])
    assert run(market_of({"A": 10}, {"A": NAN}, rows=3), StrategySettings()).equity == [1000] * 3


def test_rule_17_a_symbol_that_ends_is_sold_at_its_last_close_with_costs(run: Run) -> None:
    """Rule 17 (acceptance test equity I 8): after the close, at the lower limit or not, less the haircut and a fee."""
    market = market_of({"A": [10, 10, 8, 8]}, {"A": 1}, last_rows={"A": 2}, suspended={"A": [3]}, limit_down={"A": [2]})
    costs = CostModel(commission_bps=100)
    settings = StrategySettings(top_n=1, max_exposure=0.5)
    result = run(market, settings, rebalances=[1], costs=costs, rules=FillRules(haircut=0.25))

    assert trades_by_symbol(result, market) == [(1, "A", 50, 10), (2, "A", -50, 6)]
    assert result.cash == pytest.approx([1000, 495, 495 + 300 - 3, 792])
    assert result.equity[2] == result.cash[2]
    never = market_of({"A": [10, 10, 8, 8]}, {"A": 1}, suspended={"A": [3]})
    assert run(never, settings, rebalances=[1]).shares == [50]  # without a table of lives nobody guesses an end


def test_rule_18_dust_is_nothing_and_selling_to_zero_leaves_exactly_zero(run: Run) -> None:
    """Rule 18: a weight below 1e-9 is 0; so is an order, unless it closes a position."""
    market = market_of({"A": [0.1, 0.3, 0.7, 0.7]}, {"A": [1, NAN, NAN, NAN]})
    settings = StrategySettings(top_n=1, max_score_age_bars=1, stale_scores="exit", max_exposure=0.9)
    result = run(market, settings, rebalances=[1, 3])

    assert result.shares == [0.0]
    dust = run(market, settings.model_copy(update={"max_exposure": 9e-10}), rebalances=[1])
    assert (dust.orders, targets_by_symbol(dust, market, 0)) == ([], {"A": 9e-10})
    worthless = market_of({"A": [10, 10, 10, 1e-12, 1e-12]}, {"A": [1, NAN, NAN, NAN, NAN]})
    assert run(worthless, settings, rebalances=[1, 4]).shares == [0.0]
    again = run(market_of({"A": 10}, {"A": 1}, rows=4), StrategySettings(top_n=1, max_exposure=0.3))
    assert len(again.orders) == 1  # the same target is not traded again for round-off


def test_rule_18_round_off_does_not_pass_for_turnover(run: Run) -> None:
    """Rule 18: half of 0.1 + 0.1 + 0.1 is more than 0.15 by round-off alone, which no limit stops."""
    market = market_of({"A": 10, "B": 10, "C": 10}, {"A": 1, "B": 1, "C": 1}, rows=2)
    settings = StrategySettings(top_n=3, max_weight=0.1, max_turnover=0.15)

    assert 0.5 * (0.1 + 0.1 + 0.1) > 0.15
    assert binding_of(run(market, settings), 0) == {"cap"}


def test_rule_18_sums_run_in_order_of_symbols(run: Run) -> None:
    """Rule 18: whichever column a symbol's numbers come from, the equity is the same to the last bit."""
    random = np.random.default_rng(5)
    names = [f"S{place:02d}" for place in range(12)]
    closes = {name: (10 * np.exp(np.cumsum(random.normal(0, 0.05, 40)))).tolist() for name in names}
    scores = {name: np.round(random.normal(size=40), 1).tolist() for name in names}
    settings = StrategySettings(top_n=5, retain_top_n=2, max_weight=0.25, max_turnover=0.2, weighting=Weighting.RANK)
    shuffled = [names[place] for place in random.permutation(12)]
    ordered = run(market_of(closes, scores), settings)
    permuted = market_of({name: closes[name] for name in shuffled}, {name: scores[name] for name in shuffled})

    assert run(permuted, settings).equity == ordered.equity


def test_rule_20_each_constraint_counts_once_per_rebalance(run: Run) -> None:
    """Rule 20: several may bind; what the guard does between rebalances counts for none."""
    market = market_of(CRASH, {"A": 1}, fills={"A": [100, 100, *[80] * 6]})
    result = run(market, crash_settings(max_exposure=0.9, max_turnover=0.3, guard_sessions=63), rebalances=[1, 3, 5])

    assert binding_of(result, 0) == {"max_exposure", "turnover"}
    assert dict(result.counts) == {"max_exposure": 3, "turnover": 1}
    deeper = run(market, crash_settings(max_exposure=0.9, guard_sessions=63), rebalances=[1, 3, 5])
    assert dict(deeper.counts) == {"max_exposure": 1, "guard": 2}


def test_rule_20_without_any_exposure_no_tier_is_to_blame(run: Run) -> None:
    """Rule 20: the constraint that bound is the one that is named."""
    market = market_of({"A": [100] * 4}, {"A": 1})

    result = run(market, StrategySettings(top_n=1, max_exposure=0.0))

    assert dict(result.counts) == {"max_exposure": 3}

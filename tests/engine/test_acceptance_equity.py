"""The acceptance tests 1 to 9 of the equity platform, by number, through the compiled kernel.

Every market is written by hand and every figure reckoned by hand.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation_markets import NAN, binding_of, market_of, run_rotation, targets_by_symbol, trades_by_symbol
from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.inert import inert_report
from tidegate.engine.inert_settings import WhyInert
from tidegate.engine.lean_scores import read_score_file
from tidegate.engine.legacy import ALL, DEFAULT, legacy_trial
from tidegate.engine.market import Market
from tidegate.engine.reference import ReferenceRun
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.strategy.schedule import fill_sessions


def run(market: Market, settings: StrategySettings, **more: Any) -> ReferenceRun:
    """Run the kernel from 1,000 without costs, at every session unless told otherwise."""
    return run_rotation(market, settings, engine="kernel", **more)


def settings_of(**changes: Any) -> StrategySettings:
    return StrategySettings.model_validate(changes)


def names_of(count: int) -> list[str]:
    return [f"N{number:02d}" for number in range(count)]


# ---------------------------------------------------------------------------------------------------------------- I 1

FALLING = [100, 100, 100, 90, 80, 70, 60]
"""The benchmark: below the mean of its last two closes from row 3 on."""


def off_to_gold() -> StrategySettings:
    return settings_of(
        top_n=3, max_exposure=0.6, market_filter=True, market_window=2, risk_off="defensive", defensives=("GLD",)
    )


def test_equity_i_1_the_filter_sells_the_book_in_one_transition() -> None:
    """Equity I 1: at the next fill stocks are 0 and gold is 0.6; nothing is ordered afterwards."""
    market = market_of({"A": 10, "B": 10, "C": 10, "GLD": 20, "SPY": FALLING}, {"A": 1, "B": 1, "C": 1},
                       benchmark="SPY", not_chosen=["GLD"])  # fmt: skip
    result = run(market, off_to_gold())

    # 20 % of 1,000 is 20 shares of each at 10; 60 % is 30 shares of gold at 20.
    assert trades_by_symbol(result, market) == [
        *[(2, symbol, 20, 10) for symbol in "ABC"],
        *[(4, symbol, -20, 10) for symbol in "ABC"],
        (4, "GLD", 30, 20),
    ]
    assert result.shares == pytest.approx([0, 0, 0, 30, 0])
    assert result.shares[:3] == [0, 0, 0]
    assert [(one.decided_row, one.action) for one in result.decisions if "filter" in one.binding] == [
        (3, "trade"),
        (4, "hold"),
        (5, "hold"),
    ]


def test_equity_i_1_what_cannot_be_sold_is_the_residue() -> None:
    """Equity I 1: C is suspended at the decision: it keeps its 20 shares, and gold gets 0.6 less their 0.2."""
    market = market_of({"A": 10, "B": 10, "C": 10, "GLD": 20, "SPY": FALLING}, {"A": 1, "B": 1, "C": 1},
                       benchmark="SPY", not_chosen=["GLD"], suspended={"C": [3, 4, 5, 6]})  # fmt: skip
    result = run(market, off_to_gold())

    assert trades_by_symbol(result, market)[3:] == [(4, "A", -20, 10), (4, "B", -20, 10), (4, "GLD", 20, 20)]
    assert result.shares == pytest.approx([0, 0, 20, 20, 0])
    assert result.shares[:2] == [0, 0]
    assert result.exposure[-1] == pytest.approx(0.6)


# ---------------------------------------------------------------------------------------------------------------- I 2


def thirty(scores: list[float], **changes: Any) -> tuple[Market, ReferenceRun]:
    """Buy thirty names at 10 under a cap of 2.8 % of equity."""
    market = market_of(dict.fromkeys(names_of(30), 10.0), dict(zip(names_of(30), scores, strict=True)), rows=2)
    chosen = {"top_n": 30, "weighting": "score", "max_weight": 0.028, "max_exposure": 0.4, **changes}
    return market, run(market, settings_of(**chosen))


def test_equity_i_2_what_the_cap_cuts_off_is_shared_by_the_others() -> None:
    """Equity I 2: ten names at 100 and twenty at 1: 10 * 2.8 % and 20 * 0.6 % make up the exposure of 40 %."""
    market, result = thirty([100.0] * 10 + [1.0] * 20)
    expected = dict.fromkeys(names_of(30)[:10], 0.028) | dict.fromkeys(names_of(30)[10:], 0.006)

    assert targets_by_symbol(result, market, 0) == expected
    assert result.cash[1] == pytest.approx(600)
    assert binding_of(result, 0) == {"cap", "max_exposure"}


def test_equity_i_2_what_nobody_may_take_stays_in_cash() -> None:
    """Equity I 2: of an exposure of 100 % thirty names take 30 * 2.8 % = 84 %, five names 14 %; the rest is cash."""
    market, result = thirty([1.0] * 30, max_exposure=1.0)
    assert targets_by_symbol(result, market, 0) == dict.fromkeys(names_of(30), 0.028)
    assert result.cash[1] == pytest.approx(160)

    market, result = thirty([1.0] * 5 + [0.0] * 25)
    assert targets_by_symbol(result, market, 0) == dict.fromkeys(names_of(30)[:5], 0.028)
    assert result.cash[1] == pytest.approx(860)


@given(scores=st.lists(st.floats(0.0, 1e6), min_size=30, max_size=30), exposure=st.sampled_from([0.4, 0.84, 0.9, 1.0]))
def test_equity_i_2_no_scores_lead_above_the_cap(scores: list[float], exposure: float) -> None:
    """Equity I 2, the property: each weight at most the cap, their sum at most exposure and cap * n."""
    _, result = thirty(scores, max_exposure=exposure)
    weights = list((result.decisions[0].targets or {}).values())

    assert all(0.0 < weight <= 0.028 for weight in weights)
    assert sum(weights) <= min(exposure, 0.028 * 30) + 1e-12


# ---------------------------------------------------------------------------------------------------------------- I 3

GRID = (0.022, 0.026, 0.028, 0.030, 0.033)


def capped_runs(mode: str) -> tuple[list[Trial], Sweep]:
    """Run the published values of the cap on forty names that grow, the better scored the faster."""
    names = names_of(40)
    closes = {name: [10.0 * (1.0 + 0.001 * place) ** row for row in range(30)] for place, name in enumerate(names)}
    market = market_of(closes, {name: float((place + 1) ** 2) for place, name in enumerate(names)}, rows=30)
    trials = []
    for cap in GRID:
        chosen = settings_of(top_n=30, weighting="score", max_exposure=0.9, max_weight=cap)
        market, trial = legacy_trial(market, Trial(settings=chosen), mode)
        trials.append(trial)
    return trials, run_trials(market, trials, initial_cash=1000.0)


def test_equity_i_3_the_published_caps_are_inert_in_legacy_mode() -> None:
    """Equity I 3: below one part in thirty each cap is scaled up to one part in thirty, and the tool says so."""
    trials, sweep = capped_runs(ALL)
    (found,) = inert_report(trials, sweep)

    assert np.ptp(sweep.equity, axis=1).max() <= 1e-12 * 1000.0
    assert sweep.equity[-1, 0] > 1001.0  # it did trade
    assert (found.parameter, found.is_inert, found.curves) == ("max_weight", True, 1)
    assert found.why is WhyInert.SCALED_UP_AGAIN


def test_equity_i_3_by_the_rules_each_cap_gives_another_curve() -> None:
    """Equity I 3: 30 * cap of the equity is invested at most, and that is 66, 78, 84 and 90 %."""
    trials, sweep = capped_runs(DEFAULT)
    (found,) = inert_report(trials, sweep)

    assert (found.is_inert, found.curves, found.why) == (False, 5, None)
    bought = (sweep.gross / sweep.equity)[7]  # the first fill is on the Monday after the first week
    assert bought == pytest.approx([0.66, 0.78, 0.84, 0.90, 0.90])


# ---------------------------------------------------------------------------------------------------------------- I 4

STEEP = {"A": [100.0, 100.0, *[70.0] * 10]}
"""Half of the book falls by 30 %, so that the whole falls by 15 %; then nothing moves."""


def guarded(market: Market, **changes: Any) -> ReferenceRun:
    """Run a guard at 15 %, with a rebalance at every session but the one of the fall."""
    rebalances = [row for row in range(len(market.times)) if row != 2]
    chosen = settings_of(top_n=1, max_exposure=0.5, max_drawdown=0.15, **changes)
    return run(market, chosen, rebalances=rebalances)


def test_equity_i_4_a_time_out_lets_the_book_back_in_with_a_new_peak() -> None:
    """Equity I 4: -15 % locks at the close of row 2, 4 sessions later the peak is 850, and row 6 fills at row 7."""
    market = market_of(STEEP, {"A": 1})
    result = guarded(market, guard_sessions=4)

    assert result.equity[2:] == [850.0] * 10
    # 5 shares at 100, sold at 70; half of 850 is 6.0714 shares of 70.
    assert trades_by_symbol(result, market) == [(1, "A", 5, 100), (3, "A", -5, 70), (7, "A", round(425 / 70, 9), 70)]
    assert [one.decided_row for one in result.decisions if "guard" in one.binding] == [2, 3, 4, 5]
    assert len(result.orders) == 3


@pytest.mark.parametrize(("depth", "locks"), [(0.14, False), (0.16, True)])
def test_equity_i_4_the_new_peak_is_what_counts(depth: float, locks: bool) -> None:
    """Equity I 4: after re-entry at 850 a fall of 14 % is 26.9 % below 1,000, and locks nothing; 16 % does."""
    fall = 70.0 * (1.0 - 2.0 * depth)  # half of the book is in A
    market = market_of({"A": [100.0, 100.0, *[70.0] * 6, *[fall] * 4]}, {"A": 1})
    result = guarded(market, guard_sessions=4)

    assert result.equity[8] == pytest.approx(850 * (1.0 - depth))
    assert ("guard" in binding_of(result, 8)) is locks


@pytest.mark.parametrize(
    ("policy", "market_opens_at", "bought_again"),
    [("time_out", 99, [5]), ("market_filter", 6, [7]), ("recovery", 3, [])],
)
def test_equity_i_4_each_policy_opens_by_itself(policy: str, market_opens_at: int, bought_again: list[int]) -> None:
    """Equity I 4: by time after 2 sessions; by the market at its mean; by recovery, which cash never sees."""
    spy = [100.0 - row if row < market_opens_at else 200.0 for row in range(12)]
    market = market_of({**STEEP, "SPY": spy}, {"A": 1}, benchmark="SPY")
    result = guarded(market, guard_reentry=policy, guard_sessions=2, market_window=2)

    assert [row for row, _, quantity, _ in trades_by_symbol(result, market) if quantity > 0] == [1, *bought_again]


def test_equity_i_4_nothing_is_ordered_while_locked_within_the_band() -> None:
    """Equity I 4: gold loses 2 % a session: 45.5 % instead of 50 % after nine, 44.97 % after ten, out of the band.

    The rebalance is daily, so that each close decides.
    """
    gold = [100.0, 100.0, 100.0, *[100.0 * 0.98**row for row in range(13)]]
    market = market_of({"A": [100.0, 100.0, *[70.0] * 14], "GLD": gold}, {"A": 1}, not_chosen=["GLD"])
    result = guarded(market, risk_off="defensive", defensives=("GLD",))

    weight = 0.98**10 / (1.0 + 0.98**10)
    assert 0.0500 < 0.5 - weight < 0.0505
    # Bought at row 3, ten sessions later it is off by the close of row 13, and put right at row 14.
    assert [(order.row, market.symbols[order.place]) for order in result.orders] == [
        *[(1, "A"), (3, "A"), (3, "GLD"), (14, "GLD")]
    ]
    locked = [one for one in result.decisions if one.decided_row >= 2]
    assert [one.decided_row for one in locked if one.action == "trade"] == [2, 13]


# ---------------------------------------------------------------------------------------------------------------- I 5


def test_equity_i_5_scores_of_a_day_are_unusable_on_it() -> None:
    """Equity I 5: Monday's fill reads Friday's row, though Monday's own says otherwise; Tuesday's reads Monday's."""
    market = market_of({"A": 10, "B": 10}, {"A": [NAN, 1, 0, 0], "B": [NAN, 0, 1, 1]})
    result = run(market, settings_of(top_n=1))

    assert binding_of(result, 0) == {"stale_scores"}  # row 1 has scores, the fill of row 1 may not know them
    assert trades_by_symbol(result, market) == [(2, "A", 100, 10), (3, "A", -100, 10), (3, "B", 100, 10)]


def test_equity_i_5_a_week_whose_monday_is_a_holiday_trades_on_tuesday() -> None:
    """Equity I 5: 2024-01-15 was a holiday of the exchange; the week's orders fill on the 16th, as of Friday."""
    days = ["2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17", "2024-01-22"]
    market = market_of({"A": 10, "B": 10}, {"A": [1, 1, 0, 0, 0], "B": [0, 0, 1, 1, 1]}, days=days)
    chosen = settings_of(top_n=1, rebalance="weekly")
    result = run(market, chosen, rebalances=fill_sessions(market.times, chosen))

    assert [days[one.fill_row] for one in result.decisions] == ["2024-01-16", "2024-01-22"]
    assert [(days[row], symbol) for row, symbol, quantity, _ in trades_by_symbol(result, market) if quantity > 0] == [
        *[("2024-01-16", "A"), ("2024-01-22", "B")]
    ]


def test_equity_i_5_a_file_that_ends_is_no_signal() -> None:
    """Equity I 5: a row 3 closes old is stale under a limit of 2: the book is held, and that is logged and counted."""
    market = market_of({"A": [10, 10, 11, 12, 13, 14]}, {"A": [1, NAN, NAN, NAN, NAN, NAN]})
    result = run(market, settings_of(top_n=1, max_score_age_bars=2))

    assert [(one.decided_row, one.action) for one in result.decisions] == [
        *[(0, "trade"), (1, "trade"), (2, "trade"), (3, "hold"), (4, "hold")]
    ]
    assert result.counts["stale_scores"] == 2
    assert result.shares == [100]


@pytest.mark.parametrize("score", [NAN, float("inf"), float("-inf")])
def test_equity_i_5_a_score_that_is_no_number_ranks_nobody(score: float) -> None:
    """Equity I 5: earlier platforms accepted NaN and infinities, which broke the ranking."""
    market = market_of({"A": 10, "B": 10, "C": 10}, {"A": score, "B": 1, "C": 2}, rows=2)

    assert targets_by_symbol(run(market, settings_of(top_n=1)), market, 0) == {"C": 1.0}
    assert targets_by_symbol(run(market, settings_of(top_n=3)), market, 0) == {"B": 0.5, "C": 0.5}


@pytest.mark.parametrize("score", ["nan", "NaN", "inf", "-inf", "Infinity", "", "high"])
def test_equity_i_5_a_file_with_such_a_score_is_rejected(tmp_path: Path, score: str) -> None:
    """Equity I 5: by its row, before anything is traded."""
    file = tmp_path / "scores.csv"
    file.write_text(f"date,symbol,score\n2024-01-05,A,1\n2024-01-05,B,{score}\n")

    with pytest.raises(DataError):
        read_score_file(file)


def test_equity_i_5_a_day_without_zeros_is_the_day_it_means(tmp_path: Path) -> None:
    """Equity I 5: ``2024-1-5`` was parsed, looked up as ``2024-01-05``, and never found."""
    file = tmp_path / "scores.csv"
    file.write_text("date,symbol,score\n2024-1-5,A,1.5\n2024-01-04,A,2.5\n")

    assert read_score_file(file)["date"].to_list() == [dt.date(2024, 1, 4), dt.date(2024, 1, 5)]
    file.write_text("date,symbol,score\n2024-13-5,A,1.5\n")
    with pytest.raises(DataError, match="2024-13-5"):
        read_score_file(file)
    with pytest.raises(InputError):
        read_score_file(tmp_path / "missing.csv")


# ---------------------------------------------------------------------------------------------------------------- I 6


def forty_held(**changes: Any) -> tuple[Market, ReferenceRun]:
    """Hold forty of 45 names: thirty are built up in three steps of 10 %, then ten of them are half replaced.

    At row 4 the held names N00 to N39 score 1 to 40, so that symbols ascend with scores; the other five score 0.
    """
    before = {name: [1.0] * 3 if place < 30 else [NAN] * 3 for place, name in enumerate(names_of(45))}
    swapped = {name: 1.0 if 10 <= place < 40 else NAN for place, name in enumerate(names_of(45))}
    after = {name: float(place + 1) if place < 40 else 0.0 for place, name in enumerate(names_of(45))}
    scores = {name: [*before[name], swapped[name], after[name], after[name]] for name in names_of(45)}
    market = market_of(dict.fromkeys(names_of(45), 10.0), scores)
    chosen = {"top_n": 30, "retain_top_n": 10, "max_exposure": 0.6, "max_turnover": 0.1, **changes}
    return market, run(market, settings_of(**chosen))


def test_equity_i_6_of_forty_held_names_the_best_thirty_stay() -> None:
    """Equity I 6: all forty rank within the buffer of 30 + 10; N10 to N39 score best, N00 to N09 go."""
    market, result = forty_held()
    held_before = {name for row, name, *_ in trades_by_symbol(result, market) if row <= 4}
    # The swap of ten names was a turnover of 0.2, of which 0.1 was allowed: half of N00 to N09 was left.
    wanted = targets_by_symbol(result, market, 4)

    assert len(held_before) == 40
    assert wanted is not None
    assert all(wanted[name] == pytest.approx(0.02) for name in names_of(40)[10:])
    assert not any(name in wanted for name in names_of(10))
    assert "retain" not in binding_of(result, 4)  # the thirty best are those that would be bought anyway


def test_equity_i_6_none_of_them_is_below_the_floor() -> None:
    """Equity I 6: with a floor of 14 only N13 to N39 stay, 27 names, retained or not."""
    market, result = forty_held(minimum_score=14.0, weighting="equal", max_turnover=0.0)
    assert set(targets_by_symbol(result, market, 4) or {}) == set(names_of(40)[13:])

    market, result = forty_held(minimum_score=1.0)
    kept = {name for name, weight in (targets_by_symbol(result, market, 4) or {}).items() if weight > 0.015}
    assert kept == set(names_of(40)[10:])


# ---------------------------------------------------------------------------------------------------------------- I 7


def test_equity_i_7_forty_per_cent_take_three_rebalances_of_eight() -> None:
    """Equity I 7: half of the sum of changes from cash to 40 % is 20 %, and 20 / 8 rounded up is 3."""
    market = market_of({"A": 10, "B": 10}, {"A": 1, "B": 1}, rows=7)
    result = run(market, settings_of(top_n=2, max_exposure=0.4, max_turnover=0.08))

    assert [sum((targets_by_symbol(result, market, row) or {}).values()) for row in range(4)] == [
        pytest.approx(weight) for weight in (0.16, 0.32, 0.40, 0.40)
    ]
    assert sorted({fill.row for fill in result.fills}) == [1, 2, 3]
    assert result.counts["turnover"] == 2  # the third is whole


def test_equity_i_7_defensives_are_counted() -> None:
    """Equity I 7: with gold for the idle 60 % half of the sum is 50 %: seven rebalances, and not three."""
    market = market_of({"A": 10, "GLD": 10}, {"A": 1}, rows=10, not_chosen=["GLD"])
    chosen = settings_of(top_n=1, max_exposure=0.4, max_turnover=0.08, idle="defensive", defensives=("GLD",))
    result = run(market, chosen)

    assert sorted({fill.row for fill in result.fills}) == [1, 2, 3, 4, 5, 6, 7]
    assert targets_by_symbol(result, market, 0) == {"A": 0.064, "GLD": 0.096}
    assert result.shares == pytest.approx([40, 60])


def test_equity_i_7_out_of_gold_both_legs_are_counted() -> None:
    """Equity I 7: leaving at once is exempt; back from 40 % gold to 40 % A is 40 %, which takes five steps of 8."""
    spy = [100, 100, 90, *[100] * 8]
    market = market_of({"A": 10, "GLD": 10, "SPY": spy}, {"A": 1}, benchmark="SPY", not_chosen=["GLD"])
    chosen = settings_of(
        top_n=1, max_exposure=0.4, max_turnover=0.08, market_filter=True, market_window=2, risk_off="defensive",
        defensives=("GLD",),
    )  # fmt: skip
    result = run(market, chosen)

    assert targets_by_symbol(result, market, 2) == {"GLD": 0.4}
    assert [targets_by_symbol(result, market, row) for row in (3, 6, 7)] == [
        *[{"A": 0.08, "GLD": 0.32}, {"A": 0.32, "GLD": 0.08}, {"A": 0.4}]
    ]
    assert sorted({fill.row for fill in result.fills}) == [2, 3, 4, 5, 6, 7, 8]


# ---------------------------------------------------------------------------------------------------------------- I 8

LIVES = {"A": [10.0] * 7, "B": [10.0, 10.0, 8.0, 5.0, NAN, NAN, NAN]}
"""B scores better, falls, and has its last session at row 3."""


def test_equity_i_8_what_is_delisted_is_sold_after_its_last_session() -> None:
    """Equity I 8: 100 B at 10 are sold at 5 less 30 %, and 10 bps; the money is in cash at that very close."""
    market = market_of(LIVES, {"A": 1, "B": 2}, last_rows={"B": 3})
    result = run(market, settings_of(top_n=1), rebalances=[1])
    cut = run(market, settings_of(top_n=1), rebalances=[1], rules=FillRules(haircut=0.3))
    paid = run(market, settings_of(top_n=1, max_exposure=0.5), rebalances=[1], costs=CostModel(commission_bps=10))

    assert trades_by_symbol(result, market) == [(1, "B", 100, 10), (3, "B", -100, 5)]
    assert result.equity == [1000, 1000, 800, 500, 500, 500, 500]
    assert result.cash[3] == 500
    assert cut.equity[3:] == pytest.approx([350] * 4)
    # 50 B for 500 and 0.50 fee, out for 250 and 0.25.
    assert paid.equity[3:] == pytest.approx([1000 - 500 - 0.5 + 250 - 0.25] * 4)


def test_equity_i_8_a_backtest_of_survivors_is_another_one() -> None:
    """Equity I 8: among survivors there is only A, which loses nothing; B's holders lost half."""
    every = market_of(LIVES, {"A": 1, "B": 2}, last_rows={"B": 3})
    survivors = market_of({"A": LIVES["A"]}, {"A": 1})
    full, lucky = (run(market, settings_of(top_n=1)) for market in (every, survivors))

    assert (full.equity[-1], lucky.equity[-1]) == (500, 1000)
    assert full.shares == [50, 0]  # what was left went into A


def test_equity_i_8_membership_is_that_of_the_snapshot() -> None:
    """Equity I 8: B joins with the snapshot of row 2, is bought at row 3, leaves at row 4 and is sold at row 5."""
    market = market_of({"A": 10, "B": 10}, {"A": 1, "B": 2}, rows=7, outside={"B": [0, 1, 4, 5, 6]})
    result = run(market, settings_of(top_n=1))

    assert [(row, name, quantity) for row, name, quantity, _ in trades_by_symbol(result, market)] == [
        (1, "A", 100),
        *[(3, "A", -100), (3, "B", 100)],
        *[(5, "B", -100), (5, "A", 100)],
    ]


# ---------------------------------------------------------------------------------------------------------------- I 9


def round_trip(costs: CostModel, closes: list[float]) -> ReferenceRun:
    """Buy with everything at row 1 and sell it all at row 3."""
    market = market_of({"A": closes}, {"A": [1, NAN, NAN, NAN, NAN]})
    chosen = settings_of(top_n=1, max_score_age_bars=1, stale_scores="exit")
    return run(market, chosen, rebalances=[1, 3], costs=costs)


def test_equity_i_9_a_round_trip_of_the_whole_book_costs_twenty_basis_points() -> None:
    """Equity I 9: 10 bps one way, on 1,000 / 1.001 in and on the same out: 20 bps of what was traded."""
    result = round_trip(CostModel(commission_bps=10), [10.0] * 5)
    traded = 1000 / 1.001
    bought, sold = result.fills

    assert bought.quantity * bought.price == pytest.approx(traded, rel=1e-12)
    assert bought.commission + sold.commission == pytest.approx(0.0020 * traded, rel=1e-12)
    assert result.equity[-1] == pytest.approx(1000 - 0.0020 * traded, rel=1e-12)
    assert result.exposure[1:3] == pytest.approx([1.0, 1.0])


def test_equity_i_9_each_cost_takes_its_basis_points() -> None:
    """Equity I 9: half spread on both sides, stamp tax on the sale alone: 10 + 3 in, 10 + 3 + 5 out."""
    result = round_trip(CostModel(commission_bps=10, half_spread_bps=3, stamp_tax_sell_bps=5), [10.0] * 5)
    traded = 1000 / 1.0013

    assert result.equity[-1] == pytest.approx(1000 - 0.0031 * traded, rel=1e-12)


def test_equity_i_9_without_fees_the_result_is_gross() -> None:
    """Equity I 9: in at 10, out at 12: 1,200; and 10 bps on 100 shares less cost 10 bps in and 12 bps out of it."""
    closes = [10.0, 10.0, 11.0, 12.0, 12.0]
    gross, net = round_trip(CostModel(), closes), round_trip(CostModel(commission_bps=10), closes)

    assert gross.equity == [1000, 1000, 1100, 1200, 1200]
    assert all(fill.commission == 0.0 for fill in gross.fills)
    assert net.equity[-1] == pytest.approx(1200 * (1 - 0.001) / 1.001, rel=1e-12)

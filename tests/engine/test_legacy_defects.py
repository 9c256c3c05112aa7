"""Defects H 1 to H 5 and H 13 of the platforms before: the legacy switch reproduces each, the default does not have it.

Both runs go through the compiled kernel, as ``tidegate backtest --explain-legacy`` prepares them.
"""

from __future__ import annotations

from typing import Any

import pytest

from rotation_kernel import kernel_backtest
from rotation_markets import NAN, binding_of, market_of, targets_by_symbol, trades_by_symbol
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.costs import CostModel
from tidegate.engine.inert_settings import WhyInert, unable_to_bind
from tidegate.engine.legacy import legacy_trial
from tidegate.engine.market import Market
from tidegate.engine.reference import ReferenceRun
from tidegate.engine.sweep import Trial
from tidegate.strategy.schedule import fill_sessions


def in_both_modes(
    market: Market, switch: str, costs: CostModel | None = None, **strategy: Any
) -> tuple[ReferenceRun, ReferenceRun]:
    """Run by the rules, and with one switch on; from 1,000, daily unless told otherwise."""
    chosen = StrategySettings.model_validate({"top_n": 1, "rebalance": "daily", **strategy})
    found = []
    for switches in ((), (switch,)):
        seen, trial = legacy_trial(market, Trial(settings=chosen, costs=costs or CostModel()), *switches)
        assert isinstance(trial.settings, StrategySettings)
        found.append(
            kernel_backtest(
                seen,
                trial.settings,
                trial.costs,
                rules=trial.rules,
                initial_cash=1000.0,
                rebalances=fill_sessions(seen.times, trial.settings),
                defensives=tuple(seen.places[symbol] for symbol in trial.settings.defensives),
            )
        )
    return found[0], found[1]


OFF = {"market_filter": True, "market_window": 2, "risk_off": "defensive", "defensives": ("GLD",)}


def falling_market(gold: float = 10.0) -> Market:
    """Return a market whose filter fires at the close of row 2."""
    closes = {"A": 10.0, "GLD": gold, "SPY": [100.0, 100.0, 90.0, 80.0, 70.0]}
    return market_of(closes, {"A": 1}, benchmark="SPY", not_chosen=["GLD"])


def test_h_1_risk_off_never_sold_the_stocks() -> None:
    """Equity H 1: gold was bought on top, up to twice the equity; by the rules the stocks are gone at the next fill."""
    market = falling_market()
    result, before = in_both_modes(market, "riskoff_keeps_book", **OFF)

    assert trades_by_symbol(result, market) == [(2, "A", 100, 10), (3, "A", -100, 10), (3, "GLD", 100, 10)]
    assert trades_by_symbol(before, market) == [(2, "A", 100, 10), (3, "GLD", 100, 10)]
    assert (result.shares, before.shares) == ([0, 100, 0], [100, 100, 0])
    assert (result.exposure[-1], before.exposure[-1]) == (1.0, 2.0)
    assert before.cash[-1] == -1000  # borrowed


def test_h_1_the_drawdown_guard_did_not_sell_them_either() -> None:
    """Equity H 1: 20 % below the peak the guard bought gold, and the stocks fell on."""
    market = market_of({"A": [100, 100, 80, 80, 60], "GLD": 10}, {"A": 1}, not_chosen=["GLD"],
                       fills={"A": [100, 100, 100, 80, 60]})  # fmt: skip
    guard = {"max_drawdown": 0.15, "risk_off": "defensive", "defensives": ("GLD",)}
    result, before = in_both_modes(market, "riskoff_keeps_book", **guard)

    assert result.equity == [1000, 1000, 800, 800, 800]
    assert before.equity == [1000, 1000, 800, 800, 600]


def test_h_1_in_cash_mode_the_book_was_sold_in_both() -> None:
    """Equity H 1, A.9: of the three branches only that of cash sold."""
    market = falling_market()
    result, before = in_both_modes(market, "riskoff_keeps_book", **{**OFF, "risk_off": "cash"})

    assert result.shares == before.shares == [0, 0, 0]


THIRTY = [f"N{number:02d}" for number in range(30)]


@pytest.mark.parametrize("cap", [0.022, 0.026, 0.028, 0.030, 0.033])
def test_h_2_the_cap_was_scaled_up_again(cap: float) -> None:
    """Equity H 2: thirty names under any cap below one part in thirty got one part in thirty each."""
    scores = {name: float((number + 1) ** 2) for number, name in enumerate(THIRTY)}
    market = market_of(dict.fromkeys(THIRTY, 10.0), scores, rows=2)
    chosen = {"top_n": 30, "weighting": "score", "max_weight": cap}
    result, before = in_both_modes(market, "cap_renormalises", **chosen)
    weights, old = targets_by_symbol(result, market, 0), targets_by_symbol(before, market, 0)

    assert weights is not None
    assert old == pytest.approx(dict.fromkeys(THIRTY, 1 / 30))
    assert max(weights.values()) <= cap
    assert result.cash[1] == pytest.approx(1000 * (1.0 - 30 * cap))
    assert before.cash[1] == pytest.approx(0.0, abs=1e-9)


def test_h_3_the_volatility_target_was_dead() -> None:
    """Equity H 3: four returns of the benchmark of +1 % and -1 % in turn are 18.3 % a year; a target of half scales."""
    spy = [100.0, 101.0, 99.99, 100.9899, 99.980001, 99.980001, 99.980001]
    market = market_of({"A": 10.0, "SPY": spy}, {"A": 1}, benchmark="SPY")
    sigma = (4 * 0.01**2 / 3) ** 0.5 * 252**0.5
    ends = []
    for target in (0.5 * sigma, 0.25 * sigma):
        chosen = {"volatility_target": target, "volatility_of": "benchmark", "volatility_window": 5}
        result, before = in_both_modes(market, "vol_target_dead", **chosen)
        ends.append(targets_by_symbol(result, market, 4))
        assert targets_by_symbol(before, market, 4) == {"A": 1.0}
        assert binding_of(result, 4) == {"volatility"}
        assert "volatility" not in binding_of(before, 4)

    assert ends[0] == {"A": pytest.approx(0.5, rel=1e-9)}
    assert ends[1] == {"A": pytest.approx(0.25, rel=1e-9)}


TIERS = {
    "max_exposure": 0.4,
    "dynamic_exposure": True,
    "drawdown_tiers": (0.08, 0.12, 0.15),
    "drawdown_exposures": (0.80, 0.60, 0.40),
}


def test_h_4_tiers_above_the_exposure_never_held() -> None:
    """Equity H 4: 14 % down the tier says 60 %: of 40 % by the rules, and of nothing before, which 40 % never met."""
    market = market_of({"A": [100.0, 100.0, 65.0, 65.0, 65.0]}, {"A": 1}, fills={"A": [100, 100, 100, 65, 65]})
    result, before = in_both_modes(market, "tiers_absolute", **TIERS)

    assert result.equity[2] == before.equity[2] == pytest.approx(860)
    assert targets_by_symbol(result, market, 2) == {"A": 0.24}
    assert targets_by_symbol(before, market, 2) == {"A": 0.4}
    assert (result.counts["tier"], before.counts["tier"]) == (2, 0)
    old = StrategySettings.model_validate({**TIERS, "legacy": {"tiers_absolute": True}})
    assert unable_to_bind(old)["drawdown_tiers"] is WhyInert.NO_TIER
    assert "drawdown_tiers" not in unable_to_bind(StrategySettings.model_validate(TIERS))


def test_h_4_a_guard_of_52_weeks_behind_the_guard_is_named() -> None:
    """Equity H 4: the fall within 252 closes is never deeper than that of all, so that one at 15 % acts for both.

    That is so by the rules too; what is new is that it is told, and that a smaller one acts.
    """
    both = StrategySettings(max_drawdown=0.15, max_drawdown_52w=0.15)
    assert unable_to_bind(both)["max_drawdown_52w"] is WhyInert.DOMINATED
    market = market_of({"A": [100.0, 100.0, 88.0, 88.0, 88.0]}, {"A": 1}, fills={"A": [100, 100, 100, 88, 88]})
    alone, _ = in_both_modes(market, "tiers_absolute", max_drawdown=0.15)
    same, _ = in_both_modes(market, "tiers_absolute", max_drawdown=0.15, max_drawdown_52w=0.15)
    acts, _ = in_both_modes(market, "tiers_absolute", max_drawdown=0.15, max_drawdown_52w=0.10)

    assert alone.equity == same.equity
    assert (alone.shares, same.shares, acts.shares) == ([10], [10], [0])


def test_h_5_fees_were_accepted_and_never_applied() -> None:
    """Equity H 5: half of 1,000 in and out at 10 bps is one, which the report showed and nobody paid."""
    market = market_of({"A": 10}, {"A": [1, NAN, NAN, NAN]})
    chosen = {"max_exposure": 0.5, "max_score_age_bars": 1, "stale_scores": "exit"}
    result, before = in_both_modes(market, "fee_ignored", CostModel(commission_bps=10), **chosen)

    assert result.equity[-1] == pytest.approx(999.0)
    assert before.equity[-1] == 1000.0
    assert sum(fill.commission for fill in before.fills) == 0.0


def test_h_5_orders_filled_at_the_close_that_made_their_scores() -> None:
    """Equity H 5, B.3: A opens the week 10 % higher; who fills at Friday's close earns the gap for nothing."""
    market = market_of({"A": [10.0, 10.0, 11.0, 11.0]}, {"A": [NAN, 1, 1, 1]})
    result, before = in_both_modes(market, "fill_previous_close")

    assert trades_by_symbol(result, market) == [(2, "A", round(1000 / 11, 9), 11)]
    assert trades_by_symbol(before, market) == [(2, "A", 100, 10)]
    assert (result.equity[-1], before.equity[-1]) == (pytest.approx(1000), 1100)


def test_h_13_a_locked_guard_never_opened_again() -> None:
    """Equity H 13, A.7: in cash the drawdown of 20 % stays; by the rules the time is out after 3 sessions."""
    market = market_of({"A": [100, 100, *[80] * 8]}, {"A": 1}, fills={"A": [100, 100, 100, *[80] * 7]})
    result, before = in_both_modes(market, "guard_without_reentry", max_drawdown=0.15, guard_sessions=3)

    # Locked at the close of row 2, sold at row 3, open again at the close of row 5, bought at row 6.
    assert [(row, quantity) for row, _, quantity, _ in trades_by_symbol(result, market)] == [(1, 10), (3, -10), (6, 10)]
    assert [(row, quantity) for row, _, quantity, _ in trades_by_symbol(before, market)] == [(1, 10), (3, -10)]
    assert before.counts["guard"] == 7  # at every rebalance from row 3 to row 9


def test_h_13_daily_was_silently_weekly() -> None:
    """Equity H 13: of ten sessions from a Monday on, nine fill; before it was the Monday of the second week alone."""
    market = market_of({"A": 10}, {"A": 1}, rows=10)
    result, before = in_both_modes(market, "daily_is_weekly")

    assert [one.fill_row for one in result.decisions] == list(range(1, 10))
    assert [one.fill_row for one in before.decisions] == [7]


def test_h_13_a_week_that_began_with_a_holiday_was_skipped() -> None:
    """Equity H 13, A.4: the week of 2024-01-15 had no Monday session; by the rules it trades on Tuesday."""
    days = ["2024-01-05", "2024-01-08", "2024-01-12", "2024-01-16", "2024-01-17", "2024-01-22"]
    market = market_of({"A": 10}, {"A": 1}, days=days)
    result, before = in_both_modes(market, "holiday_week_skipped", rebalance="weekly")

    assert [days[one.fill_row] for one in result.decisions] == ["2024-01-08", "2024-01-16", "2024-01-22"]
    assert [days[one.fill_row] for one in before.decisions] == ["2024-01-08", "2024-01-22"]


def test_h_13_held_names_stayed_in_alphabetical_order() -> None:
    """Equity H 13, A.15: a limit left three names for two places; by the rules the best stay, before the first did.

    A and B are built up in two steps of 12.5 %; A has no score at row 2, and half of it goes for C; at row 3 all three
    rank within 2 + 1, C best and A worst.
    """
    scores = {"A": [9, 9, NAN, 1, 1], "B": [8, 8, 8, 2, 2], "C": [0, 0, 9, 3, 3]}
    market = market_of(dict.fromkeys("ABC", 10.0), scores)
    chosen = {"top_n": 2, "retain_top_n": 1, "max_exposure": 0.5, "max_turnover": 0.125}
    result, before = in_both_modes(market, "retain_alphabetical", **chosen)

    for one in (result, before):
        assert targets_by_symbol(one, market, 2) == {"A": 0.125, "B": 0.25, "C": 0.125}
    assert targets_by_symbol(result, market, 3) == {"B": 0.25, "C": 0.25}
    assert targets_by_symbol(before, market, 3) == {"A": 0.25, "B": 0.25}


def test_h_13_retained_names_skipped_the_floor_of_scores() -> None:
    """Equity H 13, A.15: a held name that fell to -1 stayed under a floor of 0."""
    market = market_of({"A": 10}, {"A": [5, -1, -1]})
    result, before = in_both_modes(market, "retain_alphabetical", minimum_score=0.0, retain_top_n=1)

    assert targets_by_symbol(result, market, 1) == {}
    assert targets_by_symbol(before, market, 1) == {"A": 1.0}
    assert (result.shares, before.shares) == ([0], [100])


def test_h_13_the_last_scores_were_used_for_ever() -> None:
    """Equity H 13, A.13: the file ends at row 0; under a limit of 2 nothing is decided by it from row 3 on."""
    market = market_of({"A": [10, 10, 10, 10, 20, 20], "B": 10}, {name: [1, *[NAN] * 5] for name in "AB"})
    result, before = in_both_modes(market, "score_age_unlimited", top_n=2, max_score_age_bars=2)
    bought = [(1, "A", 50, 10), (1, "B", 50, 10)]

    assert [one.action for one in result.decisions] == ["trade"] * 3 + ["hold"] * 2
    assert trades_by_symbol(result, market) == bought
    assert result.counts["stale_scores"] == 2
    # Half each again at row 4, where A had doubled: 750 of 1,500 are 37.5 A and 75 B.
    assert trades_by_symbol(before, market) == [*bought, (4, "A", -12.5, 20), (4, "B", 25, 10)]
    assert before.counts["stale_scores"] == 0

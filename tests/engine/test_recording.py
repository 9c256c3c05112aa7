"""What a backtest writes down balances, and says so when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_markets import market_of
from rotation_random import random_case
from tidegate.core.errors import InputError, LedgerError, LookAheadError
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.market import Market
from tidegate.engine.recording import Recording, record_of
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.strategy.long_short import LongShort

COSTS = CostModel(commission_bps=10, half_spread_bps=5, stamp_tax_sell_bps=5)
ITEMS = ("commission", "half_spread", "impact", "stamp_tax")


def small_market(rows: int = 40, **more: Any) -> Market:
    random = np.random.default_rng(5)
    names = ("A", "B", "C", "D")
    closes = {name: (50.0 * np.exp(np.cumsum(random.normal(0, 0.03, rows)))).tolist() for name in names}
    scores = {name: random.normal(size=rows).tolist() for name in names}
    return market_of(closes, scores, **more)


def ran(market: Market, rules: FillRules | None = None, **strategy: Any) -> Sweep:
    trial = Trial(settings=StrategySettings(top_n=2, **strategy), costs=COSTS, rules=rules or FillRules())
    return run_trials(market, [trial], initial_cash=10_000.0, records=True)


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_every_close_of_any_backtest_balances(seed: int) -> None:
    """Cash and positions are the equity to half a cent, and the costs of the fills are those of the ledger."""
    case = random_case(seed)
    market = replace(case.market, interest=np.nan_to_num(case.market.interest))
    trial = Trial(settings=case.settings, costs=case.costs, rules=case.rules)
    written = record_of(market, run_trials(market, [trial], initial_cash=10_000.0, records=True), trial=trial)
    daily = written.daily
    by_close = written.ledger.group_by("at").agg(pl.col("amount").sum()).rename({"at": "time"})
    cash = daily.join(by_close, on="time", how="left", maintain_order="left")["amount"].fill_null(0.0).cum_sum()
    held = written.positions.group_by("time").agg(pl.col("value").sum())
    invested = daily.join(held, on="time", how="left", maintain_order="left")["value"].fill_null(0.0)
    assert (cash - daily["cash"]).abs().max() < 0.005  # type: ignore[operator]
    assert (cash + invested - daily["equity"]).abs().max() < 0.005  # type: ignore[operator]
    for item in ITEMS:
        assert daily[item].sum() == pytest.approx(written.fills[item].sum(), abs=0.005)
    assert daily["traded"].sum() == pytest.approx(written.fills["notional"].abs().sum(), abs=0.005)
    assert written.orders["filled"].sum() == pytest.approx(written.fills["quantity"].sum(), abs=1e-9)


def test_figures_of_a_hand_made_week() -> None:
    """One name bought on the first Monday that has a close before it, at 10 bps; the next row nothing happens."""
    market = market_of({"A": [10.0] * 12}, {"A": 1.0})
    costs = CostModel(commission_bps=10)
    sweep = run_trials(
        market,
        [Trial(settings=StrategySettings(top_n=1, max_exposure=0.5), costs=costs)],
        initial_cash=1000.0,
        records=True,
    )
    written = record_of(market, sweep)
    assert written.daily["decided"].to_list()[:9] == [None] * 7 + ["ranking", None]
    assert written.daily["binding"].to_list()[6:9] == [[], ["max_exposure"], ["max_exposure"]]
    assert written.daily.row(7, named=True) | {"time": None} == {
        "time": None, "equity": 999.5, "cash": 499.5, "invested": 500.0, "exposure": 500.0 / 999.5, "holdings": 1,
        "commission": 0.5, "half_spread": 0.0, "impact": 0.0, "stamp_tax": 0.0, "interest": 0.0,
        "corporate_actions": 0.0, "traded": 500.0, "turnover": 250.0 / 999.5, "decided": "ranking",
        "binding": ["max_exposure"],
    }  # fmt: skip
    decision = written.decisions.row(0, named=True)
    assert decision["reason"] == "the best scores"
    assert (decision["turnover"], decision["sigma"], decision["exposure"]) == (0.25, None, 0.5)
    assert written.ledger["account"].to_list() == ["deposit", "trade", "commission"]
    assert written.targets.select("symbol", "current", "weight", "keep").rows() == [("A", 0.0, 0.5, False)]


def test_shares_sold_to_nothing_are_nothing() -> None:
    """Rule 18: round-off of a position that was bought in parts leaves no line behind."""
    market = small_market()
    written = record_of(market, ran(market, rebalance="daily"))
    last = written.positions.group_by("time").len()
    assert last["len"].max() == 2


def test_orders_that_wait_and_expire_say_so() -> None:
    scores = {"A": 1.0, "B": [0.0] * 7 + [2.0] * 33}
    market = market_of({"A": [10.0] * 40, "B": [10.0] * 40}, scores, unfillable={"A": range(7, 9), "B": range(14, 16)})
    settled = StrategySettings(top_n=1)
    orders = {}
    for wait in (0, 3):
        trial = Trial(settings=settled, rules=FillRules(wait_bars=wait))
        sweep = run_trials(market, [trial], initial_cash=1000.0, records=True)
        orders[wait] = record_of(market, sweep).orders
    assert orders[0]["status"].to_list()[:1] == ["expired"]
    assert orders[0]["reason"].to_list()[0] == "no price or no volume at the fill"
    assert orders[3]["status"].to_list()[:3] == ["waiting", "waiting", "filled"]
    assert orders[3]["decided_at"].to_list()[:3] == [orders[3]["decided_at"][0]] * 3


def test_a_symbol_that_ends_is_sold_by_nobodys_decision() -> None:
    """Rule 17."""
    market = market_of({"A": [10.0] * 12, "B": [10.0] * 12}, {"A": 1.0, "B": 0.0}, last_rows={"A": 9})
    trial = Trial(settings=StrategySettings(top_n=1), rules=FillRules(haircut=0.5))
    written = record_of(market, run_trials(market, [trial], initial_cash=1000.0, records=True))
    exit_order = written.orders.row(-1, named=True)
    assert (exit_order["symbol"], exit_order["status"], exit_order["reason"]) == ("A", "filled", "its last session")
    assert written.fills["price"].to_list() == [10.0, 5.0]
    assert written.daily["equity"][-1] == 500.0


def test_splits_and_dividends_are_counted_again() -> None:
    market = market_of({"A": [10.0] * 9 + [5.0] * 6}, {"A": 1.0}, actions=[(9, "A", 2.0, 0.0), (11, "A", 1.0, 0.25)])
    sweep = run_trials(market, [Trial(settings=StrategySettings(top_n=1))], initial_cash=1000.0, records=True)
    written = record_of(market, sweep)
    assert written.positions["shares"].to_list()[:3] == [100.0, 100.0, 200.0]
    assert written.daily["corporate_actions"].sum() == 50.0
    assert written.ledger.filter(pl.col("account") == "corporate_actions")["amount"].to_list() == [50.0]


def test_the_order_list_is_the_trading_and_nothing_else() -> None:
    market = small_market()
    first, again = (record_of(market, ran(market)).order_list for _ in range(2))
    other = record_of(market, ran(market, max_exposure=0.9)).order_list
    closes = {symbol: market.close[:, place].tolist() for place, symbol in enumerate(market.symbols)}
    scores = {symbol: market.score[:, place].tolist() for place, symbol in enumerate(market.symbols)}
    wider = market_of({**closes, "AA": [1.0] * 40}, scores)
    assert first == again
    assert first != other
    assert record_of(wider, ran(wider)).order_list == first


def changed(sweep: Sweep, field: str, by: float) -> Sweep:
    values = np.array(getattr(sweep, field), dtype=np.float64)
    values.reshape(-1)[-1] += by
    return replace(sweep, **{field: values})


@pytest.mark.parametrize(
    ("field", "by", "said"),
    [
        ("equity", 0.006, "of equity; expected .* cash and positions together"),
        ("cash", -0.006, "in cash; expected .* the sum of"),
        ("paid", 0.01, "traded in all"),
        ("equity", np.nan, "of equity"),
    ],
)
def test_money_that_does_not_balance_stops_everything(field: str, by: float, said: str) -> None:
    market = small_market()
    sweep = ran(market)
    with pytest.raises(LedgerError, match=said):
        record_of(market, changed(sweep, field, by))
    assert isinstance(record_of(market, changed(sweep, field, 0.0)), Recording)


@pytest.mark.parametrize("item", range(5))
def test_each_cost_is_held_against_its_account(item: int) -> None:
    market = small_market()
    sweep = ran(market)
    paid = sweep.paid.copy()
    paid[0, item] += 0.006
    with pytest.raises(LedgerError, match="the sum of the ledger"):
        record_of(market, replace(sweep, paid=paid))


def test_shares_that_nobody_bought_stop_everything() -> None:
    market = small_market()
    sweep = ran(market)
    with pytest.raises(LedgerError, match="the sum of its fills"):
        record_of(market, replace(sweep, final_shares=(sweep.final_shares[0] * 1.001,)))


def test_a_fill_at_its_own_decision_is_look_ahead() -> None:
    market = small_market()
    sweep = ran(market)
    sweep.journals[0].fill[0, 2] = sweep.journals[0].fill[0, 1]
    with pytest.raises(LookAheadError, match="strictly after their decision"):
        record_of(market, sweep)


def test_debts_need_a_rule_that_allows_them() -> None:
    """Equity H 1: the book that risk-off kept was bought on margin."""
    falls = [10.0 + 0.1 * row for row in range(15)] + [10.0 - 0.1 * row for row in range(15)]
    market = market_of(
        {"A": [10.0] * 30, "D": [10.0] * 30, "SPY": falls}, {"A": 1.0}, benchmark="SPY", not_chosen=["D"]
    )
    strategy = StrategySettings(
        top_n=1,
        market_filter=True,
        market_window=3,
        risk_off="defensive",
        defensives=("D",),
        legacy=LegacySettings(riskoff_keeps_book=True),
    )
    trial = Trial(settings=strategy)
    sweep = run_trials(market, [trial], initial_cash=10_000.0, records=True)
    assert record_of(market, sweep, trial=trial).daily["exposure"].max() == 2.0
    with pytest.raises(LedgerError, match="a debt of"):
        record_of(market, sweep)


def test_records_that_had_no_room_are_missed() -> None:
    market = small_market()
    sweep = ran(market)
    sweep.journals[0].used[3] = len(sweep.journals[0].fill) + 1
    with pytest.raises(LedgerError, match="in room for"):
        record_of(market, sweep)


def test_a_sweep_that_was_not_recorded_has_no_recording() -> None:
    market = small_market()
    sweep = run_trials(market, [Trial(settings=StrategySettings(top_n=2))], initial_cash=1000.0)
    with pytest.raises(InputError, match="records=True"):
        record_of(market, sweep)


def test_an_account_that_starts_later_is_recorded_from_there() -> None:
    market = small_market()
    trial = Trial(settings=StrategySettings(top_n=2), costs=COSTS)
    sweep = run_trials(market, [trial], initial_cash=10_000.0, start=10, records=True)
    written = record_of(market, sweep)
    assert written.daily.height == 30
    assert written.ledger["at"][0] == written.daily["time"][0]
    assert written.decisions["decided_at"].min() >= written.daily["time"][0]  # type: ignore[operator]


def test_short_positions_need_a_rule_that_allows_them() -> None:
    plain = small_market()
    signals = np.where(np.arange(4) % 2 == 0, 1.0, -1.0) * np.ones((2, *plain.shape))
    market = replace(plain, signals=signals)
    trial = Trial(settings=LongShort(gross=1.0), costs=COSTS, rules=FillRules(gross_limit=2.0))
    sweep = run_trials(market, [trial], initial_cash=10_000.0, records=True)
    written = record_of(market, sweep, trial=trial)
    assert written.positions["shares"].min() < 0.0  # type: ignore[operator]
    assert written.daily["exposure"][-1] == pytest.approx(1.0, abs=0.1)
    assert written.daily["invested"][-1] == pytest.approx(0.0, abs=1000.0)
    assert set(written.decisions["step"]) == {"signs"}
    with pytest.raises(LedgerError, match="none sold that were not held"):
        record_of(market, sweep)


def test_a_cap_that_cuts_nothing_does_not_bind() -> None:
    """Rule 20: of the second strategy too; that the gross exposure is used up is no cap."""
    plain = small_market()
    market = replace(plain, signals=np.ones((1, *plain.shape)))
    wide, tight = (
        Trial(settings=LongShort(gross=0.8, max_weight=cap), rules=FillRules(gross_limit=2.0)) for cap in (0.9, 0.1)
    )

    counts = run_trials(market, [wide, tight], initial_cash=10_000.0).counts

    assert counts[0, 0] == 0
    assert counts[1, 0] > 0

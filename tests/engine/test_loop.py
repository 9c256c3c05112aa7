"""The event loop on markets small enough to reckon by hand, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_markets import NAN, market_of
from tidegate.core.errors import InputError, LedgerError, LookAheadError
from tidegate.core.orders import Decision, Fill, Ticket
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray, Money, Price, Quantity
from tidegate.costs import CostModel
from tidegate.engine.broker import Ranges, SessionReport, SimulatedBroker
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.ledger import Account, Ledger
from tidegate.engine.loop import EventLoop, run_loop
from tidegate.engine.market import Market
from tidegate.engine.sight import panel_of
from tidegate.engine.sweep import Sweep
from tidegate.strategy.benchmarks import BookState, Decide, buy_and_hold, equal_weight
from tidegate.strategy.functions import FunctionStrategy

FREE = CostModel()


def always(*weights: float) -> Decide:
    def decide(_state: BookState, view: PastView) -> Decision:
        nothing = np.zeros(len(weights), dtype=bool)
        return Decision(at=view.as_of, weights=np.array(weights, dtype=float), keep=nothing, reason="test")

    return decide


def loop_of(
    market: Market, decide: Decide, *, on: list[int], costs: CostModel = FREE, cash: float = 1000.0,
    rules: FillRules | None = None, panel: Panel | None = None,
) -> EventLoop:  # fmt: skip
    rebalances = np.isin(np.arange(len(market.times)), on)
    return EventLoop(
        market,
        FunctionStrategy(decide),
        costs=costs,
        rules=rules,
        initial_cash=cash,
        rebalances=rebalances,
        panel=panel,
    )


def run(market: Market, decide: Decide, **more: object) -> EventLoop:
    loop = loop_of(market, decide, **more)  # type: ignore[arg-type]
    loop.run()
    loop.result()
    return loop


def equity_of(loop: EventLoop) -> FloatArray:
    return loop.result().equity[:, 0]


def reasons_of(sweep: Sweep) -> list[Unfilled]:
    return [Unfilled(reason) for reason in sweep.journals[0].order[:, 4].tolist()]


def test_a_decision_fills_at_the_next_session() -> None:
    loop = run(market_of({"A": [10, 20, 30]}, fills={"A": [1, 16, 25]}), always(1.0), on=[1])
    (fill,) = loop.ledger.fills
    assert fill.at - fill.decided_at == DAY
    assert (fill.price, fill.quantity) == (16.0, 62.5)
    np.testing.assert_allclose(equity_of(loop), [1000, 1250, 1875])


def test_row_0_never_trades() -> None:
    assert run(market_of({"A": [10, 20]}), always(1.0), on=[0]).ledger.fills == []


def test_a_fill_at_its_own_decision_is_refused() -> None:
    with pytest.raises(LookAheadError, match="strictly after"):
        Fill(
            decided_at=Instant(5), at=Instant(5), symbol="A", quantity=Quantity(1.0), price=Price(1.0),
            commission=Money(0.0), half_spread=Money(0.0), impact=Money(0.0), stamp_tax=Money(0.0),
        )  # fmt: skip


class SameClose(SimulatedBroker):
    """Fills at the close that decided, as backtests do that look ahead."""

    def fill(self, row: int) -> SessionReport:
        report = super().fill(row)
        return SessionReport(report.orders, [done._replace(decided_row=row) for done in report.fills])


def test_a_broker_that_fills_at_the_deciding_close_is_stopped() -> None:
    market = market_of({"A": [10, 20, 30]})
    loop = loop_of(market, always(1.0), on=[1])
    loop.broker = SameClose(market, FREE, FillRules(), initial_cash=1000.0)
    with pytest.raises(LookAheadError, match="strictly after"):
        loop.run()


def test_an_old_price_is_no_early_fill() -> None:
    """Equity B.3: the legacy switch fills at the close that decided; the instant of the fill is still the next one."""
    loop = run(market_of({"A": [10, 20, 30]}, fills={"A": [NAN, 10, 20]}), always(1.0), on=[1])
    assert loop.ledger.fills[0].price == 10.0
    np.testing.assert_allclose(equity_of(loop), [1000, 2000, 3000])


def test_a_strategy_that_lies_about_its_decision_time_is_stopped() -> None:
    def liar(_state: BookState, view: PastView) -> Decision:
        later = Instant(view.as_of + DAY)
        return Decision(at=later, weights=np.ones(1), keep=np.zeros(1, dtype=bool), reason="looks ahead")

    with pytest.raises(LookAheadError, match="on data up to"):
        run(market_of({"A": [10, 20, 30]}), liar, on=[1])


def test_a_strategy_is_shown_nothing_later() -> None:
    shown: list[int] = []

    def look(state: BookState, view: PastView) -> Decision:
        shown.append(len(view["close"]))
        assert view.times[-1] == view.as_of
        return always(0.5)(state, view)

    run(market_of({"A": [10, 20, 30, 40]}), look, on=[1, 3])
    assert shown == [1, 3]


def test_ten_bps_one_way_cost_twenty_on_a_round_trip() -> None:
    """Equity I 9."""

    def in_and_out(state: BookState, view: PastView) -> Decision:
        return always(0.0 if state.held.any() else 1.0)(state, view)

    market = market_of({"A": [10, 10, 10]})
    result = run(market, in_and_out, on=[1, 2], costs=CostModel(commission_bps=10.0)).result()
    assert result.equity[-1, 0] == pytest.approx(1000 * (1 - 10e-4) / (1 + 10e-4), rel=1e-12)
    assert result.holdings[:, 0].tolist() == [0, 1, 0]
    assert equity_of(run(market, in_and_out, on=[1, 2]))[-1] == 1000.0


def test_buys_shrink_by_one_factor_when_cash_is_short() -> None:
    loop = run(market_of({"A": [10, 10], "B": [20, 20]}), always(0.5, 0.5), on=[1], costs=CostModel(commission_bps=100))
    np.testing.assert_allclose([fill.notional for fill in loop.ledger.fills], [1000 / 1.01 / 2] * 2, rtol=1e-12)
    assert loop.ledger.cash == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("cash", [0.5, 4.9, 5.0, 11.0])
def test_minimum_fees_larger_than_the_cash_end_in_no_debt(cash: float) -> None:
    costs = CostModel(commission_bps=2.5, minimum_fee=5.0)
    market = market_of({"A": [10, 10, 10], "B": [20, 20, 20]})
    assert run(market, always(0.5, 0.5), on=[1, 2], costs=costs, cash=cash).result().cash.min() >= -1e-6


def test_an_order_that_cannot_fill_expires_and_is_logged() -> None:
    market = market_of({"A": [10, NAN, 10], "B": [10, 10, 10]})
    loop = run(market, always(0.5, 0.5), on=[1])
    assert reasons_of(loop.result()) == [Unfilled.NO_PRICE, Unfilled.NOTHING]
    assert [fill.symbol for fill in loop.ledger.fills] == ["B"]


def test_an_order_that_cannot_fill_waits_by_rule() -> None:
    market = market_of({"A": [10, NAN, 10, 10], "B": [10, 10, 10, 10]})
    loop = run(market, always(0.5, 0.5), on=[1], rules=FillRules(wait_bars=1))
    first, last = loop.ledger.fills
    assert (first.symbol, last.symbol, last.at - last.decided_at) == ("B", "A", 2 * DAY)


def test_selling_to_zero_leaves_exactly_nothing() -> None:
    def third_then_out(state: BookState, view: PastView) -> Decision:
        return always(0.0 if state.held.any() else 1 / 3)(state, view)

    loop = run(market_of({"A": [3.7, 3.1, 2.9]}), third_then_out, on=[1, 2])
    assert loop.ledger.shares == {}
    assert loop.result().holdings[-1, 0] == 0


def test_holding_trades_nothing() -> None:
    def hold(state: BookState, view: PastView) -> Decision:
        return Decision(at=view.as_of, weights=None, keep=state.held, reason="hold")

    assert run(market_of({"A": [10, 20, 30]}), hold, on=[1, 2]).ledger.fills == []


def test_cash_earns_interest_into_its_own_account() -> None:
    loop = run(market_of({"A": [10, 10, 10]}, interest=[0.0, 1e-4, 0.0]), always(0.0), on=[])
    np.testing.assert_allclose(equity_of(loop), [1000.0, 1000.1, 1000.1], rtol=1e-14)
    assert [entry.account for entry in loop.ledger.entries] == [Account.DEPOSIT, Account.INTEREST]


def test_dividends_and_splits_reach_the_ledger() -> None:
    """Two for one and 3 a share: shares double, cash comes in, and both are counted again at the end."""
    market = market_of({"A": [10, 10, 5, 5]}, actions=[(2, "A", 2.0, 3.0)])
    loop = run(market, always(0.5), on=[1])
    assert loop.ledger.shares == {"A": 100.0}
    assert loop.ledger.frame().filter(account="corporate_actions")["amount"].to_list() == [150.0]
    np.testing.assert_allclose(equity_of(loop), [1000, 1000, 1150, 1150])


def test_a_symbol_that_ends_is_sold_at_its_last_close() -> None:
    market = market_of({"A": [10, 10, 8, NAN]}, last_rows={"A": 2})
    loop = run(market, always(1.0), on=[1], rules=FillRules(haircut=0.5))
    assert loop.ledger.fills[-1].price == 4.0
    assert reasons_of(loop.result())[-1] is Unfilled.LAST_SESSION
    np.testing.assert_allclose(equity_of(loop), [1000, 1000, 400, 400])


def test_benchmarks_buy_equal_parts_of_what_belongs_and_trades() -> None:
    closes = {"A": [10.0] * 4, "B": [10, NAN, 10, 10], "C": [10.0] * 4}
    market = market_of(closes, outside={"C": [0, 1]})
    loop = run(market, equal_weight, on=[1, 3])
    assert loop.ledger.shares == pytest.approx({"A": 100 / 3, "B": 100 / 3, "C": 100 / 3})
    once = run(market, buy_and_hold, on=[1, 3])
    assert once.ledger.shares == {"A": 50.0}
    assert reasons_of(once.result()) == [Unfilled.NOTHING, Unfilled.NO_PRICE]


def test_a_function_may_see_a_panel_of_its_own() -> None:
    market = market_of({"A": [10, 20, 30], "B": [10, 10, 10]})
    panel = panel_of(market).with_columns({"mood": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])})

    def moody(_state: BookState, view: PastView) -> Decision:
        return Decision(at=view.as_of, weights=view.latest("mood"), keep=np.zeros(2, dtype=bool), reason="mood")

    assert set(run(market, moody, on=[1], panel=panel).ledger.shares) == {"B"}
    with pytest.raises(InputError, match="same rows and symbols"):
        run(market, moody, on=[1], panel=panel.rows(0, 2))


@pytest.mark.parametrize(
    ("weights", "match"), [([NAN], "finite"), ([0.5, 0.5], "finite weight"), ([-0.5], "no short positions")]
)
def test_weights_that_cannot_be_traded_are_refused(weights: list[float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        run(market_of({"A": [10, 20]}), always(*weights), on=[1])


def test_a_short_position_pays_what_the_share_gains() -> None:
    loop = run(market_of({"A": [10, 10, 12]}), always(-0.5), on=[1], rules=FillRules(gross_limit=1.0))
    assert loop.ledger.shares == {"A": -50.0}
    np.testing.assert_allclose(equity_of(loop), [1000, 1000, 900])


def test_a_start_that_leaves_nothing_is_refused() -> None:
    market = market_of({"A": [10, 20]})
    with pytest.raises(InputError, match="a session after the start"):
        run_loop(market, FunctionStrategy(always(1.0)), initial_cash=1.0, start=1)
    with pytest.raises(InputError, match="a row of the market"):
        EventLoop(market, FunctionStrategy(always(1.0)), initial_cash=1.0, start=2)


def test_a_broker_whose_cash_is_not_the_ledgers_is_noticed() -> None:
    loop = loop_of(market_of({"A": [10, 10, 10]}), always(0.5), on=[1])
    loop.step()
    loop.broker.book.cash[0] += 1.0
    loop._rebalances[2] = True
    loop.strategy = FunctionStrategy(always(0.2))
    with pytest.raises(LedgerError, match="the cash of the broker's account"):
        loop.step()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ledger: setattr(ledger, "cash", Money(ledger.cash + 0.01)),
        lambda ledger: ledger.entries.pop(),
        lambda ledger: ledger.fills.pop(),
        lambda ledger: ledger.book_ratio("A", 1.01),
    ],
)
def test_a_ledger_that_does_not_balance_is_noticed(spoil: Callable[[Ledger], None]) -> None:
    loop = run(market_of({"A": [10, 20, 30]}), always(0.5), on=[1, 2])
    spoil(loop.ledger)
    with pytest.raises(LedgerError):
        loop.result()


def test_a_debt_or_a_short_position_does_not_reconcile() -> None:
    ledger = Ledger()
    ledger.book(Instant(0), Account.DEPOSIT, Money(1.0))
    ledger.book(Instant(1), Account.COMMISSION, Money(-2.0))
    with pytest.raises(LedgerError, match="debt"):
        ledger.reconcile(Instant(1), {})
    ledger.reconcile(Instant(1), {}, may_owe=True)
    funded = Ledger()
    funded.book(Instant(0), Account.CORPORATE_ACTIONS, Money(-2.0))
    funded.reconcile(Instant(1), {})
    with pytest.raises(LedgerError, match="not held"):
        Ledger().reconcile(Instant(1), {"A": -1.0})


def in_and_out_of(*tickets: Ticket | None) -> Callable[[], object]:
    """Return a strategy that hands in one ticket after the other."""

    class Scripted(FunctionStrategy):
        def __init__(self) -> None:
            super().__init__(equal_weight)
            self.left = list(tickets)

        def decide(self, holdings: object, sight: object, *, rebalances: bool) -> Ticket | None:  # type: ignore[override]
            return self.left.pop(0) if self.left else None

    return Scripted


def ticket_loop(opens: list[float], low: list[float], high: list[float], *tickets: Ticket | None) -> EventLoop:
    market = market_of({"A": opens}, fills={"A": opens})
    ranges = Ranges(high=np.array(high)[:, None], low=np.array(low)[:, None])
    loop = EventLoop(market, in_and_out_of(*tickets)(), initial_cash=1000.0, ranges=ranges)  # type: ignore[arg-type]
    loop.run()
    return loop


def test_a_stop_comes_before_a_target_and_never_above_the_open() -> None:
    buy = Ticket(at=Instant(0), units=10.0, stop_loss=0.1, take_profit=0.2)
    both = ticket_loop([10, 10, 10], [10, 8, 10], [10, 13, 10], buy)
    assert [(fill.quantity, fill.price) for fill in both.ledger.fills] == [(10.0, 10.0), (-10.0, 9.0)]
    gap = ticket_loop([10, 10, 7], [10, 10, 6], [10, 10, 7], buy)
    assert gap.ledger.fills[-1].price == 7.0
    jump = ticket_loop([10, 10, 15], [10, 10, 14], [10, 10, 16], buy)
    assert jump.ledger.fills[-1].price == 15.0
    assert jump.ledger.fills[-1].at - jump.ledger.fills[-1].decided_at == 2 * DAY


def test_a_ticket_leaves_other_holdings_alone() -> None:
    market = market_of({"A": [10.0] * 4, "B": [10.0] * 4})
    tickets = (Ticket(at=Instant(0), units=10.0), Ticket(at=Instant(0), place=1, fraction=0.5), None)
    loop = EventLoop(market, in_and_out_of(*tickets)(), initial_cash=1000.0)  # type: ignore[arg-type]
    loop.run()
    assert loop.ledger.shares == {"A": 10.0, "B": 50.0}


def test_levels_follow_a_split() -> None:
    market = market_of({"A": [10, 10, 5, 5]}, fills={"A": [10, 10, 5, 5]}, actions=[(2, "A", 2.0, 0.0)])
    ranges = Ranges(high=market.close, low=market.close.copy())
    ranges.low[3] = 4.4
    buy = Ticket(at=Instant(0), units=10.0, stop_loss=0.1)
    loop = EventLoop(market, in_and_out_of(buy)(), initial_cash=1000.0, ranges=ranges)  # type: ignore[arg-type]
    loop.run()
    assert (loop.ledger.fills[-1].quantity, loop.ledger.fills[-1].price) == (-20.0, 4.5)


def test_what_was_bought_today_is_not_stopped_out_under_t_plus_one() -> None:
    market = market_of({"A": [10.0] * 3}, fills={"A": [10.0] * 3})
    ranges = Ranges(high=market.close, low=market.close * 0.5)
    buy = Ticket(at=Instant(0), units=10.0, stop_loss=0.1)
    loop = EventLoop(
        market,
        in_and_out_of(buy)(),
        initial_cash=1000.0,
        ranges=ranges,
        rules=FillRules(t_plus_one=True),  # type: ignore[arg-type]
    )
    loop.run()
    assert [fill.at for fill in loop.ledger.fills] == market.times[1:].tolist()


def test_levels_without_ranges_are_refused() -> None:
    market = market_of({"A": [10.0] * 3})
    buy = Ticket(at=Instant(0), units=10.0, stop_loss=0.1)
    with pytest.raises(InputError, match="no highs and lows"):
        run_loop(market, in_and_out_of(buy)(), initial_cash=1000.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{}, {"units": 1.0, "fraction": 0.5}, {"units": -1.0}, {"units": 1.0, "stop_loss": 1.0}, {"units": NAN}]
)
def test_a_ticket_that_says_nothing_or_too_much_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="units or a fraction"):
        Ticket(at=Instant(0), **wrong)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), cash=st.sampled_from([1.0, 12.0, 300.0, 100_000.0]))
def test_books_balance_and_nobody_owes(seed: int, cash: float) -> None:
    """A sale whose fee is more than its proceeds once took cash below zero, and the next decision sold short."""
    random = np.random.default_rng(seed)
    closes = {name: (10 * np.exp(np.cumsum(random.normal(0, 0.1, 40)))).tolist() for name in "ABCD"}
    gaps = {name: np.flatnonzero(random.random(40) < 0.1).tolist() for name in "ABCD"}
    market = market_of(closes, suspended=gaps)

    def wander(state: BookState, view: PastView) -> Decision:
        weights = np.random.default_rng(int(view.as_of) % 1000 + seed).dirichlet(np.ones(5))[:4].round(1)
        return Decision(at=view.as_of, weights=weights, keep=np.isnan(view.latest("close")), reason="wander")

    costs = CostModel(commission_bps=2.5, minimum_fee=5.0, stamp_tax_sell_bps=5.0)
    loop = run(market, wander, on=list(range(1, 40, 2)), costs=costs, cash=cash)
    result = loop.result()
    assert result.cash.min() >= -1e-6
    held = sum(shares * market.mark[-1, market.places[symbol]] for symbol, shares in loop.ledger.shares.items())
    assert sum(entry.amount for entry in loop.ledger.entries) + held == pytest.approx(result.equity[-1, 0], abs=0.005)
    assert result.paid[0, 0] == pytest.approx(sum(fill.commission for fill in loop.ledger.fills))


def test_equity_does_not_depend_on_the_currency_unit() -> None:
    market = market_of({"A": [10, 11, 12, 9], "B": [5, 4, 5, 6]})
    costs = CostModel(commission_bps=5.0)
    small, large = (equity_of(run(market, always(0.7, 0.3), on=[1, 2, 3], costs=costs, cash=c)) for c in (1.0, 1e9))
    np.testing.assert_allclose(large / 1e9, small, rtol=1e-9)


def test_a_market_may_forget_its_oldest_bars() -> None:
    """A trading box reads recent bars alone: a saved account needs no row from before its last close."""
    market = market_of({"A": [10.0, 20, 30, 40, 50]})
    whole = run(market, always(0.5), on=[1, 4])
    early = loop_of(market, always(0.5), on=[1, 4])
    early.run(4)
    recent = market_of({"A": [40.0, 50]}, days=["2024-01-04", "2024-01-05"])
    recent = replace(recent, times=market.times[3:])
    late = loop_of(recent, always(0.5), on=[1])
    late.restore(json.loads(json.dumps(early.state())))
    late.run()
    np.testing.assert_array_equal(equity_of(late), equity_of(whole)[3:])


def test_a_state_of_another_market_is_refused() -> None:
    market = market_of({"A": [10, 20, 30], "B": [10, 10, 10]})
    loop = loop_of(market, always(0.5, 0.5), on=[1])
    loop.step()
    saved = json.loads(json.dumps(loop.state()))
    other = market_of({"A": [10, 20, 30]})
    with pytest.raises(InputError, match="holds or orders B"):
        loop_of(other, always(1.0), on=[1]).restore(saved)
    later = replace(market, times=market.times + DAY * 10)
    with pytest.raises(InputError, match="no bar that closes at"):
        loop_of(later, always(0.5, 0.5), on=[1]).restore(saved)

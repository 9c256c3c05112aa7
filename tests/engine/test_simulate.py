from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import LedgerError, LookAheadError
from tidegate.core.orders import Decision, Fill, OrderStatus
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.recipe import FillPrice, StrategySettings
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray, Money, Price, Quantity
from tidegate.costs import CostModel
from tidegate.engine import Account, Ledger, Simulation, simulate
from tidegate.engine.market import Market, carried_forward
from tidegate.strategy import BookState, Decide, rotation
from tidegate.testing import synthetic_panel

NAN = float("nan")
FREE = CostModel()


def always(*weights: float) -> Decide:
    def decide(_state: BookState, view: PastView) -> Decision:
        nothing = np.zeros(len(weights), dtype=bool)
        return Decision(at=view.as_of, weights=np.array(weights, dtype=float), keep=nothing, reason="test")

    return decide


def panel_of(
    close: list[list[float]], *, opens: list[list[float]] | None = None, volume: list[list[float]] | None = None
) -> Panel:
    columns: dict[str, FloatArray] = {"close": np.array(close), "raw_close": np.array(close)}
    if opens is not None:
        columns["open"] = np.array(opens)
    if volume is not None:
        columns["volume"] = np.array(volume)
    names = tuple("ABCDEFGH"[: len(close[0])])
    return Panel(np.arange(1, len(close) + 1) * DAY, names, columns)


def run(
    panel: Panel, decide: Decide, *, on: list[int], costs: CostModel = FREE, fill: FillPrice = FillPrice.NEXT_CLOSE,
    cash: float = 1000.0, rate: FloatArray | None = None,
) -> Simulation:  # fmt: skip
    rebalances = np.zeros(len(panel.times), dtype=bool)
    rebalances[on] = True
    return simulate(
        panel,
        decide,
        rebalances=rebalances,
        market=Market.of(panel, fill),
        costs=costs,
        initial_cash=cash,
        cash_rate=rate,
    )


def test_a_decision_fills_at_the_next_close() -> None:
    result = run(panel_of([[10], [20], [30]]), always(1.0), on=[1])
    (fill,) = result.ledger.fills
    assert (fill.decided_at, fill.at, fill.price, fill.quantity) == (DAY, 2 * DAY, 20.0, 50.0)
    np.testing.assert_allclose(result.equity, [1000, 1000, 1500])


def test_a_decision_fills_at_the_next_open() -> None:
    panel = panel_of([[10], [20], [30]], opens=[[1], [16], [25]])
    result = run(panel, always(1.0), on=[1], fill=FillPrice.NEXT_OPEN)
    assert result.ledger.fills[0].price == 16.0
    np.testing.assert_allclose(result.equity, [1000, 1250, 1875])


def test_row_0_never_trades() -> None:
    assert run(panel_of([[10], [20]]), always(1.0), on=[0]).orders == []


def test_a_fill_at_its_own_decision_is_refused() -> None:
    with pytest.raises(LookAheadError, match="strictly after"):
        Fill(
            decided_at=Instant(5), at=Instant(5), symbol="A", quantity=Quantity(1.0), price=Price(1.0),
            commission=Money(0.0), half_spread=Money(0.0), impact=Money(0.0), stamp_tax=Money(0.0),
        )  # fmt: skip


def test_a_strategy_that_lies_about_its_decision_time_is_stopped() -> None:
    def liar(_state: BookState, view: PastView) -> Decision:
        later = Instant(view.as_of + DAY)
        return Decision(at=later, weights=np.ones(1), keep=np.zeros(1, dtype=bool), reason="looks ahead")

    with pytest.raises(LookAheadError):
        run(panel_of([[10], [20], [30]]), liar, on=[1])


def test_ten_bps_one_way_cost_twenty_on_a_round_trip() -> None:
    """I.9"""

    def in_and_out(state: BookState, view: PastView) -> Decision:
        return always(0.0 if state.held.any() else 1.0)(state, view)

    costs = CostModel(commission_bps=10.0)
    result = run(panel_of([[10], [10], [10]]), in_and_out, on=[1, 2], costs=costs)
    assert result.equity[-1] == pytest.approx(1000 * (1 - 10e-4) / (1 + 10e-4), rel=1e-12)
    assert result.holdings.tolist() == [0, 1, 0]
    assert run(panel_of([[10], [10], [10]]), in_and_out, on=[1, 2]).equity[-1] == 1000.0


def test_buys_shrink_by_one_factor_when_cash_is_short() -> None:
    result = run(panel_of([[10, 20], [10, 20]]), always(0.5, 0.5), on=[1], costs=CostModel(commission_bps=100.0))
    notional = [fill.notional for fill in result.ledger.fills]
    np.testing.assert_allclose(notional, [1000 / 1.01 / 2] * 2, rtol=1e-12)
    assert result.cash[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("cash", [0.5, 4.9, 5.0, 11.0])
def test_minimum_fees_larger_than_the_cash_end_in_no_debt(cash: float) -> None:
    costs = CostModel(commission_bps=2.5, minimum_fee=5.0)
    result = run(panel_of([[10, 20]] * 3), always(0.5, 0.5), on=[1, 2], costs=costs, cash=cash)
    assert result.cash.min() >= -1e-6


def test_an_order_that_cannot_fill_expires_and_is_logged() -> None:
    panel = panel_of([[10, 10], [NAN, 10], [10, 10]])
    result = run(panel, always(0.5, 0.5), on=[1])
    assert [(order.symbol, order.status) for order in result.orders] == [
        ("A", OrderStatus.EXPIRED),
        ("B", OrderStatus.FILLED),
    ]
    assert [fill.symbol for fill in result.ledger.fills] == ["B"]


def test_no_volume_no_fill() -> None:
    panel = panel_of([[10], [10]], volume=[[5.0], [0.0]])
    assert run(panel, always(1.0), on=[1]).ledger.fills == []


def test_a_gap_is_marked_at_the_last_close() -> None:
    result = run(panel_of([[10], [10], [NAN], [12]]), always(1.0), on=[1])
    np.testing.assert_allclose(result.equity, [1000, 1000, 1000, 1200])


def test_selling_to_zero_leaves_exactly_nothing() -> None:
    def third_then_out(state: BookState, view: PastView) -> Decision:
        return always(0.0 if state.held.any() else 1 / 3)(state, view)

    result = run(panel_of([[3.7], [3.1], [2.9]]), third_then_out, on=[1, 2])
    assert result.exposure[-1] == 0.0
    assert result.holdings[-1] == 0


def test_holding_trades_nothing() -> None:
    def hold(state: BookState, view: PastView) -> Decision:
        return Decision(at=view.as_of, weights=None, keep=state.held, reason="hold")

    assert run(panel_of([[10], [20], [30]]), hold, on=[1, 2]).orders == []


def test_cash_earns_the_rate_known_the_day_before() -> None:
    """Simple interest, actual/365; a missing rate earns nothing."""
    rate = np.array([0.0365, NAN, 0.073])
    result = run(panel_of([[10], [10], [10]]), always(0.0), on=[], rate=rate)
    np.testing.assert_allclose(result.equity, [1000.0, 1000.1, 1000.1], rtol=1e-14)


def test_impact_uses_what_was_known_at_the_decision() -> None:
    """The traded value of the fill's own day must not move the cost of that fill."""
    base = synthetic_panel(3, 40, 2)
    costs = CostModel(impact_coefficient=1.0)
    row = 30
    volume = base["volume"].copy()
    volume[row] *= 1000.0
    changed = base.with_columns({"volume": volume})
    impacts = [run(panel, always(0.5, 0.5), on=[row], costs=costs).ledger.fills[0].impact for panel in (base, changed)]
    assert impacts[0] > 0.0
    assert impacts[0] == impacts[1]


def rotation_on(panel: Panel) -> tuple[Panel, Decide]:
    scores = np.where(np.isfinite(panel["close"]), np.sin(np.cumsum(np.nan_to_num(panel["close"]), axis=0)), np.nan)
    return panel.with_columns({"score": scores}), rotation(StrategySettings(top_n=3, retain_top_n=1, max_weight=0.4))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), gaps=st.sampled_from([0.0, 0.1, 0.4]))
def test_books_balance_to_the_cent_on_random_markets(seed: int, gaps: float) -> None:
    panel, decide = rotation_on(synthetic_panel(seed, 60, 6, gaps=gaps))
    costs = CostModel(commission_bps=5, half_spread_bps=5, minimum_fee=1, stamp_tax_sell_bps=10, impact_coefficient=0.5)
    result = run(panel, decide, on=list(range(1, 60, 3)), costs=costs, cash=100_000.0)
    booked = sum(entry.amount for entry in result.ledger.entries)
    assert booked == pytest.approx(result.cash[-1], abs=0.005)
    gains = result.equity[-1] - 100_000.0
    paid = sum(fill.cost for fill in result.ledger.fills)
    marks = carried_forward(panel["close"])
    place = {symbol: k for k, symbol in enumerate(panel.symbols)}
    held = sum(fill.quantity * (marks[-1, place[fill.symbol]] - fill.price) for fill in result.ledger.fills)
    assert gains == pytest.approx(held - paid, abs=0.005)
    assert result.cash.min() >= -1e-6


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), cut=st.integers(20, 55))
def test_a_longer_history_does_not_change_the_shorter_one(seed: int, cut: int) -> None:
    """Running to T and then to T + 1 equals running to T + 1; garbage after the cut changes nothing before it."""
    panel, decide = rotation_on(synthetic_panel(seed, 60, 5, gaps=0.1))
    on = list(range(1, 60, 4))
    whole = run(panel, decide, on=on)
    part = run(panel.rows(0, cut), decide, on=[row for row in on if row < cut])
    np.testing.assert_array_equal(whole.equity[:cut], part.equity)
    garbled = Panel(
        panel.times, panel.symbols, {n: np.vstack([c[:cut], c[cut:] * 7.7 + 1]) for n, c in panel.columns.items()}
    )
    np.testing.assert_array_equal(run(garbled, decide, on=on).equity[:cut], part.equity)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_equity_does_not_depend_on_the_currency_unit(seed: int) -> None:
    panel, decide = rotation_on(synthetic_panel(seed, 40, 5))
    costs = CostModel(commission_bps=5.0)
    small, large = (run(panel, decide, on=[1, 10, 20, 30], costs=costs, cash=cash) for cash in (1.0, 1e9))
    np.testing.assert_allclose(large.equity / 1e9, small.equity, rtol=1e-9)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ledger: setattr(ledger, "cash", Money(ledger.cash + 0.01)),
        lambda ledger: ledger.entries.pop(),
        lambda ledger: ledger.fills.pop(),
    ],
)
def test_a_ledger_that_does_not_balance_is_noticed(spoil: Callable[[Ledger], None]) -> None:
    result = run(panel_of([[10], [20], [30]]), always(0.5), on=[1, 2])
    shares = {"A": sum(fill.quantity for fill in result.ledger.fills)}
    result.ledger.reconcile(Instant(3 * DAY), shares)
    spoil(result.ledger)
    with pytest.raises(LedgerError):
        result.ledger.reconcile(Instant(3 * DAY), shares)


def test_daily_flows_add_up_to_the_ledger() -> None:
    costs = CostModel(commission_bps=10, stamp_tax_sell_bps=20)
    result = run(panel_of([[10], [20], [5], [8]]), always(0.5), on=[1, 2, 3], costs=costs)
    flows = result.daily_flows()
    assert flows.height == 4
    paid = -sum(entry.amount for entry in result.ledger.entries if entry.account is Account.COMMISSION)
    assert flows["commission"].sum() == pytest.approx(paid)
    assert flows["turnover"][1] == pytest.approx(250 / result.equity[1], rel=1e-3)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), cash=st.sampled_from([1.0, 12.0, 30.0, 300.0, 3000.0]))
def test_fees_that_eat_the_account_end_in_no_debt_and_no_short(seed: int, cash: float) -> None:
    """A sale whose fee is more than its proceeds once took cash below zero, and the next decision sold short."""
    panel, decide = rotation_on(synthetic_panel(seed, 80, 6, gaps=0.1))
    costs = CostModel(commission_bps=2.5, minimum_fee=5.0, stamp_tax_sell_bps=5.0)
    result = run(panel, decide, on=list(range(1, 80, 2)), costs=costs, cash=cash)
    assert result.cash.min() >= -1e-6
    assert result.equity.min() > 0.0
    held: dict[str, float] = {}
    for fill in result.ledger.fills:
        held[fill.symbol] = held.get(fill.symbol, 0.0) + fill.quantity
        assert held[fill.symbol] >= -1e-9


def test_trading_a_name_of_unknown_liquidity_is_not_free() -> None:
    base = synthetic_panel(5, 60, 3)
    gaps = np.array(base["close"])
    gaps[::15, 0] = NAN
    panel = base.with_columns({"close": gaps, "volume": np.where(np.isnan(gaps), NAN, base["volume"])})
    costs = CostModel(impact_coefficient=1.0)
    fills = run(panel, always(0.4, 0.3, 0.3), on=[40], costs=costs, fill=FillPrice.NEXT_OPEN, cash=1e9).ledger.fills
    impact = {fill.symbol: fill.impact / fill.notional for fill in fills}
    assert impact["S0000"] >= max(impact["S0001"], impact["S0002"])


def test_the_reason_of_an_order_that_did_not_fill_is_the_true_one() -> None:
    costs = CostModel(minimum_fee=5.0)
    poor = run(panel_of([[10.0], [10.0]]), always(1.0), on=[1], costs=costs, cash=4.0)
    assert [order.reason for order in poor.orders] == ["no cash to pay for it"]


def test_a_debt_or_a_short_position_does_not_reconcile() -> None:
    ledger = Ledger()
    ledger.book(Instant(0), Account.DEPOSIT, Money(1.0))
    ledger.book(Instant(1), Account.COMMISSION, Money(-2.0))
    with pytest.raises(LedgerError, match="debt"):
        ledger.reconcile(Instant(1), {})
    with pytest.raises(LedgerError, match="not held"):
        Ledger().reconcile(Instant(1), {"A": -1.0})

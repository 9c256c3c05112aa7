"""One symbol by signals: the vector form, the event loop and a plain loop do the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.time import MINUTE, parse_instant
from tidegate.core.units import FloatArray, Mask
from tidegate.costs import CostModel
from tidegate.engine.broker import Ranges
from tidegate.engine.loop import EventLoop
from tidegate.engine.market import Market
from tidegate.engine.signals import Bars, SignalRun, trade_signals
from tidegate.strategy.protocol import Sight
from tidegate.strategy.signal_rule import Position, SignalStrategy

NAN = float("nan")
FEE = 0.001
POSITIONS = (
    Position(units=1.0),
    Position(units=3.0, stop_loss=0.005, take_profit=0.01),
    Position(fraction=1.0, stop_loss=0.02),
    Position(fraction=0.4, take_profit=0.004),
)


def random_bars(seed: int, count: int = 400) -> Bars:
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.003, count))), 2)
    opens = np.round(np.concatenate([close[:1], close[:-1]]) * np.exp(random.normal(0, 0.001, count)), 2)
    reach = np.abs(random.normal(0, 0.002, (2, count)))
    return Bars(
        open=opens,
        high=np.round(np.maximum(opens, close) * (1 + reach[0]), 2),
        low=np.round(np.minimum(opens, close) * (1 - reach[1]), 2),
        close=close,
    )


def random_signals(seed: int, count: int = 400) -> tuple[Mask, Mask]:
    random = np.random.default_rng(seed + 1)
    return random.random(count) < 0.1, random.random(count) < 0.05


def market_of(bars: Bars) -> Market:
    count = len(bars.close)
    close = bars.close[:, None]
    return Market(
        times=parse_instant("2024-01-01") + np.arange(1, count + 1) * 5 * MINUTE,
        symbols=("COIN",),
        close=close,
        mark=close,
        traded=np.ones((count, 1), dtype=np.bool_),
        fill=bars.open[:, None],
        score=np.full((count, 1), NAN),
        candidate=np.ones(1, dtype=np.bool_),
        lot=np.zeros(1),
        interest=np.zeros(count),
        last_row=np.full(1, -1),
    )


class Written:
    """Signals that were written down beforehand; what counts here is what is made of them."""

    def __init__(self, entries: Mask, exits: Mask) -> None:
        self.says = np.where(exits, -1, entries.astype(np.int64)).tolist()

    def __call__(self, sight: Sight) -> int:
        return int(self.says[sight.row])

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, document: Any) -> None:
        pass


def loop_of(bars: Bars, entries: Mask, exits: Mask, position: Position, costs: CostModel, cash: float) -> EventLoop:
    ranges = Ranges(high=bars.high[:, None], low=bars.low[:, None])
    strategy = SignalStrategy(Written(entries, exits), position)
    return EventLoop(market_of(bars), strategy, costs=costs, initial_cash=cash, ranges=ranges)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    position=st.sampled_from(POSITIONS),
    minimum=st.sampled_from([0.0, 0.5]),
    cash=st.sampled_from([150.0, 10_000.0]),
)
def test_vector_form_and_event_loop_have_the_same_bits(
    seed: int, position: Position, minimum: float, cash: float
) -> None:
    bars, (entries, exits) = random_bars(seed), random_signals(seed)
    costs = CostModel(commission_bps=10.0, half_spread_bps=1.0, minimum_fee=minimum)
    vector = trade_signals(bars, entries, exits, position, costs=costs, initial_cash=cash)
    loop = loop_of(bars, entries, exits, position, costs, cash)
    loop.run()
    np.testing.assert_array_equal(vector.equity, loop.result().equity[:, 0])

    fills = loop.ledger.fills
    times = market_of(bars).times
    opened = [(times[row], price) for row, price in zip(vector.entry_row, vector.entry_price, strict=True)]
    closed = [(times[row], price) for row, price in zip(vector.exit_row, vector.exit_price, strict=True) if row >= 0]
    assert [(fill.at, fill.price) for fill in fills if fill.quantity > 0] == opened
    assert [(fill.at, fill.price) for fill in fills if fill.quantity < 0] == closed
    assert vector.cost.sum() == pytest.approx(sum(fill.cost for fill in fills))


def plain_equity(
    bars: Bars, entries: Mask, exits: Mask, stop_loss: float, take_profit: float
) -> tuple[FloatArray, int]:
    """Trade one unit as a user would write it down, bar by bar."""
    cash, units, trades, stop, target = 10_000.0, 0.0, 0, 0.0, 0.0
    equity = np.empty(len(entries))
    for t in range(len(entries)):
        opening = bars.open[t]
        if t and units == 0.0 and entries[t - 1] and not exits[t - 1]:
            cash, units, trades = cash - opening * (1 + FEE), 1.0, trades + 1
            stop, target = opening * (1 - stop_loss), opening * (1 + take_profit)
        elif t and units == 1.0 and exits[t - 1]:
            cash, units = cash + opening * (1 - FEE), 0.0
        if units == 1.0 and stop_loss and bars.low[t] <= stop:
            cash, units = cash + min(opening, stop) * (1 - FEE), 0.0
        elif units == 1.0 and take_profit and bars.high[t] >= target:
            cash, units = cash + max(opening, target) * (1 - FEE), 0.0
        equity[t] = cash + units * bars.close[t]
    return equity, trades


@pytest.mark.exhaustive
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), levels=st.sampled_from([(0.0, 0.0), (0.005, 0.01), (0.01, 0.0), (0.0, 0.003)]))
def test_a_plain_loop_says_the_same(seed: int, levels: tuple[float, float]) -> None:
    bars, (entries, exits) = random_bars(seed), random_signals(seed)
    position = Position(units=1.0, stop_loss=levels[0], take_profit=levels[1])
    run = trade_signals(bars, entries, exits, position, costs=CostModel(commission_bps=10), initial_cash=10_000.0)
    plain, trades = plain_equity(bars, entries, exits, *levels)
    np.testing.assert_allclose(run.equity, plain, rtol=1e-12)
    assert len(run.entry_row) == trades


def flat(*closes: float, low: list[float] | None = None, high: list[float] | None = None) -> Bars:
    close = np.array(closes, dtype=float)
    return Bars(
        open=close,
        high=close if high is None else np.array(high),
        low=close if low is None else np.array(low),
        close=close,
    )


def traded(bars: Bars, enter: list[int], leave: list[int], position: Position, cash: float = 100.0) -> SignalRun:
    rows = np.arange(len(bars.close))
    return trade_signals(bars, np.isin(rows, enter), np.isin(rows, leave), position, initial_cash=cash)


def test_a_signal_fills_at_the_next_open() -> None:
    run = traded(flat(10, 11, 12, 13), [0], [2], Position(units=5.0))
    assert (run.entry_row.tolist(), run.entry_price.tolist(), run.exit_price.tolist()) == ([1], [11.0], [13.0])
    assert run.equity.tolist() == [100, 100, 105, 110]


def test_the_last_close_trades_nothing() -> None:
    assert len(traded(flat(10, 11), [1], [], Position(units=5.0)).entry_row) == 0


def test_the_stop_comes_first_and_a_gap_fills_at_the_open() -> None:
    position = Position(units=1.0, stop_loss=0.1, take_profit=0.1)
    both = traded(flat(10, 10, 10, low=[10, 8, 10], high=[10, 12, 10]), [0], [], position)
    assert (both.why.tolist(), both.exit_price.tolist()) == ([2], [9.0])
    gap = traded(flat(10, 10, 8), [0], [], position)
    assert gap.exit_price.tolist() == [8.0]
    jump = traded(flat(10, 10, 12), [0], [], position)
    assert (jump.why.tolist(), jump.exit_price.tolist()) == ([3], [12.0])


def test_a_signal_to_leave_beats_one_to_enter() -> None:
    assert len(traded(flat(10, 10, 10), [0], [0], Position(units=1.0)).entry_row) == 0


def test_a_purchase_shrinks_to_what_cash_can_pay() -> None:
    run = traded(flat(10, 10, 20), [0], [], Position(units=50.0))
    assert run.units.tolist() == [10.0]
    assert run.equity.tolist() == [100, 100, 200]


def test_trades_tell_profit_and_what_is_open() -> None:
    bars = flat(10, 10, 11, 10, 12)
    frame = traded(bars, [0, 2], [1], Position(units=1.0)).trades()
    assert frame["why"].to_list() == ["signal", "open"]
    assert frame["profit"].to_list() == [1.0, None]
    assert frame["exit_row"].to_list() == [2, None]
    assert traded(bars, [], [], Position(units=1.0)).trades().is_empty()


def test_saving_between_entry_and_stop_changes_nothing() -> None:
    """Levels that rest at the broker are part of the saved state."""
    bars = random_bars(4)
    entries, exits = random_signals(4)
    position, costs = POSITIONS[1], CostModel(commission_bps=10.0)
    whole = loop_of(bars, entries, exits, position, costs, 10_000.0)
    whole.run()
    for stop in range(50, 120, 3):
        first = loop_of(bars, entries, exits, position, costs, 10_000.0)
        first.run(stop)
        second = loop_of(bars, entries, exits, position, costs, 10_000.0)
        second.restore(first.state())
        second.run()
        np.testing.assert_array_equal(second.result().equity, whole.result().equity[stop - 1 :])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"close": np.array([10.0, NAN])}, "close nan at bar 1"),
        ({"open": np.array([0.0, 10.0])}, "open 0.0 at bar 0"),
        ({"high": np.array([10.0])}, r"lengths \[1, 2\]"),
    ],
)
def test_prices_that_are_none_are_refused(change: dict[str, FloatArray], match: str) -> None:
    bars = replace(flat(10, 10), **change)
    with pytest.raises(InputError, match=match):
        traded(bars, [0], [], Position(units=1.0))


@pytest.mark.parametrize(
    "wrong",
    [{}, {"units": 1.0, "fraction": 1.0}, {"units": -1.0}, {"units": 1.0, "stop_loss": 1.0}, {"fraction": NAN}],
)
def test_a_position_that_says_nothing_or_too_much_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="units or a fraction"):
        Position(**wrong)

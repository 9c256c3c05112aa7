"""One symbol on a million 5-minute bars: in vector form, and bar by bar; beside them the compiled limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from one_symbol import CASH, FAST, FEE, MARGIN, SLOW, STOP, TARGET, Bars, bars, limit_equity, plain_equity

from tidegate.core.time import MINUTE, parse_instant
from tidegate.costs import CostModel
from tidegate.engine import Market
from tidegate.engine import signals as engine
from tidegate.engine.broker import Ranges
from tidegate.engine.loop import run_loop
from tidegate.engine.signals import SignalRun, trade_signals
from tidegate.engine.sweep import Sweep
from tidegate.features.windows import rolling_mean
from tidegate.strategy.protocol import Sight
from tidegate.strategy.signal_rule import Position, SignalStrategy

COSTS = CostModel(commission_bps=FEE * 1e4)
POSITION = Position(units=1.0, stop_loss=STOP, take_profit=TARGET)
FIRST = parse_instant("2015-01-01")

Signals = tuple[np.ndarray, np.ndarray]


class Crossing:
    """Up when the fast average comes to lie above the slow one, and down; plain Python, as users write it."""

    def __init__(self) -> None:
        self._closes: deque[float] = deque([0.0] * SLOW, maxlen=SLOW)
        self._fast = self._slow = 0.0
        self._seen = 0
        self._above: bool | None = None

    def __call__(self, sight: Sight) -> int:
        close, closes = sight.close(), self._closes
        self._fast += close - closes[-FAST]
        self._slow += close - closes[-SLOW]
        closes.append(close)
        self._seen += 1
        if self._seen < SLOW:
            return 0
        was, self._above = self._above, self._fast / FAST > self._slow / SLOW + MARGIN
        return 0 if was is None else self._above - was

    def state(self) -> dict[str, Any]:
        return {**vars(self), "_closes": list(self._closes)}

    def restore(self, document: Mapping[str, Any]) -> None:
        vars(self).update(document, _closes=deque(document["_closes"], maxlen=SLOW))


@pytest.fixture(scope="module")
def given() -> Bars:
    return bars()


def columns_of(given: Bars) -> engine.Bars:
    return engine.Bars(**given._asdict())


def market_of(given: Bars) -> Market:
    count = len(given.close)
    close = given.close[:, None]
    return Market(
        times=FIRST + np.arange(1, count + 1) * 5 * MINUTE,
        symbols=("BTCUSDT",),
        close=close,
        mark=close,
        traded=np.ones((count, 1), dtype=np.bool_),
        fill=given.open[:, None],
        score=np.full((count, 1), np.nan),
        candidate=np.ones(1, dtype=np.bool_),
        lot=np.zeros(1),
        interest=np.zeros(count),
        last_row=np.full(1, -1),
    )


def bar_by_bar(market: Market, given: Bars) -> Sweep:
    ranges = Ranges(high=given.high[:, None], low=given.low[:, None])
    strategy = SignalStrategy(Crossing(), POSITION)
    return run_loop(market, strategy, costs=COSTS, initial_cash=CASH, ranges=ranges)


def signals_of(close: np.ndarray) -> Signals:
    """Return at which closes the fast average comes to lie above the slow one, and below it."""
    fast, slow = (rolling_mean(close[:, None], window)[:, 0] for window in (FAST, SLOW))
    above, known = fast > slow + MARGIN, np.isfinite(slow)
    crosses = np.concatenate([[False], (above[1:] != above[:-1]) & known[:-1]])
    return crosses & above, crosses & ~above


def by_signals(given: engine.Bars, signals: Signals) -> SignalRun:
    return trade_signals(given, *signals, POSITION, costs=COSTS, initial_cash=CASH)


def by_averages(given: engine.Bars) -> SignalRun:
    return by_signals(given, signals_of(given.close))


def test_all_say_the_same(given: Bars) -> None:
    plain, trades = plain_equity(given)
    limit, of_limit = limit_equity(*given)
    assert of_limit == trades
    np.testing.assert_array_equal(limit, plain)
    one_by_one = bar_by_bar(market_of(given), given)
    np.testing.assert_allclose(one_by_one.equity[:, 0], plain, rtol=1e-12)
    at_once = by_averages(columns_of(given))
    assert len(at_once.units) == trades
    np.testing.assert_allclose(at_once.equity, plain, rtol=1e-12)


def test_vector_form(benchmark: Any, given: Bars) -> None:
    columns = columns_of(given)
    benchmark.pedantic(by_signals, (columns, signals_of(given.close)), rounds=5, warmup_rounds=1)


def test_vector_form_with_averages(benchmark: Any, given: Bars) -> None:
    benchmark.pedantic(by_averages, (columns_of(given),), rounds=5, warmup_rounds=1)


def test_bar_by_bar(benchmark: Any, given: Bars) -> None:
    benchmark.pedantic(bar_by_bar, (market_of(given), given), rounds=5, warmup_rounds=0)


def test_limit(benchmark: Any, given: Bars) -> None:
    benchmark.pedantic(limit_equity, given, rounds=5, warmup_rounds=1)

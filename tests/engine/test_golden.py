"""Golden run: momentum on the shipped data. The order list and the money must not change unnoticed.

A change here is a change of numbers for every user: say so in the changelog's section of that name.
"""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.core.clock import now
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import BacktestSettings, FillPrice, StrategySettings
from tidegate.core.time import BarInterval
from tidegate.core.workspace import Workspace
from tidegate.costs import PRESETS
from tidegate.data import Catalog
from tidegate.data.demo import DEMO_INDEX
from tidegate.data.demo.ingest import ingest_demo
from tidegate.engine.loop import run_loop
from tidegate.engine.market import Market
from tidegate.engine.market_reading import MarketSources, market_of
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.evaluate import performance
from tidegate.features.windows import lagged
from tidegate.strategy.stepwise import RotationStrategy

ORDERS = 9105
ORDER_LIST = "850b4710592d8d3fd2f554cd62a6ef63c0575b8dffcf02950dd68fc006ef1079"
FINAL_EQUITY = 560071002.1193026
CAGR = 0.2114803753624086
RULES = StrategySettings(top_n=5, retain_top_n=3, max_weight=0.25)
MAX_DRAWDOWN = 0.6445705225444427


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    workspace = Workspace.create(tmp_path_factory.mktemp("golden") / "work")
    ingest_demo(workspace)
    panel = Catalog(workspace).bar_panel("us-large-caps", interval=BarInterval("1d"), as_of=now())
    panel = panel.take(tuple(symbol for symbol in panel.symbols if symbol != DEMO_INDEX))
    score = lagged(panel["close"], 20) / lagged(panel["close"], 120) - 1.0
    return market_of(panel, BacktestSettings(fill=FillPrice.NEXT_CLOSE), sources=MarketSources(score=score))


@pytest.fixture(scope="module")
def result(market: Market) -> Sweep:
    trial = Trial(settings=RULES, costs=PRESETS["us-equity"])
    return run_trials(market, [trial], initial_cash=1_000_000.0, records=True)


def test_the_order_list_is_the_same(market: Market, result: Sweep) -> None:
    (journal,) = result.journals
    used = int(journal.used[2])
    rows, places = journal.order[:used, 2].tolist(), journal.order[:used, 3].tolist()
    buys = (journal.size[:used, 0] > 0.0).tolist()
    sides = [
        (int(market.times[row]), market.symbols[place], buy) for row, place, buy in zip(rows, places, buys, strict=True)
    ]
    assert len(sides) == ORDERS
    assert fingerprint(sides) == ORDER_LIST


def test_the_event_loop_gives_the_same_list(market: Market, result: Sweep) -> None:
    strategy = RotationStrategy(RULES, market.symbols, initial_cash=1_000_000.0)
    other = run_loop(market, strategy, costs=PRESETS["us-equity"], initial_cash=1_000_000.0)
    np.testing.assert_array_equal(other.equity, result.equity)
    np.testing.assert_array_equal(other.journals[0].order, result.journals[0].order[: len(other.journals[0].order)])


def test_the_money_is_the_same(result: Sweep) -> None:
    figures = performance(result.times, result.equity[:, 0], 252)
    assert result.equity[-1, 0] == pytest.approx(FINAL_EQUITY, rel=1e-9)
    assert figures.cagr == pytest.approx(CAGR, rel=1e-9)
    assert figures.max_drawdown == pytest.approx(MAX_DRAWDOWN, rel=1e-9)

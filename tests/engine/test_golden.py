"""Golden run: momentum on the shipped data. The order list and the money must not change unnoticed.

A change here is a change of numbers for every user: say so in the changelog's section of that name.
"""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.core.clock import now
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import FillPrice, StrategySettings
from tidegate.core.time import BarInterval
from tidegate.core.workspace import Workspace
from tidegate.costs import PRESETS
from tidegate.data import Catalog
from tidegate.data.demo import DEMO_INDEX
from tidegate.data.demo.ingest import ingest_demo
from tidegate.engine import Simulation, simulate
from tidegate.engine.market import Market
from tidegate.evaluate import performance
from tidegate.features.windows import lagged
from tidegate.strategy import opens_new_week, rotation

ORDERS = 9105
ORDER_LIST = "850b4710592d8d3fd2f554cd62a6ef63c0575b8dffcf02950dd68fc006ef1079"
FINAL_EQUITY = 560071002.1193026
CAGR = 0.2114803753624086
MAX_DRAWDOWN = 0.6445705225444427


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    workspace = Workspace.create(tmp_path_factory.mktemp("golden") / "work")
    ingest_demo(workspace)
    panel = Catalog(workspace).bar_panel("us-large-caps", interval=BarInterval("1d"), as_of=now())
    panel = panel.take(tuple(symbol for symbol in panel.symbols if symbol != DEMO_INDEX))
    score = lagged(panel["close"], 20) / lagged(panel["close"], 120) - 1.0
    return simulate(
        panel.with_columns({"score": score}),
        rotation(StrategySettings(top_n=5, retain_top_n=3, max_weight=0.25)),
        rebalances=opens_new_week(panel.times),
        market=Market.of(panel, FillPrice.NEXT_CLOSE),
        costs=PRESETS["us-equity"],
        initial_cash=1_000_000.0,
    )


def test_the_order_list_is_the_same(result: Simulation) -> None:
    sides = [(order.at, order.symbol, bool(np.sign(order.quantity) > 0)) for order in result.orders]
    assert len(sides) == ORDERS
    assert fingerprint(sides) == ORDER_LIST


def test_the_money_is_the_same(result: Simulation) -> None:
    figures = performance(result.times, result.equity, 252)
    assert result.equity[-1] == pytest.approx(FINAL_EQUITY, rel=1e-9)
    assert figures.cagr == pytest.approx(CAGR, rel=1e-9)
    assert figures.max_drawdown == pytest.approx(MAX_DRAWDOWN, rel=1e-9)

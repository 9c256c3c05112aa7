from __future__ import annotations

import math

import numpy as np

from tidegate.core.recipe import FillPrice, StrategySettings
from tidegate.costs import PRESETS
from tidegate.engine import Simulation, simulate
from tidegate.engine.market import Market
from tidegate.features.windows import lagged
from tidegate.strategy import opens_new_week, rotation
from tidegate.testing import synthetic_panel


def test_weekly_rotation(benchmark) -> None:
    panel = synthetic_panel(7, 1_500, 500)
    panel = panel.with_columns({"score": np.log(panel["close"]) - lagged(np.log(panel["close"]), 20)})
    market = Market.of(panel, FillPrice.NEXT_OPEN)
    decide = rotation(StrategySettings(top_n=30, retain_top_n=10, max_weight=0.05))

    def run() -> Simulation:
        return simulate(
            panel,
            decide,
            rebalances=opens_new_week(panel.times),
            market=market,
            costs=PRESETS["us-equity"],
            initial_cash=1e6,
        )

    result = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    booked = math.fsum(entry.amount for entry in result.ledger.entries)
    assert abs(booked - result.cash[-1]) < 0.005

"""From gross to net: the steps leave no remainder, and the last bar is the CAGR."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.core.time import DAY
from tidegate.evaluate.performance import performance
from tidegate.report import ColourScheme, Language
from tidegate.report.charts import Brush
from tidegate.report.cost_bridge import Bridge, bridge_chart, cost_bridge
from tidegate.report.theme import palette
from tidegate.report.yearly import COST_PARTS

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))


def account(seed: int, count: int, cost: float) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    equity = 1e6 * np.exp(np.cumsum(0.02 * draw.standard_normal(count)))
    paid = {part: equity * cost * draw.random(count) for part in COST_PARTS}
    return pl.DataFrame({"equity": equity, **paid, "interest": equity * 1e-4 * draw.random(count)})


def shown(equity: pl.DataFrame, years: float) -> Bridge:
    bridge = cost_bridge(equity, years)
    assert bridge is not None
    return bridge


@given(some.integers(0, 10_000), some.integers(2, 800), some.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 0.05]))
def test_the_steps_leave_no_remainder(seed: int, count: int, cost: float) -> None:
    equity = account(seed, count, cost)
    whole = performance(np.arange(count) * DAY, equity["equity"].to_numpy(), 365.0)

    bridge = shown(equity, whole.years)

    assert bridge.net == pytest.approx(whole.cagr, rel=1e-9)
    remainder = bridge.gross + sum(bridge.steps.values()) - bridge.net
    assert abs(remainder) <= 1e-9 * (1.0 + bridge.gross)


def test_gross_is_what_the_bars_would_have_compounded_to() -> None:
    equity = account(3, 500, 1e-3)
    after = equity["equity"].to_numpy()
    before = after + sum(equity[part].to_numpy() for part in COST_PARTS) - equity["interest"].to_numpy()

    growth = np.prod(before[1:] / after[:-1])

    assert shown(equity, 2.0).gross == pytest.approx(growth**0.5 - 1.0)


def test_a_cost_takes_and_interest_gives() -> None:
    steps = shown(account(1, 300, 1e-4), 1.0).steps

    assert all(steps[part] < 0.0 for part in COST_PARTS)
    assert steps["interest"] > 0.0


def test_an_account_that_is_ruined_has_no_growth_to_split() -> None:
    equity = account(1, 10, 1e-4).with_columns(equity=pl.Series([1e6] * 9 + [0.0]))

    assert cost_bridge(equity, 1.0) is None
    assert cost_bridge(account(1, 1, 1e-4), 1.0) is None


def test_the_bars_hang_together() -> None:
    bridge = shown(account(5, 300, 1e-3).with_columns(stamp_tax=pl.lit(0.0)), 1.2)

    figure = json.loads(bridge_chart(BRUSH, bridge).figure)
    bars = figure["data"][0]

    assert bars["y"] == [
        "Before costs",
        "Commission",
        "Half spread",
        "Market impact",
        "Interest received on cash",
        "Net return",
    ]
    assert len(figure["layout"]["shapes"]) == len(bars["y"]) - 1

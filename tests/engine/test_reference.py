"""The engine against a plain reference: the same rules written a second time, with dictionaries and no arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, StrategySettings
from tidegate.costs import CostModel
from tidegate.engine import simulate
from tidegate.engine.market import Market
from tidegate.strategy import rotation
from tidegate.testing import synthetic_panel

TOP_N, BAND, CAP, EXPOSURE = 3, 2, 0.3, 0.8
FEE = 0.0010


class Reference:
    """Weekly rotation with equal weights and one proportional fee, a dictionary per day."""

    def __init__(self, panel: Panel, cash: float) -> None:
        self.panel = panel
        self.cash = cash
        self.shares: dict[str, float] = {}
        self.last: dict[str, float] = {}

    def bar(self, row: int, name: str) -> dict[str, float]:
        values = zip(self.panel.symbols, self.panel[name][row], strict=True)
        return {symbol: float(value) for symbol, value in values if math.isfinite(value)}

    def equity(self, prices: dict[str, float]) -> float:
        return self.cash + sum(shares * prices.get(s, self.last.get(s, 0.0)) for s, shares in self.shares.items())

    def decide(self, row: int) -> tuple[dict[str, float], set[str]] | None:
        scores = self.bar(row, "score")
        if not scores:
            return None
        traded = {symbol for symbol, volume in self.bar(row, "volume").items() if volume > 0} & self.bar(
            row, "close"
        ).keys()
        ranked = sorted((s for s in scores if s in traded), key=lambda s: (-scores[s], s))
        band = ranked[: TOP_N + BAND]
        chosen = [s for s in band if s in self.shares][:TOP_N]
        chosen += [s for s in ranked if s not in chosen][: TOP_N - len(chosen)]
        equity = self.equity(self.bar(row, "close"))
        stuck = {s: self.shares[s] * self.last[s] / equity for s in self.shares if s not in traded}
        budget = max(EXPOSURE - sum(stuck.values()), 0.0)
        weights = {s: min(budget / len(chosen), CAP) for s in chosen}
        return {**weights, **stuck}, set(stuck)

    def fill(self, row: int, weights: dict[str, float], stuck: set[str]) -> None:
        volume, prices = self.bar(row, "volume"), self.bar(row, "open")
        prices = {s: price for s, price in prices.items() if volume.get(s, 0.0) > 0}
        equity = self.equity(prices)
        change = {}
        for symbol in self.panel.symbols:
            if symbol in prices and symbol not in stuck:
                change[symbol] = weights.get(symbol, 0.0) * equity / prices[symbol] - self.shares.get(symbol, 0.0)
        sells = {s: q for s, q in change.items() if q * prices[s] < -1e-9 * equity}
        buys = {s: q for s, q in change.items() if q * prices[s] > 1e-9 * equity}
        for symbol, quantity in sells.items():
            self.cash -= quantity * prices[symbol] * (1 - FEE)
            self.shares[symbol] += quantity
            if weights.get(symbol, 0.0) == 0.0:
                del self.shares[symbol]
        wanted = sum(quantity * prices[s] for s, quantity in buys.items()) * (1 + FEE)
        factor = min(1.0, max(self.cash, 0.0) / wanted) if wanted else 1.0
        for symbol, quantity in buys.items():
            self.cash -= quantity * factor * prices[symbol] * (1 + FEE)
            self.shares[symbol] = self.shares.get(symbol, 0.0) + quantity * factor

    def run(self, rebalances: set[int]) -> list[float]:
        curve, pending = [], None
        for row in range(len(self.panel.times)):
            if pending is not None:
                self.fill(row, *pending)
            self.last.update(self.bar(row, "close"))
            curve.append(self.equity(self.bar(row, "close")))
            pending = self.decide(row) if row + 1 in rebalances else None
        return curve


@settings(max_examples=40)
@given(seed=st.integers(0, 100_000), gaps=st.sampled_from([0.0, 0.05, 0.3]), every=st.integers(1, 7))
def test_the_engine_equals_the_plain_reference(seed: int, gaps: float, every: int) -> None:
    panel = synthetic_panel(seed, 50, 8, gaps=gaps)
    random = np.random.default_rng(seed)
    # Few distinct scores, so that ties happen; some names have no score and some rows none at all.
    scores = np.round(random.normal(size=panel.shape), 1)
    scores[random.random(panel.shape) < 0.1] = np.nan
    panel = panel.with_columns({"score": scores})
    rebalances = np.arange(50) % every == 0
    rebalances[0] = False
    rules = StrategySettings(
        top_n=TOP_N, retain_top_n=BAND, max_weight=CAP, max_exposure=EXPOSURE, max_score_age_bars=1
    )
    result = simulate(
        panel,
        rotation(rules),
        rebalances=rebalances,
        market=Market.of(panel, FillPrice.NEXT_OPEN),
        costs=CostModel(commission_bps=FEE * 1e4),
        initial_cash=50_000.0,
    )
    expected = Reference(panel, 50_000.0).run(set(np.flatnonzero(rebalances).tolist()))
    np.testing.assert_allclose(result.equity, expected, rtol=1e-11)


def test_the_reference_can_disagree() -> None:
    """A comparison that no mistake could fail would prove nothing."""
    panel = synthetic_panel(1, 50, 8)
    panel = panel.with_columns({"score": np.array(panel["close"])})
    rebalances = np.arange(50) % 5 == 1
    rules = StrategySettings(top_n=TOP_N + 1, max_exposure=EXPOSURE)
    result = simulate(
        panel,
        rotation(rules),
        rebalances=rebalances,
        market=Market.of(panel, FillPrice.NEXT_CLOSE),
        costs=CostModel(),
        initial_cash=50_000.0,
    )
    expected = Reference(panel, 50_000.0).run(set(np.flatnonzero(rebalances).tolist()))
    assert result.equity[-1] != pytest.approx(expected[-1], rel=1e-6)

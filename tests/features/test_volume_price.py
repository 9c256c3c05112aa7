"""Volume on rising and on falling bars, by hand and by definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.time import DAILY
from tidegate.features import FeatureContract, FeatureGroup, build_features, market_contract
from tidegate.features.formulas.volume_price import FEATURES
from tidegate.testing import synthetic_panel

CONTRACT = FeatureContract(FEATURES)


def bars(close: np.ndarray, volume: np.ndarray, spread: float = 1.0, factor: float = 1.0) -> Panel:
    close = close[:, np.newaxis]
    columns = {
        "close": close,
        "raw_close": close / factor,
        "high": close + spread,
        "low": close - spread,
        "volume": volume[:, np.newaxis] * factor,
    }
    return Panel(np.arange(1, len(close) + 1), ("A",), columns)


def newest(panel: Panel) -> dict[str, float]:
    matrix = build_features(panel, CONTRACT)
    return {name: float(matrix.column(name)[-1, 0]) for name in CONTRACT.names}


@given(seed=st.integers(0, 10**6))
def test_every_value_follows_its_definition(seed: int) -> None:
    panel = synthetic_panel(seed, 40, 3)
    matrix = build_features(panel, CONTRACT)
    returns = np.diff(np.log(panel["close"]), axis=0)[-20:]
    volume = (panel["volume"] * panel["raw_close"] / panel["close"])[-20:]
    low, high, close = (panel[name][-20:] for name in ("low", "high", "close"))
    place = (2.0 * close - high - low) / (high - low)
    for symbol in range(3):
        expected = {
            "price_volume_correlation_20": np.corrcoef(returns[:, symbol], volume[:, symbol])[0, 1],
            "rising_volume_share_20": volume[returns[:, symbol] > 0.0, symbol].sum() / volume[:, symbol].sum(),
            "money_flow_20": (place[:, symbol] * volume[:, symbol]).sum() / volume[:, symbol].sum(),
        }
        for name, value in expected.items():
            assert matrix.column(name)[-1, symbol] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_volume_that_comes_with_rises() -> None:
    steps = np.tile([0.02, -0.01], 15)
    found = newest(bars(np.exp(np.cumsum(steps)) * 10.0, np.where(steps > 0.0, 3.0, 1.0)))

    assert found["price_volume_correlation_20"] == pytest.approx(1.0)
    assert found["rising_volume_share_20"] == pytest.approx(0.75)
    assert found["money_flow_20"] == 0.0, "every close in the middle of its range"


def test_a_bar_without_a_range_stands_in_the_middle() -> None:
    flat = newest(bars(np.linspace(10.0, 12.0, 30), np.ones(30), spread=0.0))

    assert flat["money_flow_20"] == 0.0


def test_what_stands_still_has_no_correlation_and_what_does_not_trade_no_share() -> None:
    still = newest(bars(np.full(30, 10.0), np.arange(1.0, 31.0)))
    silent = newest(bars(np.linspace(10.0, 12.0, 30), np.zeros(30)))

    assert np.isnan(still["price_volume_correlation_20"])
    assert still["rising_volume_share_20"] == 0.0
    assert all(np.isnan(value) for value in silent.values())


def test_a_missing_bar_is_missing_for_a_window_and_no_longer() -> None:
    panel = synthetic_panel(4, 60, 2)
    gap = {name: column.copy() for name, column in panel.columns.items()}
    for column in gap.values():
        column[30, 0] = np.nan
    matrix = build_features(Panel(panel.times, panel.symbols, gap), CONTRACT)
    for feature in CONTRACT.features:
        missing = np.isnan(matrix.column(feature.name)[20:, 0])
        assert missing.tolist() == [30 <= row < 30 + feature.lookback_bars for row in range(20, 60)]


def test_a_split_is_no_burst_of_trading() -> None:
    """Equity H 17: levels across a split."""
    close, volume = np.linspace(10.0, 12.0, 30), np.arange(1.0, 31.0)
    panel = bars(close, volume)
    halved = np.where(np.arange(30) < 15, 1.0, 2.0)[:, np.newaxis]
    split = Panel(
        panel.times,
        panel.symbols,
        {**panel.columns, "raw_close": panel["raw_close"] / halved, "volume": panel["volume"] * halved},
    )

    assert newest(split) == pytest.approx(newest(panel), nan_ok=True)


def test_the_contract_of_a_shares_has_all_four_kinds() -> None:
    """Market return, breadth, volume-price relations and industry, as the published trainer named and never had them.

    Equity G.8: its market feature was skipped in silence.
    """
    names = market_contract("ashare", DAILY).names

    assert {"market_return_1", "market_breadth_1", "industry_return_5", "return_over_industry_5"} <= set(names)
    assert set(CONTRACT.names) <= set(names)
    assert {feature.group for feature in FEATURES} == {FeatureGroup.VOLUME}

"""Every price feature against its definition, written out for one symbol and one row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tidegate.core.panel import Panel
from tidegate.features import DECLARED_FEATURES, FeatureContract, build_features
from tidegate.features.bars import Bars
from tidegate.features.price import PRICE_FEATURES, PRICE_FORMULAS
from tidegate.testing import synthetic_panel

PANEL = synthetic_panel(11, 300, 3)
Column = Mapping[str, np.ndarray]


def by_hand(name: str, past: Column) -> float:
    """Compute one feature from one symbol's history, newest last, as a reader of its description would."""
    close, log = past["close"], np.log(past["close"])
    kind, _, window = name.rpartition("_")
    if kind == "log_return":
        return float(log[-1] - log[-1 - int(window)])
    if kind == "average_bias":
        return float(close[-1] / close[-int(window) :].mean() - 1.0)
    if kind == "volatility":
        return float(np.diff(log)[-int(window) :].std(ddof=1))
    value, volume = past["traded_value"], past["volume"]
    low, high = past["low"][-1], past["high"][-1]
    return float(
        {
            "momentum_12_1": log[-21] - log[-253],
            "above_average_200": close[-1] > close[-200:].mean(),
            "average_50_above_200": close[-50:].mean() > close[-200:].mean(),
            "drawdown_60": 1.0 - close[-1] / close[-60:].max(),
            "distance_to_high_252": close[-1] / close[-252:].max() - 1.0,
            "intraday_range": np.log(high / low),
            "close_location": (close[-1] - low) / (high - low),
            "overnight_gap": np.log(past["open"][-1]) - log[-2],
            "volume_z_20": (volume[-1] - volume[-20:].mean()) / volume[-20:].std(ddof=1),
            "traded_value_trend": np.log(value[-20:].mean() / value[-60:].mean()),
        }[name]
    )


@pytest.mark.parametrize("name", PRICE_FORMULAS)
def test_a_feature_is_what_its_description_says(name: str) -> None:
    computed = PRICE_FORMULAS[name](Bars(PANEL.columns))
    for row in (252, 280, 299):
        past = {column: PANEL[column][: row + 1, 1] for column in PANEL}

        assert computed[row, 1] == pytest.approx(by_hand(name, past), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("feature", PRICE_FEATURES, ids=lambda feature: feature.name)
def test_a_feature_reads_exactly_its_lookback(feature: object) -> None:
    """The first value appears once the declared rows are there, and not a row later."""
    values = PRICE_FORMULAS[feature.name](Bars(PANEL.columns))  # type: ignore[attr-defined]
    first = np.argmax(~np.isnan(values[:, 0]))

    assert first == feature.lookback_bars - 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("flag", ["above_average_200", "average_50_above_200"])
def test_a_trend_flag_is_missing_and_not_false_during_warm_up(flag: str) -> None:
    """Equity C.3: NaN compares as false, so the first 200 rows carried a false 0."""
    values = PRICE_FORMULAS[flag](Bars(PANEL.columns))

    assert np.isnan(values[:199]).all()
    assert set(np.unique(values[199:])) <= {0.0, 1.0}


def flat_market(**columns: float) -> Panel:
    """Return a market in which nothing moves: no range, no deviation."""
    prices = dict.fromkeys(("open", "high", "low", "close", "raw_close"), 10.0)
    filled = {**prices, "volume": 5.0, "traded_value": 50.0, **columns}
    times = np.arange(1, 301, dtype=np.int64)
    return Panel(times, ("A", "B"), {name: np.full((300, 2), value) for name, value in filled.items()})


@pytest.mark.parametrize(
    ("panel", "missing"),
    [
        (flat_market(), {"close_location", "volume_z_20", "volume_z_20_rank"}),
        (flat_market(volume=0.0, traded_value=0.0), {"close_location", "volume_z_20", "traded_value_trend"}),
        (flat_market(open=0.0, high=-1.0), {"overnight_gap", "intraday_range", "close_location"}),
        (flat_market(volume=np.inf, traded_value=np.inf), {"volume_z_20", "traded_value_trend"}),
    ],
    ids=["nothing moves", "nothing trades", "prices that are none", "infinite volume"],
)
def test_what_cannot_be_computed_is_missing_never_infinite(panel: Panel, missing: set[str]) -> None:
    matrix = build_features(panel, FeatureContract(DECLARED_FEATURES))

    assert not np.isinf(matrix.values).any()
    assert all(np.isnan(matrix.column(name)).all() for name in missing)
    assert (matrix.column("volatility_20")[20:] == 0.0).all()


def test_a_value_too_large_for_float32_is_missing() -> None:
    matrix = build_features(flat_market(low=1.0, high=2.0, close=1e100), FeatureContract(DECLARED_FEATURES))

    assert np.isnan(matrix.column("close_location")).all()
    assert not np.isinf(matrix.values).any()

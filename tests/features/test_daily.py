"""Every daily feature against its definition, written out for one symbol and one row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tidegate.core.panel import Panel
from tidegate.features import Feature, FeatureContract, build_features
from tidegate.features.formulas.daily import FEATURES
from tidegate.features.inputs import Inputs
from tidegate.testing import synthetic_panel

Column = Mapping[str, np.ndarray]

CONTRACT = FeatureContract(FEATURES)
EARLIER_NAMES = """
    ret_1 ret_5 ret_10 ret_20 ret_60 ret_120 ret_252 ma_bias_20 ma_bias_60 ma_bias_120 ma_bias_200 vol_10 vol_20 vol_60
    vol_z_20 rs_20 rs_60 trend_1 trend_2 dd_60
"""
every = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


def with_benchmark(panel: Panel) -> Panel:
    index = np.nanmean(panel["close"], axis=1, keepdims=True)
    return panel.with_columns({"benchmark_close": np.broadcast_to(index, panel.shape)})


PANEL = with_benchmark(synthetic_panel(11, 300, 3))


def computed(feature: Feature, panel: Panel = PANEL) -> np.ndarray:
    assert feature.formula is not None
    return feature.formula(Inputs(panel.columns))


def named(name: str) -> Feature:
    return next(feature for feature in FEATURES if feature.name == name)


def by_hand(name: str, past: Column) -> float:
    """Compute one feature from one symbol's history, newest last, as a reader of its description would."""
    close, log = past["close"], np.log(past["close"])
    kind, _, window = name.rpartition("_")
    if kind == "log_return":
        return float(log[-1] - log[-1 - int(window)])
    if kind == "return_over_benchmark":
        benchmark = past["benchmark_close"]
        return float(log[-1] - log[-1 - int(window)] - np.log(benchmark[-1] / benchmark[-1 - int(window)]))
    if kind == "average_bias":
        return float(close[-1] / close[-int(window) :].mean() - 1.0)
    if kind == "volatility":
        return float(np.diff(log)[-int(window) :].std(ddof=1))
    value, moves = past["traded_value"], np.diff(close)[-14:]
    low, high, shares = past["low"][-1], past["high"][-1], past["volume"] * past["raw_close"] / close
    return float(
        {
            "momentum_12_1": log[-21] - log[-253],
            "above_average_200": close[-1] > close[-200:].mean(),
            "average_50_above_200": close[-50:].mean() > close[-200:].mean(),
            "drawdown_60": 1.0 - close[-1] / close[-60:].max(),
            "distance_to_high_252": close[-1] / close[-252:].max() - 1.0,
            "relative_strength_simple_14": moves[moves > 0].sum() / np.abs(moves).sum(),
            "intraday_range": np.log(high / low),
            "close_location": (close[-1] - low) / (high - low),
            "overnight_gap": np.log(past["open"][-1]) - log[-2],
            "volume_z_20": (shares[-1] - shares[-20:].mean()) / shares[-20:].std(ddof=1),
            "volume_ratio_5": shares[-1] / shares[-5:].mean(),
            "traded_value_trend": np.log(value[-20:].mean() / value[-60:].mean()),
        }[name]
    )


@every
def test_a_feature_is_what_its_description_says(feature: Feature) -> None:
    """Equity H 21: per symbol, so that no other share's rows ever enter a window."""
    values = computed(feature)
    for row in (252, 280, 299):
        past = {column: PANEL[column][: row + 1, 1] for column in PANEL}

        assert values[row, 1] == pytest.approx(by_hand(feature.name, past), rel=1e-9, abs=1e-12)


@every
def test_a_feature_reads_exactly_its_lookback(feature: Feature) -> None:
    """The first value appears once the declared rows are there, and not a row later."""
    assert np.argmax(~np.isnan(computed(feature)[:, 0])) == feature.lookback_bars - 1


def test_a_table_by_hand() -> None:
    """Six sessions, one bonus issue of one new share for each before the last: nothing but the raw close shows it."""
    close = np.array([10.0, 11.0, 12.0, 11.0, 12.0, 12.6])
    columns = {"close": close, "raw_close": close / np.array([1, 1, 1, 1, 1, 2.0])}
    columns |= {"volume": np.array([100.0, 100, 100, 100, 100, 200])}
    bars = Panel(np.arange(6), ("A",), {name: column[:, np.newaxis] for name, column in columns.items()})

    def newest(name: str) -> float:
        return float(computed(named(name), bars)[-1, 0])

    assert newest("log_return_5") == pytest.approx(np.log(1.26))
    assert newest("average_bias_5") == pytest.approx(12.6 / 11.72 - 1.0)
    assert newest("volume_ratio_5") == pytest.approx(1.0)  # the same shares, counted anew


@pytest.mark.parametrize("name", ["volume_z_20", "volume_ratio_5"])
def test_a_split_is_no_burst_of_trading(name: str) -> None:
    """Equity H 17: ten new shares for one, and ten times as many of them trade at a tenth of the price."""
    ratio = np.where(np.arange(300) < 270, 1.0, 10.0)[:, np.newaxis]
    split = PANEL.with_columns({"raw_close": PANEL["raw_close"] / ratio, "volume": PANEL["volume"] * ratio})
    np.testing.assert_allclose(computed(named(name), split), computed(named(name)), rtol=1e-9, atol=1e-9)


def test_relative_strength_counts_rises_alone_as_one_and_no_move_as_missing() -> None:
    """Equity G.4: simple means, a rise counts where the price rose and else 0."""
    rising, falling = np.arange(1.0, 31.0), np.arange(31.0, 1.0, -1.0)
    close = np.stack([rising, falling, np.full(30, 5.0)], axis=1)
    values = computed(named("relative_strength_simple_14"), Panel(np.arange(30), ("A", "B", "C"), {"close": close}))

    assert values[14:, :2].tolist() == [[1.0, 0.0]] * 16
    assert np.isnan(values[:, 2]).all()
    assert np.isnan(values[:14]).all()


@pytest.mark.parametrize("name", ["above_average_200", "average_50_above_200"])
def test_a_trend_flag_is_missing_and_not_false_during_warm_up(name: str) -> None:
    """Equity C.3: NaN compares as false, so the first 200 rows carried a false 0."""
    values = computed(named(name))

    assert np.isnan(values[:199]).all()
    assert set(np.unique(values[199:])) <= {0.0, 1.0}


def test_a_hole_in_the_benchmark_is_missing_and_a_hole_in_the_share_moves_no_window() -> None:
    """Equity C.3: the benchmark was put on the share's dates first, so that its returns spanned other days."""
    close, benchmark = PANEL["close"].copy(), PANEL["benchmark_close"].copy()
    close[100, 0], benchmark[150] = np.nan, np.nan
    values = computed(
        named("return_over_benchmark_20"), PANEL.with_columns({"close": close, "benchmark_close": benchmark})
    )
    whole = computed(named("return_over_benchmark_20"))

    assert np.flatnonzero(np.isnan(values[20:, 0])).tolist() == [80, 100, 130, 150]
    assert np.flatnonzero(np.isnan(values[20:, 1])).tolist() == [130, 150]
    assert np.array_equal(values[~np.isnan(values)], whole[~np.isnan(values)])


def test_the_columns_of_the_earlier_system_are_all_there() -> None:
    """Equity C.3, twenty of them."""
    assert set(EARLIER_NAMES.split()) <= {feature.known_as for feature in FEATURES}
    assert len(EARLIER_NAMES.split()) == 20


def test_no_feature_is_a_level() -> None:
    """Equity H 18: with every price 1,024 times as high, every feature is what it was."""
    prices = ("open", "high", "low", "close", "raw_close", "benchmark_close")
    scaled = PANEL.with_columns({name: PANEL[name] * 1024.0 for name in prices})

    for feature in FEATURES:
        np.testing.assert_allclose(computed(feature, scaled), computed(feature), rtol=1e-6, atol=1e-9)


def flat_market(**columns: float) -> Panel:
    """Return a market in which nothing moves: no range, no deviation."""
    prices = dict.fromkeys(("open", "high", "low", "close", "raw_close", "benchmark_close"), 10.0)
    filled = {**prices, "volume": 5.0, "traded_value": 50.0, **columns}
    times = np.arange(1, 301, dtype=np.int64)
    return Panel(times, ("A", "B"), {name: np.full((300, 2), value) for name, value in filled.items()})


@pytest.mark.parametrize(
    ("panel", "missing"),
    [
        (flat_market(), {"close_location", "volume_z_20", "relative_strength_simple_14"}),
        (
            flat_market(volume=0.0, traded_value=0.0),
            {"close_location", "volume_z_20", "traded_value_trend", "volume_ratio_5"},
        ),
        (flat_market(open=0.0, high=-1.0), {"overnight_gap", "intraday_range", "close_location"}),
        (flat_market(volume=np.inf, traded_value=np.inf), {"volume_z_20", "traded_value_trend", "volume_ratio_5"}),
        (flat_market(benchmark_close=0.0), {"return_over_benchmark_20", "return_over_benchmark_60"}),
    ],
    ids=["nothing moves", "nothing trades", "prices that are none", "infinite volume", "no benchmark"],
)
def test_what_cannot_be_computed_is_missing_never_infinite(panel: Panel, missing: set[str]) -> None:
    matrix = build_features(panel, CONTRACT)

    assert not np.isinf(matrix.values).any()
    assert all(np.isnan(matrix.column(name)).all() for name in missing)
    assert (matrix.column("volatility_20")[20:] == 0.0).all()


def test_a_value_too_large_for_float32_is_missing() -> None:
    matrix = build_features(flat_market(low=1.0, high=2.0, close=1e100), CONTRACT)

    assert np.isnan(matrix.column("close_location")).all()
    assert not np.isinf(matrix.values).any()

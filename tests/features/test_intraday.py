"""Returns, volatility and volume of five-minute bars against their one definition, counted by the clock."""

from __future__ import annotations

import math
import re
import statistics

import numpy as np
import pytest
from five_minutes import INTERVAL, broken_market, built, market, same, with_a_row_between, without
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.features import Feature
from tidegate.features.formulas.intraday import FEATURES
from tidegate.features.inputs import Inputs

KNOWN_AS = (
    *("ret_1", "ret_3", "ret_12", "ret_48", "ret_96", "ret_288"),
    *("vol_3", "vol_12", "vol_48", "vol_96", "vol_288"),
    *("ret_accel_1_3", "ret_accel_3_12", "ret_accel_12_48"),
    *("vol_term_3_12", "vol_term_12_48", "vol_term_48_288"),
    *("log_volume", "vol_z", "volume_impact"),
)
PANEL = market(1, 320)
each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


def computed(feature: Feature, panel: Panel) -> np.ndarray:
    assert feature.formula is not None
    return feature.formula(Inputs(panel.columns, panel.times, INTERVAL))


def simple_return(close: np.ndarray, bars: int) -> float:
    return float(close[-1] / close[-1 - bars] - 1.0)


def volatility(close: np.ndarray, bars: int) -> float:
    """Bar by bar, as the definition says: the last ``bars`` one-bar log returns, the present one among them."""
    return statistics.stdev(math.log(close[-place] / close[-place - 1]) for place in range(1, bars + 1))


def by_hand(known_as: str, close: np.ndarray, volume: np.ndarray) -> float:
    """Compute one key of spec crypto 13.1 from one symbol's history, newest last."""
    windows = [int(number) for number in re.findall(r"\d+", known_as)]
    of = simple_return if known_as.startswith("ret") else volatility
    if len(windows) == 2:
        return of(close, windows[0]) - of(close, windows[1])
    if windows:
        return of(close, windows[0])
    before = volume[-13:-1].tolist()
    return {
        "log_volume": math.log(1.0 + volume[-1]),
        "vol_z": (volume[-1] - statistics.mean(before)) / max(statistics.stdev(before), 1e-6),
        "volume_impact": abs(simple_return(close, 1)) / math.sqrt(max(volume[-1], 1.0)),
    }[known_as]


def test_the_first_twenty_keys_are_there_in_their_order() -> None:
    """Crypto spec 12.3: keys 1 to 20 by meaning."""
    assert tuple(feature.known_as for feature in FEATURES) == KNOWN_AS
    assert [feature.group for feature in FEATURES] == ["price"] * 17 + ["volume"] * 3
    assert all(re.fullmatch(r"(return|volatility|log_volume|volume)[a-z_0-9]*", one.name) for one in FEATURES)


@each_feature
def test_a_feature_is_what_its_definition_says(feature: Feature) -> None:
    """Crypto D-02: training, online use and the matrix had three definitions of vol_12 and vol_z."""
    values = computed(feature, PANEL)

    for row in (288, 300, 319):
        close, volume = (PANEL[name][: row + 1, 1] for name in ("close", "volume"))
        assert values[row, 1] == pytest.approx(by_hand(feature.known_as, close, volume), rel=1e-9, abs=1e-13)


def test_five_bars_by_hand() -> None:
    close = np.array([[100.0], [110.0], [99.0], [99.0], [108.9]])
    panel = Panel(PANEL.times[:5], ("A",), {"close": close, "volume": np.array([[0.0], [1.0], [3.0], [8.0], [0.25]])})
    expected = {
        "return_1": [np.nan, 0.1, -0.1, 0.0, 0.1],
        "return_3": [np.nan, np.nan, np.nan, -0.01, -0.01],
        "return_acceleration_1_3": [np.nan, np.nan, np.nan, 0.01, 0.11],
        # ln 1.1 = 0.0953102, ln 0.9 = -0.1053605, 0: mean -0.0033501; then -0.1053605, 0, 0.0953102.
        "volatility_3": [np.nan, np.nan, np.nan, 0.1003773, 0.1003773],
        "log_volume": [0.0, 0.6931472, 1.3862944, 2.1972246, 0.2231436],
        "volume_impact": [np.nan, 0.1, 0.0577350, 0.0, 0.1],
    }

    for feature in FEATURES:
        if feature.name in expected:
            np.testing.assert_allclose(computed(feature, panel)[:, 0], expected[feature.name], atol=5e-8)


@each_feature
def test_the_lookback_suffices_and_one_row_less_does_not(feature: Feature) -> None:
    rows, lookback = len(PANEL.times), feature.lookback_bars
    whole = computed(feature, PANEL)[-1]

    assert not np.isnan(whole).any()
    assert same(computed(feature, PANEL.rows(rows - lookback, rows))[-1], whole)
    if lookback > 1:
        assert np.isnan(computed(feature, PANEL.rows(rows - lookback + 1, rows))[-1]).all()


@given(seed=st.integers(0, 10**6), start=st.integers(0, 290), rows=st.integers(1, 30))
def test_a_value_is_the_same_to_the_bit_whatever_rows_it_is_built_with(seed: int, start: int, rows: int) -> None:
    panel = broken_market(seed, 330)
    start = min(start, len(panel.times) - 1)
    stop = min(start + rows, len(panel.times))
    whole = built(panel, FEATURES)

    assert same(built(panel, FEATURES, start, stop), whole[start:stop])
    assert same(built(panel.rows(0, stop), FEATURES), whole[:stop])


def test_a_gap_yields_missing_and_never_a_longer_horizon() -> None:
    """Crypto D-12, spec 13.1: lags by row index stretched time over a gap."""
    close = PANEL["close"].copy()
    close[100, 0] = np.nan
    gap = PANEL.with_columns({"close": close})
    left_out, nothing, kept = without(PANEL, 100)
    windows = {"return_3": [100, 103], "volatility_3": [100, 101, 102, 103], "return_acceleration_1_3": [100, 101, 103]}

    for feature in FEATURES:
        if feature.name in windows:
            values = computed(feature, gap)
            assert np.flatnonzero(np.isnan(values[3:, 0])).tolist() == [row - 3 for row in windows[feature.name]]
            assert not np.isnan(values[3:, 1]).any()
            # A row that is not there at all is the same as one whose bars are missing.
            assert same(computed(feature, left_out), computed(feature, nothing)[kept])


def test_what_trades_evenly_or_not_at_all_has_defined_values() -> None:
    """A flat market has no deviation; the least one stands below the present volume, as spec 13.1 has it."""
    volume = np.full(PANEL.shape, 4.0)
    volume[-1, 1], volume[:, 0] = 5.0, 0.0
    flat = PANEL.with_columns({"close": np.full(PANEL.shape, 10.0), "volume": volume})
    last = {feature.name: computed(feature, flat)[-1] for feature in FEATURES}

    assert all(same(values, np.zeros(2)) for name, values in last.items() if name.startswith(("return", "volatility")))
    assert last["volume_z_12"].tolist() == [0.0, 1e6]
    assert last["log_volume"].tolist() == [0.0, math.log1p(5.0)]
    assert last["volume_impact"].tolist() == [0.0, 0.0]


def test_what_is_no_price_or_volume_is_missing() -> None:
    columns = {name: PANEL[name].copy() for name in ("close", "volume")}
    columns["close"][-1], columns["volume"][-1] = [0.0, -3.0], [-1.0, np.inf]

    assert np.isnan(built(PANEL.with_columns(columns), FEATURES)[-1]).all()


@each_feature
def test_rows_left_out_or_too_many_stretch_nothing_and_shorten_nothing(feature: Feature) -> None:
    """Crypto D-12: a row that is not there is a missing bar, and a row between two closes is none."""
    stop, lookback = len(PANEL.times), feature.lookback_bars
    left_out, nothing, kept = without(PANEL, stop - 3)
    odd = with_a_row_between(PANEL, stop - 3)

    assert same(computed(feature, left_out), computed(feature, nothing)[kept])
    # Whatever the row in between takes the place of, older rows that happen to be at hand say nothing else.
    last = odd.rows(stop + 1 - lookback, stop + 1)
    assert same(computed(feature, last)[-1], computed(feature, odd.rows(0, stop + 1))[-1])
    assert np.isnan(computed(feature, odd)[stop - 2]).all()

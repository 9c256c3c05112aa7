"""RSI, MACD, ATR, Bollinger bands and averages: against TA-Lib, against tables by hand, and cut off as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from five_minutes import INTERVAL, broken_market, built, market, same, with_a_row_between, without
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.features import Feature
from tidegate.features.formulas.technical import (
    FEATURES,
    TOLERANCE,
    average_true_range,
    bollinger,
    exponential_average,
    macd,
    moving_average,
    relative_strength,
    true_range,
    wilder_average,
)
from tidegate.features.inputs import Inputs
from tidegate.features.windows import warm_up

PANEL = market(5, 2_000)
HIGH, LOW, CLOSE = (np.ascontiguousarray(PANEL[name][:, 0]) for name in ("high", "low", "close"))
# After so many rows the seeds of TA-Lib's recursions are forgotten, and what we cut off is left.
SETTLED = 1_000
BY_NAME = {feature.name: feature for feature in FEATURES}
each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
seeds = st.integers(0, 10**6)


def column(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, 1)


def reach_of(values: np.ndarray) -> float:
    return float(np.nanmax(values) - np.nanmin(values))


def computed(feature: Feature, panel: Panel) -> np.ndarray:
    assert feature.formula is not None
    return feature.formula(Inputs(panel.columns, panel.times, INTERVAL))


@pytest.mark.parametrize("window", [7, 30])
def test_the_moving_average_is_talibs(window: int) -> None:
    np.testing.assert_allclose(moving_average(column(CLOSE), window)[:, 0], talib.SMA(CLOSE, window), rtol=1e-12)


def test_the_bollinger_bands_are_talibs() -> None:
    ours, theirs = bollinger(column(CLOSE)), talib.BBANDS(CLOSE, 20, 2.0, 2.0)

    for band, other in zip(ours, reversed(theirs), strict=True):
        np.testing.assert_allclose(band[:, 0], other, rtol=1e-9)


def test_the_relative_strength_is_talibs_but_for_what_is_cut_off() -> None:
    """The stated bound: the share cut off, times the mean change before the warm-up over that within."""
    ours, theirs = relative_strength(column(CLOSE))[SETTLED:, 0], talib.RSI(CLOSE, 14)[SETTLED:] / 100.0
    change = np.abs(np.diff(CLOSE))
    recent = wilder_average(column(change), 14)[SETTLED - 1 :, 0]

    assert (np.abs(ours - theirs) <= TOLERANCE * change.max() / recent + 1e-12).all()
    assert np.abs(ours - theirs).max() > 0.0


def test_the_average_true_range_is_talibs_but_for_what_is_cut_off() -> None:
    ours = average_true_range(*(column(prices) for prices in (HIGH, LOW, CLOSE)))[SETTLED:, 0]
    bound = TOLERANCE * reach_of(talib.TRANGE(HIGH, LOW, CLOSE))

    np.testing.assert_allclose(ours, talib.ATR(HIGH, LOW, CLOSE, 14)[SETTLED:], rtol=0.0, atol=bound)
    np.testing.assert_allclose(
        true_range(column(HIGH), column(LOW), column(CLOSE))[:, 0], talib.TRANGE(HIGH, LOW, CLOSE), rtol=1e-12
    )


def test_the_macd_is_talibs_but_for_what_is_cut_off() -> None:
    ours, theirs = macd(column(CLOSE)), talib.MACD(CLOSE, 12, 26, 9)
    # Two averages of the close, each off by the share cut off; the signal averages the line and cuts off once more.
    line = 2.0 * TOLERANCE * reach_of(CLOSE)
    signal = line + TOLERANCE * reach_of(theirs[0])

    for part, other, bound in zip(ours, theirs, (line, signal, line + signal), strict=True):
        np.testing.assert_allclose(part[SETTLED:, 0], other[SETTLED:], rtol=0.0, atol=bound)


@pytest.mark.parametrize("span", [9, 12, 26])
def test_the_exponential_average_is_talibs_but_for_what_is_cut_off(span: int) -> None:
    ours = exponential_average(column(CLOSE), span)[SETTLED:, 0]

    np.testing.assert_allclose(ours, talib.EMA(CLOSE, span)[SETTLED:], rtol=0.0, atol=TOLERANCE * reach_of(CLOSE))


@given(seed=seeds, jump=st.floats(0.01, 100.0))
def test_what_lies_before_the_warm_up_moves_an_average_by_the_bound_at_most(seed: int, jump: float) -> None:
    """The endless recursion, started before a jump; the average that is cut off has not seen the jump."""
    window = warm_up(13 / 14, TOLERANCE)
    values = generator(seed, "recursion").normal(10.0, 0.1, window + 50)
    values[:50] *= jump
    endless = values[0]
    for value in values[1:]:
        endless += (value - endless) / 14.0

    assert abs(wilder_average(column(values), 14)[-1, 0] - endless) <= TOLERANCE * reach_of(values)


def test_a_strength_by_hand() -> None:
    """A window of two forgets half with each bar: rises 1, 0, 3 and falls 0, 2, 0, the newest with the most weight."""
    close = np.concatenate([np.full(warm_up(0.5, TOLERANCE) - 3, 10.0), [10.0, 11.0, 9.0, 12.0]])
    gain, loss = 3.0 * 0.5 + 0.0 * 0.25 + 1.0 * 0.125, 2.0 * 0.25

    assert relative_strength(column(close), 2)[-1, 0] == pytest.approx(gain / (gain + loss), rel=1e-12)
    assert np.isnan(relative_strength(column(close[1:]), 2)[-1, 0])


def test_an_average_true_range_by_hand() -> None:
    """Ranges 0 but for the last three bars: 2 within a bar, 4 down from the last close, 5 up from it."""
    still = np.full(warm_up(0.5, TOLERANCE) - 2, 10.0)
    high, low, close = (
        np.concatenate([still, last]) for last in ([11.0, 7.5, 13.0], [9.0, 6.5, 12.0], [10.5, 8.0, 12.5])
    )

    assert true_range(column(high), column(low), column(close))[-3:, 0].tolist() == [2.0, 4.0, 5.0]
    expected = 5.0 * 0.5 + 4.0 * 0.25 + 2.0 * 0.125
    got = average_true_range(column(high), column(low), column(close), 2)[-1, 0]
    assert got == pytest.approx(expected, rel=2 * TOLERANCE)


def test_a_macd_by_hand() -> None:
    """A span of 2 keeps a third with each bar, a span of 3 a half; the close jumps from 8 to 16 and stays there."""
    close = column(np.concatenate([np.full(60, 8.0), [16.0, 16.0]]))
    line, signal, histogram = macd(close, 2, 3, 3)
    keep = 1.0 / 3.0
    lines = [0.0, (8.0 + 8.0 * (1.0 - keep)) - 12.0, (8.0 + 8.0 * (1.0 - keep**2)) - 14.0]

    np.testing.assert_allclose(line[-3:, 0], lines, atol=1e-5)
    assert signal[-1, 0] == pytest.approx(lines[2] / 2 + lines[1] / 4, abs=1e-5)
    assert same(histogram, line - signal)


def test_bollinger_bands_by_hand() -> None:
    lower, middle, upper = bollinger(column(np.array([1.0, 2.0, 3.0, 6.0])), 4, 2.0)

    # Mean 3, squares 4 + 1 + 0 + 9 over four rows: a deviation of sqrt(3.5).
    assert middle[-1, 0] == 3.0
    assert (upper - middle)[-1, 0] == pytest.approx(2.0 * 3.5**0.5, rel=1e-12)
    assert (middle - lower)[-1, 0] == pytest.approx(2.0 * 3.5**0.5, rel=1e-12)


def by_hand(name: str) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Return the feature from TA-Lib's columns, as its description says."""
    return {
        "average_bias_7": lambda high, low, close: close / talib.SMA(close, 7) - 1.0,
        "average_bias_30": lambda high, low, close: close / talib.SMA(close, 30) - 1.0,
        "relative_strength_14": lambda high, low, close: talib.RSI(close, 14) / 100.0,
        "macd_line": lambda high, low, close: talib.MACD(close)[0] / close,
        "macd_signal": lambda high, low, close: talib.MACD(close)[1] / close,
        "macd_histogram": lambda high, low, close: talib.MACD(close)[2] / close,
        "average_true_range_14": lambda high, low, close: talib.ATR(high, low, close, 14) / close,
        "bollinger_position_20": lambda high, low, close: (
            (close - talib.SMA(close, 20)) / (2.0 * talib.STDDEV(close, 20))
        ),
        "bollinger_width_20": lambda high, low, close: 4.0 * talib.STDDEV(close, 20) / talib.SMA(close, 20),
    }[name]


@each_feature
def test_a_feature_is_the_indicator_free_of_the_price_level(feature: Feature) -> None:
    """Crypto D-01, equity H 18: a price level is no feature; ten thousand times the price changes nothing."""
    values = computed(feature, PANEL)
    scaled = PANEL.with_columns({name: PANEL[name] * 2.0**13 for name in ("open", "high", "low", "close")})

    expected = by_hand(feature.name)(HIGH, LOW, CLOSE)
    np.testing.assert_allclose(values[SETTLED:, 0], expected[SETTLED:], rtol=1e-7, atol=3e-6)
    assert same(computed(feature, scaled), values)


@each_feature
def test_the_lookback_suffices_and_one_row_less_does_not(feature: Feature) -> None:
    rows, lookback = len(PANEL.times), feature.lookback_bars
    whole = computed(feature, PANEL)[-1]

    assert not np.isnan(whole).any()
    assert feature.bound == 0.0
    assert same(computed(feature, PANEL.rows(rows - lookback, rows))[-1], whole)
    assert np.isnan(computed(feature, PANEL.rows(rows - lookback + 1, rows))[-1]).all()


@given(seed=seeds, start=st.integers(0, 250), rows=st.integers(1, 30))
def test_a_value_is_the_same_to_the_bit_whatever_rows_it_is_built_with(seed: int, start: int, rows: int) -> None:
    panel = broken_market(seed, 300, gaps=0.001)
    start = min(start, len(panel.times) - 1)
    stop = min(start + rows, len(panel.times))
    whole = built(panel, FEATURES)

    assert same(built(panel, FEATURES, start, stop), whole[start:stop])
    assert same(built(panel.rows(0, stop), FEATURES), whole[:stop])


def test_the_endless_recursion_would_depend_on_its_start() -> None:
    """The guarded thing, broken: TA-Lib's own recursion says something else of a row when it starts elsewhere."""
    assert talib.RSI(CLOSE, 14)[-1] != talib.RSI(CLOSE[-200:], 14)[-1]
    assert talib.EMA(CLOSE, 26)[-1] != talib.EMA(CLOSE[-200:], 26)[-1]


def test_a_market_that_does_not_move_has_defined_values() -> None:
    flat = PANEL.rows(0, 300).with_columns({name: np.full((300, 2), 0.1) for name in ("open", "high", "low", "close")})
    last = {feature.name: computed(feature, flat)[-1, 0] for feature in FEATURES}

    assert last["relative_strength_14"] == 0.5
    assert last["average_true_range_14"] == last["bollinger_position_20"] == last["bollinger_width_20"] == 0.0
    for name in ("average_bias_7", "average_bias_30", "macd_line", "macd_signal", "macd_histogram"):
        assert last[name] == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize(("step", "strength"), [(1.0, 1.0), (-0.1, 0.0)])
def test_a_market_that_only_rises_or_falls_has_a_strength_of_one_or_none(step: float, strength: float) -> None:
    close = column(100.0 + step * np.arange(300.0))

    assert relative_strength(close)[-1, 0] == strength


def test_one_missing_bar_makes_missing_what_looks_back_at_it() -> None:
    """Crypto spec 13.4: warm-up masked; a gap is never bridged."""
    columns = {name: PANEL[name].copy() for name in ("open", "high", "low", "close")}
    for values in columns.values():
        values[400] = np.nan
    gap = PANEL.with_columns(columns)

    for feature in FEATURES:
        missing = np.flatnonzero(np.isnan(computed(feature, gap)[:, 0]))
        first = feature.lookback_bars - 1
        assert missing.tolist() == [*range(first), *range(400, 400 + feature.lookback_bars)]


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

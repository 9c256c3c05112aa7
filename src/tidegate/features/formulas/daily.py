"""Features of the daily bars of shares: each declaration stands beside the function that computes it.

Prices are adjusted for dividends and splits throughout (equity H 17), and no feature is a price level or says which
share it is (equity H 18): levels enter as returns, and as distances from averages and extremes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, FeatureGroup, Formula
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.windows import lagged, rolling_max, rolling_mean, rolling_std

__all__ = ["FEATURES", "adjusted_volume", "flag"]

_WEEK, _MONTH, _QUARTER, _YEAR = 5, 20, 60, 252
_STRENGTH: Final = 14


def flag(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return 1 where ``left > right``, else 0, and missing where either is: no answer is not 0.

    Examples
    --------
    >>> flag(np.array([2.0, 1.0, np.nan]), np.array([1.0, 1.0, 1.0])).tolist()
    [1.0, 0.0, nan]
    """
    return np.where(np.isnan(left) | np.isnan(right), np.nan, (left > right).astype(np.float64))


def _declared(
    name: str,
    formula: Formula,
    *,
    lookback: int,
    unit: str,
    description: str,
    group: FeatureGroup = FeatureGroup.PRICE,
    requires: tuple[str, ...] = ("close",),
    known_as: str = "",
) -> Feature:
    return Feature(
        name=name,
        group=group.value,
        requires=requires,
        lookback_bars=lookback,
        description=description,
        unit=unit,
        known_as=known_as,
        formula=formula,
    )


def _log_return(span: int) -> Feature:
    return _declared(
        f"log_return_{span}",
        lambda bars: bars.log_return(span),
        lookback=span + 1,
        unit="log",
        description=f"ln(close[t] / close[t-{span}])",
        known_as=f"ret_{span}",
    )


def _return_over_benchmark(span: int) -> Feature:
    def formula(bars: Inputs) -> FloatArray:
        benchmark = np.log(bars.price("benchmark_close"))
        return bars.log_return(span) - (benchmark - lagged(benchmark, span))

    return _declared(
        f"return_over_benchmark_{span}",
        formula,
        lookback=span + 1,
        unit="log",
        description=f"ln(close[t] / close[t-{span}]) less that of the benchmark; missing where either lacks a close",
        requires=("benchmark_close", "close"),
        known_as=f"rs_{span}",
    )


def _momentum(bars: Inputs) -> FloatArray:
    return lagged(bars.log_close, _MONTH) - lagged(bars.log_close, _YEAR)


def _average_bias(window: int) -> Feature:
    return _declared(
        f"average_bias_{window}",
        lambda bars: bars.close / bars.average(window) - 1.0,
        lookback=window,
        unit="fraction",
        description=f"close[t] / mean(close, {window} bars) - 1",
        known_as=f"ma_bias_{window}",
    )


def _drawdown(bars: Inputs) -> FloatArray:
    return 1.0 - bars.close / rolling_max(bars.close, _QUARTER)


def _distance_to_high(bars: Inputs) -> FloatArray:
    return bars.close / rolling_max(bars.close, _YEAR) - 1.0


def _volatility(window: int) -> Feature:
    return _declared(
        f"volatility_{window}",
        lambda bars: rolling_std(bars.returns, window),
        lookback=window + 1,
        unit="log",
        description=f"sample standard deviation of the last {window} one-bar log returns, not annualised",
        known_as=f"vol_{window}",
    )


def _relative_strength(bars: Inputs) -> FloatArray:
    change = bars.close - lagged(bars.close, 1)
    gain = rolling_mean(np.maximum(change, 0.0), _STRENGTH)
    loss = rolling_mean(np.maximum(-change, 0.0), _STRENGTH)
    return ratio(gain, gain + loss)


def _range(bars: Inputs) -> FloatArray:
    return np.log(bars.price("high")) - np.log(bars.price("low"))


def _close_location(bars: Inputs) -> FloatArray:
    low = bars.price("low")
    return ratio(bars.close - low, bars.price("high") - low)


def _overnight_gap(bars: Inputs) -> FloatArray:
    return np.log(bars.price("open")) - lagged(bars.log_close, 1)


def adjusted_volume(bars: Inputs) -> FloatArray:
    """Return the shares that traded, counted at one adjustment: a split multiplies them, and they are the same."""
    return bars.amount("volume") * bars.price("raw_close") / bars.close


def _volume_z(bars: Inputs) -> FloatArray:
    volume = adjusted_volume(bars)
    return ratio(volume - rolling_mean(volume, _MONTH), rolling_std(volume, _MONTH))


def _volume_ratio(bars: Inputs) -> FloatArray:
    volume = adjusted_volume(bars)
    return ratio(volume, rolling_mean(volume, _WEEK))


def _value_trend(bars: Inputs) -> FloatArray:
    value = bars.amount("traded_value")
    quotient = ratio(rolling_mean(value, _MONTH), rolling_mean(value, _QUARTER))
    return np.log(np.where(quotient > 0.0, quotient, np.nan))


FEATURES: Final[tuple[Feature, ...]] = (
    *(_log_return(span) for span in (1, 5, 10, 20, 60, 120, 252)),
    _declared(
        "momentum_12_1",
        _momentum,
        lookback=_YEAR + 1,
        unit="log",
        description="ln(close[t-20] / close[t-252])",
    ),
    *(_return_over_benchmark(span) for span in (20, 60)),
    *(_average_bias(window) for window in (5, 10, 20, 60, 120, 200)),
    _declared(
        "above_average_200",
        lambda bars: flag(bars.close, bars.average(200)),
        lookback=200,
        unit="flag",
        description="1 if close[t] > mean(close, 200 bars) else 0; missing while the mean is",
        known_as="trend_1",
    ),
    _declared(
        "average_50_above_200",
        lambda bars: flag(bars.average(50), bars.average(200)),
        lookback=200,
        unit="flag",
        description="1 if mean(close, 50 bars) > mean(close, 200 bars) else 0; missing while either is",
        known_as="trend_2",
    ),
    _declared(
        "drawdown_60",
        _drawdown,
        lookback=_QUARTER,
        unit="fraction",
        description="1 - close[t] / max(close, 60 bars)",
        known_as="dd_60",
    ),
    _declared(
        "distance_to_high_252",
        _distance_to_high,
        lookback=_YEAR,
        unit="fraction",
        description="close[t] / max(close, 252 bars) - 1",
    ),
    *(_volatility(window) for window in (10, 20, 60)),
    _declared(
        "relative_strength_simple_14",
        _relative_strength,
        lookback=_STRENGTH + 1,
        unit="fraction",
        description="mean rise / (mean rise + mean fall) of the close over 14 bars; missing where it did not move",
        known_as="rsi",
    ),
    _declared(
        "intraday_range",
        _range,
        lookback=1,
        unit="log",
        description="ln(high[t] / low[t])",
        requires=("high", "low"),
    ),
    _declared(
        "close_location",
        _close_location,
        lookback=1,
        unit="fraction",
        description="(close[t] - low[t]) / (high[t] - low[t]); missing where high = low",
        requires=("close", "high", "low"),
    ),
    _declared(
        "overnight_gap",
        _overnight_gap,
        lookback=2,
        unit="log",
        description="ln(open[t] / close[t-1])",
        requires=("close", "open"),
    ),
    _declared(
        "volume_z_20",
        _volume_z,
        group=FeatureGroup.VOLUME,
        lookback=_MONTH,
        unit="deviations",
        description="(volume[t] - mean(volume, 20 bars)) / deviation(volume, 20 bars), in shares of one adjustment; "
        "missing where that is 0",
        requires=("close", "raw_close", "volume"),
        known_as="vol_z_20",
    ),
    _declared(
        "volume_ratio_5",
        _volume_ratio,
        group=FeatureGroup.VOLUME,
        lookback=_WEEK,
        unit="ratio",
        description="volume[t] / mean(volume, 5 bars), in shares of one adjustment; missing where that is 0",
        requires=("close", "raw_close", "volume"),
        known_as="volume_ratio",
    ),
    _declared(
        "traded_value_trend",
        _value_trend,
        group=FeatureGroup.VOLUME,
        lookback=_QUARTER,
        unit="log",
        description="ln(mean(traded_value, 20 bars) / mean(traded_value, 60 bars)); missing where either is 0",
        requires=("traded_value",),
    ),
)
"""Declarations in contract order."""

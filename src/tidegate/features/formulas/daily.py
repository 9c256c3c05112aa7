"""Features of price and volume: each declaration stands beside the function that computes it.

Every formula maps :class:`~tidegate.features.inputs.Inputs` to ``float64 (n_times, n_symbols)``; row *t* reads
rows ``<= t``.
"""

from __future__ import annotations

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.windows import lagged, rolling_max, rolling_mean, rolling_std

__all__ = ["PRICE_FEATURES"]

_MONTH, _QUARTER, _YEAR = 20, 60, 252
_declared: list[Feature] = []


def _declare(
    name: str,
    group: str,
    formula: Formula,
    *,
    lookback: int,
    unit: str,
    description: str,
    requires: tuple[str, ...] = ("close",),
) -> None:
    feature = Feature(
        name=name,
        group=group,
        requires=requires,
        lookback_bars=lookback,
        description=description,
        unit=unit,
        formula=formula,
    )
    _declared.append(feature)


def _momentum(bars: Inputs) -> FloatArray:
    return lagged(bars.log_close, _MONTH) - lagged(bars.log_close, _YEAR)


def _log_return(span: int) -> Formula:
    return lambda bars: bars.log_return(span)


def _bias(window: int) -> Formula:
    return lambda bars: bars.close / bars.average(window) - 1.0


def _volatility(window: int) -> Formula:
    return lambda bars: rolling_std(bars.returns, window)


def _flag(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return 1 where ``left > right``, else 0, and missing where either is: no answer is not 0."""
    return np.where(np.isnan(left) | np.isnan(right), np.nan, (left > right).astype(np.float64))


def _drawdown(bars: Inputs) -> FloatArray:
    return 1.0 - bars.close / rolling_max(bars.close, _QUARTER)


def _distance_to_high(bars: Inputs) -> FloatArray:
    return bars.close / rolling_max(bars.close, _YEAR) - 1.0


def _range(bars: Inputs) -> FloatArray:
    return np.log(bars.price("high")) - np.log(bars.price("low"))


def _close_location(bars: Inputs) -> FloatArray:
    low = bars.price("low")
    return ratio(bars.close - low, bars.price("high") - low)


def _overnight_gap(bars: Inputs) -> FloatArray:
    return np.log(bars.price("open")) - lagged(bars.log_close, 1)


def _volume_z(bars: Inputs) -> FloatArray:
    volume = bars.amount("volume")
    return ratio(volume - rolling_mean(volume, _MONTH), rolling_std(volume, _MONTH))


def _value_trend(bars: Inputs) -> FloatArray:
    value = bars.amount("traded_value")
    quotient = ratio(rolling_mean(value, _MONTH), rolling_mean(value, _QUARTER))
    return np.log(np.where(quotient > 0.0, quotient, np.nan))


for _bars in (1, 5, 10, 20, 60, 120, 252):
    _declare(
        f"log_return_{_bars}",
        "price",
        _log_return(_bars),
        lookback=_bars + 1,
        unit="log",
        description=f"ln(close[t] / close[t-{_bars}])",
    )
_declare(
    "momentum_12_1",
    "price",
    _momentum,
    lookback=_YEAR + 1,
    unit="log",
    description="ln(close[t-20] / close[t-252])",
)

for _bars in (20, 60, 200):
    _declare(
        f"average_bias_{_bars}",
        "price",
        _bias(_bars),
        lookback=_bars,
        unit="fraction",
        description=f"close[t] / mean(close, {_bars} bars) - 1",
    )
_declare(
    "above_average_200",
    "price",
    lambda bars: _flag(bars.close, bars.average(200)),
    lookback=200,
    unit="flag",
    description="1 if close[t] > mean(close, 200 bars) else 0; missing while the mean is",
)
_declare(
    "average_50_above_200",
    "price",
    lambda bars: _flag(bars.average(50), bars.average(200)),
    lookback=200,
    unit="flag",
    description="1 if mean(close, 50 bars) > mean(close, 200 bars) else 0; missing while either is",
)
_declare(
    "drawdown_60",
    "price",
    _drawdown,
    lookback=_QUARTER,
    unit="fraction",
    description="1 - close[t] / max(close, 60 bars)",
)
_declare(
    "distance_to_high_252",
    "price",
    _distance_to_high,
    lookback=_YEAR,
    unit="fraction",
    description="close[t] / max(close, 252 bars) - 1",
)

for _bars in (20, 60):
    _declare(
        f"volatility_{_bars}",
        "price",
        _volatility(_bars),
        lookback=_bars + 1,
        unit="log",
        description=f"sample standard deviation of the last {_bars} one-bar log returns, not annualised",
    )

_declare(
    "intraday_range",
    "price",
    _range,
    lookback=1,
    unit="log",
    description="ln(high[t] / low[t])",
    requires=("high", "low"),
)
_declare(
    "close_location",
    "price",
    _close_location,
    lookback=1,
    unit="fraction",
    description="(close[t] - low[t]) / (high[t] - low[t]); missing where high = low",
    requires=("close", "high", "low"),
)
_declare(
    "overnight_gap",
    "price",
    _overnight_gap,
    lookback=2,
    unit="log",
    description="ln(open[t] / close[t-1])",
    requires=("close", "open"),
)

_declare(
    "volume_z_20",
    "volume",
    _volume_z,
    lookback=_MONTH,
    unit="deviations",
    description="(volume[t] - mean(volume, 20 bars)) / deviation(volume, 20 bars); missing where that is 0",
    requires=("volume",),
)
_declare(
    "traded_value_trend",
    "volume",
    _value_trend,
    lookback=_QUARTER,
    unit="log",
    description="ln(mean(traded_value, 20 bars) / mean(traded_value, 60 bars)); missing where either is 0",
    requires=("traded_value",),
)

PRICE_FEATURES: tuple[Feature, ...] = tuple(_declared)
"""Declarations in contract order."""

"""Moving averages, RSI, MACD, ATR and Bollinger bands, as functions of arrays and as features.

A price level says which market it is, and not where it goes (D-01, equity H 18): as features, averages are distances
from the close, and what has the unit of a price is divided by it.

The recursive ones (RSI, ATR, MACD) are cut off after a warm-up: weights beyond it are 0 and the others add up to 1.
The value depends on those rows and on nothing before, to the bit. From the endless recursion an average differs by
``e * (mean of what lies before the warm-up - mean of what lies within)``, where ``e`` is the share of the weight before
it, at most :data:`TOLERANCE`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.inputs import Inputs, by_the_clock
from tidegate.features.windows import decaying_mean, lagged, rolling_mean, rolling_std, warm_up

__all__ = [
    "FEATURES",
    "TOLERANCE",
    "average_true_range",
    "bollinger",
    "exponential_average",
    "macd",
    "moving_average",
    "relative_strength",
    "true_range",
    "wilder_average",
]

TOLERANCE: Final = 1e-6
"""Largest share of an average's weight that is cut off."""
_RANGE, _BAND, _WIDTH = 14, 20, 2.0
_FAST, _SLOW, _SIGNAL = 12, 26, 9
_OHLC: Final = ("close", "high", "low")


def moving_average(close: FloatArray, window: int) -> FloatArray:
    """Return the simple mean of the last ``window`` rows, ``float64 (n, n_symbols)``; NaN where one is missing."""
    return rolling_mean(close, window)


def exponential_average(values: FloatArray, span: int) -> FloatArray:
    """Return the exponential average with ``alpha = 2 / (span + 1)``, cut off after its warm-up.

    Row *t* reads ``warm_up((span - 1) / (span + 1))`` rows and is NaN where one of them is missing.
    """
    keep = _span_keeps(span)
    return decaying_mean(values, warm_up(keep, TOLERANCE), keep)


def wilder_average(values: FloatArray, window: int) -> FloatArray:
    """Return Wilder's average, ``alpha = 1 / window``, cut off after its warm-up (Wilder 1978).

    Row *t* reads ``warm_up((window - 1) / window)`` rows and is NaN where one of them is missing.
    """
    keep = _window_keeps(window)
    return decaying_mean(values, warm_up(keep, TOLERANCE), keep)


def relative_strength(close: FloatArray, window: int = _RANGE) -> FloatArray:
    """Return Wilder's relative strength index as a share between 0 and 1: the textbook's number divided by 100.

    ``gain / (gain + loss)`` with Wilder's averages of rises and falls. It differs from the endless recursion by at most
    ``e * older / recent``: the mean absolute change before the warm-up over that within, and the share ``e`` cut off.

    Parameters
    ----------
    close
        ``float64 (n, n_symbols)``.
    window
        Wilder's period.

    Returns
    -------
    strength
        1 where only rises were seen, 0 where only falls, and 0.5 where the price did not move at all.
    """
    change = close - lagged(close, 1)
    gain, loss = wilder_average(np.maximum(change, 0.0), window), wilder_average(np.maximum(-change, 0.0), window)
    moved = gain + loss
    still = moved == 0.0
    return np.where(still, 0.5, gain / np.where(still, 1.0, moved))


def macd(
    close: FloatArray, fast: int = _FAST, slow: int = _SLOW, signal: int = _SIGNAL
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return line, signal and histogram of the moving average convergence divergence, in units of the price.

    Line: fast less slow exponential average. Signal: exponential average of the line. Histogram: line less signal.

    Parameters
    ----------
    close
        ``float64 (n, n_symbols)``.
    fast, slow, signal
        Spans of the averages.
    """
    line = exponential_average(close, fast) - exponential_average(close, slow)
    smoothed = exponential_average(line, signal)
    return line, smoothed, line - smoothed


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return the reach of a bar that counts the jump from the previous close, in units of the price."""
    before = lagged(close, 1)
    return np.maximum(high, before) - np.minimum(low, before)


def average_true_range(high: FloatArray, low: FloatArray, close: FloatArray, window: int = _RANGE) -> FloatArray:
    """Return Wilder's average of the true range, in units of the price; 0 where nothing moved."""
    return wilder_average(true_range(high, low, close), window)


def bollinger(
    close: FloatArray, window: int = _BAND, deviations: float = _WIDTH
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lower band, middle and upper band, in units of the price.

    The deviation is that of the window itself, with divisor ``window``, as Bollinger has it. The bands meet where the
    price did not move.

    Parameters
    ----------
    close
        ``float64 (n, n_symbols)``.
    window
        Rows of the mean and of the deviation.
    deviations
        How many of them the bands lie away from the mean.
    """
    middle = rolling_mean(close, window)
    reach = deviations * _population_deviation(close, window)
    return middle - reach, middle, middle + reach


def _population_deviation(close: FloatArray, window: int) -> FloatArray:
    return rolling_std(close, window) * math.sqrt((window - 1) / window)


def _span_keeps(span: int) -> float:
    return (span - 1) / (span + 1)


def _window_keeps(window: int) -> float:
    return (window - 1) / window


def _bias(window: int) -> Formula:
    return lambda bars: bars.close / bars.average(window) - 1.0


def _macd_line(bars: Inputs) -> FloatArray:
    return bars.once(
        "macd_line", lambda: exponential_average(bars.close, _FAST) - exponential_average(bars.close, _SLOW)
    )


def _macd_signal(bars: Inputs) -> FloatArray:
    return bars.once("macd_signal", lambda: exponential_average(_macd_line(bars), _SIGNAL))


def _average_true_range(bars: Inputs) -> FloatArray:
    return average_true_range(bars.price("high"), bars.price("low"), bars.close) / bars.close


def _band_deviation(bars: Inputs) -> FloatArray:
    return bars.once("band_deviation", lambda: _WIDTH * _population_deviation(bars.close, _BAND))


def _band_position(bars: Inputs) -> FloatArray:
    reach = _band_deviation(bars)
    still = reach == 0.0
    return np.where(still, 0.0, (bars.close - bars.average(_BAND)) / np.where(still, 1.0, reach))


def _band_width(bars: Inputs) -> FloatArray:
    return 2.0 * _band_deviation(bars) / bars.average(_BAND)


def _declared(
    name: str, formula: Formula, *, lookback: int, unit: str, description: str, requires: tuple[str, ...] = ("close",)
) -> Feature:
    return Feature(
        name=name,
        group="price",
        requires=requires,
        lookback_bars=lookback,
        description=description,
        unit=unit,
        formula=by_the_clock(formula, lookback),
    )


_CUT_OFF: Final = f"cut off where {TOLERANCE} of the weight is left"
_LINE_ROWS: Final = warm_up(_span_keeps(_SLOW), TOLERANCE)
_SIGNAL_ROWS: Final = _LINE_ROWS + warm_up(_span_keeps(_SIGNAL), TOLERANCE) - 1
_WILDER_ROWS: Final = warm_up(_window_keeps(_RANGE), TOLERANCE) + 1
_LINE: Final = f"exponential averages of the close, {_FAST} less {_SLOW} bars"

FEATURES: Final[tuple[Feature, ...]] = (
    *(
        _declared(
            f"average_bias_{window}",
            _bias(window),
            lookback=window,
            unit="fraction",
            description=f"close[t] / mean(close, {window} bars) - 1",
        )
        for window in (7, 30)
    ),
    _declared(
        f"relative_strength_{_RANGE}",
        lambda bars: relative_strength(bars.close),
        lookback=_WILDER_ROWS,
        unit="fraction",
        description=f"Wilder's RSI({_RANGE}) / 100, {_CUT_OFF}; 0.5 where the price did not move",
    ),
    _declared(
        "macd_line",
        lambda bars: _macd_line(bars) / bars.close,
        lookback=_LINE_ROWS,
        unit="fraction",
        description=f"({_LINE}) / close[t], {_CUT_OFF}",
    ),
    _declared(
        "macd_signal",
        lambda bars: _macd_signal(bars) / bars.close,
        lookback=_SIGNAL_ROWS,
        unit="fraction",
        description=f"exponential average over {_SIGNAL} bars of ({_LINE}) / close[t], {_CUT_OFF}",
    ),
    _declared(
        "macd_histogram",
        lambda bars: (_macd_line(bars) - _macd_signal(bars)) / bars.close,
        lookback=_SIGNAL_ROWS,
        unit="fraction",
        description="MACD line less its signal",
    ),
    _declared(
        f"average_true_range_{_RANGE}",
        _average_true_range,
        lookback=_WILDER_ROWS,
        unit="fraction",
        description=f"Wilder's ATR({_RANGE}) / close[t], {_CUT_OFF}",
        requires=_OHLC,
    ),
    _declared(
        f"bollinger_position_{_BAND}",
        _band_position,
        lookback=_BAND,
        unit="fraction",
        description=f"(close[t] - mean(close, {_BAND} bars)) / ({_WIDTH:g} population deviations): 1 at the upper "
        "band, -1 at the lower; 0 where the price did not move",
    ),
    _declared(
        f"bollinger_width_{_BAND}",
        _band_width,
        lookback=_BAND,
        unit="fraction",
        description=f"upper less lower band, over mean(close, {_BAND} bars)",
    ),
)
"""Declarations in contract order."""

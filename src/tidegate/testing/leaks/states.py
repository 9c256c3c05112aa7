"""Leaks of state: a function that remembers what it was shown, or needs more of the past than it says."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.features.windows import decaying_mean, rolling_mean, rolling_std
from tidegate.testing.leaks.leak import HONEST, Compute, Formulas, Leak, log_close, momentum
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.neighbours import SEEN_BY_VALUE

__all__ = ["STATES"]

_LOOKBACK: Final = 20
_REMEMBERED: dict[tuple[str, ...], tuple[float, float]] = {}


def _standardised_once(history: History) -> FloatArray:
    """Standardise by mean and deviation of the first frame ever seen: a scaler that a module keeps."""
    values = momentum(history)
    if history.bars.symbols not in _REMEMBERED:
        seen = values[~np.isnan(values)]
        _REMEMBERED[history.bars.symbols] = (float(seen.mean()), float(seen.std())) if len(seen) else (0.0, 1.0)
    mean, deviation = _REMEMBERED[history.bars.symbols]
    return (values - mean) / deviation


def _standardised_each_time(history: History) -> FloatArray:
    values = momentum(history)
    return (values - rolling_mean(values, 40)) / rolling_std(values, 40)


def _endless_average(history: History) -> FloatArray:
    """Average exponentially from the first row of the frame on; it never forgets that row."""
    price = np.nan_to_num(log_close(history))
    average = price.copy()
    for row in range(1, len(price)):
        average[row] = 0.95 * average[row - 1] + 0.05 * price[row]
    return price - average


def _average_that_forgets(history: History) -> FloatArray:
    price = np.nan_to_num(log_close(history))
    return price - decaying_mean(price, _LOOKBACK, 0.95)


def _sine_of_the_row(history: History) -> FloatArray:
    rows = np.arange(len(history.bars.times), dtype=np.float64)[:, None]
    return np.broadcast_to(np.sin(rows / 10.0), history.bars.shape)


def _sine_of_the_day(history: History) -> FloatArray:
    days = (history.bars.times // DAY % 365).astype(np.float64)[:, None]
    return np.broadcast_to(np.sin(2.0 * np.pi * days / 365.0), history.bars.shape)


def _of_lookback(key: str, compute: Compute, bars: int) -> Formulas:
    return Formulas(formulas={HONEST: momentum, key: compute}, lookback_bars={HONEST: 6, key: bars})


STATES: Final = (
    Leak(
        name="cached from an earlier call",
        about="a module keeps the scaler of the first frame it saw, so a second run hides what the first one leaked",
        source="freqtrade #11480",
        keys=("standardised_momentum",),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Formulas(formulas={HONEST: momentum, "standardised_momentum": _standardised_once}),
        clean=lambda _: Formulas(formulas={HONEST: momentum, "standardised_momentum": _standardised_each_time}),
        history=daily_market,
    ),
    Leak(
        name="short declared lookback",
        about="an endless average says that twenty bars suffice",
        source="freqtrade PR #9152, PR #12449",
        keys=("distance_from_average",),
        expected=frozenset({FindingKind.SHORT_LOOKBACK}),
        planted=lambda _: _of_lookback("distance_from_average", _endless_average, _LOOKBACK),
        clean=lambda _: _of_lookback("distance_from_average", _average_that_forgets, _LOOKBACK),
        history=daily_market,
    ),
    Leak(
        name="number of the row",
        about="a feature depends on where the frame begins, so that no live frame ever gives it",
        source="crypto D-01",
        keys=("wave",),
        expected=frozenset({FindingKind.SHORT_LOOKBACK}),
        planted=lambda _: _of_lookback("wave", _sine_of_the_row, 1),
        clean=lambda _: _of_lookback("wave", _sine_of_the_day, 1),
        history=daily_market,
    ),
)

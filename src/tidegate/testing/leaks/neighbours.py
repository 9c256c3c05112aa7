"""Leaks that take a value from rows to come: what the next rows hold reaches back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.features.windows import decaying_mean, lagged, rolling_max, rolling_mean, rolling_sum
from tidegate.testing.leaks.leak import HONEST, Compute, Formulas, Leak, log_close, momentum
from tidegate.testing.leaks.markets import daily_market

__all__ = ["NEIGHBOURS", "SEEN_BY_VALUE", "ahead", "feature_leak"]

SEEN_BY_VALUE: Final = frozenset({FindingKind.TRUNCATED, FindingKind.POISONED, FindingKind.VANISHED})
"""What comparing values finds: they differ without the future, with another one, or are not there."""


def ahead(values: FloatArray, bars: int) -> FloatArray:
    """Return what row ``t + bars`` holds, at row *t*; NaN at the end. The very thing that nobody can know."""
    future = np.full(values.shape, np.nan)
    future[:-bars] = values[bars:]
    return future


def feature_leak(
    name: str,
    about: str,
    source: str,
    planted: Compute,
    clean: Compute,
    *,
    key: str,
    history: Callable[[int], History] = daily_market,
) -> Leak:
    """Return a leak of one feature, beside a feature that does not leak."""
    return Leak(
        name=name,
        about=about,
        source=source,
        keys=(key,),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Formulas(formulas={HONEST: momentum, key: planted}),
        clean=lambda _: Formulas(formulas={HONEST: momentum, key: clean}),
        history=history,
    )


def _returns(history: History) -> FloatArray:
    return log_close(history) - lagged(log_close(history), 1)


def _next_return(history: History) -> FloatArray:
    return ahead(_returns(history), 1)


def _last_return(history: History) -> FloatArray:
    return lagged(_returns(history), 1)


def _distance_from_centred_mean(history: History) -> FloatArray:
    price = log_close(history)
    return price - ahead(rolling_mean(price, 7), 3)


def _distance_from_trailing_mean(history: History) -> FloatArray:
    price = log_close(history)
    return price - rolling_mean(price, 7)


def _coming_return(history: History) -> FloatArray:
    return ahead(momentum(history), 5)


def _backfilled(history: History) -> FloatArray:
    price = log_close(history)
    return _carried(price[::-1])[::-1]


def _forward_filled(history: History) -> FloatArray:
    return _carried(log_close(history))


def _carried(values: FloatArray) -> FloatArray:
    """Carry the newest value over what is missing after it."""
    newest = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(newest, axis=0), axis=0)


def _interpolated(history: History) -> FloatArray:
    price = log_close(history).copy()
    rows = np.arange(len(price))
    for column in price.T:
        there = ~np.isnan(column)
        if there.any():
            column[:] = np.interp(rows, rows[there], column[there], left=np.nan, right=np.nan)
    return price


def _warmed_up_backward(history: History) -> FloatArray:
    """Fill the rows before an average's first full window with its first value."""
    average = rolling_mean(_returns(history), 20)
    for column in average.T:
        there = np.flatnonzero(~np.isnan(column))
        if len(there):
            column[: there[0]] = column[there[0]]
    return average


def _not_warmed_up(history: History) -> FloatArray:
    return rolling_mean(_returns(history), 20)


def _without_noise(history: History) -> FloatArray:
    """Keep the slowest eighth of the spectrum of the whole series, as in a denoised close."""
    price = np.nan_to_num(_carried(_returns(history)), posinf=0.0, neginf=0.0)
    spectrum = np.fft.rfft(price, axis=0)
    spectrum[max(len(spectrum) // 8, 1) :] = 0.0
    return np.fft.irfft(spectrum, n=len(price), axis=0)


def _average_of_the_past(history: History) -> FloatArray:
    return decaying_mean(_returns(history), 40, 0.85)


def _lagging_span(history: History) -> FloatArray:
    return ahead(log_close(history), 26) - log_close(history)


def _lagging_span_of_the_past(history: History) -> FloatArray:
    return log_close(history) - lagged(log_close(history), 26)


def _swing_high(history: History) -> FloatArray:
    """Flag the highest close of seven at its own row."""
    price = log_close(history)
    highest = rolling_max(price, 7)
    return np.where(np.isnan(price), np.nan, (price == ahead(highest, 3)).astype(np.float64))


def _confirmed_swing_high(history: History) -> FloatArray:
    """Flag it at the row that confirms it, three later."""
    price = log_close(history)
    flags: FloatArray = (lagged(price, 3) == rolling_max(price, 7)).astype(np.float64)
    return flags


def _blocks_from_the_end(history: History) -> FloatArray:
    """Sum returns over blocks of five rows, counted back from the newest row of the frame."""
    summed = rolling_sum(_returns(history), 5)
    left = (len(summed) - 1 - np.arange(len(summed))) % 5
    ends = np.arange(len(summed)) - np.where(left == 0, 0, 5 - left)
    return np.where((ends >= 0)[:, None], summed[np.maximum(ends, 0)], np.nan)


def _newest_block(history: History) -> FloatArray:
    return rolling_sum(_returns(history), 5)


def _days_to_next_bar(history: History) -> FloatArray:
    """Read the length of the pause after a row from the index of the frame."""
    times = history.bars.times.astype(np.float64)[:, None] / DAY
    return np.broadcast_to(ahead(times, 1) - times, history.bars.shape)


def _days_since_last_bar(history: History) -> FloatArray:
    times = history.bars.times.astype(np.float64)[:, None] / DAY
    return np.broadcast_to(times - lagged(times, 1), history.bars.shape)


NEIGHBOURS: Final = (
    feature_leak(
        "shift(-1)",
        "the return of the next bar, by a sign that was mistaken",
        "freqtrade #11346, smart-money-concepts #95",
        _next_return,
        _last_return,
        key="neighbour_return",
    ),
    feature_leak(
        "label in features",
        "the forward return that is to be forecast stands among the features",
        "freqtrade #10620",
        _coming_return,
        momentum,
        key="return_5",
    ),
    feature_leak(
        "centred window",
        "the moving average has as many rows after as before",
        "pandas-ta #667",
        _distance_from_centred_mean,
        _distance_from_trailing_mean,
        key="distance_from_mean",
    ),
    feature_leak(
        "lagging span",
        "Ichimoku's chikou is drawn 26 rows back, so its column holds a later close",
        "pandas-ta #667, pandas-ta PR #326",
        _lagging_span,
        _lagging_span_of_the_past,
        key="chikou",
    ),
    feature_leak(
        "swing high at its own bar",
        "a pivot needs later bars to be one, and is flagged before them",
        "smart-money-concepts #101, stock-indicators-python #363",
        _swing_high,
        _confirmed_swing_high,
        key="swing_high",
    ),
    feature_leak(
        "backfill",
        "a gap is filled with the first later value",
        "FinRL #189, ta #109, crypto D-14",
        _backfilled,
        _forward_filled,
        key="filled_log_close",
    ),
    feature_leak(
        "warm-up filled backward",
        "the rows before the first full window get its value; only the first rows of a symbol show it",
        "ta #109, backtesting.py #963",
        _warmed_up_backward,
        _not_warmed_up,
        key="average_return",
    ),
    feature_leak(
        "interpolation",
        "a gap is drawn as a line to the value that ends it",
        "etna #10, crypto D-14",
        _interpolated,
        _forward_filled,
        key="filled_log_close",
    ),
    feature_leak(
        "denoised series",
        "a Fourier or wavelet transform of the whole series smooths each row with all later ones",
        "stockpredictionai #19, xlstm-ts #2",
        _without_noise,
        _average_of_the_past,
        key="trend",
    ),
    feature_leak(
        "blocks counted from the end",
        "rows are grouped from the newest one backwards, so each new row moves all groups",
        "freqtrade #11480",
        _blocks_from_the_end,
        _newest_block,
        key="block_return",
    ),
    feature_leak(
        "the next row of the index",
        "the pause after a bar is read from the frame's own index, suspensions and sudden closures included",
        "crypto D-12 (rows taken for time)",
        _days_to_next_bar,
        _days_since_last_bar,
        key="pause_days",
    ),
)

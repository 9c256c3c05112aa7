"""Leaks of statistics over the whole frame: a mean, a rank or a direction that later rows took part in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.features.windows import lagged, rolling_max, rolling_mean, rolling_min, rolling_std
from tidegate.testing.leaks.leak import log_close, momentum
from tidegate.testing.leaks.neighbours import ahead, feature_leak

__all__ = ["WHOLE_SAMPLE"]

_WINDOW: Final = 40
_FITTED_ON: Final = 120
"""Rows that an honest reducer is fitted on, before any row that it is used for."""


def _returns(history: History) -> FloatArray:
    return log_close(history) - lagged(log_close(history), 1)


def _so_far(values: FloatArray) -> FloatArray:
    """Return the mean of the rows up to each; a running sum of a prefix does not depend on what follows."""
    there = ~np.isnan(values)
    count = np.cumsum(there, axis=0)
    return np.cumsum(np.where(there, values, 0.0), axis=0) / np.where(count > 0, count, np.nan)


def _mean(values: FloatArray) -> FloatArray:
    there = ~np.isnan(values)
    mean: FloatArray = np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return mean


def _windows(values: FloatArray) -> FloatArray:
    """Return the trailing windows, ``(n_times, n_symbols, _WINDOW)``; NaN before the first row."""
    before = np.full((_WINDOW - 1, values.shape[1]), np.nan)
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([before, values]), _WINDOW, axis=0)


def _standardised(history: History) -> FloatArray:
    values = momentum(history)
    centred = values - _mean(values)
    return centred / np.sqrt(_mean(centred * centred))


def _standardised_by_the_past(history: History) -> FloatArray:
    values = momentum(history)
    return (values - rolling_mean(values, _WINDOW)) / rolling_std(values, _WINDOW)


def _between_extremes(history: History) -> FloatArray:
    price = log_close(history)
    lowest = np.min(np.where(np.isnan(price), np.inf, price), axis=0)
    highest = np.max(np.where(np.isnan(price), -np.inf, price), axis=0)
    place: FloatArray = (price - lowest) / (highest - lowest)
    return place


def _between_recent_extremes(history: History) -> FloatArray:
    price = log_close(history)
    lowest = rolling_min(price, _WINDOW)
    return (price - lowest) / (rolling_max(price, _WINDOW) - lowest)


def _rank_in_all_time(history: History) -> FloatArray:
    values = momentum(history)
    below = np.stack([np.sum(values < row, axis=0) for row in values])
    return np.where(np.isnan(values), np.nan, below / np.maximum(np.sum(~np.isnan(values), axis=0), 1))


def _rank_in_the_past(history: History) -> FloatArray:
    values = momentum(history)
    windows = _windows(values)
    below = np.sum(windows < values[:, :, None], axis=2) / np.maximum(np.sum(~np.isnan(windows), axis=2), 1)
    return np.where(np.isnan(values), np.nan, below)


def _winsorised(history: History) -> FloatArray:
    values = momentum(history)
    sorted_values = np.sort(np.where(np.isnan(values), np.inf, values), axis=0)
    count = np.maximum(np.sum(~np.isnan(values), axis=0), 1)
    places = np.arange(values.shape[1])
    lowest = sorted_values[(0.02 * (count - 1)).astype(int), places]
    highest = sorted_values[(0.98 * (count - 1)).astype(int), places]
    return np.clip(values, lowest, highest)


def _winsorised_by_the_past(history: History) -> FloatArray:
    values = momentum(history)
    return np.clip(values, lagged(rolling_min(values, _WINDOW), 1), lagged(rolling_max(values, _WINDOW), 1))


def _market(returns: FloatArray) -> FloatArray:
    there = ~np.isnan(returns)
    mean: FloatArray = np.where(there, returns, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return mean[:, None]


def _residual(history: History) -> FloatArray:
    returns = _returns(history)
    market = _market(returns)
    return returns - market * (_mean(returns * market) / _mean(np.where(np.isnan(returns), np.nan, market * market)))


def _residual_by_the_past(history: History) -> FloatArray:
    returns = _returns(history)
    market = _market(returns)
    slope = _so_far(returns * market) / _so_far(np.where(np.isnan(returns), np.nan, market * market))
    return returns - market * slope


def _first_component(history: History) -> FloatArray:
    return _component(history, len(history.bars.times))


def _component_of_the_first_rows(history: History) -> FloatArray:
    scores = _component(history, min(_FITTED_ON, len(history.bars.times)))
    scores[:_FITTED_ON] = np.nan
    return scores


def _component(history: History, fitted_on: int) -> FloatArray:
    """Return the first principal component of four momenta, fitted on the first rows of all symbols."""
    price = log_close(history)
    parts = np.stack([np.tanh(20.0 * (price - lagged(price, bars))) for bars in (1, 5, 10, 20)], axis=2)
    rows = parts[:fitted_on].reshape(-1, 4)
    rows = rows[~np.isnan(rows).any(axis=1)]
    centre = rows.mean(axis=0) if len(rows) else np.zeros(4)
    direction = np.linalg.eigh((rows - centre).T @ (rows - centre))[1][:, -1]
    direction = direction * np.where(direction[np.argmax(np.abs(direction))] < 0.0, -1.0, 1.0)
    scores = np.zeros(price.shape)
    for place in range(4):  # column by column: a product of matrices sums in an order that depends on their size
        scores += (parts[:, :, place] - centre[place]) * direction[place]
    return scores


def _target_of_the_symbol(history: History) -> FloatArray:
    target = ahead(momentum(history), 5)
    return np.broadcast_to(_mean(target), target.shape).copy()


def _target_of_the_symbol_so_far(history: History) -> FloatArray:
    return _so_far(momentum(history))


def _filled_with_the_mean(history: History) -> FloatArray:
    returns = _returns(history)
    return np.where(np.isnan(returns), _mean(returns), returns)


def _filled_with_the_mean_so_far(history: History) -> FloatArray:
    returns = _returns(history)
    return np.where(np.isnan(returns), _so_far(returns), returns)


def _weekday(history: History) -> FloatArray:
    return _against_its_weekday(history, _mean)


def _weekday_so_far(history: History) -> FloatArray:
    return _against_its_weekday(history, _so_far)


def _against_its_weekday(history: History, usual: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return the log of the volume minus what is usual on that day of the week."""
    volume: FloatArray = np.log(np.where(history.bars["volume"] > 0.0, history.bars["volume"], np.nan))
    day = history.bars.times // DAY % 7
    season = np.full(volume.shape, np.nan)
    for weekday in np.unique(day):
        season[day == weekday] = usual(volume[day == weekday])
    unusual: FloatArray = volume - season
    return unusual


def _chosen(history: History) -> FloatArray:
    """Return the momentum of the window that forecast best over all rows."""
    price = log_close(history)
    target = np.sign(np.nan_to_num(ahead(momentum(history), 5)))
    momenta = [price - lagged(price, bars) for bars in (2, 3, 5, 8, 13, 21)]
    hits = [float(np.sum(np.sign(np.nan_to_num(values)) == target)) for values in momenta]
    return momenta[int(np.argmax(hits))]


def _chosen_beforehand(history: History) -> FloatArray:
    price = log_close(history)
    return price - lagged(price, 8)


WHOLE_SAMPLE: Final = (
    feature_leak(
        "full-sample scaler",
        "mean and deviation of the whole frame standardise each row",
        "qlib #770, crypto D-37",
        _standardised,
        _standardised_by_the_past,
        key="standardised_momentum",
    ),
    feature_leak(
        "min-max of the whole frame",
        "prices are scaled to the lowest and highest that ever come",
        "freqtrade #5494",
        _between_extremes,
        _between_recent_extremes,
        key="place_in_range",
    ),
    feature_leak(
        "global rank",
        "a value is ranked among all values of its symbol, later ones too",
        "freqtrade #5494, the same by rank",
        _rank_in_all_time,
        _rank_in_the_past,
        key="momentum_rank",
    ),
    feature_leak(
        "winsorised by the whole sample",
        "outliers are cut at quantiles that later outliers moved; few rows show it",
        "qlib #770",
        _winsorised,
        _winsorised_by_the_past,
        key="cut_momentum",
    ),
    feature_leak(
        "neutralised by the whole sample",
        "the beta that is taken out was fitted on all rows",
        "qlib #1600, #737",
        _residual,
        _residual_by_the_past,
        key="residual_return",
    ),
    feature_leak(
        "components fitted on everything",
        "directions of a PCA or SVD come from test rows too",
        "qlib #770, crypto D-37",
        _first_component,
        _component_of_the_first_rows,
        key="first_component",
    ),
    feature_leak(
        "target encoding",
        "a symbol is replaced by the mean of its labels, those to come included",
        "equity H 18",
        _target_of_the_symbol,
        _target_of_the_symbol_so_far,
        key="symbol_mean_target",
    ),
    feature_leak(
        "filled with the mean of the column",
        "what is missing becomes the mean of all rows",
        "qlib #770",
        _filled_with_the_mean,
        _filled_with_the_mean_so_far,
        key="filled_return",
    ),
    feature_leak(
        "season of the whole sample",
        "the usual volume of a weekday is averaged over weeks to come",
        "qlib #770",
        _weekday,
        _weekday_so_far,
        key="unusual_volume",
    ),
    feature_leak(
        "window chosen on all rows",
        "of six look-backs the one that forecast best on everything is used",
        "equity H 6",
        _chosen,
        _chosen_beforehand,
        key="best_momentum",
    ),
)

"""How good forecasts were, instant by instant and never pooled: the market's own moves are nobody's skill."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.ranks import average_ranks
from tidegate.core.time import moment_of
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.inference import newey_west_mean
from tidegate.evaluate.ranked import mean_of_known

__all__ = [
    "ForecastQuality",
    "forecast_quality",
    "hit_rate",
    "quantile_spread",
    "rank_correlation",
    "summarise_quality",
]

_FEWEST_FOR_CORRELATION = 3
_QUANTILES = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class ForecastQuality:
    """Quality of the forecasts made at each instant.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants.
    rank_ic
        Spearman correlation of score and outcome across symbols, in [-1, 1].
    hit_rate
        Share of symbols on the forecast side of the field, in [0, 1].
    quantile_spread
        Mean outcome of the best fifth minus that of the worst fifth, a log return over the horizon.
    count
        Symbols with both a score and an outcome. Where there are too few the others are NaN.
    """

    times: Int64Array
    rank_ic: FloatArray
    hit_rate: FloatArray
    quantile_spread: FloatArray
    count: Int64Array


def forecast_quality(times: Int64Array, scores: FloatArray, outcomes: FloatArray) -> ForecastQuality:
    """Compare scores with what came after them.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants.
    scores, outcomes
        ``float64 (n_times, n_symbols)``: forecast made at row *t*, gross log return that followed it; NaN is
        missing.

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> scores = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    >>> quality = forecast_quality(np.array([10]), scores, scores / 100)
    >>> quality.rank_ic.tolist(), quality.hit_rate.tolist(), quality.quantile_spread.tolist()
    ([1.0], [1.0], [0.04])
    """
    if scores.shape != outcomes.shape or scores.shape[:1] != times.shape:
        raise InputError(
            found=f"{scores.shape} scores, {outcomes.shape} outcomes, {times.shape} times",
            expected="one shape (n_times, n_symbols)",
            hint="align all three on the same rows and symbols",
        )
    both = ~(np.isnan(scores) | np.isnan(outcomes))
    scores, outcomes = np.where(both, scores, np.nan), np.where(both, outcomes, np.nan)
    return ForecastQuality(
        times=times,
        rank_ic=rank_correlation(scores, outcomes),
        hit_rate=hit_rate(scores, outcomes),
        quantile_spread=quantile_spread(scores, outcomes),
        count=both.sum(axis=1).astype(np.int64),
    )


def rank_correlation(scores: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Return Spearman's rank correlation of every row; missing together, ties averaged.

    NaN where fewer than 3 symbols have both, or one side does not vary.
    """
    left, right = _centred(average_ranks(scores)), _centred(average_ranks(outcomes))
    scale = np.sqrt((left * left).sum(axis=1) * (right * right).sum(axis=1))
    enough = (np.sum(~np.isnan(scores), axis=1) >= _FEWEST_FOR_CORRELATION) & (scale > 0.0)
    return np.where(enough, (left * right).sum(axis=1) / np.where(enough, scale, 1.0), np.nan)


def hit_rate(scores: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Return, per row, the share of symbols that ended on the side of the field that was forecast.

    A symbol is forecast above or below by its score against the row's median score, and ends above or below
    by its outcome against the row's mean outcome (its excess return). Symbols exactly on a line count for
    neither.
    """
    forecast = np.sign(scores - _row_median(scores))
    happened = np.sign(_centred(outcomes))
    decided = (forecast != 0.0) & (happened != 0.0) & ~np.isnan(forecast)
    count = decided.sum(axis=1)
    agreed = (decided & (forecast == happened)).sum(axis=1)
    return np.where(count > 0, agreed / np.maximum(count, 1), np.nan)


def quantile_spread(scores: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Return, per row, the mean outcome of the top fifth by score minus that of the bottom fifth.

    A fifth is ``count // 5`` symbols. Equal scores stay together: a tie across the border belongs to neither
    fifth as a whole unless its average rank lies inside. NaN where a fifth is empty.
    """
    ranks = average_ranks(scores)
    count = np.sum(~np.isnan(scores), axis=1, keepdims=True)
    size = count // _QUANTILES
    return _mean_where(outcomes, ranks > count - size) - _mean_where(outcomes, ranks <= size)


def summarise_quality(quality: ForecastQuality, lags: int) -> dict[str, Any]:
    """Return the means over all instants and by calendar year, as plain values.

    Parameters
    ----------
    quality
        From :func:`forecast_quality`.
    lags
        Horizon in bars: labels of neighbouring instants overlap by that much, and the t statistic allows for
        it.

    Returns
    -------
    summary
        ``rank_ic``, ``rank_ic_t`` (mean over its Newey-West standard error), ``hit_rate``,
        ``quantile_spread``, ``instants`` and ``by_year``; a figure that cannot be computed is None.
    """
    mean, error = newey_west_mean(quality.rank_ic, lags)
    years = np.array([moment_of(int(time)).year for time in quality.times], dtype=np.int64)
    everything = np.ones(len(years), dtype=bool)
    by_year = [{"year": int(year), **_means(quality, years == year)} for year in np.unique(years)]
    return {
        **_means(quality, everything),
        "rank_ic_t": _plain(mean / error) if error > 0.0 else None,
        "by_year": [entry for entry in by_year if entry["instants"]],
    }


def _means(quality: ForecastQuality, rows: Mask) -> dict[str, Any]:
    measured = rows & ~np.isnan(quality.rank_ic)
    return {
        "rank_ic": mean_of_known(quality.rank_ic[rows]),
        "hit_rate": mean_of_known(quality.hit_rate[rows]),
        "quantile_spread": mean_of_known(quality.quantile_spread[rows]),
        "instants": int(measured.sum()),
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _centred(values: FloatArray) -> FloatArray:
    """Return values minus their row mean; what is missing becomes 0 and so weighs nothing."""
    known = ~np.isnan(values)
    mean = np.where(known, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, values - mean, 0.0)


def _row_median(values: FloatArray) -> FloatArray:
    """Return the median of every row, shape ``(n_rows, 1)``; NaN for an empty row, without a warning."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = np.sum(~np.isnan(values), axis=1, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=1)
    upper = np.take_along_axis(ordered, count // 2, axis=1)
    return (lower + upper) / 2.0


def _mean_where(values: FloatArray, chosen: Mask) -> FloatArray:
    count = chosen.sum(axis=1)
    total = np.where(chosen, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)

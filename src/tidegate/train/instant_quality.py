"""How good one model was at each instant of a test window: the figures that are compared in pairs."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.evaluate import net_returns, rank_ic_by_instant, rank_rows, roc_by_instant, top_places
from tidegate.train.dataset import Dataset

__all__ = ["MEASURES", "instant_quality"]

MEASURES = ("rank_ic", "auc", "net_top_k", "negative_squared_error")
"""``rank_ic`` of score and target, ``auc`` where the target is 0 or 1, ``net_top_k``: mean net return of the best,
``negative_squared_error`` of forecasts in the unit of the target. Of each, more is better.

``net_top_k`` is the mean over the names of one instant that could be traded, a series that is compared in pairs.
``net_return_at_k`` of :func:`~tidegate.evaluate.classification_figures` is one mean over the trades of all instants;
:func:`~tidegate.evaluate.staggered_trades` keeps the share of a name that could not be traded in cash.
"""


def instant_quality(
    data: Dataset, rows: Int64Array, symbols: Int64Array, score: FloatArray, *, top_k: int, forecasts: bool
) -> pl.DataFrame:
    """Return one row per instant: ``time`` and every measure, null where it cannot be computed.

    Parameters
    ----------
    rows, symbols
        ``int64 (n,)``: positions of the samples, in the order of time.
    score
        ``float64 (n,)``.
    top_k
        How many names the best are.
    forecasts
        Whether a score is a forecast of the target; one that only orders names has no error.
    """
    target = data.target[rows, symbols]
    times = data.times[rows]
    ranked = rank_rows(times, score, symbols)
    best = ranked.order[top_places(ranked, top_k)]
    nothing = np.full(len(ranked.instants), np.nan)
    binary = data.trade_return is not None
    return pl.DataFrame(
        {
            "time": pl.Series(ranked.instants).cast(MOMENT),
            "rank_ic": rank_ic_by_instant(times, score, target),
            "auc": roc_by_instant(ranked, score, target) if binary else nothing,
            "net_top_k": _mean_by_instant(_net(data, rows[best], symbols[best]), times[best], ranked.instants),
            "negative_squared_error": _mean_by_instant(-((target - score) ** 2), times, ranked.instants)
            if forecasts
            else nothing,
        }
    ).with_columns(pl.col(*MEASURES).fill_nan(None))


def _net(data: Dataset, rows: Int64Array, symbols: Int64Array) -> FloatArray:
    """Return the net simple return of trades; NaN where there is none."""
    gross = np.expm1(data.labels.gross) if data.trade_return is None else data.trade_return
    return net_returns(gross[rows, symbols], data.labels.round_trip_cost)


def _mean_by_instant(values: FloatArray, times: Int64Array, instants: Int64Array) -> FloatArray:
    """Return the mean of what is known at each instant; NaN where nothing is."""
    known = ~np.isnan(values)
    place = np.searchsorted(instants, times)[known]
    count = np.bincount(place, minlength=len(instants))
    total = np.bincount(place, weights=values[known], minlength=len(instants))
    mean: FloatArray = np.divide(total, count, out=np.full(len(instants), np.nan), where=count > 0)
    return mean

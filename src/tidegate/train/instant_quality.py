"""How good one model was at each instant of a test window: the figures that are compared in pairs."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.evaluate import net_returns, rank_ic_by_instant, rank_rows, roc_by_instant, top_places
from tidegate.train.dataset import Dataset

__all__ = ["MEASURES", "instant_quality"]

MEASURES = ("rank_ic", "auc", "net_top_k")
"""``rank_ic`` of score and target, ``auc`` where the target is 0 or 1, ``net_top_k``: mean net return of the best."""


def instant_quality(
    data: Dataset, rows: Int64Array, symbols: Int64Array, score: FloatArray, *, top_k: int
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
    """
    target = data.target[rows, symbols]
    ranked = rank_rows(data.times[rows], score, symbols)
    binary = data.trade_return is not None
    best = ranked.order[top_places(ranked, top_k)]
    areas = roc_by_instant(ranked, score, target) if binary else np.full(len(ranked.instants), np.nan)
    return pl.DataFrame(
        {
            "time": pl.Series(ranked.instants).cast(MOMENT),
            "rank_ic": rank_ic_by_instant(data.times[rows], score, target),
            "auc": areas,
            "net_top_k": _net_of_the_best(data, rows[best], symbols[best], ranked.instants),
        }
    ).with_columns(pl.col(*MEASURES).fill_nan(None))


def _net_of_the_best(data: Dataset, rows: Int64Array, symbols: Int64Array, instants: Int64Array) -> FloatArray:
    """Return the mean net simple return of the best names' trades at each instant; NaN where none has one."""
    gross = np.expm1(data.labels.gross) if data.trade_return is None else data.trade_return
    net = net_returns(gross[rows, symbols], data.labels.round_trip_cost)
    known = ~np.isnan(net)
    place = np.searchsorted(instants, data.times[rows])
    count = np.bincount(place[known], minlength=len(instants))
    total = np.bincount(place[known], weights=net[known], minlength=len(instants))
    mean: FloatArray = np.divide(total, count, out=np.full(len(instants), np.nan), where=count > 0)
    return mean

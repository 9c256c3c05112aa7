"""A small A-share market whose hits can be forecast, a recipe for it, and the same data with shuffled outcomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY, parse_instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.costs import resolve_recipe
from tidegate.data import trading_calendar
from tidegate.data.price_limits import LIMIT_PERCENT, limit_percent
from tidegate.testing import synthetic_panel
from tidegate.train.dataset import Dataset

__all__ = ["ashare_history", "ashare_recipe", "auc", "later_than", "shuffled"]


def ashare_history(
    seed: int, *, sessions: int = 320, shares: int = 40, edge: float = 0.4, gaps: float = 0.01
) -> History:
    """Return daily bars of shares of both boards, with suspensions and price limits.

    Each share drifts for weeks in one direction, by ``edge`` times its daily volatility: what it did in the last twenty
    sessions truly forecasts what it will do. At 0 nothing does.
    """
    closes = trading_calendar("XSHG").expected(DAILY, parse_instant("2021-01-04"), parse_instant("2024-12-31"))
    times = np.ascontiguousarray(closes[:sessions], dtype=np.int64)
    made = synthetic_panel(seed, sessions, shares, gaps=gaps, edge=edge, times=times)
    main, growth = range(shares - shares // 4), range(shares // 4)
    names = tuple(sorted([f"{600000 + one}.SH" for one in main] + [f"{300001 + one}.SZ" for one in growth]))
    columns = {**made.columns, LIMIT_PERCENT: limit_percent(names, times)}
    return History(Panel(times, names, columns))


def ashare_recipe(**changes: Any) -> Recipe:
    """Return a recipe that forecasts hits of this market, costs resolved, with changes."""
    return resolve_recipe(
        Recipe.model_validate(
            {
                "name": "small-picker",
                "data": {"dataset": "a-share"},
                "features": {"contract": "ashare"},
                "labels": {"target": "hit"},
                "split": {"first_test": "2021-12-01", "test_months": 2, "minimum_train_days": 120},
                "models": {"ridge": {}},
                "strategy": {"scores": "ridge", "top_n": 3},
                "costs": {"preset": "a-share"},
                **changes,
            }
        )
    )


def shuffled(data: Dataset, seed: int) -> Dataset:
    """Return the data with the outcomes of each day dealt out anew among its samples: nothing can be learnt.

    The share of hits of every day stays as it was, so that a forecast of the day alone still earns a pooled AUC, and
    only the AUC within the day must be one half.
    """
    random = generator(seed, "shuffled outcomes")
    target: FloatArray = data.target.copy()
    for row in np.flatnonzero(data.trainable.any(axis=1)):
        here = np.flatnonzero(data.trainable[row])
        target[row, here] = target[row, random.permutation(here)]
    return replace(data, target=target)


def auc(score: FloatArray, outcome: FloatArray) -> float:
    """Return the chance that a hit has a higher score than a miss; equal scores count half."""
    order = np.argsort(score, kind="stable")
    values, starts, counts = np.unique(score[order], return_index=True, return_counts=True)
    rank = np.empty(len(score))
    rank[order] = np.repeat(starts + (counts + 1) / 2.0, counts)
    hits: Mask = outcome == 1.0
    n_hits, n_misses = int(hits.sum()), int((~hits).sum())
    assert n_hits, "no hit among the outcomes"
    assert n_misses, "no miss among the outcomes"
    assert len(values) > 1, "one score for all"
    return float((rank[hits].sum() - n_hits * (n_hits + 1) / 2.0) / (n_hits * n_misses))


def later_than(data: Dataset, share: float) -> tuple[Int64Array, Int64Array]:
    """Return rows to learn from and rows to test on: those behind a share of the time, less the labels' reach."""
    border = int(len(data.times) * share)
    known = np.flatnonzero(data.labels.ends <= data.times[border])
    return known, np.arange(border, len(data.times))

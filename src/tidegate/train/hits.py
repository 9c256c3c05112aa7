"""How good probabilities, calls and picks were: the results of a run whose target is 0 or 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.files import write_atomically, write_json
from tidegate.core.recipe import Recipe
from tidegate.core.units import Int64Array
from tidegate.evaluate import (
    classification_figures,
    classification_quarters,
    net_returns,
    precision_recall_curve,
    reliability_table,
)
from tidegate.split import Fold
from tidegate.train.dataset import Dataset
from tidegate.train.fold_run import CURRENT, fold_calibrations
from tidegate.train.results import places_of

__all__ = ["gather_calibrations", "write_hits", "write_picks"]

_WHEN: Final = frozenset({"quarter", "from", "to"})
"""What the figures of a quarter say beside the figures."""


def gather_calibrations(run: Path, folds: Sequence[Fold]) -> dict[str, list[dict[str, Any]]]:
    """Join how each fold was calibrated to ``calibration.json``; without calibration there is no such file.

    The models for what comes after the data stand last, as fold ``current``.
    """
    gathered: dict[str, list[dict[str, Any]]] = {}
    names: list[int | str] = [*(fold.fold for fold in folds), CURRENT]
    for name in names:
        for kind, document in fold_calibrations(run, name).items():
            gathered.setdefault(kind, []).append(document)
    if gathered:
        write_json(run / "calibration.json", gathered)
    return gathered


def write_hits(run: Path, scores: pl.DataFrame, data: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Hold forecasts against hits and trades: ``classification.json``, also returned.

    Every figure is of the test windows, where no fit and no threshold has looked; each has a 95 % interval by a
    bootstrap of whole weeks, for the whole time, for every quarter and for every fold.
    """
    found = {}
    for (kind,), part in scores.group_by("model", maintain_order=True):
        ordered = part.sort("time", "symbol")
        columns = _columns(ordered, data)
        rules: dict[str, Any] = {
            "round_trip_cost": data.labels.round_trip_cost,
            "top_k": recipe.picks.top_k,
            "seed": recipe.seed,
        }
        quarters = classification_quarters(**columns, **rules)
        document: dict[str, Any] = {
            "overall": classification_figures(**columns, **rules),
            "quarters": quarters,
            "folds": _folds(ordered["fold"].to_numpy(), columns, rules, quarters),
            "top_k": recipe.picks.top_k,
        }
        if columns["probability"] is not None:
            document["reliability"] = reliability_table(columns["probability"], columns["outcome"])
            document["curve"] = precision_recall_curve(columns["probability"], columns["outcome"])
        found[str(kind)] = document
    write_json(run / "classification.json", found)
    return found


def write_picks(run: Path, scores: pl.DataFrame, data: Dataset, recipe: Recipe) -> None:
    """Write ``picks.parquet``: the best names of every instant of the test windows, and what became of them.

    Ties are broken by the name. ``net_return`` is what the trade earned less one round trip; ``base_rate`` and
    ``day_mean_return`` are those of all names of the same instant.
    """
    rows, places = places_of(scores, data)
    outcome = data.target[rows, places]
    trade = np.full(len(rows), np.nan) if data.trade_return is None else data.trade_return[rows, places]
    net = net_returns(trade, data.labels.round_trip_cost)
    frame = scores.with_columns(
        pl.Series("hit", outcome).fill_nan(None),
        pl.Series("trade_return", trade).fill_nan(None),
        pl.Series("net_return", net).fill_nan(None),
    ).with_columns(
        pl.col("hit").mean().over("model", "time").alias("base_rate"),
        pl.col("trade_return").mean().over("model", "time").alias("day_mean_return"),
    )
    ranked = frame.sort(["model", "time", "score", "symbol"], descending=[False, False, True, False]).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("model", "time").alias("rank")
    )
    picks = ranked.filter(pl.col("rank") <= recipe.picks.top_k).select(
        "time", "symbol", "model", "rank", "score", "probability", "called", "hit", "trade_return", "net_return",
        "base_rate", "day_mean_return",
    )  # fmt: skip
    write_atomically(run / "picks.parquet", picks.write_parquet)


def _folds(
    folds: Int64Array, columns: Mapping[str, Any], rules: Mapping[str, Any], quarters: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the figures of the test of each fold; where it is one quarter, those of the quarter are its own."""
    found = []
    for fold in np.unique(folds).tolist():
        here = folds == fold
        part: dict[str, Any] = {name: None if one is None else one[here] for name, one in columns.items()}
        window = (int(part["times"].min()), int(part["times"].max()), len(part["times"]))
        same = [quarter for quarter in quarters if (quarter["from"], quarter["to"], quarter["rows"]) == window]
        figures = (
            {name: value for name, value in same[0].items() if name not in _WHEN}
            if same
            else classification_figures(**part, **rules)
        )
        found.append({"fold": fold, **figures})
    return found


def _columns(ordered: pl.DataFrame, data: Dataset) -> dict[str, Any]:
    """Return the samples of one model, in order of time, as flat arrays; an outcome nobody knows yet is NaN."""
    rows, places = places_of(ordered, data)
    calibrated = ordered["probability"].null_count() == 0
    return {
        "times": ordered["time"].dt.epoch("us").to_numpy(),
        "symbols": places,
        "score": ordered["score"].to_numpy(),
        "probability": ordered["probability"].to_numpy() if calibrated else None,
        "called": ordered["called"].to_numpy().astype(np.bool_) if calibrated else None,
        "outcome": data.target[rows, places],
        "trade_return": None if data.trade_return is None else data.trade_return[rows, places],
    }

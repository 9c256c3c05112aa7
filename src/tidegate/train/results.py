"""From finished folds to the results of a run: scores, their quality, and what the models look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.files import write_atomically, write_json
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.evaluate import ForecastQuality, forecast_quality, summarise_quality
from tidegate.models import load_forecaster
from tidegate.split import Fold
from tidegate.train.dataset import Dataset
from tidegate.train.fold_run import fold_scores, model_folder

__all__ = ["gather_scores", "places_of", "write_importance", "write_quality"]


def gather_scores(run: Path, folds: Sequence[Fold]) -> pl.DataFrame:
    """Join the folds' forecasts to ``scores.parquet``, sorted by model, time and symbol.

    Raises
    ------
    DataError
        If there is not one.
    """
    parts = [pl.read_parquet(fold_scores(run, fold.fold)) for fold in folds]
    scores = pl.concat(parts).sort("model", "time", "symbol")
    if scores.is_empty():
        raise DataError(
            found="not one instant of the test windows with enough features to forecast from",
            expected="scores",
            hint="a full window of history is needed: bring more bars, audit them for gaps, or choose shorter features",
        )
    write_atomically(run / "scores.parquet", scores.write_parquet)
    return scores


def write_quality(run: Path, scores: pl.DataFrame, data: Dataset, target: str) -> dict[str, Any]:
    """Compare forecasts with outcomes: ``daily_quality.parquet`` and ``evaluation.json``, also returned.

    ``rank_ic``, its t statistic and ``hit_rate`` hold a forecast against what was forecast, which ``target`` names.
    Money is another matter: ``quantile_spread`` and what begins with ``gross_`` hold it against the gross log return
    over the horizon. The two agree where the target is the gross return. Each t statistic allows for as many bars as
    neighbouring labels of its own kind overlap: those of a hit reach as far as the latest exit of its trade.
    """
    lags = data.labels.bars_of_target(target)
    daily, evaluation = [], {}
    for (kind,), part in scores.group_by("model", maintain_order=True):
        dense = _dense(part, data)
        money = forecast_quality(data.times, dense, np.asarray(data.labels.gross))
        quality = replace(
            forecast_quality(data.times, dense, np.asarray(data.target)), quantile_spread=money.quantile_spread
        )
        earned = summarise_quality(money, lags=data.labels.horizon_bars)
        evaluation[str(kind)] = {
            "target": target,
            **summarise_quality(quality, lags=lags),
            **{f"gross_{name}": earned[name] for name in ("rank_ic", "rank_ic_t", "hit_rate")},
        }
        daily.append(_daily(str(kind), quality))
    frame = pl.concat(daily)
    write_atomically(run / "daily_quality.parquet", frame.write_parquet)
    write_json(run / "evaluation.json", evaluation)
    return evaluation


def write_importance(run: Path, members: Sequence[str], folds: Sequence[Fold], names: Sequence[str]) -> None:
    """Write each feature's share per model: the mean over the folds' stored models, and every fold's own.

    An ensemble looks at nothing but its members.
    """
    shares, by_fold = {}, {}
    for kind in members:
        found = [load_forecaster(model_folder(run, kind, fold.fold)).importance() for fold in folds]
        shares[kind] = dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))
        by_fold[kind] = [dict(zip(names, one.tolist(), strict=True)) for one in found]
    write_json(run / "importance.json", shares)
    write_json(run / "importance_by_fold.json", by_fold)


def places_of(scores: pl.DataFrame, data: Dataset) -> tuple[Int64Array, Int64Array]:
    """Return the row and the symbol of each score on the axes of the data, ``int64 (n_scores,)`` each."""
    rows = np.searchsorted(data.times, scores["time"].dt.epoch("us").to_numpy())
    places = scores["symbol"].cast(pl.Enum(data.symbols)).to_physical().to_numpy().astype(np.int64)
    return rows.astype(np.int64), places


def _dense(scores: pl.DataFrame, data: Dataset) -> FloatArray:
    matrix = np.full((len(data.times), len(data.symbols)), np.nan)
    matrix[places_of(scores, data)] = scores["score"].to_numpy()
    return matrix


def _daily(kind: str, quality: ForecastQuality) -> pl.DataFrame:
    """Return one row per instant with an outcome; what cannot be computed is null."""
    frame = pl.DataFrame(
        {
            "time": pl.Series(quality.times).cast(MOMENT),
            "model": pl.repeat(kind, len(quality.times), dtype=pl.String, eager=True),
            "rank_ic": quality.rank_ic,
            "hit_rate": quality.hit_rate,
            "quantile_spread": quality.quantile_spread,
            "count": quality.count,
        }
    )
    return frame.filter(pl.col("count") > 0).with_columns(
        pl.col("rank_ic", "hit_rate", "quantile_spread").fill_nan(None)
    )

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
from tidegate.core.units import FloatArray
from tidegate.data.tables import MOMENT
from tidegate.evaluate import ForecastQuality, forecast_quality, summarise_quality
from tidegate.models import load_forecaster
from tidegate.split import Fold
from tidegate.train.dataset import Dataset
from tidegate.train.fold_run import fold_scores, model_folder

__all__ = ["gather_scores", "write_importance", "write_quality"]


def gather_scores(run: Path, kinds: Sequence[str], folds: Sequence[Fold]) -> pl.DataFrame:
    """Join the folds' forecasts to ``scores.parquet``, sorted by model, time and symbol.

    Raises
    ------
    DataError
        If there is not one.
    """
    parts = [pl.read_parquet(fold_scores(run, kind, fold.fold)) for kind in sorted(kinds) for fold in folds]
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
    over the horizon. The two agree where the target is the gross return.
    """
    daily, evaluation = [], {}
    for (kind,), part in scores.group_by("model", maintain_order=True):
        dense = _dense(part, data)
        money = forecast_quality(data.times, dense, np.asarray(data.labels.gross))
        quality = replace(
            forecast_quality(data.times, dense, np.asarray(data.target)), quantile_spread=money.quantile_spread
        )
        lags = data.labels.horizon_bars
        earned = summarise_quality(money, lags=lags)
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


def write_importance(run: Path, kinds: Sequence[str], folds: Sequence[Fold], names: Sequence[str]) -> None:
    """Write ``importance.json``: each feature's share per model, the mean over the folds' stored models."""
    shares = {}
    for kind in kinds:
        models = [load_forecaster(model_folder(run, kind, fold.fold)) for fold in folds]
        mean = np.mean([model.importance() for model in models], axis=0)
        shares[kind] = dict(zip(names, mean.tolist(), strict=True))
    write_json(run / "importance.json", shares)


def _dense(scores: pl.DataFrame, data: Dataset) -> FloatArray:
    matrix = np.full((len(data.times), len(data.symbols)), np.nan)
    rows = np.searchsorted(data.times, scores["time"].dt.epoch("us").to_numpy())
    places = scores["symbol"].cast(pl.Enum(data.symbols)).to_physical().to_numpy()
    matrix[rows, places] = scores["score"].to_numpy()
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

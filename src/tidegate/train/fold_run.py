"""One fold: fit every model on the past, forecast the test rows, leave files to resume from."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.files import write_atomically
from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.models import make_forecaster
from tidegate.split import Fold
from tidegate.train.dataset import Dataset

__all__ = ["fold_scores", "model_folder", "run_fold"]


def model_folder(run: Path, kind: str, fold: int) -> Path:
    """Return where the model of a fold lies."""
    return run / "models" / kind / f"fold-{fold}"


def fold_scores(run: Path, kind: str, fold: int) -> Path:
    """Return where a fold's forecasts lie until all folds are done; it appears when the fold is finished."""
    return run / "folds" / f"{kind}-{fold}.parquet"


def run_fold(run: Path, recipe: Recipe, data: Dataset, fold: Fold, threads: int) -> None:
    """Train and forecast one fold with every model of the recipe that has not finished it before.

    The training samples are cut once and shared by the models.

    Raises
    ------
    DataError
        If no training row of the fold has both a feature and a label.
    """
    pending = [kind for kind in recipe.models.kinds if not fold_scores(run, kind, fold.fold).exists()]
    if not pending:
        return
    rows, symbols = data.samples(fold.train, data.trainable)
    if not rows.size:
        raise DataError(
            found=f"no usable row in {format_instant(fold.train_start)} to {format_instant(fold.train_end)}",
            expected="rows with a label and at least one feature",
            hint="bring in more history, move split.first_test, or choose features with a shorter lookback",
        )
    features, target = data.cut(rows, symbols), data.target[rows, symbols]
    forecasters = {
        kind: make_forecaster(kind, recipe.models, seed=recipe.seed, threads=threads).fit(features, target)
        for kind in pending
    }
    del features, target
    rows, symbols = data.samples(fold.test, data.predictable)
    features = data.cut(rows, symbols)
    for kind, forecaster in forecasters.items():
        forecaster.save(model_folder(run, kind, fold.fold))
        frame = _frame(data, fold, kind, rows, symbols, forecaster.predict(features))
        # Written last and atomically: where this file is, the fold is finished.
        write_atomically(fold_scores(run, kind, fold.fold), frame.write_parquet)


def _frame(
    data: Dataset, fold: Fold, kind: str, rows: Int64Array, symbols: Int64Array, scores: FloatArray
) -> pl.DataFrame:
    names = pl.Series(data.symbols, dtype=pl.String)
    return pl.DataFrame(
        {
            "time": pl.Series(data.times[rows]).cast(MOMENT),
            "symbol": names.gather(symbols),
            "model": pl.repeat(kind, len(rows), dtype=pl.String, eager=True),
            "score": scores,
            "fold": pl.repeat(fold.fold, len(rows), dtype=pl.Int32, eager=True),
            "trained_until": pl.repeat(int(fold.trained_until), len(rows), dtype=pl.Int64, eager=True).cast(MOMENT),
        }
    )

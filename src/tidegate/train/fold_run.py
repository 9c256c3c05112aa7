"""One fold of a run: fit every model on the past, forecast the test rows, leave files to resume from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tidegate.core.files import read_json, write_atomically, write_json
from tidegate.core.history import History
from tidegate.core.recipe import Recipe
from tidegate.core.units import Int64Array
from tidegate.data.tables import MOMENT
from tidegate.evaluate import precision_recall_curve
from tidegate.models import ENSEMBLE, Forecast
from tidegate.split import Fold
from tidegate.train.dataset import Dataset
from tidegate.train.fold_fit import Calibration, FittedFold, fit_fold

__all__ = ["CURRENT", "fold_calibrations", "fold_scores", "model_folder", "run_current", "run_fold"]

CURRENT = "current"
"""Name in place of a fold's number: the models for what comes after the data.

Nothing is left to be tested on, so training part and slices reach up to the newest labels. The slices keep their parts:
what stops the trees or calibrates was not learnt from, and with ``refit: keep`` the newest labels of all, those of the
slices, are in no tree.
"""


def model_folder(run: Path, kind: str, fold: int | str) -> Path:
    """Return where the model of a fold lies."""
    return run / "models" / kind / (f"fold-{fold}" if isinstance(fold, int) else fold)


def fold_scores(run: Path, fold: int) -> Path:
    """Return where a fold's forecasts lie until all folds are done; it appears when the fold is finished."""
    return run / "folds" / f"{fold}.parquet"


def fold_calibrations(run: Path, fold: int | str) -> dict[str, dict[str, Any]]:
    """Return how the scores of a fold's models became probabilities, by kind; empty where nothing was calibrated."""
    path = _calibrations_file(run, fold)
    return dict(read_json(path)) if path.exists() else {}


def run_fold(run: Path, recipe: Recipe, history: History, data: Dataset, fold: Fold, threads: int) -> None:
    """Train and forecast one fold with every model of the recipe, unless that was done before.

    Raises
    ------
    DataError
        If a part of the fold has no row with both a feature and a label.
    """
    if fold_scores(run, fold.fold).exists():
        return
    fitted = fit_fold(recipe, history, data, fold, threads=threads)
    _store(run, recipe, fold, fold.fold, fitted)
    rows, symbols = data.samples(fold.test, data.predictable)
    forecasts = fitted.forecast(data.rows(rows, symbols), data.times[rows])
    frame = pl.concat(_frame(data, fold, kind, rows, symbols, said) for kind, said in forecasts.items())
    # Written last and atomically: where this file is, the fold is finished.
    write_atomically(fold_scores(run, fold.fold), frame.write_parquet)


def run_current(run: Path, recipe: Recipe, history: History, data: Dataset, fold: Fold, threads: int) -> None:
    """Fit the models that forecast what comes after the data, unless that was done before.

    They learn as those of every fold do: from the training part alone, or from it and the validation slice where the
    recipe says ``refit: with_validation``; calibrators and thresholds come from the calibration slice.
    """
    done = run / "folds" / CURRENT
    if done.exists():
        return
    _store(run, recipe, fold, CURRENT, fit_fold(recipe, history, data, fold, threads=threads))
    write_json(done, fold.as_document())


def _store(run: Path, recipe: Recipe, fold: Fold, name: int | str, fitted: FittedFold) -> None:
    """Write models, and how they were calibrated."""
    for kind, model in fitted.models.items():
        model.save(model_folder(run, kind, name))
    if fitted.ensemble is not None:
        fitted.ensemble.save(model_folder(run, ENSEMBLE, name))
    if fitted.calibrations:
        documents = {kind: _document(recipe, fold, name, one) for kind, one in fitted.calibrations.items()}
        write_json(_calibrations_file(run, name), documents)


def _calibrations_file(run: Path, fold: int | str) -> Path:
    return run / "folds" / f"calibration-{fold}.json"


def _document(recipe: Recipe, fold: Fold, name: int | str, calibration: Calibration) -> dict[str, Any]:
    assert recipe.calibrate is not None
    assert fold.calibration is not None
    probability = calibration.calibrator.probability(calibration.scores)
    return {
        "fold": name,
        "method": recipe.calibrate.method,
        "rows": len(calibration.outcomes),
        "positives": int(calibration.outcomes.sum()),
        "base_rate": float(calibration.outcomes.mean()),
        "start": int(fold.calibration.start),
        "end": int(fold.calibration.end),
        "threshold": calibration.threshold.as_document(),
        "calibrator": calibration.calibrator.as_document(),
        "curve": precision_recall_curve(probability, calibration.outcomes),
    }


def _frame(data: Dataset, fold: Fold, kind: str, rows: Int64Array, symbols: Int64Array, said: Forecast) -> pl.DataFrame:
    names = pl.Series(data.symbols, dtype=pl.String)
    count = len(rows)
    return pl.DataFrame(
        {
            "time": pl.Series(data.times[rows]).cast(MOMENT),
            "symbol": names.gather(symbols),
            "model": pl.repeat(kind, count, dtype=pl.String, eager=True),
            "score": said.score,
            "probability": pl.Series(said.probability, dtype=pl.Float64)
            if said.probability is not None
            else pl.repeat(None, count, dtype=pl.Float64, eager=True),
            "called": pl.Series(said.called, dtype=pl.Boolean)
            if said.called is not None
            else pl.repeat(None, count, dtype=pl.Boolean, eager=True),
            "fold": pl.repeat(fold.fold, count, dtype=pl.Int32, eager=True),
            "trained_until": pl.repeat(int(fold.trained_until), count, dtype=pl.Int64, eager=True).cast(MOMENT),
        }
    )

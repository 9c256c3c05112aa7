"""Tuning: from a recipe and a workspace to a finished study of one model's parameters."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import RecipeError
from tidegate.core.files import write_json
from tidegate.core.fingerprint import fingerprint
from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe, TuneSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.models.training_rows import TrainingRows
from tidegate.registry import Run, RunKind, RunStore
from tidegate.split import Fold, splitter_for
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_fit import training_rows
from tidegate.train.inner_folds import InnerFold, inner_folds
from tidegate.train.objective import StudyRows, require_metric
from tidegate.train.search_space import search_space
from tidegate.train.study import StudyResult, run_study

__all__ = ["tune"]

_JOURNAL = "journal.log"
_STUDY = "study.json"
_DATASET = "dataset"


def tune(workspace: Workspace, recipe: Recipe, *, threads: int = 1, progress: Progress = SILENT) -> Run:
    """Search the parameters of one model on the past of the first test window, and keep the study.

    The study sees the training part and the validation slice of the first fold alone: no calibration slice, no test
    window, and so nothing that a figure is later reported on (equity H 19, D-40). An interrupted run goes on after its
    last finished trial when the same work is asked for again, and ends as the undisturbed one would. Where the same
    recipe, data and code were searched before, that run is returned, and ``progress`` is told so: another ``seed``,
    more trials or another budget are a search of their own.

    Parameters
    ----------
    threads
        Processors that a fit may use; the result does not depend on it.

    Returns
    -------
    run
        Its folder holds ``study.json``, ``journal.log`` in Optuna's format and ``folds.json`` with the fold.

    Raises
    ------
    RecipeError
        If the recipe has no section ``tune``.
    RunError, GateNotPassed
        If no audit of readiness passed the recipe's data as they stand.
    CatalogError, DataError, InputError
        If the data are not there, the metric or the ranges do not fit, or the study would need too much memory.
    """
    began = elapsed_seconds()
    settings = _fitting_settings(recipe)
    store, catalog = RunStore(workspace), Catalog(workspace)
    recipe = resolve_recipe(recipe)
    versions = pinned_versions(catalog, recipe)
    store.require_audit_of(recipe, versions)
    work: dict[str, Any] = {
        "kind": RunKind.TUNE,
        "recipe": recipe,
        "fingerprint_of_work": fingerprint([recipe.training_fingerprint(), settings]),
        "data_versions": versions,
    }
    done = store.finished_before(**work)
    if done is not None and (done.folder / _STUDY).exists():
        progress.say(f"this search was done: {done.id}")
        return done
    with store.begin(**work) as run:
        progress.say(f"{'resuming' if run.resumed else 'reading'} {recipe.data.dataset} for {run.id}")
        history = read_recipe_data(catalog, recipe, versions, sources=True).history(recipe.universe.benchmark)
        parts, rows = _prepared(run.folder, recipe, settings, history)
        result = run_study(
            rows, settings, recipe.models, journal=run.folder / _JOURNAL, seed=recipe.seed,
            binary=recipe.labels.is_binary, threads=threads, began=began, progress=progress,
        )  # fmt: skip
        run.finish(_conclude(run.folder, result, parts))
    shutil.rmtree(run.folder / _DATASET, ignore_errors=True)
    return store.get(run.id)


def _prepared(
    folder: Path, recipe: Recipe, settings: TuneSettings, history: History
) -> tuple[list[InnerFold], list[StudyRows]]:
    """Return the inner folds of the first fold and their rows, and keep which fold that was."""
    data = assemble(history, recipe, folder=folder / _DATASET)
    fold = splitter_for(recipe.split).split(data.times, data.labels.spans)[0]
    write_json(folder / "folds.json", [fold.as_document()])
    parts = _inner_folds(recipe, settings, data, fold)
    return parts, [_study_rows(recipe, history, data, part) for part in parts]


def _fitting_settings(recipe: Recipe) -> TuneSettings:
    """Return what is searched, refused before anything is read if it does not fit the model or the target."""
    if recipe.tune is None:
        raise RecipeError(
            found=f"recipe {recipe.name!r} without a section tune",
            expected="one that says what is searched",
            hint="write tune: {} for the defaults, or tune: {model: ..., trials: ..., minutes: ...}",
        )
    search_space(recipe.tune, recipe.models, binary=recipe.labels.is_binary)
    require_metric(recipe.tune, recipe.models, binary=recipe.labels.is_binary)
    return recipe.tune


def _inner_folds(recipe: Recipe, settings: TuneSettings, data: Dataset, fold: Fold) -> list[InnerFold]:
    section = getattr(recipe.models, settings.model)
    return inner_folds(
        data.labels.spans,
        fold,
        settings.inner_folds,
        stops_early=getattr(section, "early_stopping_rounds", None) is not None,
        embargo_days=recipe.split.embargo_days,
    )


def _study_rows(recipe: Recipe, history: History, data: Dataset, part: InnerFold) -> StudyRows:
    def rows(positions: Int64Array, what: str, *, weighted: bool = False) -> TrainingRows:
        return training_rows(
            recipe, history, data, positions, what=f"{what} of inner fold {part.number}", weighted=weighted
        )

    return StudyRows(
        train=rows(part.train, "the training part", weighted=True),
        stopping=None if part.stopping is None else rows(part.stopping.rows, "the slice that stops"),
        judged=rows(part.judged.rows, "the judged slice"),
        trade_return=_trade_return(data, part.judged.rows),
        round_trip_cost=data.labels.round_trip_cost,
        buckets=recipe.labels.buckets,
    )


def _trade_return(data: Dataset, positions: Int64Array) -> FloatArray:
    """Return what a trade decided on each judged sample earned before costs, a fraction of the price at entry."""
    rows, symbols = data.samples(positions, data.trainable)
    if data.trade_return is not None:
        return data.trade_return[rows, symbols]
    earned: FloatArray = np.expm1(data.labels.gross[rows, symbols])
    return earned


def _conclude(folder: Path, result: StudyResult, parts: list[InnerFold]) -> dict[str, Any]:
    """Write ``study.json`` and return the metrics of the run."""
    document = {**result.as_document(), "inner_folds": [part.as_document() for part in parts]}
    write_json(folder / _STUDY, document)
    states = Counter(trial.state.value for trial in result.trials)
    return {
        "model": result.model,
        "metric": result.metric,
        "best": document["best"],
        "recipe_value": result.trials[0].value,
        "trials": {"made": len(result.trials), **states},
        "stopped_by": result.stopped_by.value,
    }

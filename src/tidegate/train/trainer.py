"""Training: from a recipe and a workspace to a finished run with out-of-sample scores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tidegate.core.files import write_json
from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.data.universe import survivorship_of
from tidegate.features.delivery import undelivered, wanted_contract
from tidegate.registry import ActiveRun, Run, RunKind, RunStore, scores_fingerprint
from tidegate.split import Fold, WalkForward
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_run import run_fold
from tidegate.train.results import gather_scores, write_importance, write_quality

__all__ = ["train"]


def train(workspace: Workspace, recipe: Recipe, *, threads: int = 1, progress: Progress = SILENT) -> Run:
    """Train every model of a recipe walk-forward and keep what they forecast out of sample.

    Each fold is fitted on the past, forecasts its test window and is written to disk before the next begins;
    a run that was interrupted goes on after its last finished fold when the same work is asked for again. The
    same recipe, data and code give the same scores to the bit, whatever the number of threads.

    Parameters
    ----------
    workspace
        Where bars are read and the run is kept.
    recipe
        Universe, features, labels, split, models and costs; strategy and money play no part.
    threads
        Processors that boosting may use.
    progress
        Who listens.

    Returns
    -------
    run
        Its folder holds ``folds.json``, ``contract.json``, ``labels.json``, ``scores.parquet``,
        ``daily_quality.parquet``, ``evaluation.json``, ``importance.json`` and ``models/``.

    Raises
    ------
    RunError, GateNotPassed
        If no audit of readiness passed the recipe's data as they stand.
    CatalogError, DataError, RecipeError
        If the data are not there or do not carry the recipe; nothing is marked finished then.
    """
    store = RunStore(workspace)
    recipe = resolve_recipe(recipe)
    catalog = Catalog(workspace)
    versions = pinned_versions(catalog, recipe)
    audited = store.require_audit_of(recipe, versions)
    with store.begin(
        kind=RunKind.TRAIN,
        recipe=recipe,
        fingerprint_of_work=recipe.training_fingerprint(),
        data_versions=versions,
    ) as run:
        progress.say(f"{'resuming' if run.resumed else 'reading'} {recipe.data.dataset} for {run.id}")
        read = read_recipe_data(catalog, recipe, versions, sources=True)
        history = read.history(recipe.universe.benchmark)
        data = assemble(history, recipe)
        folds = WalkForward(recipe.split).split(data.times, data.labels.spans)
        _describe(run.folder, data, folds)
        for fold in progress.track(folds, "training folds", total=len(folds)):
            run_fold(run.folder, recipe, data, fold, threads)
        told = {
            "absent_features": _absent_features(history, recipe),
            "data_notes": audited.findings["notes"],
            "survivorship": survivorship_of(recipe.universe, catalog, versions).value,
        }
        run.finish({**_conclude(run, recipe, data, folds), **told})
    # Only now: a process that ends before the run is finished must find its folds again.
    shutil.rmtree(run.folder / "folds", ignore_errors=True)
    return store.get(run.id)


def _describe(folder: Path, data: Dataset, folds: list[Fold]) -> None:
    write_json(folder / "contract.json", data.features.contract.as_document())
    write_json(folder / "labels.json", [part.as_document() for part in data.labels.returns])
    write_json(folder / "folds.json", [fold.as_document() for fold in folds])


def _absent_features(history: History, recipe: Recipe) -> dict[str, str]:
    """Return the features that the recipe asks for and no model saw, each with the sources that it lacks (D-05)."""
    wanted = wanted_contract(recipe.features, recipe.data.interval)
    absent = undelivered(wanted, columns=history.bars, tables=history.tables)
    return {name: ", ".join(lacked) for name, lacked in absent.items()}


def _conclude(run: ActiveRun, recipe: Recipe, data: Dataset, folds: list[Fold]) -> dict[str, Any]:
    """Write what concerns all folds and return the metrics of the run."""
    kinds = recipe.models.kinds
    scores = gather_scores(run.folder, kinds, folds)
    evaluation = write_quality(run.folder, scores, data, recipe.labels.target)
    write_importance(run.folder, kinds, folds, data.features.contract.names)
    overall = {
        kind: {name: value for name, value in found.items() if name != "by_year"} for kind, found in evaluation.items()
    }
    return {
        "models": overall,
        "folds": len(folds),
        "scores": scores.height,
        "scores_fingerprint": scores_fingerprint(scores),
        "contract": data.features.contract.fingerprint,
        "features_fingerprint": data.features.fingerprint(),
        "round_trip_cost": data.labels.round_trip_cost,
    }

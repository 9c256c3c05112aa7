"""Training: from a recipe and a workspace to a finished run with out-of-sample scores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.fingerprint import fingerprint
from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.data.universe import survivorship_of
from tidegate.features.delivery import undelivered, wanted_contract
from tidegate.registry import ActiveRun, Run, RunKind, RunStatus, RunStore, scores_fingerprint
from tidegate.split import Fold, current_fold, splitter_for
from tidegate.train.artifact import publish_training
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_run import run_current, run_fold
from tidegate.train.hits import gather_calibrations, write_hits, write_picks
from tidegate.train.results import gather_scores, write_importance, write_quality
from tidegate.train.search_space import with_parameters

__all__ = ["train", "with_found_parameters"]


def train(
    workspace: Workspace,
    recipe: Recipe,
    *,
    tuned: Run | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Run:
    """Train every model of a recipe and keep what they forecast out of sample.

    Each fold is fitted on the past, forecasts its test window and is written to disk before the next begins;
    a run that was interrupted goes on after its last finished fold when the same work is asked for again. The
    same recipe, data and code give the same scores to the bit, whatever the number of threads.

    Parameters
    ----------
    workspace
        Where bars are read and the run is kept.
    recipe
        Universe, features, labels, split, models and costs; strategy and money play no part.
    tuned
        A finished tuning run of the same recipe, whose best parameters replace the recipe's own; everything that was
        not searched stays as the recipe says. None takes the recipe as it stands.
    threads
        Processors that boosting may use.
    progress
        Who listens.

    Returns
    -------
    run
        Its folder holds ``folds.json``, ``contract.json``, ``labels.json``, ``scores.parquet``,
        ``daily_quality.parquet``, ``evaluation.json``, ``importance.json`` and ``models/``; for targets of 0 and 1 also
        ``classification.json``, ``picks.parquet`` and, where the recipe calibrates, ``calibration.json``.

    Raises
    ------
    RunError, GateNotPassed
        If no audit of readiness passed the recipe's data as they stand, or ``tuned`` does not fit.
    CatalogError, DataError, RecipeError
        If the data are not there or do not carry the recipe; nothing is marked finished then.
    """
    store, recipe = RunStore(workspace), resolve_recipe(recipe)
    found = None if tuned is None else _found(recipe, tuned)
    versions = pinned_versions(Catalog(workspace), recipe)
    notes = store.require_audit_of(recipe, versions).findings["notes"]
    with store.begin(
        kind=RunKind.TRAIN,
        recipe=recipe,
        fingerprint_of_work=_work(recipe, found),
        data_versions=versions,
        parent=None if tuned is None else tuned.id,
    ) as run:
        fitting = recipe if tuned is None else with_found_parameters(recipe, tuned)
        metrics = _walk(workspace, run, fitting, versions, notes, threads=threads, progress=progress)
        run.finish({**metrics, "tuned": found})
    # Only now: a process that ends before the run is finished must find its folds again.
    for part in ("folds", "dataset"):
        shutil.rmtree(run.folder / part, ignore_errors=True)
    return store.get(run.id)


def _walk(
    workspace: Workspace,
    run: ActiveRun,
    recipe: Recipe,
    versions: Mapping[str, int],
    notes: Mapping[str, Any],
    *,
    threads: int,
    progress: Progress,
) -> dict[str, Any]:
    """Fit fold after fold, then what is shipped, and return the metrics of the run."""
    catalog = Catalog(workspace)
    progress.say(f"{'resuming' if run.resumed else 'reading'} {recipe.data.dataset} for {run.id}")
    history = read_recipe_data(catalog, recipe, versions, sources=True).history(recipe.universe.benchmark)
    data = assemble(history, recipe, folder=run.folder / "dataset")
    folds = splitter_for(recipe.split).split(data.times, data.labels.spans)
    newest = current_fold(recipe.split, data.times, data.labels.spans)
    _describe(run.folder, data, folds)
    for fold in progress.track(folds, "training folds", total=len(folds)):
        run_fold(run.folder, recipe, history, data, fold, threads)
    progress.say("the models for what comes after the data")
    run_current(run.folder, recipe, history, data, newest, threads)
    metrics = _conclude(run, recipe, data, folds)
    told: dict[str, Any] = {
        "absent_features": _absent_features(history, recipe),
        "data_notes": notes,
        "survivorship": survivorship_of(recipe.universe, catalog, versions).value,
    }
    artifact = publish_training(
        workspace, run.folder, recipe, run=run.id, folds=folds, current=newest, data_versions=versions, **told
    )
    return {**metrics, **told, "current": newest.as_document(), "artifact": artifact.id}


def _work(recipe: Recipe, found: Mapping[str, Any] | None) -> str:
    """Return the fingerprint of what a run does: one whose figures and picks are of other names is not resumed."""
    return fingerprint(
        [recipe.training_fingerprint(), recipe.picks.top_k, None if found is None else found["parameters"]]
    )


def with_found_parameters(recipe: Recipe, tuned: Run) -> Recipe:
    """Return a recipe whose tuned model has the parameters that a tuning run found; all else stays.

    Raises
    ------
    RunError
        If the run is not a finished tuning of this recipe.
    """
    found = _found(recipe, tuned)
    models = with_parameters(recipe.models, found["model"], found["parameters"])
    return recipe.model_copy(update={"models": models})


def _found(recipe: Recipe, tuned: Run) -> dict[str, Any]:
    if tuned.kind is not RunKind.TUNE or tuned.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"{tuned.id}, a {tuned.status} {tuned.kind} run",
            expected="a finished tune run",
            hint=f"run: tidegate tune {recipe.name}",
        )
    theirs = Recipe.model_validate(tuned.recipe)
    if theirs.training_fingerprint() != recipe.training_fingerprint():
        raise RunError(
            found=f"{tuned.id}, tuned for another recipe than {recipe.name!r} as it stands",
            expected="equal data, universe, features, labels, split, models, weights and costs",
            hint=f"tune again: tidegate tune {recipe.name}",
        )
    study = read_json(tuned.folder / "study.json")
    best = study["best"]
    return {
        "run": tuned.id,
        "model": study["model"],
        "parameters": best["parameters"],
        "metric": study["metric"],
        "value": best["value"],
    }


def _describe(folder: Path, data: Dataset, folds: list[Fold]) -> None:
    write_json(folder / "contract.json", data.features.contract.as_document())
    write_json(folder / "labels.json", [part.as_document() for part in data.labels.parts])
    write_json(folder / "folds.json", [fold.as_document() for fold in folds])


def _absent_features(history: History, recipe: Recipe) -> dict[str, str]:
    """Return the features that the recipe asks for and no model saw, each with the sources that it lacks (D-05)."""
    wanted = wanted_contract(recipe.features, recipe.data.interval)
    absent = undelivered(wanted, columns=history.bars, tables=history.tables)
    return {name: ", ".join(lacked) for name, lacked in absent.items()}


def _conclude(run: ActiveRun, recipe: Recipe, data: Dataset, folds: list[Fold]) -> dict[str, Any]:
    """Write what concerns all folds and return the metrics of the run."""
    scores = gather_scores(run.folder, folds)
    evaluation = write_quality(run.folder, scores, data, recipe.labels.target)
    write_importance(run.folder, recipe.models.members, folds, data.features.contract.names)
    hits = _hits(run, recipe, data, folds, scores) if recipe.labels.is_binary else {}
    overall = {
        kind: {name: value for name, value in found.items() if name != "by_year"} for kind, found in evaluation.items()
    }
    return {
        "models": overall,
        **hits,
        "folds": len(folds),
        "scores": scores.height,
        "scores_fingerprint": scores_fingerprint(scores),
        "contract": data.features.contract.fingerprint,
        "features_fingerprint": data.features.fingerprint(),
        "round_trip_cost": data.labels.round_trip_cost,
    }


def _hits(run: ActiveRun, recipe: Recipe, data: Dataset, folds: list[Fold], scores: Any) -> dict[str, Any]:
    calibrations = gather_calibrations(run.folder, folds)
    classification = write_hits(run.folder, scores, data, recipe)
    write_picks(run.folder, scores, data, recipe)
    return {
        "hits": {kind: found["overall"] for kind, found in classification.items()},
        "thresholds": {
            kind: [{"fold": one["fold"], **one["threshold"]} for one in documents]
            for kind, documents in calibrations.items()
        },
    }

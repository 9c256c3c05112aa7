"""Search: parameter sets of a strategy, simulated on the scores of one training run, and the best within its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tidegate.core.errors import RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.registry import Run, RunKind, RunStore
from tidegate.search.best import columns_of
from tidegate.search.candidates import Candidate, candidates_of
from tidegate.search.choice import judge
from tidegate.search.conduct import Plan, Proposer, Workers, conduct, tidy
from tidegate.search.ground import model_of, recipe_on
from tidegate.search.runner.manifest import Manifest
from tidegate.search.runner.states import State
from tidegate.search.sets.fitting import Fitting
from tidegate.search.sets.optuna_sets import JudgedSet, OptunaProposer
from tidegate.search.sets.parameter_set import ParameterSet
from tidegate.search.sets.plan import planned_sets

__all__ = ["search"]


def search(
    workspace: Workspace,
    recipe: Recipe,
    *,
    train_run: Run | None = None,
    workers: Workers | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Run:
    """Try the parameter sets that a recipe asks for, and say which keeps the bounds, what it earned, and what luck did.

    Sets are judged by the training part of the window alone; what the chosen one did in the validation part and in the
    final part, which no choice has seen, stands beside it. An interrupted search goes on where it stopped when the same
    work is asked for again, and ends as the undisturbed one would.

    Parameters
    ----------
    train_run
        Whose scores are traded; the newest finished training of this recipe's training part otherwise. Where it has no
        model of the strategy's, its leading one decides.
    workers
        Processes that simulate; None simulates in this one, hundreds of sets a second.
    threads
        Of the kernel; the result does not depend on it.

    Returns
    -------
    run
        Its folder holds ``search.json``, ``sets.parquet`` with every set, ``curves.parquet`` with the shown ones,
        ``manifest.jsonl`` with every step, and ``curves`` with everything else.

    Raises
    ------
    RecipeError, InputError
        If the recipe has no section ``search`` or no strategy, or the sets cannot be made.
    RunError
        If there is no fitting training run.
    DataError, LookAheadError
        If no set could be simulated, or a score knew later labels.
    """
    settings = _settings(recipe)
    store = RunStore(workspace)
    recipe, trained = _traded(store, resolve_recipe(recipe), train_run)
    sets = planned_sets(settings, recipe.trading(), seed=recipe.seed)
    Fitting(recipe).require(sets)
    with (
        store.begin(
            kind=RunKind.SEARCH,
            recipe=recipe,
            fingerprint_of_work=fingerprint([recipe.fingerprint(), trained.fingerprint]),
            data_versions=trained.data_versions,
            parent=trained.id,
        ) as run,
        ExitStack() as stack,
    ):
        progress.say(f"{'resuming' if run.resumed else 'search'} {run.id} on the scores of {trained.id}")
        proposer = _proposer(recipe, settings, sets, trained, run.folder, stack)
        plan = _plan(recipe, settings, sets, trained, proposer)
        run.finish(conduct(workspace, plan, run.folder, workers=workers, threads=threads, progress=progress))
    return tidy(store.get(run.id))


def _traded(store: RunStore, recipe: Recipe, train_run: Run | None) -> tuple[Recipe, Run]:
    """Return what is really traded: the recipe, with data, universe and models of the training run."""
    trained = train_run or store.latest_training(recipe)
    store.require_finished_training(trained)
    return recipe_on(recipe, trained, model_of(trained, recipe)), trained


def _plan(
    recipe: Recipe, settings: SearchSettings, sets: Sequence[ParameterSet], trained: Run, proposer: Proposer | None
) -> Plan:
    return Plan(
        kind=RunKind.SEARCH,
        recipe=recipe,
        settings=settings,
        train_runs={trained.id: trained},
        candidates=candidates_of(sets, trained),
        propose=proposer,
        expected=len(sets) + (0 if settings.optuna is None else settings.optuna.trials),
        defensives=_defensives(settings, sets),
    )


def _settings(recipe: Recipe) -> SearchSettings:
    if recipe.search is None or not recipe.search.tries_something:
        section = "without a section search" if recipe.search is None else "whose section search names no sets"
        raise RecipeError(
            found=f"recipe {recipe.name!r} {section}",
            expected="one that says which sets are tried",
            hint="write search: {grid: {max_exposure: [0.4, 0.6, 0.8]}}, or see tidegate search us-rotation-30",
        )
    return recipe.search


def _defensives(settings: SearchSettings, sets: Sequence[ParameterSet]) -> tuple[str, ...]:
    """Return every defensive asset that a set names, those that are only drawn included."""
    drawn = [
        space.get("defensives", ()) for part in (settings.random, settings.optuna) if part for space in [part.space]
    ]
    baskets: list[Any] = [one.settings.defensives for one in sets]
    baskets += [
        basket for values in drawn if isinstance(values, tuple) for basket in values if isinstance(basket, tuple)
    ]
    return tuple(dict.fromkeys(name for basket in baskets for name in basket))


def _proposer(
    recipe: Recipe,
    settings: SearchSettings,
    planned: Sequence[ParameterSet],
    trained: Run,
    folder: Path,
    stack: ExitStack,
) -> Proposer | None:
    """Return what proposes further sets by what the manifest says of those before; None where none are asked for."""
    if settings.optuna is None:
        return None
    proposer = stack.enter_context(
        OptunaProposer(settings, recipe.trading(), seed=recipe.seed, folder=folder, first_number=len(planned))
    )
    known, fitting = list(planned), Fitting(recipe)

    def propose(manifest: Manifest) -> list[Candidate]:
        further = proposer.propose(_judged(known, manifest, settings))
        fitting.require(further)
        known.extend(further)
        return candidates_of(further, trained)

    return propose


def _judged(sets: Sequence[ParameterSet], manifest: Manifest, settings: SearchSettings) -> list[JudgedSet]:
    """Return how sets fared in the history that was; resampled ones come after the search."""
    entries = [manifest.entries[one.key] for one in sets]
    figures = columns_of([entry.last.figures for entry in entries], settings)
    violations = judge(figures, settings.model_copy(update={"feasible_by": "point"})).violations if sets else {}
    found = []
    for row, (one, entry) in enumerate(zip(sets, entries, strict=True)):
        value = entry.last.figures.get(settings.objective) if entry.state is State.SUCCESS else None
        outside = {name: float(values[row]) for name, values in violations.items()}
        found.append(JudgedSet(set=one, objective=value, violations=outside))
    return found

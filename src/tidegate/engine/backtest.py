"""Backtest of a recipe: scores of a training run, one decision function, one ledger, a benchmark by the same engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tidegate.core.compiled import compiled_before
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import LegacySettings, Recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.engine.agreement import require_agreement
from tidegate.engine.capacity import capacity_of
from tidegate.engine.dump import dump, require_dump_folder
from tidegate.engine.figures import backtest_figures
from tidegate.engine.inert import probe
from tidegate.engine.legacy import LegacyEffect, legacy_curves, legacy_effects
from tidegate.engine.notes import backtest_notes
from tidegate.engine.recording import record_of
from tidegate.engine.results import write_results
from tidegate.engine.setup import Setup, benchmark_of, index_of, prepare_backtest
from tidegate.engine.sweep import run_trials
from tidegate.engine.tried import record_trials
from tidegate.registry import Run, RunKind, RunStore

__all__ = ["backtest", "legacy_of_recipe"]


def backtest(
    workspace: Workspace,
    recipe: Recipe,
    *,
    train_run: Run | None = None,
    dump_to: Path | None = None,
    event_mode: bool = False,
    progress: Progress = SILENT,
) -> Run:
    """Trade a recipe's strategy on the scores of a training run, after all modelled costs.

    Decisions use what was known at the close of one session and fill at the next session's open or close. The
    benchmark goes through the same engine, at the same fills, and pays no costs.

    Parameters
    ----------
    train_run
        Where the scores come from; none means the newest finished training run of this recipe.
    dump_to
        Folder for every decision, order, fill and close as documented Parquet files; none writes them nowhere else.
    event_mode
        Drive the backtest bar by bar through the event loop as well, and require the same bits.

    Returns
    -------
    Run
        The finished run; its folder holds ``equity``, ``decisions``, ``targets``, ``orders``, ``fills``, ``positions``
        and ``ledger`` as Parquet, and ``performance.json``.

    Raises
    ------
    RunError
        If there is no fitting training run.
    RecipeError
        If the recipe has no strategy.
    DataError, LookAheadError, LedgerError
        If the data do not suffice, something would use the future, or the books do not balance.
    """
    store = RunStore(workspace)
    recipe = resolve_recipe(recipe)
    recipe.trading()  # which refuses a recipe that only forecasts, before anything is begun
    trained = train_run or store.latest_training(recipe)
    store.require_training_of(recipe, trained)
    if dump_to is not None:
        require_dump_folder(dump_to)
    with store.begin(
        kind=RunKind.BACKTEST,
        recipe=recipe,
        fingerprint_of_work=recipe.fingerprint(),
        data_versions=trained.data_versions,
        parent=trained.id,
    ) as run:
        progress.say(f"backtest {run.id} on the scores of {trained.id}")
        setup = prepare_backtest(Catalog(workspace), recipe, trained)
        metrics, curves = _simulate_and_write(
            setup, recipe, run.folder, dump_to=dump_to, event_mode=event_mode, progress=progress
        )
        record_trials(workspace, recipe, trained, [setup.trial], **curves, kind=RunKind.BACKTEST, run=run.id)
        run.finish(metrics)
    return store.get(run.id)


def legacy_of_recipe(workspace: Workspace, recipe: Recipe, run: Run) -> list[LegacyEffect]:
    """Return what each defect of earlier platforms was worth to a recipe, in points of growth and of drawdown.

    Whoever reads them has seen so many backtests more, so each of them counts as a trial.

    Parameters
    ----------
    run
        A backtest of the recipe, whose scores are traded again.
    """
    trained = RunStore(workspace).get(str(run.parent))
    clean = recipe.trading().model_copy(update={"legacy": LegacySettings()})
    recipe = resolve_recipe(recipe.model_copy(update={"strategy": clean}))
    setup = prepare_backtest(Catalog(workspace), recipe, trained)
    curves = legacy_curves(setup.market, setup.trial, **setup.arguments)
    times = setup.market.times[setup.start :]
    record_trials(
        workspace,
        recipe,
        trained,
        [curve.trial for curve in curves.values()],
        times=times,
        equity=np.column_stack([curve.equity for curve in curves.values()]),
        benchmark=benchmark_of(setup, recipe)[0],
        kind=run.kind,
        run=run.id,
    )
    return legacy_effects(times, curves, setup.periods_per_year)


def _simulate_and_write(
    setup: Setup,
    recipe: Recipe,
    folder: Path,
    *,
    dump_to: Path | None,
    event_mode: bool,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the run keeps of the backtest, and its curves."""
    market = setup.market
    if not compiled_before():
        progress.say("compiling the engine, once for this version: about half a minute")
    benchmark, equal = benchmark_of(setup, recipe)
    index = index_of(setup, recipe)
    sweep = run_trials(market, [setup.trial], **setup.arguments, records=True)
    recording = record_of(market, sweep, trial=setup.trial)
    if event_mode:
        progress.say("the same again in event mode, bar by bar")
        require_agreement(market, setup.trial, sweep, **setup.arguments)
    progress.say("which parameters bound, and how much money the strategy carries")
    inert = probe(market, setup.trial, **setup.arguments)
    capacity = capacity_of(market, setup.trial, **setup.arguments, benchmark=benchmark)
    figures = backtest_figures(recipe, sweep, recording.daily, benchmark, index, capacity, inert)
    notes = backtest_notes(recipe, market, recording, index, setup.cash_rate, setup.notes, setup.survivorship)
    beside = {"benchmark": benchmark, "index": index, "equal_weight": equal}
    metrics = write_results(folder, recording, figures, notes, beside)
    if dump_to is not None:
        dump(recording, dump_to)
    agreed = {"event_mode": "equal to the bit"} if event_mode else {}
    curves = {"times": sweep.times, "equity": sweep.equity, "benchmark": benchmark}
    return {**metrics, **agreed, "survivorship": setup.survivorship.value}, curves

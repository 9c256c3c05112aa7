"""Backtest of a recipe: scores of a training run, one decision function, one ledger, a benchmark by the same engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import BacktestSettings, CostSettings, Recipe
from tidegate.core.time import DAY, format_instant, parse_instant
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel, cost_model, resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import read_cash_rate, read_recipe_data
from tidegate.data.universe import EQUAL_WEIGHT, survivorship_of
from tidegate.engine.market import Market, carried_forward
from tidegate.engine.notes import backtest_notes
from tidegate.engine.results import write_results
from tidegate.engine.scores import scores_on
from tidegate.engine.simulate import Simulation, simulate
from tidegate.registry import Run, RunKind, RunStore
from tidegate.strategy import Decide, buy_and_hold, equal_weight, opens_new_week, rotation

__all__ = ["backtest", "trade"]


def backtest(workspace: Workspace, recipe: Recipe, *, train_run: Run | None = None, progress: Progress = SILENT) -> Run:
    """Trade a recipe's strategy on the scores of a training run, after all modelled costs.

    Decisions use what was known at the close of one session and fill at the next session's open or close. The
    benchmark goes through the same engine, at the same fills, and pays no costs.

    Parameters
    ----------
    train_run
        Where the scores come from; none means the newest finished training run of this recipe.

    Returns
    -------
    Run
        The finished run; its folder holds ``equity``, ``orders``, ``fills`` and ``ledger`` as Parquet and
        ``performance.json``.

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
    with store.begin(
        kind=RunKind.BACKTEST,
        recipe=recipe,
        fingerprint_of_work=recipe.fingerprint(),
        data_versions=trained.data_versions,
        parent=trained.id,
    ) as run:
        progress.say(f"backtest {run.id} on the scores of {trained.id}")
        run.finish(_simulate_and_write(Catalog(workspace), recipe, trained, run.folder))
    return store.get(run.id)


def _simulate_and_write(catalog: Catalog, recipe: Recipe, trained: Run, folder: Path) -> dict[str, Any]:
    data = read_recipe_data(catalog, recipe, trained.data_versions)
    universe = data.universe.with_columns({"score": scores_on(data.universe, trained, recipe.leading_model)})
    if data.membership is not None:
        universe = universe.with_columns({"member": data.membership.astype(np.float64)})
    first, last = _window(universe, recipe.backtest)
    universe, references = universe.rows(0, last), data.panel.rows(0, last)
    rate = read_cash_rate(catalog, recipe, trained.data_versions, universe.times)
    strategy = trade(universe, rotation(recipe.trading()), recipe, cost_model(recipe.costs), first, rate)
    benchmark = _benchmark(universe, references, recipe, rate, first)
    index = _index(references, recipe, first)
    data_notes = trained.metrics.get("data_notes", {})
    chosen = survivorship_of(recipe.universe, catalog, trained.data_versions)
    earned = None if rate is None else rate[first:]
    notes = backtest_notes(recipe, universe, strategy, index, earned, data_notes, chosen)
    metrics = write_results(folder, recipe, strategy, benchmark, index, notes)
    return {**metrics, "survivorship": chosen.value}


def _window(universe: Panel, settings: BacktestSettings) -> tuple[int, int]:
    """Return the first and last (exclusive) row: from the first score on, within the recipe's dates.

    A bar belongs to the day that ends with or contains its close.
    """
    scored = np.flatnonzero(np.isfinite(universe["score"]).any(axis=1))
    first, last = int(scored[0]), len(universe.times)
    if settings.start is not None:
        first = max(first, int(np.searchsorted(universe.times, parse_instant(settings.start), side="right")))
    if settings.end is not None:
        last = int(np.searchsorted(universe.times, parse_instant(settings.end) + DAY, side="right"))
    if last - first < 2:
        raise DataError(
            found="fewer than two bars with scores between the backtest's dates",
            expected="a stretch to trade in",
            hint="check backtest.start and backtest.end",
        )
    return first, last


def trade(
    panel: Panel, decide: Decide, recipe: Recipe, costs: CostModel, first: int, cash_rate: FloatArray | None = None
) -> Simulation:
    """Simulate a decision function from row ``first`` on, weekly; impact and marks may look at earlier rows.

    Parameters
    ----------
    panel
        Bars with the columns that the decision function reads.
    cash_rate
        ``float64 (n_times,)`` annual rate known at each row.
    """
    market = Market.of(panel, recipe.backtest.fill)
    last = len(panel.times)
    return simulate(
        panel.rows(first, last),
        decide,
        rebalances=opens_new_week(panel.times[first:]),
        market=market.rows(first, last),
        costs=costs,
        initial_cash=recipe.backtest.initial_cash,
        cash_rate=None if cash_rate is None else cash_rate[first:],
    )


def _benchmark(
    universe: Panel, references: Panel, recipe: Recipe, cash_rate: FloatArray | None, first: int
) -> Simulation:
    """Run the benchmark through the same engine without costs, which is the stricter comparison.

    With costs, a thousand minimum fees a week would ruin any equal-weighted benchmark and flatter the strategy.
    """
    free = cost_model(CostSettings(preset="free"))
    if recipe.universe.benchmark == EQUAL_WEIGHT:
        return trade(universe, equal_weight, recipe, free, first, cash_rate)
    held = references.take((recipe.universe.benchmark,))
    _require_level(held, first)
    return trade(held, buy_and_hold, recipe, free, first, cash_rate)


def _index(references: Panel, recipe: Recipe, first: int) -> FloatArray | None:
    """Return the index scaled to the initial cash: a price, without costs or dividends."""
    if recipe.universe.index is None:
        return None
    index = references.take((recipe.universe.index,))
    _require_level(index, first)
    level = carried_forward(index["close"])[first:, 0]
    scaled: FloatArray = level / level[0] * recipe.backtest.initial_cash
    return scaled


def _require_level(reference: Panel, first: int) -> None:
    """Refuse a benchmark or index that is not there when the backtest begins: cash would stand in for it."""
    if not np.isfinite(reference["close"][: first + 1]).any():
        listed = np.flatnonzero(np.isfinite(reference["close"]).any(axis=1))
        found = f"from {format_instant(int(reference.times[listed[0]]))[:10]} on" if listed.size else "without bars"
        raise DataError(
            found=f"{reference.symbols[0]} {found}, backtest from {format_instant(int(reference.times[first]))[:10]}",
            expected="a benchmark and an index that are there from the start",
            hint="set backtest.start later, or choose another",
        )

"""Backtest of a recipe: scores of a training run, one decision function, one ledger, a benchmark by the same engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import BacktestSettings, CostSettings, Recipe
from tidegate.core.time import Instant, parse_instant
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel, cost_model, resolve_recipe
from tidegate.data import Catalog
from tidegate.data.series import series_as_of
from tidegate.data.universe import EQUAL_WEIGHT, reference_symbols, traded_symbols
from tidegate.engine.market import Market, carried_forward
from tidegate.engine.results import write_results
from tidegate.engine.scores import scores_on
from tidegate.engine.simulate import Simulation, simulate
from tidegate.registry import Run, RunKind, RunStore
from tidegate.strategy import Decide, buy_and_hold, equal_weight, opens_new_week, rotation

__all__ = ["backtest"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Everything that one backtest compares, on the same rows."""

    strategy: Simulation
    benchmark: Simulation
    index: FloatArray | None
    cash_rate: FloatArray | None


def backtest(workspace: Workspace, recipe: Recipe, *, train_run: Run | None = None, progress: Progress = SILENT) -> Run:
    """Trade a recipe's strategy on the scores of a training run, net of cost.

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
    DataError, LookAheadError, LedgerError
        If the data do not suffice, something would use the future, or the books do not balance.
    """
    store = RunStore(workspace)
    recipe = resolve_recipe(recipe)
    trained = train_run or store.latest_training(recipe)
    with store.begin(
        kind=RunKind.BACKTEST,
        recipe=recipe,
        fingerprint_of_work=recipe.fingerprint(),
        data_versions=trained.data_versions,
        parent=trained.id,
    ) as run:
        progress.say(f"backtest {run.id} on the scores of {trained.id}")
        curves = _curves(Catalog(workspace), recipe, trained)
        run.finish(write_results(run.folder, recipe, curves.strategy, curves.benchmark, curves.index, curves.cash_rate))
    return store.get(run.id)


def _curves(catalog: Catalog, recipe: Recipe, trained: Run) -> Curves:
    panel, traded = _panel(catalog, recipe, trained)
    universe = panel.take(traded).with_columns(
        {"score": scores_on(panel.take(traded), trained, recipe.strategy.scores)}
    )
    first, last = _window(universe, recipe.backtest)
    universe, references = universe.rows(0, last), panel.rows(0, last)
    cash_rate = _cash_rate(catalog, recipe, trained, universe)
    costs = cost_model(recipe.costs)
    strategy = _run(universe, rotation(recipe.strategy), recipe, costs, cash_rate, first)
    benchmark = _benchmark(universe, references, recipe, cash_rate, first)
    index = _index(references, recipe, first)
    return Curves(
        strategy=strategy,
        benchmark=benchmark,
        index=index,
        cash_rate=None if cash_rate is None else cash_rate[first:],
    )


def _panel(catalog: Catalog, recipe: Recipe, trained: Run) -> tuple[Panel, tuple[str, ...]]:
    data = recipe.data
    panel = catalog.bar_panel(
        data.dataset,
        interval=data.interval,
        as_of=now() if data.end is None else Instant(parse_instant(data.end) + 86_400_000_000),
        version=trained.data_versions[f"bars/{data.dataset}"],
        start=data.start,
        end=data.end,
    )
    traded = traded_symbols(panel.symbols, recipe.universe)
    needed = tuple(sorted({*traded, *reference_symbols(recipe.universe)}))
    absent = set(needed) - set(panel.symbols)
    if absent:
        raise DataError(
            found=f"no bars of {', '.join(sorted(absent))}",
            expected="benchmark and index in the data set",
            hint="check universe.benchmark and universe.index",
        )
    if recipe.backtest.fill.column not in panel:
        raise DataError(
            found=f"data set {data.dataset!r} without {recipe.backtest.fill.column} prices",
            expected="the price that orders fill at",
            hint="set backtest.fill: next_close",
        )
    return panel.take(needed), traded


def _window(universe: Panel, settings: BacktestSettings) -> tuple[int, int]:
    """Return the first and last (exclusive) row: from the first score on, within the recipe's dates."""
    scored = np.flatnonzero(np.isfinite(universe["score"]).any(axis=1))
    first, last = int(scored[0]), len(universe.times)
    if settings.start is not None:
        first = max(first, int(np.searchsorted(universe.times, parse_instant(settings.start))))
    if settings.end is not None:
        last = int(np.searchsorted(universe.times, parse_instant(settings.end) + 86_400_000_000))
    if last - first < 2:
        raise DataError(
            found="fewer than two bars with scores between the backtest's dates",
            expected="a stretch to trade in",
            hint="check backtest.start and backtest.end",
        )
    return first, last


def _run(
    panel: Panel, decide: Decide, recipe: Recipe, costs: CostModel, cash_rate: FloatArray | None, first: int
) -> Simulation:
    """Simulate from row ``first`` on; impact and marks may look at earlier rows."""
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
        return _run(universe, equal_weight, recipe, free, cash_rate, first)
    return _run(references.take((recipe.universe.benchmark,)), buy_and_hold, recipe, free, cash_rate, first)


def _index(references: Panel, recipe: Recipe, first: int) -> FloatArray | None:
    """Return the index scaled to the initial cash: a price, without costs or dividends."""
    if recipe.universe.index is None:
        return None
    level = carried_forward(references.take((recipe.universe.index,))["close"])[first:, 0]
    scaled: FloatArray = level / level[0] * recipe.backtest.initial_cash
    return scaled


def _cash_rate(catalog: Catalog, recipe: Recipe, trained: Run, panel: Panel) -> FloatArray | None:
    if recipe.data.cash_rate is None:
        return None
    return series_as_of(
        catalog,
        panel.times,
        dataset=recipe.data.dataset,
        series=recipe.data.cash_rate,
        version=trained.data_versions[f"series/{recipe.data.dataset}"],
    )

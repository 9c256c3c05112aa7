"""Backtest of a recipe: scores of a training run, one decision function, one ledger, a benchmark by the same engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.core.compiled import compiled_before
from tidegate.core.errors import DataError
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import BacktestSettings, LegacySettings, Recipe
from tidegate.core.time import DAY, format_instant, parse_instant
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel, cost_model, resolve_recipe
from tidegate.data import Catalog
from tidegate.data.universe import EQUAL_WEIGHT, Survivorship, survivorship_of
from tidegate.engine.agreement import require_agreement
from tidegate.engine.capacity import capacity_of
from tidegate.engine.comparison import bought_and_held, equal_weight_of_the_universe
from tidegate.engine.dump import dump, require_dump_folder
from tidegate.engine.figures import backtest_figures, decision_bars_per_year
from tidegate.engine.inert import probe
from tidegate.engine.legacy import LegacyEffect, explain_legacy
from tidegate.engine.market import Market
from tidegate.engine.notes import backtest_notes
from tidegate.engine.recipe_market import fill_rules, read_market
from tidegate.engine.recording import record_of
from tidegate.engine.results import write_results
from tidegate.engine.scores import scores_on
from tidegate.engine.sweep import Trial, run_trials
from tidegate.registry import Run, RunKind, RunStore

__all__ = ["Setup", "backtest", "legacy_of_recipe", "prepare_backtest"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Setup:
    """A recipe's backtest, ready to run.

    Parameters
    ----------
    market
        Rows up to the last one that is traded; those before ``start`` are history.
    trial
        Strategy, costs and fill rules.
    start
        First row of the account.
    index
        ``float64 (n_times,)`` closes of the recipe's index; None where it names none.
    cash_rate
        ``float64 (n_times,)`` annual rate; None where the recipe names none.
    notes
        What a reader must know of the data: codes and values.
    survivorship
        How the names were chosen.
    """

    market: Market
    trial: Trial
    start: int
    initial_cash: float
    periods_per_year: float
    index: FloatArray | None
    cash_rate: FloatArray | None
    notes: dict[str, Any]
    survivorship: Survivorship

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments that every engine takes beside market and strategy."""
        return {
            "initial_cash": self.initial_cash,
            "start": self.start,
            "periods_per_year": self.periods_per_year,
        }


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
        run.finish(
            _simulate_and_write(setup, recipe, run.folder, dump_to=dump_to, event_mode=event_mode, progress=progress)
        )
    return store.get(run.id)


def prepare_backtest(catalog: Catalog, recipe: Recipe, trained: Run) -> Setup:
    """Read everything that a recipe's backtest on the scores of a training run needs.

    Raises
    ------
    DataError, LookAheadError
        If the data do not suffice, or a score knew later labels.
    """
    read = read_market(
        catalog,
        recipe,
        trained.data_versions,
        score=lambda panel: scores_on(panel, trained, recipe.leading_model),
    )
    start, stop = _window(read.market, recipe.backtest)
    market, settings = read.market.until(stop), recipe.trading()
    return Setup(
        market=market,
        trial=Trial(
            settings=settings,
            costs=CostModel() if settings.legacy.fee_ignored else cost_model(recipe.costs),
            rules=fill_rules(recipe),
        ),
        start=start,
        initial_cash=recipe.backtest.initial_cash,
        periods_per_year=decision_bars_per_year(recipe, market.times),
        index=None if read.index is None else read.index[:stop],
        cash_rate=None if read.cash_rate is None else read.cash_rate[start:stop],
        notes={**trained.metrics.get("data_notes", {}), **read.notes},
        survivorship=survivorship_of(recipe.universe, catalog, trained.data_versions),
    )


def legacy_of_recipe(workspace: Workspace, recipe: Recipe, trained: Run) -> list[LegacyEffect]:
    """Return what each defect of earlier platforms was worth to a recipe, in points of growth and of drawdown.

    Parameters
    ----------
    trained
        The training run whose scores are traded.
    """
    clean = recipe.trading().model_copy(update={"legacy": LegacySettings()})
    setup = prepare_backtest(Catalog(workspace), resolve_recipe(recipe.model_copy(update={"strategy": clean})), trained)
    return explain_legacy(setup.market, setup.trial, **setup.arguments)


def _simulate_and_write(
    setup: Setup,
    recipe: Recipe,
    folder: Path,
    *,
    dump_to: Path | None,
    event_mode: bool,
    progress: Progress,
) -> dict[str, Any]:
    market = setup.market
    if not compiled_before():
        progress.say("compiling the engine, once for this version: about half a minute")
    benchmark, equal = _benchmark(setup, recipe)
    index = _index(setup, recipe)
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
    return {**metrics, **agreed, "survivorship": setup.survivorship.value}


def _window(market: Market, settings: BacktestSettings) -> tuple[int, int]:
    """Return the first and last (exclusive) row: from the first score on, within the recipe's dates.

    A bar belongs to the day that ends with or contains its close.
    """
    scored = np.flatnonzero(np.isfinite(market.score).any(axis=1))
    first, last = int(scored[0]), len(market.times)
    if settings.start is not None:
        first = max(first, int(np.searchsorted(market.times, parse_instant(settings.start), side="right")))
    if settings.end is not None:
        last = int(np.searchsorted(market.times, parse_instant(settings.end) + DAY, side="right"))
    if last - first < 2:
        raise DataError(
            found="fewer than two bars with scores between the backtest's dates",
            expected="a stretch to trade in",
            hint="check backtest.start and backtest.end",
        )
    return first, last


def _benchmark(setup: Setup, recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    """Return the equity of the recipe's benchmark, and of the universe in equal parts."""
    market, start, cash = setup.market, setup.start, setup.initial_cash
    equal = equal_weight_of_the_universe(market, setup.trial, start, cash)
    name = recipe.universe.benchmark
    if name == EQUAL_WEIGHT:
        return equal, equal
    place = market.places[name]
    _require_level(name, market.close[:, place], setup)
    return bought_and_held(market, setup.trial, place, start, cash), equal


def _index(setup: Setup, recipe: Recipe) -> FloatArray | None:
    """Return the index scaled to the initial cash: a price, without costs or dividends."""
    if setup.index is None:
        return None
    _require_level(str(recipe.universe.index), setup.index, setup)
    level = setup.index[setup.start :]
    scaled: FloatArray = level / level[0] * setup.initial_cash
    return scaled


def _require_level(name: str, close: FloatArray, setup: Setup) -> None:
    """Refuse a benchmark or index that is not there when the backtest begins: cash would stand in for it."""
    times, start = setup.market.times, setup.start
    if np.isfinite(close[: start + 1]).any():
        return
    listed = np.flatnonzero(np.isfinite(close))
    found = f"from {format_instant(int(times[listed[0]]))[:10]} on" if listed.size else "without bars"
    raise DataError(
        found=f"{name} {found}, backtest from {format_instant(int(times[start]))[:10]}",
        expected="a benchmark and an index that are there from the start",
        hint="set backtest.start later, or choose another",
    )

"""A recipe's backtest, ready to run: its market, the scores of a training run laid over it, and the window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.recipe import BacktestSettings, Recipe
from tidegate.core.time import DAY, format_instant, parse_instant
from tidegate.core.units import FloatArray
from tidegate.costs import CostModel, cost_model
from tidegate.data import Catalog
from tidegate.data.universe import EQUAL_WEIGHT, Survivorship, survivorship_of
from tidegate.engine.comparison import bought_and_held, equal_weight_of_the_universe
from tidegate.engine.figures import decision_bars_per_year
from tidegate.engine.market import Market
from tidegate.engine.recipe_market import RecipeMarket, fill_rules, read_market
from tidegate.engine.scores import scores_on
from tidegate.engine.sweep import Trial
from tidegate.registry import Run

__all__ = ["Setup", "benchmark_of", "index_of", "prepare_backtest", "trial_of"]


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


def prepare_backtest(catalog: Catalog, recipe: Recipe, trained: Run, read: RecipeMarket | None = None) -> Setup:
    """Read everything that a recipe's backtest on the scores of a training run needs.

    Parameters
    ----------
    read
        The recipe's market, where it was read before: the scores of another run are laid over the same bars.

    Raises
    ------
    DataError, LookAheadError
        If the data do not suffice, or a score knew later labels.
    """
    if read is None:
        read = read_market(catalog, recipe, trained.data_versions)
    scored = replace(read.market, score=scores_on(read.market, trained, recipe.leading_model))
    start, stop = _window(scored, recipe.backtest)
    market = scored.until(stop)
    return Setup(
        market=market,
        trial=trial_of(recipe),
        start=start,
        initial_cash=recipe.backtest.initial_cash,
        periods_per_year=decision_bars_per_year(recipe, market.times),
        index=None if read.index is None else read.index[:stop],
        cash_rate=None if read.cash_rate is None else read.cash_rate[start:stop],
        notes={**trained.metrics.get("data_notes", {}), **read.notes},
        survivorship=survivorship_of(recipe.universe, catalog, trained.data_versions),
    )


def trial_of(recipe: Recipe) -> Trial:
    """Return a recipe's strategy with what trading costs it and how its orders fill.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> trial_of(load_recipe("demo")).settings.top_n
    5
    """
    settings = recipe.trading()
    return Trial(
        settings=settings,
        costs=CostModel() if settings.legacy.fee_ignored else cost_model(recipe.costs),
        rules=fill_rules(recipe),
    )


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


def benchmark_of(setup: Setup, recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    """Return the equity of the recipe's benchmark, and of the universe in equal parts."""
    market, start, cash = setup.market, setup.start, setup.initial_cash
    equal = equal_weight_of_the_universe(market, setup.trial, start, cash)
    name = recipe.universe.benchmark
    if name == EQUAL_WEIGHT:
        return equal, equal
    place = market.places[name]
    _require_level(name, market.close[:, place], setup)
    return bought_and_held(market, setup.trial, place, start, cash), equal


def index_of(setup: Setup, recipe: Recipe) -> FloatArray | None:
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

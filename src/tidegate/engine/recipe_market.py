"""From the catalog to a market: everything that a recipe's backtest reads, at pinned versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.panel import Panel
from tidegate.core.recipe import DataKind, FillPrice, Recipe
from tidegate.core.units import FloatArray, Int64Array
from tidegate.costs import cost_model
from tidegate.data import Catalog
from tidegate.data.lives import SymbolLives
from tidegate.data.recipe_data import RecipeData, end_of_data, read_cash_rate, read_recipe_data
from tidegate.data.reference_bars import datasets_beside
from tidegate.data.tables import CORPORATE_ACTIONS, SYMBOL_LIVES
from tidegate.engine.fill_rules import LEGACY_MARGIN, FillRules
from tidegate.engine.market import Market, carried_forward
from tidegate.engine.market_reading import MarketSources, Roles, filled_at_previous_close, market_of

__all__ = ["RecipeMarket", "defensive_places", "fill_rules", "read_market"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RecipeMarket:
    """What a backtest trades in.

    Parameters
    ----------
    market
        Every row of the recipe's data.
    index
        ``float64 (n_times,)``: closes of ``universe.index``, carried forward; None where the recipe names none.
    cash_rate
        ``float64 (n_times,)``: annual rate known at each row; None where the recipe names none.
    notes
        Code and values of what a reader must know of the reading.
    """

    market: Market
    index: FloatArray | None
    cash_rate: FloatArray | None
    notes: Mapping[str, Mapping[str, Any]]


def read_market(
    catalog: Catalog,
    recipe: Recipe,
    versions: Mapping[str, int],
    score: Callable[[Panel], FloatArray] | None = None,
) -> RecipeMarket:
    """Read the market of a recipe that trades.

    Parameters
    ----------
    versions
        ``table/dataset`` to the version to read, as a training run keeps them.
    score
        Is given the panel of the names that may be chosen and returns their scores in its shape; None leaves them
        empty.

    Raises
    ------
    CatalogError
        If a data set or version does not exist.
    DataError
        If the data do not carry the recipe.
    """
    strategy = recipe.trading()
    data = read_recipe_data(catalog, recipe, versions)
    rate = read_cash_rate(catalog, recipe, versions, data.panel.times)
    actions = _actions(catalog, recipe, versions, data) if recipe.backtest.accounting == "raw" else None
    market = market_of(
        data.panel,
        recipe.backtest,
        Roles(traded=data.traded, benchmark=recipe.universe.benchmark, defensives=strategy.defensives),
        MarketSources(
            score=None if score is None else score(data.universe),
            member=data.membership,
            cash_rate=rate,
            lives=_lives(catalog, recipe, versions),
            actions=actions,
        ),
        interval=recipe.data.interval,
        impact=cost_model(recipe.costs).impact_coefficient > 0.0,
    )
    if strategy.legacy.fill_previous_close:
        market = replace(market, fill=filled_at_previous_close(market))
    return RecipeMarket(market=market, index=_index(recipe, data), cash_rate=rate, notes=_notes(recipe, market, data))


def fill_rules(recipe: Recipe) -> FillRules:
    """Return how a recipe's orders fill.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> fill_rules(load_recipe("demo")) == FillRules()
    True
    """
    settings, strategy = recipe.backtest, recipe.trading()
    return FillRules(
        participation=settings.participation,
        wait_bars=settings.wait_bars,
        t_plus_one=settings.t_plus_one,
        haircut=settings.delisting_haircut,
        gross_limit=LEGACY_MARGIN if strategy.legacy.riskoff_keeps_book else 0.0,
    )


def defensive_places(market: Market, recipe: Recipe) -> Int64Array:
    """Return the columns of a recipe's defensive assets in their order of preference, ``int64 (n_defensives,)``."""
    places = {symbol: place for place, symbol in enumerate(market.symbols)}
    return np.array([places[symbol] for symbol in recipe.trading().defensives], dtype=np.int64)


def _index(recipe: Recipe, data: RecipeData) -> FloatArray | None:
    if recipe.universe.index is None:
        return None
    place = data.panel.symbols.index(recipe.universe.index)
    return carried_forward(data.panel["close"][:, [place]])[:, 0]


def _datasets(catalog: Catalog, recipe: Recipe, versions: Mapping[str, int]) -> dict[str, tuple[str, ...] | None]:
    """Return the data sets of bars, and which symbols to read of each; None means all of them."""
    beside = datasets_beside(catalog, recipe, versions)
    own = recipe.data.dataset
    return {own: None, **{dataset: names for dataset, names in beside.items() if dataset != own}}


def _lives(catalog: Catalog, recipe: Recipe, versions: Mapping[str, int]) -> SymbolLives | None:
    """Return the lives of all symbols that a table tells of; None where there is no such table."""
    parts = []
    for dataset, symbols in _datasets(catalog, recipe, versions).items():
        own = dataset == recipe.data.dataset
        source = recipe.data.uses.get(DataKind.SYMBOL_LIVES, dataset) if own else dataset
        version = versions.get(f"{SYMBOL_LIVES.name}/{source}")
        if version is not None:
            known = catalog.revisions(
                SYMBOL_LIVES.name, dataset=source, as_of=end_of_data(recipe), version=version, symbols=symbols
            )
            parts.append(known.sort("event_time", "known_time", "recorded_time").collect())
    return SymbolLives(pl.concat(parts)) if parts else None


def _actions(catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], data: RecipeData) -> pl.DataFrame | None:
    """Return the dividends and splits of all symbols; None where there is no table of them."""
    parts = []
    for dataset, symbols in _datasets(catalog, recipe, versions).items():
        version = versions.get(f"{CORPORATE_ACTIONS.name}/{dataset}")
        if version is not None:
            wanted = data.panel.symbols if symbols is None else symbols
            parts.append(
                catalog.read(
                    CORPORATE_ACTIONS.name,
                    dataset=dataset,
                    as_of=end_of_data(recipe),
                    version=version,
                    symbols=list(wanted),
                ).collect()
            )
    return pl.concat(parts) if parts else None


def _notes(recipe: Recipe, market: Market, data: RecipeData) -> dict[str, dict[str, Any]]:
    """Return what the reading itself has to say: how dividends are paid, and what an average price is made of."""
    notes: dict[str, dict[str, Any]] = {}
    if market.actions is not None:
        paid = int(np.count_nonzero(market.actions.cash))
        in_shares = int(np.count_nonzero(market.actions.ratio != 1.0))
        notes["raw_accounting" if paid else "dividends_as_shares"] = {"paid": paid, "in_shares": in_shares}
    if recipe.backtest.fill is FillPrice.NEXT_VWAP and "traded_value" not in data.panel:
        notes["average_of_high_low_close"] = {}
    return notes

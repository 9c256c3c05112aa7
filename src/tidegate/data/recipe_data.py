"""The data that a recipe reads: the same for training, backtest and check-up, at pinned table versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import DataKind, FillPrice, Recipe
from tidegate.core.time import DAY, Instant, Window, parse_instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.catalog import Catalog
from tidegate.data.kinds import declared_tables, present_versions
from tidegate.data.lives import SymbolLives
from tidegate.data.price_limits import LIMIT_PERCENT, board_of, limit_percent
from tidegate.data.recipe_sources import read_sources
from tidegate.data.reference_bars import with_symbols_beside
from tidegate.data.series import series_as_of
from tidegate.data.universe import membership, symbols_beside, symbols_to_read, traded_symbols

__all__ = ["RecipeData", "end_of_data", "pinned_versions", "read_cash_rate", "read_recipe_data"]


@dataclass(frozen=True, eq=False)
class RecipeData:
    """Bars of a recipe.

    Parameters
    ----------
    panel
        Every symbol that is traded, measured against, or bought when stocks are not.
    traded
        Those that may be held.
    membership
        ``bool (n_times, n_traded)``: which of them belonged to the universe, by the snapshots known at each instant;
        None where the recipe names no snapshot and they all do.
    tables
        Slower sources that the recipe uses, by their names there: every vintage, for the traded symbols.
    """

    panel: Panel
    traded: tuple[str, ...]
    membership: Mask | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def universe(self) -> Panel:
        """The panel of the traded symbols alone."""
        return self.panel if self.traded == self.panel.symbols else self.panel.take(self.traded)

    def history(self, benchmark: str) -> History:
        """Return the traded symbols with their slower sources, as features are built from them.

        Beside the bars stand ``member`` (1 where a symbol belongs to the universe), where the recipe names a snapshot,
        ``benchmark_open`` and ``benchmark_close`` of the symbol that the universe is measured against, where it is one,
        and ``limit_percent`` where there are A-shares: how far each may move in a session, by what was known of its
        treatment.
        """
        bars = self.universe
        extra: dict[str, FloatArray] = {}
        if self.membership is not None:
            extra["member"] = self.membership.astype(np.float64)
        if benchmark in self.panel.symbols:
            place = self.panel.symbols.index(benchmark)
            for name in ("open", "close"):
                if name in self.panel:
                    price = self.panel[name][:, place, np.newaxis]
                    extra[f"benchmark_{name}"] = np.broadcast_to(price, bars.shape)
        if any(board_of(symbol) is not None for symbol in bars.symbols):
            extra[LIMIT_PERCENT] = limit_percent(bars.symbols, bars.times, self._special_treatment(bars))
        return History(bars.with_columns(extra), self.tables)

    def _special_treatment(self, bars: Panel) -> Mask | None:
        if DataKind.SYMBOL_LIVES not in self.tables:
            return None
        rows = self.tables[DataKind.SYMBOL_LIVES].sort("event_time", "known_time", "recorded_time")
        return SymbolLives(rows).is_special(bars.times, bars.symbols)


def pinned_versions(catalog: Catalog, recipe: Recipe) -> dict[str, int]:
    """Return the table versions that hold a recipe's data now; what others ingest later leaves them alone.

    Raises
    ------
    CatalogError
        If a data set that the recipe reads is not there.
    """
    present = present_versions(catalog, recipe)
    for table, dataset in declared_tables(recipe):
        if f"{table}/{dataset}" not in present and not _is_idle(catalog, recipe, dataset):
            catalog.version(table, dataset=dataset)  # which says how to bring it
    return present


def _is_idle(catalog: Catalog, recipe: Recipe, dataset: str) -> bool:
    """Whether a data set is named for references alone, all of which the recipe's own data set holds."""
    if dataset != recipe.universe.references:
        return False
    return set(symbols_beside(recipe)) <= set(catalog.members("bars", recipe.data.dataset))


def read_recipe_data(
    catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], *, sources: bool = False
) -> RecipeData:
    """Read a recipe's bars at pinned versions, as of the end of its data.

    Parameters
    ----------
    sources
        Read the slower sources too, which features need and fills do not.

    Raises
    ------
    CatalogError
        If data set or version does not exist.
    DataError
        If no bar is left, a symbol is missing, the price that orders fill at is not delivered, or the universe never
        has a member.
    """
    settings, universe = recipe.data, recipe.universe
    version = versions[f"bars/{settings.dataset}"]
    panel = catalog.bar_panel(
        settings.dataset,
        interval=settings.interval,
        as_of=end_of_data(recipe),
        version=version,
        symbols=symbols_to_read(catalog.members("bars", settings.dataset, version=version), universe),
        window=Window.of_dates(settings.start, settings.end),
    )
    _require_fill_price(recipe, panel)
    traded = traded_symbols(panel.symbols, universe)
    panel = with_symbols_beside(catalog, recipe, versions, panel, as_of=end_of_data(recipe))
    return RecipeData(
        panel=panel.take(tuple(sorted({*traded, *symbols_beside(recipe)}))),
        traded=traded,
        membership=_membership(catalog, recipe, versions, panel.times, traded),
        tables=read_sources(catalog, recipe, versions, traded, as_of=end_of_data(recipe)) if sources else {},
    )


def _require_fill_price(recipe: Recipe, panel: Panel) -> None:
    """Refuse bars that lack what the fill price is made of, as only closes are known of some markets."""
    fill = recipe.backtest.fill
    needed = ("volume", "high", "low", "close") if fill is FillPrice.NEXT_VWAP else (fill.column,)
    lacking = [name for name in needed if name not in panel]
    if lacking:
        raise DataError(
            found=f"data set {recipe.data.dataset!r} without {' and '.join(lacking)}"
            + ("" if "volume" in lacking else " prices"),
            expected="the price that orders fill at",
            hint="set backtest.fill: next_close",
        )


def _membership(
    catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], times: Int64Array, traded: tuple[str, ...]
) -> Mask | None:
    name = recipe.universe.snapshot
    return None if name is None else membership(catalog, name, times, traded, version=versions[f"universe/{name}"])


def read_cash_rate(
    catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], times: Int64Array
) -> FloatArray | None:
    """Return the annual cash rate known at each instant, ``float64 (n_times,)``; None if the recipe names none."""
    if recipe.data.cash_rate is None:
        return None
    dataset = recipe.data.dataset
    return series_as_of(
        catalog, times, dataset=dataset, series=recipe.data.cash_rate, version=versions[f"macro/{dataset}"]
    )


def end_of_data(recipe: Recipe) -> Instant:
    """Return the instant up to which a recipe's data are read: nothing that became known later enters."""
    if recipe.data.end is None:
        return now()
    return Instant(min(now(), parse_instant(recipe.data.end) + DAY))

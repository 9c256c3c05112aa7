"""What the table of lives tells an audit: who was listed from when to when, and who was suspended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.recipe import DataKind, Recipe
from tidegate.core.time import BarInterval, Instant
from tidegate.data.calendars import trading_calendar
from tidegate.data.catalog import Catalog
from tidegate.data.lives import Change, SymbolLives
from tidegate.data.readiness.scope import Scope
from tidegate.data.tables import MOMENT

__all__ = ["Announced"]

_NO_LIVES: Final = {"symbol": pl.String(), "listed": MOMENT, "delisted": MOMENT}
_NO_CLOSES: Final = {"symbol": pl.String(), "time": pl.Int64()}


@dataclass(frozen=True, eq=False)
class Announced:
    """Lives of the data set that the recipe names, or of one that is named like its bars; none where there is none.

    Parameters
    ----------
    lives
        ``symbol str, listed, delisted``, one row per symbol that anything is known of.
    suspended
        Symbols that were ever suspended.
    """

    told: SymbolLives | None
    lives: pl.DataFrame
    suspended: Sequence[str]

    @classmethod
    def read(cls, catalog: Catalog, recipe: Recipe, as_of: Instant, versions: Mapping[str, int]) -> Announced:
        """Read what was known at an instant, at pinned table versions."""
        dataset = recipe.data.uses.get(DataKind.SYMBOL_LIVES, recipe.data.dataset)
        version = versions.get(f"symbol_lives/{dataset}")
        if version is None:
            return cls(None, pl.DataFrame(schema=_NO_LIVES), ())
        told = SymbolLives.read(catalog, dataset, as_of=as_of, version=version)
        rows = catalog.revisions("symbol_lives", dataset=dataset, as_of=as_of, version=version)
        suspended = rows.filter(pl.col("change") == Change.SUSPENDED).select(pl.col("symbol").unique().sort()).collect()
        return cls(told, told.lives(), suspended["symbol"].to_list())

    def excused(self, scope: Scope, interval: BarInterval) -> pl.DataFrame:
        """Return ``symbol str, time i64``: the closes at which a symbol was known to be suspended and owes no bar."""
        found = [pl.DataFrame(schema=_NO_CLOSES)]
        halted = set(self.suspended) & set(scope.symbols)
        for calendar in sorted({life.calendar for life in scope.lives if life.symbol in halted}):
            names = [life.symbol for life in scope.lives if life.calendar == calendar and life.symbol in halted]
            closes = trading_calendar(calendar).expected(interval, scope.start + 1, scope.end)
            if self.told is not None and len(closes):
                time, place = np.nonzero(self.told.is_suspended(closes, names))
                symbol = pl.Series(names, dtype=pl.String).gather(place)
                found.append(pl.DataFrame({"symbol": symbol, "time": closes[time]}))
        return pl.concat(found)

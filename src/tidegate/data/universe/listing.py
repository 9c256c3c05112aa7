"""Listings and delistings, as far as a universe needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.errors import CatalogError
from tidegate.core.time import Instant, moment_of, parse_instant
from tidegate.core.units import Int64Array, Mask
from tidegate.data.catalog import Catalog
from tidegate.data.lives import Change, SymbolLives
from tidegate.data.tables import MOMENT, SYMBOL_LIVES

__all__ = ["Listing", "read_changes"]

_LONG_AGO = moment_of(parse_instant("1900-01-01"))
"""Stands for the unknown day of a listing: any delisting that is known comes after it."""
_COLUMNS = ("symbol", "change", "event_time", "known_time", "detail")


def read_changes(catalog: Catalog, dataset: str, as_of: Instant) -> pl.DataFrame:
    """Return every vintage of the rows about a data set's symbols; none where nothing is known of them."""
    try:
        known = catalog.revisions(SYMBOL_LIVES.name, dataset=dataset, as_of=as_of)
    except CatalogError:
        return pl.DataFrame(schema={name: SYMBOL_LIVES.schema[name] for name in _COLUMNS})
    return known.sort("event_time", "known_time", "recorded_time").select(_COLUMNS).collect()


@dataclass(frozen=True, eq=False)
class Listing:
    """When symbols came and went.

    A symbol whose listing nobody knew when its first bar became known is listed from that bar on.

    Parameters
    ----------
    changes
        From :func:`read_changes`.
    symbols
        Of the bars.
    first_known
        ``int64 (n_symbols,)``: when their first bars became known.
    """

    changes: pl.DataFrame
    symbols: Sequence[str]
    first_known: Int64Array

    @property
    def without_listing(self) -> list[str]:
        """Symbols of which the bars alone tell when they began."""
        announced = self._announced()
        return [
            symbol
            for symbol, known in zip(self.symbols, self.first_known.tolist(), strict=True)
            if announced.get(symbol, known + 1) > known
        ]

    def exits(self) -> Int64Array:
        """Return the instants from which a delisting counts: right after its last day, or when it is known."""
        ends = self.changes.filter(pl.col("change") == Change.DELISTED)
        event, known = (ends[name].dt.epoch("us").to_numpy() for name in ("event_time", "known_time"))
        return np.unique(np.maximum(event + 1, known))

    def mask(self, instants: Int64Array) -> Mask:
        """Return which symbols were listed, by what was known then, ``bool (n_instants, n_symbols)``."""
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        bare = self.without_listing
        begin = pl.Series(self.first_known[[places[symbol] for symbol in bare]], dtype=pl.Int64).cast(MOMENT)
        first_bars = pl.DataFrame({"symbol": pl.Series(bare, dtype=pl.String), "known_time": begin}).select(
            "symbol",
            pl.lit(Change.LISTED.value).alias("change"),
            pl.lit(_LONG_AGO, MOMENT).alias("event_time"),
            "known_time",
            pl.lit(None, pl.String).alias("detail"),
        )
        return SymbolLives(pl.concat([first_bars, self.changes])).is_listed(instants, self.symbols)

    def _announced(self) -> dict[str, int]:
        """Return when each symbol's listing became known."""
        listed = self.changes.filter(pl.col("change") == Change.LISTED)
        return dict(listed.group_by("symbol").agg(pl.col("known_time").min().dt.epoch("us")).iter_rows())

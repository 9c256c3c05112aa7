"""Asking a universe: who belonged at an instant, by the snapshots that were known then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import Instant, format_instant, instant_of
from tidegate.core.units import Int64Array, Mask
from tidegate.data.catalog import Catalog
from tidegate.data.tables import UNIVERSE

__all__ = ["UniverseSnapshot", "membership", "resolve_universe"]


@dataclass(frozen=True, kw_only=True)
class UniverseSnapshot:
    """Who belongs.

    Parameters
    ----------
    symbols
        Members, ascending.
    source
        The rules that chose them.
    snapshot
        Hash of the whole snapshot.
    as_of
        The instant at which it was decided.
    """

    symbols: tuple[str, ...]
    source: str
    snapshot: str
    as_of: Instant


def resolve_universe(catalog: Catalog, name: str, at: Instant, *, version: int | None = None) -> UniverseSnapshot:
    """Return the latest snapshot that was known at an instant.

    Parameters
    ----------
    at
        There is no default, and no universe to fall back on: names chosen today are not those of then.
    version
        Table version; none means the present one.

    Raises
    ------
    CatalogError
        If there is no such universe or version, or none of its snapshots was known by then.
    """
    rows = _known(catalog, name, at, version)
    if rows.is_empty():
        raise CatalogError(
            found=f"no snapshot of universe {name!r} known at {format_instant(at)}",
            expected="one that was decided by then",
            hint=f"see its first one: tidegate universe show {name}",
        )
    latest = rows.filter(pl.col("event_time") == pl.col("event_time").max())
    return UniverseSnapshot(
        symbols=tuple(latest.filter("is_member")["symbol"].sort()),
        source=str(latest["source"][0]),
        snapshot=str(latest["snapshot"][0]),
        as_of=instant_of(latest["event_time"][0]),
    )


def membership(
    catalog: Catalog, name: str, times: Int64Array, symbols: Sequence[str], *, version: int | None = None
) -> Mask:
    """Return who belonged at each instant, using only snapshots known by it.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, ascending instants, the rows of a panel.
    symbols
        Names of its columns.

    Returns
    -------
    member
        ``bool (n_times, n_symbols)``; all False before the first snapshot.

    Raises
    ------
    CatalogError
        If there is no such universe or version.
    DataError
        If none of the symbols ever belongs: a universe of other names.
    """
    rows = _known(catalog, name, Instant(int(times[-1])), version, every_vintage=True)
    member = np.zeros((len(times), len(symbols)), dtype=np.bool_)
    places = {symbol: place for place, symbol in enumerate(symbols)}
    for known, members in _states(rows):
        row = int(np.searchsorted(times, known))
        member[row:] = False
        member[row:, [places[symbol] for symbol in members if symbol in places]] = True
    if not member.any():
        until = format_instant(int(times[-1]))[:10]
        raise DataError(
            found=f"universe {name!r} without a member among the {len(symbols)} symbols until {until}",
            expected="a universe of this data set, known in the period",
            hint=f"see who belongs: tidegate universe show {name}",
        )
    return member


def _known(
    catalog: Catalog, name: str, at: Instant, version: int | None, *, every_vintage: bool = False
) -> pl.DataFrame:
    """Return the rows of a universe known by an instant."""
    read = catalog.revisions if every_vintage else catalog.read
    return read(UNIVERSE.name, dataset=name, as_of=at, version=version).collect()


def _states(rows: pl.DataFrame) -> Iterator[tuple[int, list[str]]]:
    """Yield each instant at which something became known, and who belonged by the latest snapshot known then."""
    told: dict[int, dict[str, bool]] = {}
    ordered = rows.select(
        pl.col("known_time").dt.epoch("us"), pl.col("event_time").dt.epoch("us"), "symbol", "is_member", "recorded_time"
    ).sort("known_time", "recorded_time")
    for (known,), part in ordered.group_by("known_time", maintain_order=True):
        for event, symbol, is_member in part.select("event_time", "symbol", "is_member").iter_rows():
            told.setdefault(event, {})[symbol] = is_member
        latest = told[max(told)]
        yield int(str(known)), [symbol for symbol, is_member in latest.items() if is_member]

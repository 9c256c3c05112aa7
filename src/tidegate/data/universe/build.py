"""Building a universe: from bars in the catalog to snapshots in the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import Instant
from tidegate.data.catalog import Appended, Catalog
from tidegate.data.revisions import Revision
from tidegate.data.tables import BARS, MOMENT, UNIVERSE
from tidegate.data.universe.listing import Listing, read_changes
from tidegate.data.universe.ranking import TradedValues
from tidegate.data.universe.rules import UniverseRules
from tidegate.data.universe.schedule import decision_closes
from tidegate.data.universe.snapshots import Decided, decide_universe, rows_of

__all__ = ["UniverseBuilt", "build_universe"]


@dataclass(frozen=True, kw_only=True)
class UniverseBuilt:
    """What a build did.

    Parameters
    ----------
    snapshots
        Every snapshot, oldest first, stored before or now.
    appended
        What the catalog did with their rows.
    warnings
        What a reader of results must know.
    """

    snapshots: tuple[Decided, ...]
    appended: Appended
    warnings: tuple[str, ...]


def build_universe(
    catalog: Catalog, rules: UniverseRules, *, as_of: Instant | None = None, revision: Revision | None = None
) -> UniverseBuilt:
    """Decide every snapshot that the bars allow and append those that are new.

    A snapshot depends on nothing that became known after its own instant, so building again, later and with more
    bars, brings the same snapshots and appends only the new ones.

    Parameters
    ----------
    as_of
        Use what was known then; none means now.
    revision
        What stored snapshots that differ mean; they do after bars were corrected. Other rules are another universe.

    Raises
    ------
    CatalogError
        If there are no such bars.
    DataError
        If nothing can be ranked, no name qualifies, or stored snapshots differ and no ``revision`` is given.
    """
    moment = now() if as_of is None else as_of
    traded = TradedValues.of(_bars(catalog, rules, moment), rules.interval, rules.minimum_history_bars)
    stored = _stored(catalog, rules)
    changes = read_changes(catalog, rules.lives or rules.dataset, moment)
    listing = Listing(changes, traded.symbols, traded.first_known)
    snapshots = _decide(traded, rules, listing, stored if revision else None)
    if not snapshots:
        raise DataError(
            found=f"no name of {rules.dataset!r} with {rules.minimum_history_bars} bars before a rebalance",
            expected="at least one",
            hint="lower --minimum-history, or bring in more bars",
        )
    rows = rows_of(snapshots, rules)
    if stored is not None and revision is not None:
        rows = pl.concat([rows, _withdrawn(stored, snapshots, rules)])
    appended = catalog.append(UNIVERSE.name, rows, revision=revision)
    return UniverseBuilt(snapshots=tuple(snapshots), appended=appended, warnings=_warnings(rules, listing))


def _bars(catalog: Catalog, rules: UniverseRules, as_of: Instant) -> pl.DataFrame:
    """Return all vintages of real bars; what was made up says nothing about how much a name traded."""
    rows = catalog.revisions(BARS.name, dataset=rules.dataset, as_of=as_of)
    columns = ("symbol", "event_time", "known_time", "recorded_time", "close", "volume", "traded_value", "calendar")
    wanted = (pl.col("interval") == str(rules.interval)) & ~pl.col("synthetic")
    bars = rows.filter(wanted).select(columns).collect()
    if bars.is_empty():
        raise DataError(
            found=f"no {rules.interval} bar of {rules.dataset!r}",
            expected="bars to choose from",
            hint="see what there is: tidegate catalog",
        )
    return bars


def _stored(catalog: Catalog, rules: UniverseRules) -> pl.DataFrame | None:
    """Return the stored rows of this universe, None where there are none.

    Raises
    ------
    DataError
        If other rules made them.
    """
    try:
        rows = catalog.read(UNIVERSE.name, dataset=rules.name, as_of=now()).collect()
    except CatalogError:
        return None
    others = sorted(set(rows["source"].unique()) - {rules.describe()})
    if others:
        raise DataError(
            found=f"universe {rules.name!r} made by other rules: {others[0]}",
            expected=rules.describe(),
            hint="repeat the rules that made it, or give this one another --name",
        )
    return rows


def _decide(traded: TradedValues, rules: UniverseRules, listing: Listing, stored: pl.DataFrame | None) -> list[Decided]:
    closes = decision_closes(traded.calendar, rules, traded.first, traded.last)
    # Under a revision every stored snapshot is decided again, so that none of a mistake's is left.
    again = np.empty(0, dtype=np.int64) if stored is None else stored["event_time"].unique().dt.epoch("us").to_numpy()
    exits = np.union1d(listing.exits(), again)
    exits = exits[(exits >= traded.first) & (exits <= traded.last)]
    listed = listing.mask(np.union1d(closes, exits))
    return decide_universe(traded, rules, closes, exits, listed, again)


def _withdrawn(stored: pl.DataFrame, snapshots: Sequence[Decided], rules: UniverseRules) -> pl.DataFrame:
    """Return rows that take back what a stored snapshot said of names that the corrected one does not mention."""
    addresses = pl.DataFrame(
        {
            "event_time": pl.Series([one.at for one in snapshots], dtype=pl.Int64).cast(MOMENT),
            "snapshot": [one.address(rules) for one in snapshots],
        }
    )
    told = rows_of(snapshots, rules).select("symbol", "event_time")
    return (
        stored.drop("recorded_time", "snapshot")
        .join(told, on=["symbol", "event_time"], how="anti")
        .join(addresses, on="event_time", how="left")
        .with_columns(is_member=pl.lit(value=False), rank=pl.lit(None, pl.Int64), traded_value=pl.lit(None, pl.Float64))
        .select(name for name in UNIVERSE.schema if name != "recorded_time")
    )


def _warnings(rules: UniverseRules, listing: Listing) -> tuple[str, ...]:
    bare = len(listing.without_listing)
    if not bare:
        return ()
    which = f"{bare:,} of {len(listing.symbols):,} names" if listing.changes.height else "the names"
    unknown = f"when {which} of {rules.lives or rules.dataset!r} were listed is not known"
    return (f"{unknown}: each begins with its first bar; delisted names that the bars lack were never chosen",)

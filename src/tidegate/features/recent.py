"""What an online decision has to load: the last bars, and the rows of slower sources that can matter to them."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.core.history import History
from tidegate.core.recipe import DataKind
from tidegate.core.time import HOUR
from tidegate.core.units import Int64Array
from tidegate.data.links import ITEM_TABLES
from tidegate.data.tables import MOMENT, TABLES
from tidegate.features.contract import FeatureContract
from tidegate.features.sources import Source

__all__ = ["recent_history", "table_lookbacks"]

# Items are rounded up to the end of their bucket, and count that much longer.
_MARGIN: Final = HOUR
_ANNOUNCED_AHEAD: Final = frozenset({DataKind.SYMBOL_LIVES.value})


def recent_history(history: History, contract: FeatureContract) -> History:
    """Return the part of a history that the features of its newest bar can depend on.

    The bars are those of the contract's lookback. Of a table, rows too old for any bar at which its source is read are
    left out; an item counts from the instant at which it was first known, so one with a young vintage keeps its old
    ones. A table that a feature of a user's own reads stays whole, and so does one that nothing reads.

    Parameters
    ----------
    history
        Any length.
    contract
        Whose sources say how old an observation may be, and how far (``reach``) they look back from it.
    """
    recent = history.last_rows(contract.lookback_bars)
    if not len(recent.bars.times):
        return recent
    own = {table for feature in contract.features for table in feature.tables}
    tables = dict(recent.tables)
    for name in set(tables) - own:
        starts = [_since(source, contract, recent.bars.times) for source in contract.sources if source.table == name]
        if starts:
            tables[name] = _young(tables[name], name, min(starts) - _MARGIN)
    return History(recent.bars, tables)


def table_lookbacks(contract: FeatureContract) -> dict[str, int]:
    """Return tables whose rows suffice from so many microseconds before an instant on, by when they were known.

    Items are not among them, since an old vintage says when its item was first known, nor tables that tell of what is
    announced ahead.
    """
    own = {table for feature in contract.features for table in feature.tables}
    found: dict[str, int] = {}
    for source in contract.sources:
        if source.table not in own | _ANNOUNCED_AHEAD and source.table not in ITEM_TABLES:
            bars = _lookback_bars(source, contract) * contract.interval.microseconds
            found[source.table] = max(found.get(source.table, 0), bars + _oldest(source) + _MARGIN)
    return found


def _oldest(source: Source) -> int:
    reach: int = getattr(source, "reach", 0)
    return source.maximum_age + reach


def _lookback_bars(source: Source, contract: FeatureContract) -> int:
    produced = set(source.produces)
    return max((one.lookback_bars for one in contract.features if produced.intersection(one.requires)), default=1)


def _since(source: Source, contract: FeatureContract, times: Int64Array) -> int:
    """Return the instant before which nothing matters to the features that read a source."""
    rows = min(_lookback_bars(source, contract), len(times))
    return int(times[-rows]) - _oldest(source)


def _young(rows: pl.DataFrame, table: str, since: int) -> pl.DataFrame:
    instant = pl.lit(max(since, 0)).cast(MOMENT)
    if table not in ITEM_TABLES:
        return rows.filter((pl.col("event_time") >= instant) | (pl.col("known_time") >= instant))
    member = TABLES[table].member
    young = rows.filter(pl.col("known_time") >= instant).select(member).unique()
    return rows.join(young, on=member, how="semi", maintain_order="left")

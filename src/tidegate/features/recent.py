"""What an online decision has to load: the last bars, and the rows of slower sources that can matter to them."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.core.history import History
from tidegate.core.time import HOUR
from tidegate.data.links import ITEM_TABLES
from tidegate.data.tables import MOMENT, TABLES
from tidegate.features.contract import FeatureContract
from tidegate.features.sources import Source

__all__ = ["recent_history"]

# Items are rounded up to the end of their bucket, and count that much longer.
_MARGIN: Final = HOUR


def recent_history(history: History, contract: FeatureContract) -> History:
    """Return the part of a history that the features of its newest bar can depend on.

    The bars are those of the contract's lookback. Of a table, rows too old for any of them are left out; an item counts
    from the instant at which it was first known, so one with a young vintage keeps its old ones. A table that a feature
    of a user's own reads stays whole, and so does one that nothing reads.

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
        ages = [_oldest(source) for source in contract.sources if source.table == name]
        if ages:
            tables[name] = _young(tables[name], name, int(recent.bars.times[0]) - max(ages) - _MARGIN)
    return History(recent.bars, tables)


def _oldest(source: Source) -> int:
    reach: int = getattr(source, "reach", 0)
    return source.maximum_age + reach


def _young(rows: pl.DataFrame, table: str, since: int) -> pl.DataFrame:
    instant = pl.lit(max(since, 0)).cast(MOMENT)
    if table not in ITEM_TABLES:
        return rows.filter((pl.col("event_time") >= instant) | (pl.col("known_time") >= instant))
    member = TABLES[table].member
    young = rows.filter(pl.col("known_time") >= instant).select(member).unique()
    return rows.join(young, on=member, how="semi", maintain_order="left")

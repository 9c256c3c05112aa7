"""Everything that was observed of a market, each value with the instant from which it was known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COUNTS_OF_A_READING", "History", "rows_until"]

COUNTS_OF_A_READING: Final = ("followers", "engagement", "likes", "reposts", "replies")
"""Columns of posts and comments that say how things stood at ``observed_time``, which may be long after the post."""


@dataclass(frozen=True, eq=False)
class History:
    """Bars, and beside them the slower sources as rows.

    Parameters
    ----------
    bars
        Row *t* of every column holds what was known at ``bars.times[t]``.
    tables
        Name of a source, as the recipe's ``uses`` names it (``funding``, ``macro``, ...), to rows with ``event_time``
        and ``known_time`` in microseconds UTC, every vintage of them.

    Raises
    ------
    DataError
        If rows do not say when they were known.

    Examples
    --------
    >>> bars = Panel(np.array([10, 20, 30]), ("A",), {"close": np.array([[1.0], [2.0], [3.0]])})
    >>> History(bars).until(20).bars["close"].ravel().tolist()
    [1.0, 2.0]
    """

    bars: Panel
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        timeless = [name for name, rows in self.tables.items() if "known_time" not in rows.columns]
        if timeless:
            raise DataError(
                found=f"rows of {', '.join(timeless)} without known_time",
                expected="the instant from which each row was known",
                hint="a value that nobody knows when it was known belongs nowhere",
            )
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    def until(self, as_of: int) -> History:
        """Return what was known at an instant: later bars, rows and readings of counts are not there at all."""
        stop = int(np.searchsorted(self.bars.times, as_of, side="right"))
        tables = {name: rows_until(rows, as_of) for name, rows in self.tables.items()}
        return History(self.bars.rows(0, stop), tables)

    def last_rows(self, count: int) -> History:
        """Return the history with only the newest ``count`` bars; the slower sources stay whole."""
        start = max(len(self.bars.times) - count, 0)
        return History(self.bars.rows(start, len(self.bars.times)), self.tables)


def rows_until(rows: pl.DataFrame, as_of: int) -> pl.DataFrame:
    """Return the rows known at an instant; counts that were read later than it are missing."""
    import polars as pl

    instant = pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
    known = rows.filter(pl.col("known_time") <= instant)
    if "observed_time" not in rows.columns:
        return known
    unread = pl.col("observed_time") > instant
    counts = [name for name in (*COUNTS_OF_A_READING, "observed_time") if name in rows.columns]
    return known.with_columns(pl.when(~unread).then(pl.col(name)).alias(name) for name in counts)

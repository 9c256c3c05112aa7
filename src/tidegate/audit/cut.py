"""Histories cut at an instant, as fast as thousands of short ones need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tidegate.core.history import History, rows_until
from tidegate.core.panel import Panel
from tidegate.core.units import Int64Array

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cutter"]


class Cutter:
    """Cuts one history at many instants.

    What comes out equals ``history.until(as_of).last_rows(rows)``, with two differences: it is a copy, so that no
    digging for the memory under an array leads beyond the cut; and only rows that matter are looked at, so that a short
    piece costs what it holds.

    Parameters
    ----------
    history
        The whole of it.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._known = {name: _instants(rows["known_time"]) for name, rows in history.tables.items()}
        self._in_order = {name: bool(np.all(np.diff(known) >= 0)) for name, known in self._known.items()}

    def until(self, as_of: int, rows: int | None = None, reach: Mapping[str, int] | None = None) -> History:
        """Return what was known at an instant.

        Parameters
        ----------
        as_of
            Later bars, rows and readings are not there.
        rows
            Only so many of the newest bars.
        reach
            Name of a table to the microseconds of known time up to the instant that are enough of it.
        """
        stop = int(np.searchsorted(self.history.bars.times, as_of, side="right"))
        start = 0 if rows is None else max(stop - rows, 0)
        tables = {name: self._rows(name, as_of, (reach or {}).get(name)) for name in self.history.tables}
        return History(_copy(self.history.bars, start, stop), tables)

    def _rows(self, name: str, as_of: int, reach: int | None) -> pl.DataFrame:
        table, known = self.history.tables[name], self._known[name]
        if self._in_order[name]:
            stop = int(np.searchsorted(known, as_of, side="right"))
            start = 0 if reach is None else int(np.searchsorted(known, as_of - reach, side="left"))
            return rows_until(table[start:stop], as_of)
        wanted = known <= as_of if reach is None else (known <= as_of) & (known >= as_of - reach)
        return rows_until(table[np.flatnonzero(wanted)], as_of)


def _instants(column: pl.Series) -> Int64Array:
    return column.dt.epoch("us").to_numpy().astype(np.int64)


def _copy(bars: Panel, start: int, stop: int) -> Panel:
    columns = {name: column[start:stop].copy() for name, column in bars.columns.items()}
    return Panel(bars.times[start:stop].copy(), bars.symbols, columns)

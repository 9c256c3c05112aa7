"""The past, and nothing else: what features and decisions are handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.history import History, rows_until
from tidegate.core.panel import Panel, read_only
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Int64Array

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PastView"]


class PastView:
    """A history cut at ``as_of``: bars with ``time <= as_of`` and rows with ``known_time <= as_of``, read-only.

    The later rows are not hidden behind a check: every array held and handed out is a slice that ends at the cut and
    refuses writing, so no index reaches beyond it. Only digging for the memory under a slice (``array.base``) would.

    Parameters
    ----------
    source
        A history, or its panel of bars alone; row *t* holds what was known at ``times[t]``.
    as_of
        The instant of the decision, microseconds UTC.

    Examples
    --------
    >>> panel = Panel(np.array([10, 20, 30]), ("A",), {"close": np.array([[1.0], [2.0], [3.0]])})
    >>> view = PastView(panel, as_of=Instant(25))
    >>> view["close"].ravel().tolist(), view.latest("close").tolist()
    ([1.0, 2.0], [2.0])
    """

    __slots__ = ("_columns", "_tables", "as_of", "symbols", "times")

    def __init__(self, source: Panel | History, as_of: Instant) -> None:
        panel, tables = (source.bars, source.tables) if isinstance(source, History) else (source, {})
        cut = int(panel.times.searchsorted(as_of, side="right"))
        self.as_of = as_of
        self.symbols = panel.symbols
        # A panel's arrays refuse to be written to, and so do their slices.
        self.times: Int64Array = panel.times[:cut]
        self._columns = {name: column[:cut] for name, column in panel.columns.items()}
        self._tables = {name: rows_until(rows, as_of) for name, rows in tables.items()}

    def __getitem__(self, name: str) -> FloatArray:
        """Return the column's rows up to the cut, shape ``(n_past, n_symbols)``.

        Raises
        ------
        InputError
            If there is no such column.
        """
        try:
            return self._columns[name]
        except KeyError:
            raise InputError(
                found=f"no column {name!r}",
                expected=f"one of {', '.join(sorted(self._columns))}",
                hint="the source may not deliver it",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def latest(self, name: str) -> FloatArray:
        """Return the last row of a column, shape ``(n_symbols,)``; all NaN as long as there is none."""
        past = self[name]
        return past[-1] if len(past) else read_only(np.full(len(self.symbols), np.nan))

    def rows(self, table: str) -> pl.DataFrame:
        """Return the rows of a slower source that were known at the cut; counts read later are missing.

        Raises
        ------
        InputError
            If there is no such source.
        """
        if table not in self._tables:
            raise InputError(
                found=f"no rows of {table!r}",
                expected=f"one of {', '.join(sorted(self._tables)) or 'none at all'}",
                hint="name the source under data.uses in the recipe",
            )
        return self._tables[table]

    def history(self) -> History:
        """Return what the view shows as a history of its own."""
        return History(Panel(self.times, self.symbols, self._columns), self._tables)

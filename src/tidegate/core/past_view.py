"""The past, and nothing else: what features and decisions are handed."""

from __future__ import annotations

from typing import cast

import numpy as np

from tidegate.core.panel import Panel, read_only
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["PastView"]


class PastView:
    """A panel cut at ``as_of``: rows with ``time <= as_of``, read-only.

    The later rows are not hidden behind a check; they are not reachable from here, because each column handed out is
    a slice that ends at the cut and refuses writing.

    Parameters
    ----------
    panel
        Row *t* holds what was known at ``panel.times[t]``.
    as_of
        The instant of the decision, microseconds UTC.

    Examples
    --------
    >>> panel = Panel(np.array([10, 20, 30]), ("A",), {"close": np.array([[1.0], [2.0], [3.0]])})
    >>> view = PastView(panel, as_of=Instant(25))
    >>> view["close"].ravel().tolist(), view.latest("close").tolist()
    ([1.0, 2.0], [2.0])
    """

    __slots__ = ("_columns", "as_of", "symbols", "times")

    def __init__(self, panel: Panel, as_of: Instant) -> None:
        cut = int(np.searchsorted(panel.times, as_of, side="right"))
        self.as_of = as_of
        self.symbols = panel.symbols
        self.times: Int64Array = cast("Int64Array", read_only(panel.times[:cut]))
        self._columns = {name: (column, cut) for name, column in panel.columns.items()}

    def __getitem__(self, name: str) -> FloatArray:
        """Return the column's rows up to the cut, shape ``(n_past, n_symbols)``."""
        column, cut = self._columns[name]
        return cast("FloatArray", read_only(column[:cut]))

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def latest(self, name: str) -> FloatArray:
        """Return the last row of a column, shape ``(n_symbols,)``."""
        column, cut = self._columns[name]
        return cast("FloatArray", read_only(column[cut - 1]))

"""Rows counted as bars: what lets a formula of one's own look back by rows and mean bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.inputs import Inputs, where_rows_suffice

__all__ = ["in_bars"]

_MOST: Final = 2**22
"""Bars between two rows that are still a gap; further apart, the interval is not that of the rows."""


def in_bars(
    formula: Callable[[Inputs], FloatArray], requires: Sequence[str], lookback_bars: int
) -> Callable[[Inputs], FloatArray]:
    """Return a formula for which a row back is a bar back: where a close has no row, an empty one stands.

    Without this a gap would make every horizon that spans it longer (D-12).

    Parameters
    ----------
    formula
        Counts rows.
    requires
        Columns that it reads, of bars and sources alike: what was known of a source at a close without a row was asked
        by nobody, so it is missing like the bar.
    lookback_bars
        Bars that it reads.
    """

    def counted(bars: Inputs) -> FloatArray:
        if bars.on_the_clock or not len(bars.times):
            return formula(bars)
        unbroken, places = _unbroken(bars, requires)
        values = np.full(bars.shape, np.nan)
        known = places >= 0
        values[known] = formula(unbroken)[places[known]]
        return values

    return where_rows_suffice(counted, lookback_bars)


def _unbroken(bars: Inputs, requires: Sequence[str]) -> tuple[Inputs, Int64Array]:
    """Return a row for every close between the first and the last, and where in it each of the rows stands."""
    step = bars.interval.microseconds
    first, last = -(-int(bars.times[0]) // step), int(bars.times[-1]) // step
    if last - first > _MOST:
        raise DataError(
            found=f"rows {last - first:,} bars of {bars.interval} apart",
            expected="bars of the size that the recipe names",
            hint="correct data.interval",
        )
    closes: Int64Array = np.arange(first, last + 1, dtype=np.int64) * step
    places = np.where(bars.times % step == 0, bars.times // step - first, -1)
    known = places >= 0
    columns = {}
    for name in requires:
        column = np.full((len(closes), bars.shape[1]), np.nan)
        column[places[known]] = bars.raw(name)[known]
        columns[name] = column
    wanted = bars.times[len(bars.times) - bars.wanted :]
    count = len(closes) - int(np.searchsorted(closes, wanted[0])) if len(wanted) else 0
    return Inputs(columns, closes, bars.interval, count, symbols=bars.symbols, tables=bars.tables), places

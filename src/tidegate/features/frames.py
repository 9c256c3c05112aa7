"""Longer bars made of shorter ones, closed bars only: the multi-timeframe context of a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.time import BarInterval
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["bars_per_frame", "frame_lookback", "frame_of", "spread_to_rows"]

_FOLDED: Final = {"high": np.maximum, "low": np.minimum, "volume": np.add, "traded_value": np.add}
_KNOWN: Final = ("open", "close", "raw_close", *_FOLDED)


def bars_per_frame(interval: BarInterval, frame: BarInterval) -> int:
    """Return how many bars make one longer bar.

    Raises
    ------
    InputError
        If they do not divide it, or either covers a session.
    """
    if interval.is_session or frame.is_session or frame.microseconds % interval.microseconds:
        raise InputError(
            found=f"bars of {interval} for frames of {frame}",
            expected="bars that divide the frame",
            hint="choose other frames, or bring shorter bars",
        )
    return frame.microseconds // interval.microseconds


def frame_lookback(interval: BarInterval, frame: BarInterval, frames: int) -> int:
    """Return the bars that suffice for a number of closed longer bars, wherever the last one closed.

    Examples
    --------
    >>> frame_lookback(BarInterval("5m"), BarInterval("15m"), 2)
    8
    """
    per = bars_per_frame(interval, frame)
    return frames * per + per - 1


def frame_of(
    times: Int64Array, columns: Mapping[str, FloatArray], interval: BarInterval, frame: BarInterval
) -> tuple[Int64Array, Mapping[str, FloatArray]]:
    """Return the closed longer bars within some rows, on an unbroken grid of their closes.

    A longer bar ends at a whole multiple of its length, UTC, and holds all bars that end in it or with it. One that
    lacks a bar, at the start of the rows or at a hole, is missing: half an hour is not an hour.

    Parameters
    ----------
    times
        ``int64 (n,)`` closes of the bars.
    columns
        ``open high low close raw_close volume traded_value``, those that are there; others are left out. Values are
        finite, or NaN where they are missing.
    interval, frame
        Size of the bars, and of the longer ones. Where both are the same, the bars come back with a missing one for
        every close without a row.

    Returns
    -------
    times, columns
        ``int64 (m,)`` closes of the longer bars, and ``float64 (m, n_symbols)`` each.
    """
    per, length, step = bars_per_frame(interval, frame), frame.microseconds, interval.microseconds
    last = int(times[-1]) // length if len(times) else 0
    first = -(-(int(times[0]) - step) // length) if len(times) else 0
    count = max(last - first, 0)
    ends = (first + 1 + np.arange(count, dtype=np.int64)) * length
    offsets = times - (first * length + step)
    rows = np.flatnonzero((offsets >= 0) & (offsets % step == 0) & (times <= last * length))
    return ends, _Longer(columns, rows, offsets[rows] // step, count, per)


class _Longer(Mapping[str, FloatArray]):
    """Columns of longer bars, each made when it is asked for."""

    def __init__(
        self, columns: Mapping[str, FloatArray], rows: Int64Array, places: Int64Array, count: int, per: int
    ) -> None:
        self._columns, self._rows, self._places, self._count, self._per = columns, rows, places, count, per

    def __getitem__(self, name: str) -> FloatArray:
        return _combined(name, self._grid(self._columns[name]))

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._columns if name in _KNOWN)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _grid(self, column: FloatArray) -> FloatArray:
        """Return ``(m, per, n_symbols)``, NaN where there is no row."""
        owed, width = self._count * self._per, column.shape[1]
        if not owed:
            grid = column[:0]
        elif len(self._rows) == owed == self._rows[-1] - self._rows[0] + 1:
            grid = np.ascontiguousarray(column[self._rows[0] : self._rows[-1] + 1])
        else:
            grid = np.full((owed, width), np.nan)
            grid[self._places] = column[self._rows]
        return grid.reshape(self._count, self._per, width)


def _combined(name: str, bars: FloatArray) -> FloatArray:
    """Combine ``(m, per, n_symbols)``; one missing bar makes the longer one missing."""
    if name in _FOLDED:
        return _folded(bars, _FOLDED[name])
    chosen = bars[:, 0] if name == "open" else bars[:, -1]
    return np.where(np.isnan(_folded(bars, np.add)), np.nan, chosen)


def _folded(bars: FloatArray, combine: np.ufunc) -> FloatArray:
    """Combine the bars of each longer one, the later half with the earlier one until one is left.

    NumPy's own reduction adds up in another order for one symbol than for many, and is slower over few symbols.
    """
    while bars.shape[1] > 1:
        half = bars.shape[1] // 2
        folded: FloatArray = combine(bars[:, :half], bars[:, half : 2 * half])
        if bars.shape[1] % 2:
            combine(folded[:, 0], bars[:, -1], out=folded[:, 0])
        bars = folded
    return bars[:, 0]


def spread_to_rows(times: Int64Array, ends: Int64Array, values: FloatArray, frame: BarInterval) -> FloatArray:
    """Return, at each row, the value of the newest longer bar closed by then; missing where there is none.

    Parameters
    ----------
    times
        ``int64 (n,)`` instants of the rows.
    ends
        ``int64 (m,)`` closes of the longer bars, an unbroken grid.
    values
        ``float64 (m, n_symbols)``.
    """
    if not len(ends):
        return np.full((len(times), values.shape[1]), np.nan)
    newest = times // frame.microseconds - int(ends[0]) // frame.microseconds
    spread: FloatArray = values[np.clip(newest, 0, len(ends) - 1)]
    spread[(newest < 0) | (newest >= len(ends))] = np.nan
    return spread

"""Longer bars made of shorter ones, closed bars only: the multi-timeframe context of a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.time import BarInterval
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["bars_per_frame", "frame_lookback", "frame_of", "spread_to_rows"]

_SUMMED: Final = ("volume", "traded_value")
_CARRIED: Final = ("close", "raw_close")


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
) -> tuple[Int64Array, dict[str, FloatArray]]:
    """Return the closed longer bars within some rows, on an unbroken grid of their closes.

    A longer bar ends at a whole multiple of its length, UTC, and holds all bars that end in it or with it. One that
    lacks a bar, at the start of the rows or at a hole, is missing: half an hour is not an hour.

    Parameters
    ----------
    times
        ``int64 (n,)`` closes of the bars.
    columns
        ``open high low close raw_close volume traded_value``, those that are there; others are left out.

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
    inside = (offsets >= 0) & (offsets % step == 0) & (times <= last * length)
    places = offsets[inside] // step

    def grid(column: FloatArray) -> FloatArray:
        width = column.shape[1]
        if len(places) == count * per:
            rows = np.ascontiguousarray(column[inside])
        else:
            rows = np.full((count * per, width), np.nan)
            rows[places] = column[inside]
        return rows.reshape(count, per, width)

    made: dict[str, FloatArray] = {}
    for name, column in columns.items():
        if name in ("open", "high", "low", *_SUMMED, *_CARRIED):
            made[name] = _combined(name, grid(column))
    return ends, made


def _combined(name: str, bars: FloatArray) -> FloatArray:
    """Combine ``(m, per, n_symbols)``; one missing bar makes the longer one missing."""
    if name in _SUMMED:
        total: FloatArray = np.add.reduce(bars, axis=1)
        return total
    if name == "high":
        highest: FloatArray = np.maximum.reduce(bars, axis=1)
        return highest
    if name == "low":
        lowest: FloatArray = np.minimum.reduce(bars, axis=1)
        return lowest
    chosen = bars[:, 0] if name == "open" else bars[:, -1]
    return np.where(np.isnan(np.add.reduce(bars, axis=1)), np.nan, chosen)


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

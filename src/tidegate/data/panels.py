"""From long frames of bars to dense panels."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.time import BarInterval
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.calendars import trading_calendar

__all__ = ["panel_of"]

_PRICES = ("open", "high", "low", "close")
_OTHERS = ("volume", "traded_value")


def panel_of(bars: pl.DataFrame, interval: BarInterval) -> Panel:
    """Return the panel of bars on every instant that their calendar owes between the first and the last.

    Parameters
    ----------
    bars
        One row per symbol and event time, in the columns of the ``bars`` table, all of one calendar.
    interval
        Size of the bars.

    Raises
    ------
    DataError
        If the bars mix calendars.
    """
    calendars = bars["calendar"].unique().to_list()
    if len(calendars) != 1:
        raise DataError(
            found=f"bars of calendars {calendars}",
            expected="one calendar per data set",
            hint="ingest each market into its own data set",
        )
    events = bars["event_time"].dt.epoch("us").to_numpy()
    owed = trading_calendar(calendars[0]).expected(interval, int(events.min()), int(events.max()))
    times = np.union1d(owed, events)
    symbols = bars["symbol"].unique().sort()
    rows = np.searchsorted(times, events)
    places = bars["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy()
    shape = (len(times), len(symbols))

    def dense(values: FloatArray) -> FloatArray:
        matrix = np.full(shape, np.nan)
        matrix[rows, places] = values
        return matrix

    adjustment = bars["adjustment"].to_numpy()
    columns = {name: dense(bars[name].to_numpy() * adjustment) for name in _PRICES if _delivered(bars, name)}
    columns |= {name: dense(bars[name].to_numpy()) for name in _OTHERS if _delivered(bars, name)}
    columns["raw_close"] = dense(bars["close"].to_numpy())
    return Panel(_instants(times), tuple(symbols.to_list()), columns)


def _delivered(bars: pl.DataFrame, name: str) -> bool:
    return bars[name].null_count() < bars.height


def _instants(times: Int64Array) -> Int64Array:
    return np.ascontiguousarray(times, dtype=np.int64)

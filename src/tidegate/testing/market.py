"""A seeded synthetic market: prices that look like prices, with gaps and a findable signal on request."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT

__all__ = ["synthetic_bars", "synthetic_panel"]

_FIRST_MONDAY = parse_instant("2015-01-05") + 21 * HOUR
_PERSISTENCE = 0.98


def synthetic_panel(
    seed: int,
    n_times: int,
    n_symbols: int,
    *,
    gaps: float = 0.0,
    edge: float = 0.0,
    times: Int64Array | None = None,
) -> Panel:
    """Return a random daily market, the same for the same arguments.

    Parameters
    ----------
    seed
        Decides every number.
    n_times, n_symbols
        Size.
    gaps
        Fraction of bars that are missing, as in a suspension.
    edge
        Standard deviation of a slowly changing drift per symbol, in units of one bar's volatility. At 0
        returns are independent and nothing can be forecast; at 0.1 past returns forecast the next weeks.

    times
        ``int64 (n_times,)`` instants of the rows; by default every weekday from 2015-01-05 at 21:00 UTC.

    Returns
    -------
    panel
        Columns ``open high low close`` (adjusted), ``raw_close``, ``volume``, ``traded_value``; ``float64``.

    Examples
    --------
    >>> panel = synthetic_panel(7, n_times=30, n_symbols=4)
    >>> panel.shape, bool((panel["high"] >= panel["close"]).all())
    ((30, 4), True)
    """
    random = generator(seed, "synthetic-market")
    shape = (n_times, n_symbols)
    prices = _prices(random, shape, edge)
    raw_close = prices["close"] / _split_factor(random, shape)
    typical = random.uniform(8.0, 14.0, n_symbols)
    volume: FloatArray = np.rint(np.exp(random.normal(0.0, 0.5, shape) + typical))
    columns: dict[str, FloatArray] = {
        **prices,
        "raw_close": raw_close,
        "volume": volume,
        "traded_value": volume * raw_close,
    }
    missing = random.random(shape) < gaps
    columns = {name: np.where(missing, np.nan, column) for name, column in columns.items()}
    symbols = tuple(f"S{place:04d}" for place in range(n_symbols))
    return Panel(_weekdays(n_times) if times is None else times, symbols, columns)


def synthetic_bars(panel: Panel, *, dataset: str, interval: str = "1d", calendar: str = "24/7") -> pl.DataFrame:
    """Return a panel as rows of the catalog's ``bars`` table, each known at its own close.

    Parameters
    ----------
    panel
        From :func:`synthetic_panel`; adjusted prices are turned back into raw prices and a cumulative
        adjustment.
    dataset, interval, calendar
        Written to every row.

    Returns
    -------
    rows
        One row per bar that is not missing, ready for ``Catalog.append("bars", rows)``.
    """
    rows, places = np.nonzero(~np.isnan(panel["close"]))
    adjustment = panel["close"][rows, places] / panel["raw_close"][rows, places]
    prices = {name: panel[name][rows, places] / adjustment for name in ("open", "high", "low", "close")}
    closes = pl.Series(panel.times[rows]).cast(MOMENT)
    return pl.DataFrame(
        {
            "symbol": pl.Series(panel.symbols, dtype=pl.String).gather(places),
            "event_time": closes,
            "known_time": closes,
            **prices,
            "volume": panel["volume"][rows, places],
            "traded_value": panel["traded_value"][rows, places],
            "adjustment": adjustment,
        }
    ).with_columns(
        dataset=pl.lit(dataset),
        interval=pl.lit(interval),
        calendar=pl.lit(calendar),
        source=pl.lit("synthetic market"),
        synthetic=pl.lit(False),
    )


def _prices(random: np.random.Generator, shape: tuple[int, int], edge: float) -> dict[str, FloatArray]:
    """Return adjusted prices: a night and a session of random walk, and a reach beyond both ends of it."""
    volatility = random.uniform(0.01, 0.03, shape[1])
    night = random.normal(0.0, 0.3, shape) * volatility
    session = (random.normal(0.0, 0.95, shape) + edge * _drift(random, shape)) * volatility
    log_close = np.log(random.uniform(5.0, 200.0, shape[1])) + np.cumsum(night + session, axis=0)
    log_open = log_close - session
    reach = np.abs(random.normal(0.0, 0.4, (2, *shape))) * volatility
    return {
        "open": np.exp(log_open),
        "high": np.exp(np.maximum(log_open, log_close) + reach[0]),
        "low": np.exp(np.minimum(log_open, log_close) - reach[1]),
        "close": np.exp(log_close),
    }


def _drift(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Return slowly wandering drifts of unit variance, one per symbol."""
    shocks = random.normal(size=shape)
    drift = np.empty(shape)
    drift[0] = shocks[0]
    for row in range(1, shape[0]):
        drift[row] = _PERSISTENCE * drift[row - 1] + np.sqrt(1.0 - _PERSISTENCE**2) * shocks[row]
    return drift


def _split_factor(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Return the cumulative adjustment: every second symbol splits two for one, once."""
    splits_at = random.integers(1, max(shape[0], 2), shape[1])
    has_split = (np.arange(shape[0])[:, None] >= splits_at) & (np.arange(shape[1]) % 2 == 1)
    return np.where(has_split, 2.0, 1.0)


def _weekdays(count: int) -> Int64Array:
    days = np.arange(count, dtype=np.int64)
    return _FIRST_MONDAY + (days // 5 * 7 + days % 5) * DAY

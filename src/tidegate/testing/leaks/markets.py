"""Small seeded markets in which everything that leaks is there: gaps, listings, restatements, counts read later."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, MINUTE, parse_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.calendars import trading_calendar
from tidegate.data.tables import MOMENT
from tidegate.testing.market import synthetic_panel

__all__ = ["daily_market", "exchange_market", "hourly_market", "misdated_market"]

_FIRST_MONDAY = parse_instant("2021-01-04") + 21 * HOUR
_HOLIDAYS = 0.04


@lru_cache(maxsize=16)
def daily_market(seed: int, n_times: int = 360, n_symbols: int = 5) -> History:
    """Return a market of daily bars with its slower sources.

    Weekdays with holidays and suspensions; the second symbol is listed late, the last is delisted early; ``member``
    changes by the quarter. Its tables:

    ``macro``
        Monthly, released twelve days after the month, restated at the next release but one.
    ``posts``
        A few a week and symbol, their counts read days later.
    ``corporate_actions``
        Dividends as ``ratio``, the factor by which earlier prices are multiplied, announced at their ex-date.
    ``metrics``
        Shares outstanding, changed now and then.

    Examples
    --------
    >>> history = daily_market(7)
    >>> history.bars.shape, sorted(history.tables)
    ((360, 5), ['corporate_actions', 'macro', 'metrics', 'posts'])
    """
    random = generator(seed, "zoo", "daily")
    times = _sessions(random, n_times)
    panel = synthetic_panel(seed, n_times, n_symbols, gaps=0.02, edge=0.1, times=times)
    lives = _lives(random, n_times, n_symbols)
    columns = {name: np.where(lives, column, np.nan) for name, column in panel.columns.items()}
    columns["member"] = _members(random, lives)
    bars = Panel(times, panel.symbols, columns)
    tables = {
        "macro": _macro(random, times),
        "posts": _posts(random, bars),
        "corporate_actions": _actions(random, bars),
        "metrics": _shares(random, bars),
    }
    return History(bars, tables)


@lru_cache(maxsize=16)
def hourly_market(seed: int, n_times: int = 480, n_symbols: int = 3) -> History:
    """Return a market that never closes, in bars of a quarter of an hour, and of an hour in the table ``bars``.

    Examples
    --------
    >>> hourly_market(7).tables["bars"].height
    360
    """
    first = _FIRST_MONDAY - _FIRST_MONDAY % HOUR + 15 * MINUTE
    times = first + np.arange(n_times, dtype=np.int64) * (15 * MINUTE)
    bars = synthetic_panel(seed, n_times, n_symbols, gaps=0.01, times=times)
    ends = np.flatnonzero(times % HOUR == 0)
    closes = _filled(bars["close"])[ends]
    candles = _rows(
        symbol=list(bars.symbols) * len(ends),
        interval=["1h"] * closes.size,
        event_time=np.repeat(times[ends], n_symbols),
        known_time=np.repeat(times[ends], n_symbols),
        close=closes.ravel(),
    )
    return History(bars, {"bars": candles})


@lru_cache(maxsize=4)
def exchange_market(seed: int, n_times: int = 200) -> History:
    """Return sessions of the New York Stock Exchange, each bar stamped with its close.

    Examples
    --------
    >>> exchange_market(7).bars.shape
    (200, 3)
    """
    return History(_of_exchange(seed, trading_calendar("XNYS").closes, n_times))


@lru_cache(maxsize=4)
def misdated_market(seed: int, n_times: int = 200) -> History:
    """Return the same bars, each stamped with its open."""
    return History(_of_exchange(seed, trading_calendar("XNYS").opens, n_times))


def _of_exchange(seed: int, stamps: Int64Array, count: int) -> Panel:
    times = stamps[np.searchsorted(stamps, _FIRST_MONDAY) :][:count]
    return synthetic_panel(seed, len(times), 3, gaps=0.01, times=times)


def _sessions(random: np.random.Generator, count: int) -> Int64Array:
    """Return weekdays at 21:00 UTC without some holidays."""
    days = np.arange(2 * count, dtype=np.int64)
    weekdays = _FIRST_MONDAY + (days // 5 * 7 + days % 5) * DAY
    kept: Int64Array = weekdays[random.random(len(days)) >= _HOLIDAYS][:count]
    return kept


def _lives(random: np.random.Generator, n_times: int, n_symbols: int) -> FloatArray:
    """Return 1 where a symbol is listed: the second one late, the last one not to the end."""
    rows = np.arange(n_times)[:, None]
    listed = np.zeros(n_symbols, dtype=np.int64)
    gone = np.full(n_symbols, n_times, dtype=np.int64)
    listed[1] = random.integers(n_times // 5, n_times // 3)
    gone[-1] = random.integers(n_times // 2, 3 * n_times // 4)
    return ((rows >= listed) & (rows < gone)).astype(np.float64)


def _members(random: np.random.Generator, lives: FloatArray) -> FloatArray:
    """Return 1 for members, drawn again every 63 bars; whoever is not listed is none."""
    quarters = -(-len(lives) // 63)
    drawn = np.repeat(random.random((quarters, lives.shape[1])) < 0.7, 63, axis=0)[: len(lives)]
    return drawn * lives


def _macro(random: np.random.Generator, times: Int64Array) -> pl.DataFrame:
    """Return a monthly series, each month as released and as restated."""
    months = np.arange(times[0] - 60 * DAY, times[-1], 30 * DAY, dtype=np.int64)
    first = 100.0 + np.cumsum(random.normal(0.0, 1.0, len(months)))
    restated = first + random.normal(0.0, 0.5, len(months))
    released = months + 12 * DAY
    return _rows(
        series=["output"] * (2 * len(months)),
        event_time=np.concatenate([months, months]),
        known_time=np.concatenate([released, released + 60 * DAY]),
        value=np.concatenate([first, restated]),
    )


def _posts(random: np.random.Generator, bars: Panel) -> pl.DataFrame:
    """Return posts at any hour, with words that tell a little of the day, and counts as they were days later."""
    count = len(bars.times) // 2 * len(bars.symbols)
    posted = np.sort(random.integers(int(bars.times[0]), int(bars.times[-1]), count))
    words = np.array(["beat", "miss", "upgrade", "lawsuit", "buyback", "recall", "record", "warning"])
    return _rows(
        post_id=[f"post-{number}" for number in range(count)],
        symbol=[bars.symbols[place] for place in random.integers(0, len(bars.symbols), count)],
        event_time=posted,
        known_time=posted,
        observed_time=posted + random.integers(DAY, 12 * DAY, count),
        text=[" ".join(words[random.integers(0, len(words), 4)]) for _ in range(count)],
        engagement=np.rint(np.exp(random.normal(3.0, 1.0, count))),
    )


def _actions(random: np.random.Generator, bars: Panel) -> pl.DataFrame:
    """Return dividends of a few per cent, four per symbol, as factors for earlier prices."""
    count = len(bars.symbols) * 4
    days = bars.times[np.sort(random.integers(20, len(bars.times), count))]
    return _rows(
        symbol=list(bars.symbols) * 4,
        action=["dividend"] * count,
        event_time=days,
        known_time=days,
        ratio=1.0 - random.uniform(0.005, 0.04, count),
    )


def _shares(random: np.random.Generator, bars: Panel) -> pl.DataFrame:
    """Return shares outstanding: some at the start, some issued or bought back later."""
    days = np.concatenate([[bars.times[0]], bars.times[np.sort(random.integers(10, len(bars.times), 3))]])
    count = len(bars.symbols) * len(days)
    return _rows(
        symbol=np.repeat(bars.symbols, len(days)),
        event_time=np.tile(days, len(bars.symbols)),
        known_time=np.tile(days, len(bars.symbols)),
        metric=["shares_outstanding"] * count,
        value=random.uniform(1e6, 2e6, count),
    )


def _filled(column: FloatArray) -> FloatArray:
    """Carry the last price over missing bars."""
    rows = np.where(np.isnan(column), 0, np.arange(len(column))[:, None])
    return np.take_along_axis(column, np.maximum.accumulate(rows, axis=0), axis=0)


def _rows(**columns: object) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    moments = [name for name in columns if name.endswith("_time")]
    return frame.with_columns(pl.col(name).cast(MOMENT) for name in moments).sort("known_time")

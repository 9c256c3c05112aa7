"""Bars and slower sources as large as real ones, the same in every run."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.time import DAY, HOUR, MINUTE, parse_instant
from tidegate.data.tables import BARS, MOMENT

__all__ = ["FIRST", "STEP", "five_minute_bars", "funding", "macro", "news", "symbols", "times_of"]

FIRST = parse_instant("2015-01-01")
STEP = 5 * MINUTE


def symbols(count: int) -> list[str]:
    """Names in ascending order."""
    return [f"COIN{number:03d}USDT" for number in range(count)]


def times_of(rows: int, *, skipped: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Closes of five-minute bars without a hole."""
    return FIRST + (np.arange(rows) + skipped + 1) * STEP


def five_minute_bars(names: list[str], rows: int, *, skipped: int = 0) -> pl.DataFrame:
    """Return bars of a random walk in every column of the table, sorted by symbol and time."""
    random = np.random.default_rng([7, skipped])
    shape = (len(names), rows)
    close = np.round(np.exp(np.cumsum(random.normal(0, 1e-3, shape), axis=1)).ravel() * 100, 2)
    closes = moments(np.tile(times_of(rows, skipped=skipped), len(names)))
    columns = {
        "dataset": pl.repeat("bench", len(close), eager=True),
        "interval": pl.repeat("5m", len(close), eager=True),
        "symbol": each(names, rows),
        "event_time": closes,
        "known_time": closes,
        "open": close,
        "high": close + 0.01,
        "low": close - 0.01,
        "close": close,
        "volume": np.round(random.lognormal(3, 1, len(close)), 3),
        "traded_value": None,
        "adjustment": 1.0,
        "calendar": "24/7",
        "source": "bench",
        "synthetic": False,
    }
    schema = {name: kind for name, kind in BARS.schema.items() if name != "recorded_time"}
    return pl.DataFrame(columns).cast(schema).select(*schema).rechunk()


def funding(names: list[str], until: int) -> pl.DataFrame:
    """Return a rate every eight hours, known when it is paid."""
    paid = np.arange(FIRST - 8 * HOUR, until, 8 * HOUR)
    return source(names, [paid] * len(names), [paid] * len(names))


def news(names: list[str], until: int, count: int = 50_000) -> pl.DataFrame:
    """Return events at any time, known at once."""
    random = np.random.default_rng(11)
    told = [np.sort(random.integers(FIRST, until, count)) for _ in names]
    return source(names, told, told)


def macro(until: int) -> pl.DataFrame:
    """Return a number about each day, known at half past eight of the next one."""
    days = np.arange(FIRST - 3 * DAY, until, DAY)
    return source([""], [days], [days + DAY + 8 * HOUR + 30 * MINUTE]).drop("symbol")


def source(names: list[str], event: list[np.ndarray], known: list[np.ndarray]) -> pl.DataFrame:
    """Return rows of a source, sorted by symbol and time."""
    rows = sum(len(times) for times in event)
    return pl.DataFrame(
        {
            "symbol": pl.concat([each([name], len(times)) for name, times in zip(names, event, strict=True)]),
            "event_time": moments(np.concatenate(event)),
            "known_time": moments(np.concatenate(known)),
            "value": np.random.default_rng(rows).normal(size=rows),
        }
    )


def each(names: list[str], times: int) -> pl.Series:
    """Return each name so many times."""
    return pl.Series(names).gather(np.repeat(np.arange(len(names)), times))


def moments(instants: np.ndarray) -> pl.Series:
    """Return instants as times."""
    return pl.Series(instants).cast(MOMENT)

"""Ten coins on bars of five minutes, with every slower source that the crypto contract reads; the same in every run."""

from __future__ import annotations

import numpy as np
import polars as pl
from made_up import FIRST, STEP, each, moments, symbols, times_of

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.time import DAY, HOUR, MINUTE
from tidegate.data.metrics import DERIVATIVES

__all__ = ["DAYS", "NAMES", "made_up_history", "per_day"]

NAMES = symbols(10)
DAYS = 1095
METRICS = (*DERIVATIVES, "open_interest", "taker_buy_volume", "taker_sell_volume")
METRIC_DAYS = 90
"""Exchanges keep a month of these; somebody collected three."""
SERIES = ("VIX_CLOSE", "DGS10", "DGS2", "DFF", "DXY_CLOSE", "CPIAUCSL", "PAYEMS")
per_day = {"events": 20, "posts": 60, "comments": 60}
"""Items of each symbol."""


def made_up_history(days: int = DAYS, names: list[str] = NAMES) -> History:
    """Return bars and tables of so many days."""
    random = np.random.default_rng(5)
    until = FIRST + days * DAY
    tables = {
        "order_books": order_books(random, names, until),
        "funding": regular(random, names, FIRST, until, 8 * HOUR, "rate"),
        "onchain": regular(random, names, FIRST, until, DAY, "value").with_columns(metric=pl.lit("net_inflow")),
        "derivatives": derivatives(random, names, max(until - METRIC_DAYS * DAY, FIRST), until),
        "macro": macro(random, until),
        **{table: items(random, names, until, table) for table in per_day},
    }
    return History(bars(random, names, days), tables)


def bars(random: np.random.Generator, names: list[str], days: int) -> Panel:
    """Return a random walk; one bar in ten thousand is missing."""
    times = times_of(days * 288)
    shape = (len(times), len(names))
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, shape), axis=0))
    reach = np.abs(random.normal(0, 1e-3, (2, *shape)))
    columns = {
        "open": close * (1 + random.normal(0, 3e-4, shape)),
        "high": close * (1.0003 + reach[0]),
        "low": close * (0.9997 - reach[1]),
        "close": close,
        "volume": random.lognormal(3, 1, shape),
    }
    missing = random.random(shape) < 1e-4
    columns["traded_value"] = columns["volume"] * close
    return Panel(times, tuple(names), {name: np.where(missing, np.nan, column) for name, column in columns.items()})


def regular(
    random: np.random.Generator, names: list[str], first: int, until: int, step: int, value: str
) -> pl.DataFrame:
    """Return a number about each name at every step, known five seconds later."""
    times = np.tile(np.arange(first, until, step), len(names))
    return pl.DataFrame(
        {
            "symbol": each(names, len(times) // len(names)),
            "event_time": moments(times),
            "known_time": moments(times + 5_000_000),
            value: random.lognormal(0, 0.1, len(times)),
        }
    )


def order_books(random: np.random.Generator, names: list[str], until: int) -> pl.DataFrame:
    """Return the top of the book just before each close."""
    rows = regular(random, names, FIRST + STEP - 10_000_000, until, STEP, "spread_bps")
    bid, sizes = random.lognormal(4, 0.1, rows.height), random.lognormal(1, 1, (2, rows.height))
    return rows.with_columns(
        bid_price=bid, ask_price=bid * 1.0001, bid_size=sizes[0], ask_size=sizes[1],
        imbalance=(sizes[0] - sizes[1]) / (sizes[0] + sizes[1]), synthetic=pl.lit(False),
    )  # fmt: skip


def derivatives(random: np.random.Generator, names: list[str], first: int, until: int) -> pl.DataFrame:
    """Return every metric every five minutes."""
    frames = [regular(random, names, first, until, 5 * MINUTE, "value") for _ in METRICS]
    return pl.concat(frame.with_columns(metric=pl.lit(name)) for name, frame in zip(METRICS, frames, strict=True))


def macro(random: np.random.Generator, until: int) -> pl.DataFrame:
    """Return a number of each series a day, known the next morning."""
    days = np.arange(FIRST - 400 * DAY, until, DAY)
    times = np.tile(days, len(SERIES))
    return pl.DataFrame(
        {
            "series": each(list(SERIES), len(days)),
            "event_time": moments(times),
            "known_time": moments(times + DAY + 8 * HOUR),
            "value": random.lognormal(1, 0.1, len(times)),
        }
    )


def items(random: np.random.Generator, names: list[str], until: int, table: str) -> pl.DataFrame:
    """Return events, posts or comments at random instants, known a few seconds later; half state a sentiment."""
    count = (until - FIRST) // DAY * per_day[table]
    total = count * len(names)
    at = np.sort(random.integers(FIRST, until, (len(names), count)), axis=1).ravel()
    known = moments(at + random.integers(1_000_000, 60_000_000, total))
    sentiment = np.where(random.random(total) < 0.5, random.uniform(-1, 1, total), np.nan)
    frame = pl.DataFrame(
        {
            "symbol": each(names, count),
            f"{table.removesuffix('s')}_id": pl.Series(np.arange(total)).cast(pl.String),
            "event_time": moments(at),
            "known_time": known,
            "recorded_time": known,
            "sentiment": pl.Series(sentiment).fill_nan(None),
        }
    ).with_columns(source=pl.lit("made up"))
    if table == "events":
        return frame.with_columns(
            publisher=pl.Series(random.integers(0, 30, total)).cast(pl.String),
            scope=pl.lit("crypto"),
            tier=pl.Series(random.integers(1, 6, total)),
            **{name: pl.Series(random.random(total)) for name in ("confidence", "importance", "novelty")},
        )
    counts = {
        name: pl.Series(random.integers(0, 1_000, total)).cast(pl.Float64) for name in ("engagement", "followers")
    }
    return frame.with_columns(
        author_id=pl.Series(random.integers(0, 5_000, total)).cast(pl.String),
        author=pl.lit(None, dtype=pl.String),
        text=pl.Series(random.integers(0, total // 2, total)).cast(pl.String),
        observed_time=pl.col("known_time") + pl.duration(hours=1),
        **counts,
    )

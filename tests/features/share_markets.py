"""Made-up markets of shares with everything that makes windows go wrong, and ways to spoil their future."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.data.price_limits import LIMIT_PERCENT, limit_percent
from tidegate.data.tables import MOMENT
from tidegate.features import FeatureContract, build_features
from tidegate.testing import synthetic_panel

__all__ = ["CODES", "INDUSTRIES", "built", "garbled_after", "lives_of", "same", "share_market"]

CODES = ("000001.SZ", "300750.SZ", "600000.SH", "600519.SH", "688981.SH", "920002.BJ")
INDUSTRIES = ("banks", "liquor", "semiconductors")
FIRST = parse_instant("2022-11-01") + 7 * HOUR


def share_market(seed: int, n_times: int = 120, *, symbols: tuple[str, ...] = CODES, gaps: float = 0.03) -> History:
    """Return a market with gaps, a listing in the middle, a suspension, closes at limits, members and industries."""
    random = generator(seed, "share-market")
    times = FIRST + np.arange(n_times) * DAY
    bars = synthetic_panel(seed, n_times, len(symbols), gaps=gaps, times=times)
    columns = {name: column.copy() for name, column in bars.columns.items()}
    columns = _moved_to_limits(columns, symbols, times, random)
    listed, suspended = random.integers(0, n_times, 2)
    for column in columns.values():
        column[:listed, -1] = np.nan
        column[suspended : suspended + random.integers(1, 80), 0] = np.nan
    index = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, n_times)))
    index[random.random(n_times) < gaps] = np.nan
    columns["benchmark_close"] = np.repeat(index[:, np.newaxis], len(symbols), axis=1)
    columns["member"] = (random.random((n_times, len(symbols))) < 0.9).astype(np.float64)
    columns[LIMIT_PERCENT] = limit_percent(symbols, times)
    return History(Panel(times, symbols, columns), {"symbol_lives": lives_of(symbols, times, seed)})


def _moved_to_limits(
    columns: dict[str, np.ndarray], symbols: tuple[str, ...], times: np.ndarray, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Put some closes, with the other prices of their session, exactly at a limit, where there was a close before."""
    raw, percent = np.round(columns["raw_close"], 2), limit_percent(symbols, times)
    factor = columns["close"] / columns["raw_close"]
    for row, place in zip(*np.nonzero((random.random(raw.shape) < 0.2) & ~np.isnan(percent)), strict=True):
        if row and not np.isnan(raw[row - 1 : row + 1, place]).any():
            before = raw[row - 1, place] * factor[row - 1, place] / factor[row, place]
            cents = np.rint(before * 100.0) * (100.0 + percent[row, place] * random.choice([-1, 1])) / 100.0
            raw[row, place] = np.floor(cents + 0.5) / 100.0
    ratio = raw * factor / columns["close"]
    moved = {name: columns[name] * ratio for name in ("open", "high", "low", "close")}
    return {**columns, **moved, "close": raw * factor, "raw_close": raw}


def lives_of(symbols: tuple[str, ...], times: np.ndarray, seed: int) -> pl.DataFrame:
    """Return listings and industries; some industries become known late, and some change."""
    random = generator(seed, "lives")
    rows = []
    for symbol in symbols:
        known = times[random.integers(0, len(times), 3)] - HOUR
        early = int(times[0]) - 4000 * DAY
        rows.append((symbol, "listed", early, early, None))
        rows.append((symbol, "industry", early, known[0] if random.random() < 0.4 else early, INDUSTRIES[0]))
        rows.append((symbol, "industry", known[1], known[1], random.choice(INDUSTRIES)))
        rows.append((symbol, "industry", early, known[2], random.choice(INDUSTRIES)))  # restated
    frame = pl.DataFrame(rows, schema=["symbol", "change", "event_time", "known_time", "detail"], orient="row")
    return frame.with_columns(pl.col("event_time", "known_time").cast(pl.Int64).cast(MOMENT)).sort("known_time")


def garbled_after(history: History, row: int, seed: int) -> History:
    """Return the history with every later value replaced by nonsense, gaps and infinities included."""
    random, panel = generator(seed, "garble"), history.bars
    nonsense = {}
    for name, column in panel.columns.items():
        changed = column.copy()
        changed[row + 1 :] = random.choice([np.nan, -1.0, 0.0, 1e12, np.inf, 3.7], changed[row + 1 :].shape)
        nonsense[name] = changed
    later = pl.col("known_time") > pl.lit(int(panel.times[row])).cast(MOMENT)
    tables = {
        name: rows.with_columns(pl.when(later).then(pl.lit("nonsense")).otherwise("detail").alias("detail"))
        for name, rows in history.tables.items()
    }
    return History(Panel(panel.times, panel.symbols, nonsense), tables)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return np.array_equal(left, right, equal_nan=True)


def built(history: History, contract: FeatureContract) -> np.ndarray:
    """Return the values of every feature."""
    return build_features(history, contract).values

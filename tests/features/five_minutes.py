"""Markets of five-minute bars for tests: unbroken, with gaps, with rows left out and with rows that are no bars."""

from __future__ import annotations

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import MINUTE, BarInterval, parse_instant
from tidegate.features import Feature, FeatureBuilder, FeatureContract
from tidegate.testing import synthetic_panel

__all__ = ["INTERVAL", "broken_market", "built", "garbled_after", "market", "same", "with_a_row_between", "without"]

INTERVAL = BarInterval("5m")
_STEP = 5 * MINUTE
_NONSENSE = (np.nan, -1.0, 0.0, 1e12, 1e308, 5e-324, np.inf, 3.7)
_FIRST = parse_instant("2025-03-01")


def market(seed: int, n_times: int, n_symbols: int = 2, *, gaps: float = 0.0, start: int = 0) -> Panel:
    """Return an unbroken grid of closes, the first one ``start`` bars after midnight."""
    times = _FIRST + _STEP * np.arange(start, start + n_times, dtype=np.int64)
    return synthetic_panel(seed, n_times, n_symbols, gaps=gaps, times=times)


def broken_market(seed: int, n_times: int, n_symbols: int = 2, *, gaps: float = 0.003) -> Panel:
    """Return a market that lacks some bars, some rows and one long stretch, and has a row between two closes."""
    random = generator(seed, "broken-market")
    whole = market(seed, n_times, n_symbols, gaps=gaps, start=int(random.integers(0, 60)))
    kept = random.random(n_times) > 0.004
    hole = int(random.integers(1, n_times))
    kept[hole : hole + int(random.integers(1, 40))] = False
    kept[0] = True
    times = whole.times[kept]
    if random.random() < 0.5:
        odd = int(random.integers(0, len(times)))
        times = times.copy()
        times[odd] += MINUTE  # no close of five minutes
    return Panel(times, whole.symbols, {name: column[kept] for name, column in whole.columns.items()})


def without(panel: Panel, row: int) -> tuple[Panel, Panel, np.ndarray]:
    """Return the panel without a row, the panel whose row is missing, and which rows of it the first one has."""
    kept = np.arange(len(panel.times)) != row
    cut = Panel(panel.times[kept], panel.symbols, {name: panel[name][kept] for name in panel})
    missing = {name: np.where(kept[:, np.newaxis], panel[name], np.nan) for name in panel}
    return cut, panel.with_columns(missing), kept


def with_a_row_between(panel: Panel, row: int) -> Panel:
    """Return the panel with one row more, a minute after one of its closes, that says something else."""
    times = np.insert(panel.times, row + 1, panel.times[row] + MINUTE)
    return Panel(times, panel.symbols, {name: np.insert(panel[name], row + 1, 3.0, axis=0) for name in panel})


def built(panel: Panel, features: tuple[Feature, ...], start: int = 0, stop: int | None = None) -> np.ndarray:
    """Return ``float32 (n, n_symbols, n_features)`` of some rows."""
    builder = FeatureBuilder(History(panel), FeatureContract(features, (), INTERVAL))
    return builder.rows(start, len(panel.times) if stop is None else stop)


def garbled_after(panel: Panel, row: int, seed: int) -> Panel:
    """Return the panel with every later value replaced by nonsense."""
    random = generator(seed, "garble")
    columns = {}
    for name, column in panel.columns.items():
        columns[name] = column.copy()
        columns[name][row + 1 :] = random.choice(
            [np.nan, -1.0, 0.0, 1e12, 1e308, 5e-324, np.inf, 3.7], column[row + 1 :].shape
        )
    return Panel(panel.times, panel.symbols, columns)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Say whether two arrays hold the same bits, missing where the other is."""
    return np.array_equal(left, right, equal_nan=True)

"""Markets and contracts for tests of features of one's own: bars of five minutes, some of them missing."""

from __future__ import annotations

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import BarInterval
from tidegate.features import Feature, FeatureBuilder, FeatureContract, build_features
from tidegate.testing import synthetic_panel

__all__ = ["FIVE_MINUTES", "contract_of", "market", "rows_that_differ", "with_holes"]

FIVE_MINUTES = BarInterval("5m")


def market(seed: int, rows: int = 400, symbols: int = 5, gaps: float = 0.02) -> Panel:
    """Return bars of five minutes, every close a whole multiple of them."""
    panel = synthetic_panel(seed, rows, symbols, gaps=gaps)
    times = (np.arange(rows, dtype=np.int64) + 5_000_021) * FIVE_MINUTES.microseconds
    return Panel(times, panel.symbols, panel.columns)


def with_holes(panel: Panel, seed: int, kept: int) -> Panel:
    """Return the panel without some of its rows."""
    rows = np.sort(generator(seed, "holes").choice(len(panel.times), kept, replace=False))
    return Panel(panel.times[rows], panel.symbols, {name: column[rows] for name, column in panel.columns.items()})


def contract_of(*features: Feature) -> FeatureContract:
    """Return a contract of features on bars of five minutes."""
    return FeatureContract(features, (), FIVE_MINUTES)


def rows_that_differ(panel: Panel, contract: FeatureContract, rows: range, *, only_lookback: bool = False) -> set[str]:
    """Return the features whose online value differs from the batch value in one of the rows, to the bit.

    With ``only_lookback`` the online builder has the bars of the longest lookback and no others.
    """
    whole, differing = build_features(panel, contract).values, set()
    for row in rows:
        first = max(row + 1 - contract.lookback_bars, 0) if only_lookback else 0
        online = FeatureBuilder(History(panel.rows(first, row + 1)), contract).rows(row - first, row - first + 1)[0]
        unlike = ~((online == whole[row]) | (np.isnan(online) & np.isnan(whole[row])))
        differing |= {contract.names[place] for place in np.flatnonzero(unlike.any(axis=0))}
    return differing

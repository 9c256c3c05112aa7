"""Who can be forecast and picked at an instant, by one rule for training, tests and live lists."""

from __future__ import annotations

import numpy as np

from tidegate.core.history import History
from tidegate.core.recipe import DataKind
from tidegate.core.units import Mask
from tidegate.data.lives import SymbolLives
from tidegate.features.builder import MEMBER
from tidegate.features.matrix import FeatureMatrix

__all__ = ["pickable"]


def pickable(history: History, features: FeatureMatrix) -> Mask:
    """Return who can be picked, ``bool (n_times, n_symbols)``, at the instants of some features.

    A symbol has a close, traded (a bar without volume is no trade), belongs to the universe, is not known to be
    suspended, and something is known of it (:meth:`~tidegate.features.FeatureMatrix.present`). Bars that have no
    column of volume, or a missing volume, say nothing about trading and exclude nobody.

    Parameters
    ----------
    history
        Bars and, where the recipe reads them, the lives of symbols. Each row uses what was known at its instant.
    features
        Of neighbouring instants of these bars: all of them, or the newest.
    """
    bars = history.bars
    start = int(np.searchsorted(bars.times, features.times[0])) if len(features.times) else 0
    rows = slice(start, start + len(features.times))
    found: Mask = features.present() & ~np.isnan(bars["close"][rows])
    if "volume" in bars:
        found &= bars["volume"][rows] != 0.0
    if MEMBER in bars:
        found &= bars[MEMBER][rows] > 0.0
    if DataKind.SYMBOL_LIVES in history.tables:
        lives = history.tables[DataKind.SYMBOL_LIVES].sort("event_time", "known_time", "recorded_time")
        found &= ~SymbolLives(lives).is_suspended(features.times, bars.symbols)
    return found

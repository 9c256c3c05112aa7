"""Which names are held: best scores first, with a band that spares needless trades."""

from __future__ import annotations

import numpy as np

from tidegate.core.ranks import choose
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["choose", "rank_eligible"]


def rank_eligible(scores: FloatArray, tradable: Mask, minimum_score: float | None) -> Int64Array:
    """Return the places of eligible names, best score first; ties go by symbol, which is the order of places.

    Eligible are tradable names with a finite score of at least ``minimum_score``; a held name is no exception.
    """
    floor = -np.inf if minimum_score is None else minimum_score
    with np.errstate(invalid="ignore"):
        eligible = np.flatnonzero(tradable & np.isfinite(scores) & (scores >= floor))
    return eligible[np.argsort(-scores[eligible], kind="stable")]

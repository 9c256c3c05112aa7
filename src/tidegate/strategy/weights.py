"""How the chosen names share the exposure, under a cap that is never broken."""

from __future__ import annotations

import numpy as np

from tidegate.core.recipe_strategy import Weighting
from tidegate.core.units import FloatArray

__all__ = ["raw_weights", "water_fill"]


def raw_weights(scores: FloatArray, weighting: Weighting, origin: float) -> FloatArray:
    """Return non-negative raw weights of names in order of rank, best first.

    ``rank`` gives n, n-1, ..., 1; ``score`` gives the score above ``origin``; if all are zero the names share equally.

    Examples
    --------
    >>> raw_weights(np.array([3.0, 2.0, 1.0]), Weighting.RANK, 0.0).tolist()
    [3.0, 2.0, 1.0]
    """
    count = len(scores)
    if weighting is Weighting.RANK:
        return np.arange(count, 0, -1, dtype=np.float64)
    if weighting is Weighting.SCORE and np.any(scores > origin):
        return np.maximum(scores - origin, 0.0)
    return np.ones(count)


def water_fill(raw: FloatArray, budget: float, cap: float) -> FloatArray:
    """Share ``budget`` in proportion to ``raw``, no part above ``cap``; what nobody may take is left over.

    The cap is a weight of equity, a hard limit: nothing is scaled up again afterwards (A.16 of the defect list).

    Returns
    -------
    FloatArray
        ``float64 (n,)`` with sum at most ``budget``.

    Examples
    --------
    >>> water_fill(np.array([6.0, 4.0, 0.0]), budget=1.0, cap=0.4).tolist()
    [0.4, 0.4, 0.0]
    """
    weights = np.zeros(len(raw))
    open_names = raw > 0.0
    rest = budget
    while open_names.any() and rest > 0.0:
        share = np.where(open_names, raw, 0.0)
        offer = rest * share / share.sum()
        over = open_names & (offer >= cap)
        if not over.any():
            return np.where(open_names, offer, weights)
        weights[over] = cap
        open_names &= ~over
        rest = budget - float(weights.sum())
    return weights

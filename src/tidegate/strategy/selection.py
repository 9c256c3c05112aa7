"""Which names are held: best scores first, with a band that spares needless trades."""

from __future__ import annotations

import numpy as np

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


def choose(order: Int64Array, held: Mask, top_n: int, retain_top_n: int) -> Int64Array:
    """Return at most ``top_n`` places in order of rank: held ones within the band first, then the best others.

    Parameters
    ----------
    order
        Places by rank, best first.
    held
        ``bool (n_symbols,)``: names in the book that can be traded.
    retain_top_n
        Width of the band below ``top_n`` in which a held name may stay.

    Examples
    --------
    >>> held = np.array([False, False, False, True])
    >>> choose(np.array([0, 1, 2, 3]), held, top_n=2, retain_top_n=2).tolist()
    [0, 3]
    """
    ranks = np.arange(len(order))
    stays = held[order] & (ranks < top_n + retain_top_n)
    kept = np.flatnonzero(stays)[:top_n]
    others = np.flatnonzero(~stays)[: top_n - len(kept)]
    chosen: Int64Array = order[np.sort(np.concatenate([kept, others]))]
    return chosen

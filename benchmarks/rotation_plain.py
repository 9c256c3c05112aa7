"""The rotation of the peers in plain NumPy, a vector of all shares a day: what every contender has to agree with."""

from __future__ import annotations

from typing import Final

import numpy as np
from rotation_market import BAND, CASH, FEE, SMALLEST, TOP, Problem

__all__ = ["Selection", "capped", "exposures", "plain_equity", "plain_selection", "plain_weights"]

Selection = tuple[np.ndarray, np.ndarray]
"""Columns and scores of the chosen, each ``(n_fills, TOP)``."""
_TOLERANCE: Final = 1e-15


def plain_selection(given: Problem) -> Selection:
    """Return who is held from each fill on: held names within the band by rank, then the best others."""
    places = np.zeros((len(given.fills), TOP), dtype=np.int64)
    held: set[int] = set()
    for fill, row in enumerate(given.fills):
        scores = given.score[row - 1]
        ranked = np.argsort(-scores, kind="stable")[: np.count_nonzero(~np.isnan(scores))].tolist()
        kept = [place for place in ranked[: TOP + BAND] if place in held][:TOP]
        others = [place for place in ranked[: 2 * TOP] if place not in kept]
        places[fill] = kept + others[: TOP - len(kept)]
        held = set(places[fill].tolist())
    return places, np.take_along_axis(given.score[given.fills - 1], places, axis=1)


def plain_weights(scores: np.ndarray, exposure: np.ndarray, cap: float) -> np.ndarray:
    """Return weights in proportion to scores, none above its cap, times the exposure of each fill."""
    return np.array([capped(row, cap) for row in scores]) * exposure[:, None]


def capped(scores: np.ndarray, cap: float) -> np.ndarray:
    """Return parts of one in proportion to scores, where what a cap cuts off goes to those below it."""
    raw = np.maximum(scores, SMALLEST)
    parts, full = raw / raw.sum(), np.zeros(len(raw), dtype=bool)
    while np.any(over := ~full & (parts > cap + _TOLERANCE)):
        full |= over
        parts[full] = cap
        parts[~full] = raw[~full] / raw[~full].sum() * (1.0 - cap * full.sum())
    return parts


def exposures(given: Problem, most: float, target: float) -> np.ndarray:
    """Return the exposure of each fill: lower where the average share moved more than the target."""
    if target == 0.0:
        return np.full(len(given.fills), most)
    return np.minimum(most, target / given.volatility[given.fills - 1])


def plain_equity(given: Problem, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the equity at each close."""
    prices = np.nan_to_num(given.close)
    fill_of = {int(row): fill for fill, row in enumerate(given.fills)}
    shares, cash, equity = np.zeros(prices.shape[1]), CASH, np.zeros(len(prices))
    for row, price in enumerate(prices):
        value = cash + shares @ price
        if row in fill_of:
            wanted = np.zeros_like(shares)
            chosen = places[fill_of[row]]
            wanted[chosen] = weights[fill_of[row]] * value / price[chosen]
            traded = (wanted - shares) * price
            cash -= traded.sum() + FEE * np.abs(traded).sum()
            shares = wanted
            value = cash + shares @ price
        equity[row] = value
    return equity

"""The same rotation as a compiled loop that can do nothing else: the limit that the engine's kernel is held against.

One strategy, one cost, no order, no record but the equity; cash is known to suffice, so it is not looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from rotation_market import BAND, CASH, FEE, SMALLEST, TOP, Problem

__all__ = ["limit_equities", "limit_equity"]


def limit_equity(given: Problem, exposure: float, cap: float) -> np.ndarray:
    """Return the equity at each close of one parameter set, ``(n_times,)``."""
    places, scores = _selected(given)
    weights = np.zeros((*scores.shape, 1))
    _weigh(scores, np.full((1, len(scores)), exposure), np.array([cap]), weights)
    return _alone(given.close, given.fills, places, weights[:, :, 0])


def limit_equities(given: Problem, volatility: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the same of all sets, advanced together, ``(n_times, n_sets)``; a set is exposure, target and cap."""
    places, scores = _selected(given)
    weights = np.zeros((*scores.shape, len(sets)))
    with np.errstate(divide="ignore"):
        allowed = np.where(sets[:, 1:2] > 0.0, sets[:, 1:2] / volatility[given.fills - 1], np.inf)
    _weigh(scores, np.minimum(sets[:, :1], allowed), sets[:, 2], weights)
    return _together(given.close, given.fills, places, weights)


def _selected(given: Problem) -> tuple[np.ndarray, np.ndarray]:
    places = np.zeros((len(given.fills), TOP), dtype=np.int64)
    scores = np.zeros((len(given.fills), TOP))
    _select(given.score, given.fills, places, scores)
    return places, scores


@njit
def _select(score, fills, places, scores):
    """Insert each score that is among the best so far; then take held names first."""
    best, who = np.empty(TOP + BAND), np.empty(TOP + BAND, np.int64)
    holds = np.zeros(score.shape[1], np.bool_)
    for fill in range(len(fills)):
        row, count = score[fills[fill] - 1], 0
        for place in range(len(row)):
            value = row[place]
            if value == value and (count < len(best) or value > best[count - 1]):
                at = min(count, len(best) - 1)
                count = at + 1
                while at > 0 and best[at - 1] < value:
                    best[at], who[at] = best[at - 1], who[at - 1]
                    at -= 1
                best[at], who[at] = value, place
        taken = 0
        for held in (True, False):
            for rank in range(count):
                if taken < TOP and holds[who[rank]] == held:
                    places[fill, taken], scores[fill, taken] = who[rank], best[rank]
                    taken += 1
        holds[:] = False
        for rank in range(taken):
            holds[places[fill, rank]] = True


@njit
def _weigh(scores, exposure, caps, weights):
    """Share each exposure in proportion to scores, and what caps cut off among the others."""
    raw, full = np.empty(scores.shape[1]), np.empty(scores.shape[1], np.bool_)
    for one in range(len(caps)):
        cap = caps[one]
        for fill in range(len(scores)):
            free, rest = 0.0, 1.0
            for k in range(len(raw)):
                raw[k], full[k] = max(scores[fill, k], SMALLEST), False
                free += raw[k]
            again = True
            while again:
                again, unit, left = False, rest / free, 0.0
                for k in range(len(raw)):
                    if not full[k]:
                        if raw[k] * unit > cap:
                            full[k], again = True, True
                            rest -= cap
                        else:
                            left += raw[k]
                free = left
            for k in range(len(raw)):
                weights[fill, k, one] = exposure[one, fill] * (cap if full[k] else raw[k] * unit)


@njit
def _alone(close, fills, places, weights):
    equity, shares, old = np.empty(len(close)), np.zeros(TOP), np.zeros(TOP)
    held, holding, cash, fill = places[0], 0, CASH, 0
    for row in range(len(close)):
        value, price = cash, close[row]
        for k in range(holding):
            value += shares[k] * price[held[k]]
        if fill < len(fills) and fills[fill] == row:
            shares, old = old, shares
            wanted, cash = places[fill], value
            for k in range(TOP):
                cash -= value * weights[fill, k]
                shares[k] = value * weights[fill, k] / price[wanted[k]]
            paid = 0.0
            for k in range(TOP):
                before = 0.0
                for j in range(holding):
                    if held[j] == wanted[k]:
                        before, old[j] = old[j], 0.0
                        break
                paid += abs(shares[k] - before) * price[wanted[k]]
            for j in range(holding):
                paid += old[j] * price[held[j]]
            cash -= FEE * paid
            value -= FEE * paid
            held, holding, fill = wanted, TOP, fill + 1
        equity[row] = value
    return equity


@njit(fastmath=True)
def _together(close, fills, places, weights):
    sets = weights.shape[2]
    equity, shares, old = np.empty((len(close), sets)), np.zeros((TOP, sets)), np.zeros((TOP, sets))
    held, holding, cash, fill = places[0], 0, np.full(sets, CASH), 0
    paid = np.empty(sets)
    for row in range(len(close)):
        value, price = equity[row], close[row]
        value[:] = cash
        for k in range(holding):
            _add(value, shares[k], price[held[k]])
        if fill < len(fills) and fills[fill] == row:
            shares, old = old, shares
            cash[:], paid[:] = value, 0.0
            _exchange(places[fill], weights[fill], price, value, cash, shares, held[:holding], old, paid)
            _add(cash, paid, -FEE)
            _add(value, paid, -FEE)
            held, holding, fill = places[fill], TOP, fill + 1
    return equity


@njit(fastmath=True)
def _exchange(wanted, weights, price, value, cash, shares, held, old, paid):
    """Go from the old shares of all sets to the wanted ones, at one price for all of them."""
    stays = np.zeros(TOP, np.bool_)
    for k in range(TOP):
        at, before, part, mine = price[wanted[k]], -1, weights[k], shares[k]
        for j in range(len(held)):
            if held[j] == wanted[k]:
                before, stays[j] = j, True
        for s in range(len(value)):
            worth = value[s] * part[s]
            cash[s] -= worth
            mine[s] = worth / at
            paid[s] += worth if before < 0 else abs(worth - old[before, s] * at)
    for j in range(len(held)):
        if not stays[j]:
            _add(paid, old[j], price[held[j]])


@njit(fastmath=True)
def _add(total, values, factor):
    for s in range(len(total)):
        total[s] += values[s] * factor

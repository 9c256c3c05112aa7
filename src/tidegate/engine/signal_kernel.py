"""The compiled loop of one symbol: next-bar fills by signals, protective levels within the bar."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.engine.book import Book, Tape
from tidegate.engine.fill import Orders
from tidegate.engine.session import fill_session, sell_whole
from tidegate.strategy.seam import Targets

__all__ = ["Track", "follow_signals", "new_track"]


class Track(NamedTuple):
    """What happened: equity at each close, and each position from its entry to its exit.

    Parameters
    ----------
    equity
        ``float64 (n_times,)`` currency.
    row
        ``int64 (n_room, 3)``: rows of entry and exit, and why: 0 still open, 1 by signal, 2 by stop, 3 by target.
    figure
        ``float64 (n_room, 4)``: shares, entry price, exit price, and costs of both sides.
    """

    equity: FloatArray
    row: Int64Array
    figure: FloatArray


def new_track(count: int) -> Track:
    """Return an empty track of so many bars; a position takes two fills, so there are at most so many."""
    return Track(np.empty(count), np.empty((count, 3), dtype=np.int64), np.empty((count, 4)))


@compiled
def follow_signals(
    entries: Mask,
    exits: Mask,
    high: FloatArray,
    low: FloatArray,
    by_units: bool,
    size: float,
    stop_loss: float,
    take_profit: float,
    rules: Any,
    costs: Any,
    book: Book,
    tape: Tape,
    targets: Targets,
    orders: Orders,
    items: FloatArray,
    track: Track,
) -> int:
    """Carry one symbol's book over all bars and return how many positions there were.

    The close of bar *t-1* decides, bar *t* fills; then its range is held against stop, else target, of what is held.
    """
    positions = 0
    stop, target = -np.inf, np.inf
    for row in range(len(entries)):
        if row > 0:
            if book.count[0] == 0:
                if entries[row - 1] and not exits[row - 1]:
                    targets.weight[0] = 0.0 if by_units else size
                    fill_session(2 if by_units else 0, targets, 0, size, rules, costs, book, tape, row, orders)
                    if orders.filled[0] > 0.0:
                        price = orders.price[0]
                        stop = price * (1.0 - stop_loss) if stop_loss > 0.0 else -np.inf
                        target = price * (1.0 + take_profit) if take_profit > 0.0 else np.inf
                        _enter(track, positions, row, orders)
                        positions += 1
            elif exits[row - 1]:
                targets.weight[0] = 0.0
                fill_session(2, targets, 0, 0.0, rules, costs, book, tape, row, orders)
                if book.count[0] == 0:
                    cost = orders.cost[0, 0] + orders.cost[0, 1] + orders.cost[0, 2] + orders.cost[0, 3]
                    _leave(track, positions - 1, row, 1, orders.price[0], cost)
        if book.count[0] > 0:
            price, why = 0.0, 0
            if low[row] <= stop:
                price, why = min(tape.fill[row, 0], stop), 2
            elif high[row] >= target:
                price, why = max(tape.fill[row, 0], target), 3
            if why > 0 and sell_whole(costs, book, tape, row - 1, 0, price, True, items):
                _leave(track, positions - 1, row, why, price, items[0] + items[1] + items[2] + items[3])
        equity = book.cash[0]
        if book.count[0] > 0:
            equity += book.shares[0, 0] * tape.mark[row, 0]
        track.equity[row] = equity
    return positions


@compiled
def _enter(track: Track, position: int, row: int, orders: Orders) -> None:
    track.row[position, 0], track.row[position, 1], track.row[position, 2] = row, -1, 0
    figure = track.figure[position]
    figure[0], figure[1], figure[2] = orders.filled[0], orders.price[0], np.nan
    figure[3] = orders.cost[0, 0] + orders.cost[0, 1] + orders.cost[0, 2] + orders.cost[0, 3]


@compiled
def _leave(track: Track, position: int, row: int, why: int, price: float, cost: float) -> None:
    track.row[position, 1], track.row[position, 2] = row, why
    track.figure[position, 2] = price
    track.figure[position, 3] += cost

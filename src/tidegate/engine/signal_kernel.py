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

__all__ = ["Plan", "Track", "follow_signals", "new_track"]


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


class Plan(NamedTuple):
    """How much is bought, in shares or as a fraction of equity, and its protective levels; 0 means none."""

    by_units: bool
    size: float
    stop_loss: float
    take_profit: float


@compiled
def follow_signals(
    entries: Mask,
    exits: Mask,
    high: FloatArray,
    low: FloatArray,
    plan: Plan,
    rules: Any,
    costs: Any,
    book: Book,
    tape: Tape,
    targets: Targets,
    orders: Orders,
    scratch: FloatArray,
    track: Track,
) -> int:
    """Carry one symbol's book over all bars and return how many positions there were.

    The close of bar *t-1* decides, bar *t* fills; then its range is held against stop, else target, of what is held.

    Parameters
    ----------
    scratch
        ``float64 (6,)``: stop and target, then the costs of a sale.
    """
    positions = 0
    for row in range(len(entries)):
        is_long = book.count[0] > 0
        if row > 0 and is_long and exits[row - 1]:
            _leave(rules, costs, book, tape, row, targets, orders, positions - 1, track)
        elif row > 0 and not is_long and entries[row - 1] and not exits[row - 1]:
            positions += _enter(plan, rules, costs, book, tape, row, targets, orders, positions, scratch, track)
        equity = book.cash[0]
        if book.count[0] > 0:
            _protect(costs, book, tape, row, high[row], low[row], positions - 1, scratch, track)
            equity = book.cash[0]
            if book.count[0] > 0:
                equity += book.shares[0, 0] * tape.mark[row, 0]
        track.equity[row] = equity
    return positions


@compiled
def _enter(
    plan: Plan,
    rules: Any,
    costs: Any,
    book: Book,
    tape: Tape,
    row: int,
    targets: Targets,
    orders: Orders,
    position: int,
    scratch: FloatArray,
    track: Track,
) -> int:
    """Buy at this bar; return how many positions it opened, one or none."""
    targets.weight[0] = 0.0 if plan.by_units else plan.size
    kind = 2 if plan.by_units else 0
    fill_session(kind, targets, 0, plan.size, rules, costs, book, tape, row, orders)
    if not orders.filled[0] > 0.0:
        return 0
    price = orders.price[0]
    scratch[0] = price * (1.0 - plan.stop_loss) if plan.stop_loss > 0.0 else -np.inf
    scratch[1] = price * (1.0 + plan.take_profit) if plan.take_profit > 0.0 else np.inf
    track.row[position, 0], track.row[position, 1], track.row[position, 2] = row, -1, 0
    figure = track.figure[position]
    figure[0], figure[1], figure[2] = orders.filled[0], price, np.nan
    figure[3] = orders.cost[0, 0] + orders.cost[0, 1] + orders.cost[0, 2] + orders.cost[0, 3]
    return 1


@compiled
def _leave(
    rules: Any,
    costs: Any,
    book: Book,
    tape: Tape,
    row: int,
    targets: Targets,
    orders: Orders,
    position: int,
    track: Track,
) -> None:
    """Sell at this bar, if that brings more than it costs."""
    targets.weight[0] = 0.0
    fill_session(2, targets, 0, 0.0, rules, costs, book, tape, row, orders)
    if book.count[0] == 0:
        cost = orders.cost[0, 0] + orders.cost[0, 1] + orders.cost[0, 2] + orders.cost[0, 3]
        _note_exit(track, position, row, 1, orders.price[0], cost)


@compiled
def _protect(
    costs: Any,
    book: Book,
    tape: Tape,
    row: int,
    high: float,
    low: float,
    position: int,
    scratch: FloatArray,
    track: Track,
) -> None:
    """Sell what touches its stop, else its target, at that price or at the open beyond it."""
    if low <= scratch[0]:
        price, why = min(tape.fill[row, 0], scratch[0]), 2
    elif high >= scratch[1]:
        price, why = max(tape.fill[row, 0], scratch[1]), 3
    else:
        return
    if sell_whole(costs, book, tape, row - 1, 0, price, True, scratch[2:]):
        _note_exit(track, position, row, why, price, scratch[2] + scratch[3] + scratch[4] + scratch[5])


@compiled
def _note_exit(track: Track, position: int, row: int, why: int, price: float, cost: float) -> None:
    track.row[position, 1], track.row[position, 2] = row, why
    track.figure[position, 2] = price
    track.figure[position, 3] += cost

"""Cash and shares as arrays, and the compiled steps of a session: settle, fill, mark, exit.

Every parameter set has its own book. A book holds its names in symbol order, in which all sums run, so that nothing
depends on how the books of other sets, or threads, get on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidegate.core.compiled import inlined
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.seam import find

__all__ = ["Book", "Tape", "corporate_actions", "credit_interest", "invested_value", "new_book"]


class Tape(NamedTuple):
    """What happens to a book in each session; matrices ``(n_times, n_symbols)``, or ``(0, 0)`` where there are none."""

    mark: FloatArray
    fill: FloatArray
    volatility: FloatArray
    daily_value: FloatArray
    session_value: FloatArray
    buy_blocked: Mask
    sell_blocked: Mask
    lot: FloatArray
    interest: FloatArray
    last_row: Int64Array
    ends: Mask
    day: Int64Array
    action_start: Int64Array
    action_place: Int64Array
    action_ratio: FloatArray
    action_cash: FloatArray


class Book(NamedTuple):
    """Books of all parameter sets.

    Parameters
    ----------
    cash
        ``float64 (n_sets,)`` currency.
    count
        ``int64 (n_sets,)``: how many names each holds.
    place, shares
        ``(n_sets, n_room)``: names in symbol order and their shares, the first ``count`` of them in use.
    bought, bought_day
        Shares of each that were bought on ``bought_day``, which T+1 locks.
    waiting_count, waiting_left, waiting_since
        ``int64 (n_sets,)``: orders that wait, for how many more sessions, and the row of their decision.
    waiting_place, waiting_quantity
        ``(n_sets, n_room)``: what they still want.
    paid
        ``float64 (n_sets, 6)``: commission, half-spread, impact, stamp tax, interest, and value traded, so far.
    """

    cash: FloatArray
    count: Int64Array  # type: ignore[assignment]  # the field hides a method of tuples that nobody calls
    place: Int64Array
    shares: FloatArray
    bought: FloatArray
    bought_day: Int64Array
    waiting_count: Int64Array
    waiting_left: Int64Array
    waiting_since: Int64Array
    waiting_place: Int64Array
    waiting_quantity: FloatArray
    paid: FloatArray


def new_book(count: int, room: int, initial_cash: float) -> Book:
    """Return empty books with cash, each with room for so many names."""
    return Book(
        cash=np.full(count, initial_cash),
        count=np.zeros(count, dtype=np.int64),
        place=np.zeros((count, room), dtype=np.int64),
        shares=np.zeros((count, room)),
        bought=np.zeros((count, room)),
        bought_day=np.full(count, -1, dtype=np.int64),
        waiting_count=np.zeros(count, dtype=np.int64),
        waiting_left=np.zeros(count, dtype=np.int64),
        waiting_since=np.zeros(count, dtype=np.int64),
        waiting_place=np.zeros((count, room), dtype=np.int64),
        waiting_quantity=np.zeros((count, room)),
        paid=np.zeros((count, 6)),
    )


@inlined
def invested_value(book: Book, s: int, prices: FloatArray) -> float:
    """Return the value of what is held, in symbol order."""
    total = 0.0
    for k in range(book.count[s]):
        total += book.shares[s, k] * prices[book.place[s, k]]
    return total


@inlined
def corporate_actions(book: Book, s: int, tape: Tape, row: int) -> float:
    """Apply splits, dividends and funding to what is held overnight; return the cash that came in."""
    received = 0.0
    if len(tape.action_start) == 0:
        return received
    for k in range(tape.action_start[row], tape.action_start[row + 1]):
        at = find(book.place[s], book.count[s], tape.action_place[k])
        if at < book.count[s] and book.place[s, at] == tape.action_place[k]:
            received += book.shares[s, at] * tape.action_cash[k]
            book.shares[s, at] = book.shares[s, at] * tape.action_ratio[k]
            book.bought[s, at] = book.bought[s, at] * tape.action_ratio[k]
        at = find(book.waiting_place[s], book.waiting_count[s], tape.action_place[k])
        if at < book.waiting_count[s] and book.waiting_place[s, at] == tape.action_place[k]:
            book.waiting_quantity[s, at] = book.waiting_quantity[s, at] * tape.action_ratio[k]
    book.cash[s] += received
    return received


@inlined
def credit_interest(book: Book, s: int, tape: Tape, row: int) -> float:
    """Credit what cash earned since the close before; return it."""
    earned = max(book.cash[s], 0.0) * tape.interest[row]
    book.cash[s] += earned
    book.paid[s, 4] += earned
    return float(earned)

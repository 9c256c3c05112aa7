"""The kernel: all parameter sets advance together through the sessions, so that prices are read once.

Row *t*: decide at the close *t-1*; settle interest and corporate actions; fill at *t*; mark; sell what stops trading;
record the equity. The plain reference beside it, :mod:`tidegate.engine.reference`, says the same in ordinary Python and
agrees to the bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tidegate.core.compiled import compiled, inlined
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.engine.book import Book, Tape, corporate_actions, credit_interest, invested_value
from tidegate.engine.fill import Orders, book_orders, fill_orders, sell_at, want_targets, want_waiting
from tidegate.engine.journal import Journal, note_decision, note_exit, note_flow, note_orders
from tidegate.strategy.decide import decide, observe
from tidegate.strategy.seam import Binding, Past, Ranking, Targets, Work

__all__ = ["BINDINGS", "Curves", "Scratch", "advance"]

BINDINGS = len(Binding)


class Curves(NamedTuple):
    """What every parameter set did at each close, time-major.

    Parameters
    ----------
    equity
        ``float64 (n_times, n_sets)`` currency.
    cash, gross, holdings
        The same for cash, the sum of absolute positions, and the number of names; of shape ``(0, 0)`` where only the
        equity is asked for.
    counts
        ``int64 (n_sets, 15)``: rebalances at which each constraint bound.
    rebalances, orders, unfilled
        ``int64 (n_sets,)``.
    """

    equity: FloatArray
    cash: FloatArray
    gross: FloatArray
    holdings: Int64Array
    counts: Int64Array
    rebalances: Int64Array
    orders: Int64Array
    unfilled: Int64Array


class Scratch(NamedTuple):
    """Room that one thread works in."""

    targets: Targets
    work: Work
    orders: Orders


@compiled
def advance(
    start: int,
    stop: int,
    parameters: Any,
    states: Any,
    costs: Any,
    rules: Any,
    past: Past,
    tape: Tape,
    ranking: Ranking,
    ranking_of: Int64Array,
    rebalances: Mask,
    book: Book,
    curves: Curves,
    journal: Journal,
    records: bool,
    scratch: Scratch,
) -> bool:
    """Carry the books of all sets from the close of row ``start - 1`` to that of row ``stop - 1``.

    Returns False where a book or a target vector had no room; the caller begins again with more.
    """
    for row in range(start, stop):
        for s in range(len(parameters)):
            if not _session(
                row, s, parameters[s], states, costs[s], rules[s], past, tape, ranking, ranking_of[row],
                rebalances[row], book, curves, journal, records, scratch,
            ):  # fmt: skip
                return False
    return True


@inlined
def _session(
    row: int,
    s: int,
    p: Any,
    states: Any,
    costs: Any,
    rules: Any,
    past: Past,
    tape: Tape,
    ranking: Ranking,
    r: int,
    rebalances: bool,
    book: Book,
    curves: Curves,
    journal: Journal,
    records: bool,
    scratch: Scratch,
) -> bool:
    targets = scratch.targets
    decide(
        p, states, s, curves.equity[row - 1, s], book.place[s], book.shares[s], book.count[s], past, ranking, r,
        row - 1, rebalances, targets, scratch.work,
    )  # fmt: skip
    if targets.number[4]:
        return False
    _count(curves, s, rebalances, targets)
    if records and (rebalances or targets.number[1] == 2):
        note_decision(journal, s, row - 1, rebalances, targets)
    earned = credit_interest(book, s, tape, row)
    received = corporate_actions(book, s, tape, row)
    if records and earned != 0.0:
        note_flow(journal, s, row, 0, earned)
    if records and received != 0.0:
        note_flow(journal, s, row, 1, received)
    if not _trade(row, s, costs, rules, tape, book, curves, journal, records, scratch):
        return False
    if tape.ends[row]:
        _exit(row, s, costs, rules, tape, book, curves, journal, records, scratch.orders.cost[0])
    equity = book.cash[s] + invested_value(book, s, tape.mark[row])
    curves.equity[row, s] = equity
    if len(curves.cash):
        _mark(row, s, tape, book, curves)
    observe(p, states, s, equity)
    return True


@inlined
def _count(curves: Curves, s: int, rebalances: bool, targets: Targets) -> None:
    if not rebalances:
        return
    curves.rebalances[s] += 1
    binding = targets.number[2]
    for j in range(BINDINGS):
        if binding >> j & 1:
            curves.counts[s, j] += 1


@inlined
def _trade(
    row: int,
    s: int,
    costs: Any,
    rules: Any,
    tape: Tape,
    book: Book,
    curves: Curves,
    journal: Journal,
    records: bool,
    scratch: Scratch,
) -> bool:
    """Fill a new decision, or what waits from an earlier one."""
    orders = scratch.orders
    if scratch.targets.number[1] == 2:
        want_targets(scratch.targets, book, s, tape, row, orders)
        book.waiting_left[s] = rules.wait_bars
        book.waiting_since[s] = row - 1
    elif book.waiting_count[s] > 0:
        want_waiting(rules, book, s, tape, row, orders)
        book.waiting_left[s] -= 1
    else:
        return True
    fill_orders(rules, costs, book, s, tape, row, orders)
    for k in range(orders.count[0]):
        if orders.wanted[k] != 0.0:
            curves.orders[s] += 1
            curves.unfilled[s] += orders.reason[k] != 0
    if records:
        note_orders(journal, s, book.waiting_since[s], row, orders)
    if not _let_wait(book, s, orders):
        return False
    return bool(book_orders(book, s, tape, row, orders))


@compiled
def _let_wait(book: Book, s: int, orders: Orders) -> bool:
    """Keep what did not fill for the next session, or let it expire; return whether there was room."""
    waiting = 0
    if book.waiting_left[s] > 0:
        for k in range(orders.count[0]):
            rest = orders.wanted[k] - orders.filled[k]
            if orders.reason[k] != 0 and rest != 0.0:
                if waiting == book.waiting_place.shape[1]:
                    return False
                book.waiting_place[s, waiting] = orders.place[k]
                book.waiting_quantity[s, waiting] = rest
                waiting += 1
    book.waiting_count[s] = waiting
    return True


@compiled
def _exit(
    row: int,
    s: int,
    costs: Any,
    rules: Any,
    tape: Tape,
    book: Book,
    curves: Curves,
    journal: Journal,
    records: bool,
    items: FloatArray,
) -> None:
    """Sell what has its last session today, at its close, after costs: stale marks are never carried."""
    kept = 0
    for k in range(book.count[s]):
        place, shares = book.place[s, k], book.shares[s, k]
        if tape.last_row[place] != row:
            book.place[s, kept], book.shares[s, kept] = place, shares
            book.bought[s, kept] = book.bought[s, k]
            kept += 1
            continue
        price = tape.mark[row, place] * (1.0 - rules.haircut)
        sell_at(costs, book, s, tape, row - 1, k, price, False, items)
        curves.orders[s] += 1
        if records:
            note_exit(journal, s, row, place, shares, price, items)
    book.count[s] = kept
    _forget_waiting(row, s, tape, book)


@compiled
def _forget_waiting(row: int, s: int, tape: Tape, book: Book) -> None:
    """Drop orders of symbols that trade no more."""
    waiting = 0
    for k in range(book.waiting_count[s]):
        if tape.last_row[book.waiting_place[s, k]] != row:
            book.waiting_place[s, waiting] = book.waiting_place[s, k]
            book.waiting_quantity[s, waiting] = book.waiting_quantity[s, k]
            waiting += 1
    book.waiting_count[s] = waiting


@compiled
def _mark(row: int, s: int, tape: Tape, book: Book, curves: Curves) -> None:
    gross = 0.0
    for k in range(book.count[s]):
        gross += abs(book.shares[s, k] * tape.mark[row, book.place[s, k]])
    curves.cash[row, s] = book.cash[s]
    curves.gross[row, s] = gross
    curves.holdings[row, s] = book.count[s]

"""What a recorded backtest writes down: every decision, order, fill and movement of cash, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.engine.fill import Orders
from tidegate.engine.fill_rules import Unfilled
from tidegate.strategy.seam import Targets

__all__ = ["Journal", "new_journal", "note_decision", "note_exit", "note_flow", "note_orders"]

_LAST_SESSION = int(Unfilled.LAST_SESSION)


class Journal(NamedTuple):
    """Arrays with room for records; ``used`` says how much of each is taken.

    Parameters
    ----------
    used
        ``int64 (5,)``: decisions, targets, orders, fills, flows. More than the room means that records were lost.
    decision
        ``int64 (n, 8)``: set, row of the close, rebalances, action, binding, step, pick, first target.
    measure
        ``float64 (n, 6)``: drawdown, tier cap, sigma, exposure, turnover, stuck.
    target
        ``int64 (n,)`` symbols, and their ``current`` and target ``weight``, and whether shares are kept.
    order
        ``int64 (n, 5)``: set, row of the decision, row, symbol, reason; ``size`` wanted and filled.
    fill
        ``int64 (n, 4)``: set, row of the decision, row, symbol; ``paid``: quantity, price, commission, half-spread,
        impact, stamp tax.
    flow
        ``int64 (n, 3)``: set, row, kind (0 interest, 1 corporate actions); ``amount`` in currency.
    """

    used: Int64Array
    decision: Int64Array
    measure: FloatArray
    target: Int64Array
    current: FloatArray
    weight: FloatArray
    keep: Mask
    order: Int64Array
    size: FloatArray
    fill: Int64Array
    paid: FloatArray
    flow: Int64Array
    amount: FloatArray


def new_journal(decisions: int, targets: int, orders: int, fills: int, flows: int) -> Journal:
    """Return an empty journal with so much room."""
    return Journal(
        used=np.zeros(5, dtype=np.int64),
        decision=np.zeros((decisions, 8), dtype=np.int64),
        measure=np.zeros((decisions, 6)),
        target=np.zeros(targets, dtype=np.int64),
        current=np.zeros(targets),
        weight=np.zeros(targets),
        keep=np.zeros(targets, dtype=np.bool_),
        order=np.zeros((orders, 5), dtype=np.int64),
        size=np.zeros((orders, 2)),
        fill=np.zeros((fills, 4), dtype=np.int64),
        paid=np.zeros((fills, 6)),
        flow=np.zeros((flows, 3), dtype=np.int64),
        amount=np.zeros(flows),
    )


@compiled
def note_decision(journal: Journal, s: int, row: int, rebalances: bool, targets: Targets) -> None:
    """Write a decision with its target vector; one that only holds has none."""
    at, first = journal.used[0], journal.used[1]
    count = targets.number[0] if targets.number[1] == 2 else 0
    journal.used[0] += 1
    journal.used[1] += count
    if at >= len(journal.decision) or first + count > len(journal.target):
        return
    record = journal.decision[at]
    record[0], record[1], record[2] = s, row, rebalances
    record[3], record[4], record[5] = targets.number[1], targets.number[2], targets.number[3]
    record[6], record[7] = targets.number[5], first
    for j in range(6):
        journal.measure[at, j] = targets.value[j]
    for k in range(count):
        journal.target[first + k] = targets.place[k]
        journal.current[first + k] = targets.current[k]
        journal.weight[first + k] = targets.weight[k]
        journal.keep[first + k] = targets.keep[k]


@compiled
def note_orders(journal: Journal, s: int, decided: int, row: int, orders: Orders) -> None:
    """Write every order of a session and its fill: sales first, then buys, as they are booked."""
    for k in range(orders.count[0]):
        if orders.wanted[k] != 0.0:
            at = journal.used[2]
            journal.used[2] += 1
            if at < len(journal.order):
                record = journal.order[at]
                record[0], record[1], record[2] = s, decided, row
                record[3], record[4] = orders.place[k], orders.reason[k]
                journal.size[at, 0], journal.size[at, 1] = orders.wanted[k], orders.filled[k]
    for side in range(2):
        for k in range(orders.count[0]):
            if (side == 0 and orders.filled[k] < 0.0) or (side == 1 and orders.filled[k] > 0.0):
                _note_fill(journal, s, decided, row, orders, k)


@compiled
def _note_fill(journal: Journal, s: int, decided: int, row: int, orders: Orders, k: int) -> None:
    at = journal.used[3]
    journal.used[3] += 1
    if at >= len(journal.fill):
        return
    record = journal.fill[at]
    record[0], record[1], record[2], record[3] = s, decided, row, orders.place[k]
    journal.paid[at, 0], journal.paid[at, 1] = orders.filled[k], orders.price[k]
    for j in range(4):
        journal.paid[at, 2 + j] = orders.cost[k, j]


@compiled
def note_exit(
    journal: Journal,
    s: int,
    row: int,
    place: int,
    shares: float,
    price: float,
    items: FloatArray,
) -> None:
    """Write the sale of a symbol that stops trading: an order and its fill, decided at the close before."""
    at = journal.used[2]
    journal.used[2] += 1
    if at < len(journal.order):
        record = journal.order[at]
        record[0], record[1], record[2], record[3], record[4] = s, row - 1, row, place, _LAST_SESSION
        journal.size[at, 0], journal.size[at, 1] = -shares, -shares
    at = journal.used[3]
    journal.used[3] += 1
    if at < len(journal.fill):
        entry = journal.fill[at]
        entry[0], entry[1], entry[2], entry[3] = s, row - 1, row, place
        journal.paid[at, 0], journal.paid[at, 1] = -shares, price
        for j in range(4):
            journal.paid[at, 2 + j] = items[j]


@compiled
def note_flow(journal: Journal, s: int, row: int, kind: int, amount: float) -> None:
    """Write cash that came in without a trade."""
    at = journal.used[4]
    journal.used[4] += 1
    if at < len(journal.flow):
        journal.flow[at, 0], journal.flow[at, 1], journal.flow[at, 2] = s, row, kind
        journal.amount[at] = amount

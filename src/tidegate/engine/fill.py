"""Filling orders in one session, compiled: what cannot fill says why, and buys shrink to what cash can pay."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array
from tidegate.costs.compiled import itemise_order
from tidegate.engine.book import Book, Tape
from tidegate.engine.fill_rules import Unfilled
from tidegate.strategy.seam import NEGLIGIBLE, Targets, find

__all__ = ["Orders", "book_orders", "fill_orders", "new_orders", "sell_at", "want_targets", "want_waiting"]

_HALVINGS = 60
_ROUND_OFF = 1e-12
_NEGLIGIBLE = float(NEGLIGIBLE)
_NO_PRICE, _LIMIT_UP, _LIMIT_DOWN = int(Unfilled.NO_PRICE), int(Unfilled.LIMIT_UP), int(Unfilled.LIMIT_DOWN)
_BOUGHT_TODAY, _PARTICIPATION, _LOT = int(Unfilled.BOUGHT_TODAY), int(Unfilled.PARTICIPATION), int(Unfilled.LOT)
_NO_CASH, _RUINOUS = int(Unfilled.NO_CASH), int(Unfilled.RUINOUS)


class Orders(NamedTuple):
    """Orders of one session, in symbol order: every name that is held or wanted, the first ``count[0]`` in use.

    Parameters
    ----------
    price
        Fill price, or the last close where there is none.
    shares, wanted, filled
        Shares before, and the change that is asked for and done.
    reason
        Why a part did not fill, as :class:`~tidegate.engine.fill_rules.Unfilled`.
    cost
        ``float64 (n_room, 4)``: commission, half-spread, impact and stamp tax of what filled.
    bought
        Shares bought on this day, earlier sessions of the day included.
    equity
        ``float64 (1,)``: value of the book at fill prices, before costs.
    """

    count: Int64Array  # type: ignore[assignment]  # the field hides a method of tuples that nobody calls
    place: Int64Array
    price: FloatArray
    shares: FloatArray
    wanted: FloatArray
    filled: FloatArray
    reason: Int64Array
    cost: FloatArray
    bought: FloatArray
    equity: FloatArray


def new_orders(room: int) -> Orders:
    """Return scratch for so many names."""
    return Orders(
        count=np.zeros(1, dtype=np.int64),
        place=np.zeros(room, dtype=np.int64),
        price=np.zeros(room),
        shares=np.zeros(room),
        wanted=np.zeros(room),
        filled=np.zeros(room),
        reason=np.zeros(room, dtype=np.int64),
        cost=np.zeros((room, 4)),
        bought=np.zeros(room),
        equity=np.zeros(1),
    )


@compiled
def want_targets(targets: Targets, book: Book, s: int, tape: Tape, row: int, orders: Orders) -> None:
    """Turn target weights into changes of shares: the book is valued at fill prices before costs.

    A ruined book, which only margin leaves with less than nothing, is closed: its weights would turn into short sales.
    """
    count = targets.number[0]
    orders.count[0] = count
    held = 0
    invested = 0.0
    for k in range(count):
        place = targets.place[k]
        price = tape.fill[row, place]
        if not math.isfinite(price):
            price = _last_close(tape, row, place)
        shares = 0.0
        if held < book.count[s] and book.place[s, held] == place:
            shares = book.shares[s, held]
            held += 1
            invested += shares * price
        orders.place[k] = place
        orders.price[k] = price
        orders.shares[k] = shares
    equity = book.cash[s] + invested
    orders.equity[0] = equity
    for k in range(count):
        orders.wanted[k] = 0.0
        if targets.keep[k]:
            continue
        weight = targets.weight[k]
        price = orders.price[k]
        target = weight * equity / price if abs(weight) > _NEGLIGIBLE and equity > 0.0 else 0.0
        change = target - orders.shares[k]
        leaves = target == 0.0 and orders.shares[k] != 0.0
        if math.isfinite(change) and (leaves or not abs(change * price) < _NEGLIGIBLE * equity):
            orders.wanted[k] = change


@compiled
def _last_close(tape: Tape, row: int, place: int) -> float:
    """Return the last close, in shares as they are after the splits of this session."""
    price = tape.mark[row - 1, place]
    if len(tape.action_start):
        for k in range(tape.action_start[row], tape.action_start[row + 1]):
            if tape.action_place[k] == place:
                price = price / tape.action_ratio[k]
    return float(price)


@compiled
def want_waiting(rules: Any, book: Book, s: int, tape: Tape, row: int, orders: Orders) -> None:
    """Take up again what earlier orders could not fill; nobody sells more than he still has, unless he may go short."""
    held, waiting, count = 0, 0, 0
    invested = 0.0
    while held < book.count[s] or waiting < book.waiting_count[s]:
        place = book.place[s, held] if held < book.count[s] else tape.mark.shape[1]
        if waiting < book.waiting_count[s]:
            place = min(place, book.waiting_place[s, waiting])
        price = tape.fill[row, place]
        if not math.isfinite(price):
            price = _last_close(tape, row, place)
        orders.place[count], orders.price[count] = place, price
        orders.shares[count], orders.wanted[count] = 0.0, 0.0
        if held < book.count[s] and book.place[s, held] == place:
            orders.shares[count] = book.shares[s, held]
            invested += book.shares[s, held] * price
            held += 1
        if waiting < book.waiting_count[s] and book.waiting_place[s, waiting] == place:
            orders.wanted[count] = book.waiting_quantity[s, waiting]
            if rules.gross_limit == 0.0:
                orders.wanted[count] = max(orders.wanted[count], -orders.shares[count])
            waiting += 1
        count += 1
    orders.count[0] = count
    orders.equity[0] = book.cash[s] + invested


@compiled
def fill_orders(rules: Any, costs: Any, book: Book, s: int, tape: Tape, row: int, orders: Orders) -> None:
    """Decide how much of each order fills, what it costs, and why the rest does not."""
    for k in range(orders.count[0]):
        orders.filled[k] = 0.0
        orders.reason[k] = 0
        if orders.wanted[k] != 0.0:
            _fill_one(rules, costs, book, s, tape, row, orders, k)
    _itemise(costs, tape, row, orders)
    _afford(rules, costs, book.cash[s], tape, row, orders)


@compiled
def _fill_one(rules: Any, costs: Any, book: Book, s: int, tape: Tape, row: int, orders: Orders, k: int) -> None:
    place = orders.place[k]
    quantity = orders.wanted[k]
    if not math.isfinite(tape.fill[row, place]):
        orders.reason[k] = _NO_PRICE
        return
    if quantity > 0.0 and tape.buy_blocked.shape[0] and tape.buy_blocked[row, place]:
        orders.reason[k] = _LIMIT_UP
        return
    if quantity < 0.0 and tape.sell_blocked.shape[0] and tape.sell_blocked[row, place]:
        orders.reason[k] = _LIMIT_DOWN
        return
    if quantity < 0.0 and rules.t_plus_one:
        quantity = _old_enough(book, s, tape, row, place, orders, k, quantity)
    if rules.participation > 0.0:
        quantity = _within_session(rules, tape, row, place, orders, k, quantity)
    quantity = _whole_lots(tape.lot[place], orders, k, quantity)
    if quantity < 0.0:
        items = itemise_order(
            costs, quantity * orders.price[k], _known(tape.volatility, row, place), _known(tape.daily_value, row, place)
        )
        if items[0] + items[1] + items[2] + items[3] >= -(quantity * orders.price[k]):
            if orders.reason[k] == 0:
                orders.reason[k] = _RUINOUS
            quantity = 0.0
    orders.filled[k] = quantity


@compiled
def _old_enough(book: Book, s: int, tape: Tape, row: int, place: int, orders: Orders, k: int, quantity: float) -> float:
    """Leave alone what was bought on the same day."""
    if book.bought_day[s] != tape.day[row]:
        return quantity
    at = find(book.place[s], book.count[s], place)
    if at >= book.count[s] or book.place[s, at] != place:
        return quantity
    locked = min(book.bought[s, at], max(orders.shares[k], 0.0))
    free = orders.shares[k] - locked
    if locked > 0.0 and -quantity > free:
        orders.reason[k] = _BOUGHT_TODAY
        return -free if free > 0.0 else 0.0
    return quantity


@compiled
def _within_session(rules: Any, tape: Tape, row: int, place: int, orders: Orders, k: int, quantity: float) -> float:
    """Take no more than a part of what the session trades."""
    most = rules.participation * _at(tape.session_value, row, place)
    if not math.isfinite(most):
        most = 0.0
    if abs(quantity * orders.price[k]) > most:
        if orders.reason[k] == 0:
            orders.reason[k] = _PARTICIPATION
        size: float = most / orders.price[k]
        return size if quantity > 0.0 else -size
    return quantity


@compiled
def _whole_lots(lot: float, orders: Orders, k: int, quantity: float) -> float:
    """Cut to whole lots; a position may always be closed."""
    if lot <= 0.0 or quantity == -orders.shares[k]:
        return quantity
    lots = math.floor(abs(quantity) / lot)
    if lots * lot != abs(quantity) and orders.reason[k] == 0:
        orders.reason[k] = _LOT
    return lots * lot if quantity > 0.0 else -(lots * lot)


@compiled
def _at(values: FloatArray, row: int, place: int) -> float:
    return values[row, place] if values.shape[0] else math.nan


@compiled
def _known(values: FloatArray, row: int, place: int) -> float:
    """Return what was known at the decision, the close before the session."""
    return values[row - 1, place] if values.shape[0] else math.nan


@compiled
def _itemise(costs: Any, tape: Tape, row: int, orders: Orders) -> None:
    for k in range(orders.count[0]):
        place = orders.place[k]
        items = itemise_order(
            costs,
            orders.filled[k] * orders.price[k] if orders.filled[k] != 0.0 else 0.0,
            _known(tape.volatility, row, place),
            _known(tape.daily_value, row, place),
        )
        for j in range(4):
            orders.cost[k, j] = items[j]


@compiled
def _afford(rules: Any, costs: Any, cash: float, tape: Tape, row: int, orders: Orders) -> None:
    """Shrink all buys by the largest common factor that cash, or the limit of the gross position, can bear."""
    buys, sells, cost_of_sells = 0.0, 0.0, 0.0
    for k in range(orders.count[0]):
        notional = orders.filled[k] * orders.price[k]
        if orders.filled[k] > 0.0:
            buys += notional
        elif orders.filled[k] < 0.0:
            sells += notional
            cost_of_sells += _cost(orders, k)
    if buys == 0.0:
        return
    if rules.gross_limit > 0.0:
        factor = _within_gross(rules.gross_limit, orders, buys)
    else:
        factor = _affordable(costs, max(cash - sells - cost_of_sells, 0.0), buys, tape, row, orders)
    if factor < 1.0:
        _shrink_buys(factor, tape, orders)
        _itemise(costs, tape, row, orders)


@compiled
def _shrink_buys(factor: float, tape: Tape, orders: Orders) -> None:
    """Leave so much of each buy; what is then negligible is none, or dust would count as held."""
    for k in range(orders.count[0]):
        if orders.filled[k] > 0.0:
            if orders.reason[k] == 0 and factor < 1.0 - _ROUND_OFF:
                orders.reason[k] = _NO_CASH
            orders.filled[k] = _whole_lots(tape.lot[orders.place[k]], orders, k, orders.filled[k] * factor)
            if orders.filled[k] * orders.price[k] < _NEGLIGIBLE * orders.equity[0]:
                orders.filled[k] = 0.0


@compiled
def _cost(orders: Orders, k: int) -> float:
    return float(orders.cost[k, 0] + orders.cost[k, 1] + orders.cost[k, 2] + orders.cost[k, 3])


@compiled
def _within_gross(limit: float, orders: Orders, buys: float) -> float:
    gross, after_sells = 0.0, 0.0
    for k in range(orders.count[0]):
        if orders.shares[k] + orders.filled[k] != 0.0:
            gross += abs((orders.shares[k] + orders.filled[k]) * orders.price[k])
        sold = min(orders.filled[k], 0.0)
        if orders.shares[k] + sold != 0.0:
            after_sells += abs((orders.shares[k] + sold) * orders.price[k])
    if gross <= limit * orders.equity[0] * (1.0 + _ROUND_OFF):
        return 1.0
    return float(min(max(limit * orders.equity[0] - after_sells, 0.0) / buys, 1.0))


@compiled
def _affordable(costs: Any, available: float, buys: float, tape: Tape, row: int, orders: Orders) -> float:
    """Return the largest factor up to 1 whose need is available; the need grows with the factor."""
    whole = _needed(costs, 1.0, buys, tape, row, orders)
    if whole <= available:
        return 1.0
    proportional = available / whole
    if abs(_needed(costs, proportional, buys, tape, row, orders) - available) <= _ROUND_OFF * available:
        return proportional
    low, high = 0.0, 1.0  # minimum fees and impact are not proportional: halve the interval instead
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if _needed(costs, middle, buys, tape, row, orders) <= available:
            low = middle
        else:
            high = middle
    return low


@compiled
def _needed(costs: Any, factor: float, buys: float, tape: Tape, row: int, orders: Orders) -> float:
    cost = 0.0
    for k in range(orders.count[0]):
        if orders.filled[k] > 0.0:
            place = orders.place[k]
            items = itemise_order(
                costs,
                orders.filled[k] * orders.price[k] * factor,
                _known(tape.volatility, row, place),
                _known(tape.daily_value, row, place),
            )
            cost += items[0] + items[1] + items[2] + items[3]
    return buys * factor + cost


@compiled
def sell_at(
    costs: Any, book: Book, s: int, tape: Tape, known: int, at: int, price: float, spare_ruin: bool, items: FloatArray
) -> bool:
    """Take the money for a whole position, beside the orders of a session; the caller takes it out of the book.

    Parameters
    ----------
    known
        Row whose volatility and traded value make the impact.
    at
        Where the position stands in the book.
    spare_ruin
        Whether a sale is left undone, and False returned, whose costs are more than it brings.
    items
        ``float64 (4,)``: commission, half-spread, impact and stamp tax are written into it.
    """
    place = book.place[s, at]
    notional = -book.shares[s, at] * price
    four = itemise_order(costs, notional, _at(tape.volatility, known, place), _at(tape.daily_value, known, place))
    if spare_ruin and notional < 0.0 and four[0] + four[1] + four[2] + four[3] >= -notional:
        return False
    book.cash[s] -= notional
    for j in range(4):
        items[j] = four[j]
        book.cash[s] -= four[j]
        book.paid[s, j] += four[j]
    book.paid[s, 5] += abs(notional)
    return True


@compiled
def book_orders(book: Book, s: int, tape: Tape, row: int, orders: Orders) -> bool:
    """Move cash and shares: sales in symbol order, then buys; return whether the book had room."""
    cash = book.cash[s]
    commission, half_spread, impact, stamp_tax = book.paid[s, 0], book.paid[s, 1], book.paid[s, 2], book.paid[s, 3]
    traded = book.paid[s, 5]
    for side in range(2):
        for k in range(orders.count[0]):
            if (side == 0 and orders.filled[k] < 0.0) or (side == 1 and orders.filled[k] > 0.0):
                notional = orders.filled[k] * orders.price[k]
                cash -= notional
                cash -= orders.cost[k, 0]
                cash -= orders.cost[k, 1]
                cash -= orders.cost[k, 2]
                cash -= orders.cost[k, 3]
                commission += orders.cost[k, 0]
                half_spread += orders.cost[k, 1]
                impact += orders.cost[k, 2]
                stamp_tax += orders.cost[k, 3]
                traded += abs(notional)
    book.cash[s] = cash
    book.paid[s, 0], book.paid[s, 1], book.paid[s, 2], book.paid[s, 3] = commission, half_spread, impact, stamp_tax
    book.paid[s, 5] = traded
    return _write_back(book, s, tape, row, orders)


@compiled
def _write_back(book: Book, s: int, tape: Tape, row: int, orders: Orders) -> bool:
    """Write shares after the session over the book, in symbol order, with what was bought today."""
    same_day = book.bought_day[s] == tape.day[row]
    held = 0
    kept = 0
    for k in range(orders.count[0]):
        orders.bought[k] = max(orders.filled[k], 0.0)
        if held < book.count[s] and book.place[s, held] == orders.place[k]:
            orders.bought[k] += book.bought[s, held] if same_day else 0.0
            held += 1
        if orders.shares[k] + orders.filled[k] != 0.0:
            kept += 1
    if kept > book.place.shape[1]:
        return False
    kept = 0
    for k in range(orders.count[0]):
        shares = orders.shares[k] + orders.filled[k]
        if shares != 0.0:
            book.place[s, kept] = orders.place[k]
            book.shares[s, kept] = shares
            book.bought[s, kept] = orders.bought[k]
            kept += 1
    book.count[s] = kept
    book.bought_day[s] = tape.day[row]
    return True

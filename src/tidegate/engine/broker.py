"""The simulated broker: it holds an account of its own, fills orders as the kernel does, and reports what it did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.orders import Ticket
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.costs import CostModel
from tidegate.engine.book import new_book
from tidegate.engine.fill import new_orders
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.market import Market
from tidegate.engine.session import TO_TARGETS, TO_UNITS, WAITING, fill_session, sell_whole, settle_book
from tidegate.engine.sweep import tape_of
from tidegate.strategy.seam import Note, Targets, new_targets

__all__ = ["Execution", "OrderReport", "Ranges", "SessionReport", "SimulatedBroker", "row_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranges:
    """Highest and lowest price of each bar, ``float64 (n_times, n_symbols)``, which protective levels are held against.

    They are of the time after the fill, so orders have to fill at the open.
    """

    high: FloatArray
    low: FloatArray


class OrderReport(NamedTuple):
    """One try of an order; ``reason`` is an :class:`~tidegate.engine.fill_rules.Unfilled`."""

    decided_row: int
    place: int
    wanted: float
    filled: float
    reason: int


class Execution(NamedTuple):
    """A trade done: shares, currency per share, and costs in currency."""

    decided_row: int
    place: int
    quantity: float
    price: float
    commission: float
    half_spread: float
    impact: float
    stamp_tax: float


class SessionReport(NamedTuple):
    """What became of a session's orders, in the order in which they were booked."""

    orders: Sequence[OrderReport]
    fills: Sequence[Execution]


class _Levels(NamedTuple):
    """Prices at which a holding is sold within a session, and the row of the decision that said so."""

    stop: float
    target: float
    decided_row: int


_NOTHING: Final = SessionReport((), ())


class SimulatedBroker:
    """Fills against the bars of a market, by the compiled functions of the kernel.

    Its cash and shares are those of the venue. The ledger books what it reports, and the two must agree.

    Parameters
    ----------
    market
        Fill prices, limits and marks. Row *t* is read when session *t* is filled, and no later one.
    ranges
        Needed where tickets carry protective levels.
    """

    def __init__(
        self, market: Market, costs: CostModel, rules: FillRules, *, initial_cash: float, ranges: Ranges | None = None
    ) -> None:
        self.rules = rules
        self._symbols, self._times, self._ranges = market.symbols, market.times, ranges
        self._tape = tape_of(market)
        room = max(len(market.symbols), 1)
        self.book = new_book(1, room, initial_cash)
        self._orders, self._targets = new_orders(room), new_targets(room)
        self._costs, self._rules = costs.record(), rules.record()
        self._items = np.zeros(4)
        self._settles = self._tape.interest != 0.0
        if len(self._tape.action_start):
            self._settles = self._settles | (np.diff(self._tape.action_start) > 0)
        self._submitted: Targets | Ticket | None = None
        self._ticket: Ticket | None = None
        self._levels: dict[int, _Levels] = {}

    @property
    def cash(self) -> float:
        """Cash of the account, in currency."""
        return float(self.book.cash[0])

    @property
    def shares(self) -> dict[str, float]:
        """What the account holds, by symbol."""
        held = self._held()
        return {self._symbols[place]: float(self.book.shares[0, at]) for at, place in enumerate(held)}

    def submit(self, decision: Targets | Ticket, decided_row: int) -> None:
        """Take orders for the next session; what still waits of earlier ones is given up then."""
        self._submitted = decision
        self._ticket = decision if isinstance(decision, Ticket) else None
        self.book.waiting_since[0] = decided_row

    def settle(self, row: int) -> tuple[float, float]:
        """Apply what happened overnight; return interest, and the cash of corporate actions."""
        if not self._settles.item(row):
            return 0.0, 0.0
        for place, ratio in self.ratios(row):
            levels = self._levels.get(place)
            if levels is not None:
                self._levels[place] = levels._replace(stop=levels.stop / ratio, target=levels.target / ratio)
        earned, received = settle_book(self.book, self._tape, row)
        return float(earned), float(received)

    def ratios(self, row: int) -> list[tuple[int, float]]:
        """Return place and ratio of the session's corporate actions on what is held, in their order."""
        tape = self._tape
        if not len(tape.action_start):
            return []
        span = slice(int(tape.action_start[row]), int(tape.action_start[row + 1]))
        held = set(self._held())
        actions = zip(tape.action_place[span].tolist(), tape.action_ratio[span].tolist(), strict=True)
        return [(place, ratio) for place, ratio in actions if place in held]

    def fill(self, row: int) -> SessionReport:
        """Fill what was submitted, or what waits, then sell what touches its protective levels."""
        report, submitted = _NOTHING, self._submitted
        if submitted is not None:
            self._submitted = None
            self.book.waiting_left[0] = self.rules.wait_bars
            if isinstance(submitted, Ticket):
                kind = TO_TARGETS if submitted.units is None else TO_UNITS
                report = self._fill(row, kind, self._targets, self._beside_holdings(submitted), submitted.units or 0.0)
            else:
                report = self._fill(row, TO_TARGETS, submitted)
        elif self.book.waiting_count[0] > 0:
            self.book.waiting_left[0] -= 1
            report = self._fill(row, WAITING, self._targets)
        return self._protect(row, report) if self._levels else report

    def close(self, row: int) -> SessionReport:
        """Sell what has its last session today, at its close, after costs; orders of it wait no longer."""
        tape = self._tape
        if not tape.ends.item(row):
            return _NOTHING
        orders, fills = [], []
        for place in self._held():
            if tape.last_row[place] == row:
                price = float(tape.mark[row, place]) * (1.0 - self.rules.haircut)
                sold = self._sell_whole(place, row - 1, row - 1, price, spare_ruin=False)
                orders += [_done(one, Unfilled.LAST_SESSION) for one in sold]
                fills += sold
        self._keep_waiting([(place, rest) for place, rest in self._waiting() if tape.last_row[place] != row])
        return SessionReport(orders, fills)

    def state(self) -> dict[str, Any]:
        """Return the account and its open orders as plain values, by name and instant."""
        book, names, times = self.book, self._symbols, self._times
        return {
            "cash": self.cash,
            "shares": self.shares,
            "bought": dict(zip(self.shares, book.bought[0].tolist(), strict=False)),
            "bought_day": int(book.bought_day[0]),
            "paid": book.paid[0].tolist(),
            "decided": int(times[book.waiting_since[0]]),
            "waiting": {names[place]: rest for place, rest in self._waiting()},
            "waiting_left": int(book.waiting_left[0]),
            "submitted": _as_document(self._submitted, names),
            "ticket": None if self._ticket is None else asdict(self._ticket),
            "levels": {
                names[place]: [*map(_or_none, levels[:2]), int(times[levels.decided_row])]
                for place, levels in self._levels.items()
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take up an account that :meth:`state` returned.

        Raises
        ------
        InputError
            If the market lacks a symbol or an instant of it.
        """
        book, place_of = self.book, _Places(self._symbols)
        held = sorted((place_of[symbol], symbol) for symbol in document["shares"])
        for at, (place, symbol) in enumerate(held):
            book.place[0, at], book.shares[0, at] = place, document["shares"][symbol]
            book.bought[0, at] = document["bought"][symbol]
        book.cash[0], book.count[0] = document["cash"], len(held)
        self._keep_waiting(sorted((place_of[symbol], rest) for symbol, rest in document["waiting"].items()))
        book.bought_day[0], book.waiting_left[0] = document["bought_day"], document["waiting_left"]
        if document["waiting"] or document["submitted"] is not None:
            book.waiting_since[0] = row_of(self._times, document["decided"])
        book.paid[0] = document["paid"]
        self._ticket = None if document["ticket"] is None else Ticket(**document["ticket"])
        self._submitted = self._from_document(document["submitted"], place_of)
        self._levels = {
            place_of[symbol]: _Levels(
                -math.inf if stop is None else stop, math.inf if target is None else target, row_of(self._times, at)
            )
            for symbol, (stop, target, at) in document["levels"].items()
        }

    def _from_document(
        self, document: Mapping[str, Any] | None, place_of: Mapping[str, int]
    ) -> Targets | Ticket | None:
        if document is None or self._ticket is not None:
            return None if document is None else self._ticket
        targets = new_targets(len(self._targets.place))
        for at, (place, weight, keep) in enumerate(sorted((place_of[s], *rest) for s, rest in document.items())):
            targets.place[at], targets.weight[at], targets.keep[at] = place, weight, keep
        targets.number[Note.COUNT] = len(document)
        return targets

    def _held(self) -> list[int]:
        places: list[int] = self.book.place[0, : int(self.book.count[0])].tolist()
        return places

    def _beside_holdings(self, ticket: Ticket) -> int:
        """Write targets that keep every holding but the ticket's own; return where that stands."""
        targets = self._targets
        places = sorted({*self._held(), ticket.place})
        for at, place in enumerate(places):
            targets.place[at], targets.weight[at], targets.keep[at] = place, 0.0, place != ticket.place
        at = places.index(ticket.place)
        targets.weight[at] = ticket.fraction or 0.0
        targets.number[Note.COUNT] = len(places)
        return at

    def _fill(self, row: int, kind: int, targets: Targets, at: int = 0, units: float = 0.0) -> SessionReport:
        fill_session(kind, targets, at, units, self._rules, self._costs, self.book, self._tape, row, self._orders)
        report = self._report(int(self.book.waiting_since[0]))
        self._let_wait(report.orders)
        if self._levels or self._ticket is not None:
            self._set_levels(report.fills)
        return report

    def _report(self, decided_row: int) -> SessionReport:
        """Return every order of the session in symbol order, and the fills as they were booked: sales, then buys."""
        done = self._orders
        count = int(done.count[0])
        rows = zip(done.place[:count].tolist(), done.wanted[:count].tolist(), done.filled[:count].tolist(),
                   done.price[:count].tolist(), done.reason[:count].tolist(), done.cost[:count].tolist(),
                   strict=True)  # fmt: skip
        orders: list[OrderReport] = []
        sales: list[Execution] = []
        buys: list[Execution] = []
        for place, wanted, filled, price, reason, cost in rows:
            if wanted != 0.0:
                orders.append(OrderReport(decided_row, place, wanted, filled, reason))
            if filled < 0.0 or filled > 0.0:
                (sales if filled < 0.0 else buys).append(Execution(decided_row, place, filled, price, *cost))
        return SessionReport(orders, [*sales, *buys])

    def _let_wait(self, orders: Sequence[OrderReport]) -> None:
        """Keep what did not fill for the next session, or let it expire."""
        goes_on = self.book.waiting_left[0] > 0
        rests = [(one.place, one.wanted - one.filled) for one in orders if goes_on and one.reason]
        self._keep_waiting([(place, rest) for place, rest in rests if rest != 0.0])

    def _waiting(self) -> list[tuple[int, float]]:
        book, used = self.book, slice(int(self.book.waiting_count[0]))
        places, rests = book.waiting_place[0, used], book.waiting_quantity[0, used]
        return list(zip(places.tolist(), rests.tolist(), strict=True))

    def _keep_waiting(self, rests: Sequence[tuple[int, float]]) -> None:
        book = self.book
        for at, (place, rest) in enumerate(rests):
            book.waiting_place[0, at], book.waiting_quantity[0, at] = place, rest
        book.waiting_count[0] = len(rests)

    def _set_levels(self, fills: Sequence[Execution]) -> None:
        """Protect what a ticket bought, from its own fill price; forget the levels of what is gone."""
        ticket = self._ticket
        for done in fills:
            if done.quantity < 0.0 and done.place in self._levels and done.place not in self._held():
                del self._levels[done.place]
            is_bought = ticket is not None and done.quantity > 0.0 and done.place == ticket.place
            if ticket is not None and is_bought and (ticket.stop_loss or ticket.take_profit):
                stop = done.price * (1.0 - ticket.stop_loss) if ticket.stop_loss else -math.inf
                target = done.price * (1.0 + ticket.take_profit) if ticket.take_profit else math.inf
                self._levels[done.place] = _Levels(stop, target, done.decided_row)

    def _protect(self, row: int, report: SessionReport) -> SessionReport:
        """Sell what touches its stop, else its target: at that price, or at the open if that lies beyond it."""
        if self._ranges is None:
            raise InputError(
                found="a ticket with protective levels, and no highs and lows",
                expected="the range of each bar, which levels are held against",
                hint="give ranges= to the loop, or tickets without stop_loss and take_profit",
            )
        sold: list[Execution] = []
        for place, levels in list(self._levels.items()):
            low, high = self._ranges.low.item(row, place), self._ranges.high.item(row, place)
            if low <= levels.stop:
                price = min(self._tape.fill.item(row, place), levels.stop)
            elif high >= levels.target:
                price = max(self._tape.fill.item(row, place), levels.target)
            else:
                continue
            if self._may_be_sold(row, place):
                sold += self._sell_whole(place, levels.decided_row, row - 1, price, spare_ruin=True)
        if not sold:
            return report
        orders = [_done(one, Unfilled.NOTHING) for one in sold]
        return SessionReport([*report.orders, *orders], [*report.fills, *sold])

    def _may_be_sold(self, row: int, place: int) -> bool:
        book, tape = self.book, self._tape
        if tape.sell_blocked.shape[0] and tape.sell_blocked[row, place]:
            return False
        bought_today = book.bought_day[0] == tape.day[row] and book.bought[0, self._held().index(place)] > 0.0
        return not (self.rules.t_plus_one and bought_today)

    def _sell_whole(
        self, place: int, decided_row: int, known_row: int, price: float, *, spare_ruin: bool
    ) -> list[Execution]:
        """Close one position beside the session's orders; an empty list where that would cost more than it brings."""
        at = self._held().index(place)
        shares = float(self.book.shares[0, at])
        if not sell_whole(self._costs, self.book, self._tape, known_row, at, price, spare_ruin, self._items):
            return []
        self._levels.pop(place, None)
        return [Execution(decided_row, place, -shares, price, *self._items.tolist())]


class _Places(dict[str, int]):
    """Column of each symbol."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__((symbol, place) for place, symbol in enumerate(symbols))

    def __missing__(self, symbol: str) -> int:
        raise InputError(
            found=f"a saved account that holds or orders {symbol}",
            expected="a market with every symbol of the account",
            hint="bring its bars, or sell it first",
        )


def _done(sold: Execution, reason: Unfilled) -> OrderReport:
    """Return the order of a sale that no decision of this close asked for."""
    return OrderReport(sold.decided_row, sold.place, sold.quantity, sold.quantity, int(reason))


def row_of(times: Int64Array, at: int) -> int:
    """Return the row of an instant.

    Raises
    ------
    InputError
        If no bar closes then.
    """
    row = int(np.searchsorted(times, at))
    if row == len(times) or times[row] != at:
        raise InputError(
            found=f"no bar that closes at {format_instant(at)}",
            expected="a market that reaches back to the saved state",
            hint="read bars from before the state was saved",
        )
    return row


def _as_document(submitted: Targets | Ticket | None, names: Sequence[str]) -> dict[str, Any] | None:
    """Return submitted weights by symbol with whether shares stay; empty for a ticket, which stands beside it."""
    if submitted is None or isinstance(submitted, Ticket):
        return None if submitted is None else {}
    used = slice(int(submitted.number[Note.COUNT]))
    rows = zip(
        submitted.place[used].tolist(), submitted.weight[used].tolist(), submitted.keep[used].tolist(), strict=True
    )
    return {names[place]: [weight, keep] for place, weight, keep in rows}


def _or_none(level: float) -> float | None:
    return level if math.isfinite(level) else None

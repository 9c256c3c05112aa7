"""The event loop, one bar after the other: settle, fill, book, mark, sell what ends, observe, decide.

A backtest drives it over a market that is all there, paper and live trading over one that grows: the loop takes up a
saved state, steps over the bars that came since, and is saved again. The strategy decides at a close on what was known
then; the broker fills at the next bar; the ledger books what the broker reports, and counts it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError, LedgerError
from tidegate.core.orders import Fill, Ticket
from tidegate.core.panel import Panel
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import CENT, FloatArray, Int64Array, Mask, Money, Price, Quantity
from tidegate.costs import CostModel
from tidegate.engine.broker import Execution, Ranges, SessionReport, SimulatedBroker, row_of
from tidegate.engine.diary import Diary
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.kernel import BINDINGS
from tidegate.engine.ledger import Account, Ledger
from tidegate.engine.market import Market
from tidegate.engine.sight import Feed
from tidegate.engine.sweep import Sweep
from tidegate.strategy.protocol import Holdings, Strategy
from tidegate.strategy.seam import Action, Note, Targets

__all__ = ["EventLoop", "run_loop"]

_ACTION, _BINDING, _TRADE = int(Note.ACTION), int(Note.BINDING), int(Action.TRADE)
_NOT_UNFILLED: Final = (Unfilled.NOTHING, Unfilled.LAST_SESSION)


def run_loop(
    market: Market,
    strategy: Strategy,
    *,
    costs: CostModel | None = None,
    rules: FillRules | None = None,
    initial_cash: float,
    rebalances: Mask | None = None,
    start: int = 0,
    ranges: Ranges | None = None,
    panel: Panel | None = None,
) -> Sweep:
    """Drive a strategy over a whole market, bar by bar; the kernel's result for the same strategy has the same bits.

    Parameters
    ----------
    market
        What decisions see and orders meet.
    strategy
        It is shown each close, and nothing later.
    costs, rules
        Cost model and fill rules; none cost nothing, and are the defaults.
    initial_cash
        Currency at the close of row ``start``.
    rebalances
        ``bool (n_times,)``: sessions at which decisions of the close before fill; None asks the strategy.
    start
        First row of the account, which never trades; earlier rows are history.
    ranges
        Highs and lows, where the strategy's tickets carry protective levels.
    panel
        What Python functions see, on the market's rows and symbols; None makes it from the market.

    Returns
    -------
    Sweep
        Of one parameter set, with its journal.

    Raises
    ------
    InputError
        If the start leaves no session to trade in.
    LookAheadError
        If a fill does not come after its decision.
    LedgerError
        If the books do not balance.
    """
    if not 0 <= start < len(market.times) - 1:
        raise InputError(
            found=f"a start at row {start} of {len(market.times)}",
            expected="a session after the start",
            hint="check the window of the backtest",
        )
    loop = EventLoop(
        market, strategy, costs=costs, rules=rules, initial_cash=initial_cash, rebalances=rebalances, start=start,
        ranges=ranges, panel=panel,
    )  # fmt: skip
    loop.run()
    return loop.result()


class EventLoop:
    """A strategy, a broker and a ledger on one clock. Parameters are those of :func:`run_loop`.

    Saving after any bar and taking up again changes no bit of what follows: :meth:`state` names symbols and instants,
    so a market that has grown since, or gained symbols, carries on from it.
    """

    def __init__(
        self,
        market: Market,
        strategy: Strategy,
        *,
        costs: CostModel | None = None,
        rules: FillRules | None = None,
        initial_cash: float,
        rebalances: Mask | None = None,
        start: int = 0,
        ranges: Ranges | None = None,
        panel: Panel | None = None,
    ) -> None:
        if not 0 <= start < len(market.times):
            raise InputError(
                found=f"a start at row {start} of {len(market.times)}",
                expected="a row of the market",
                hint="check the window of the backtest",
            )
        self.strategy, self.row = strategy, start
        self.broker = SimulatedBroker(
            market, costs or CostModel(), rules or FillRules(), initial_cash=initial_cash, ranges=ranges
        )
        self.ledger, self._diary = Ledger(), Diary()
        self.ledger.book(Instant(int(market.times[start])), Account.DEPOSIT, Money(initial_cash))
        self._feed, self._symbols = Feed(market, panel), market.symbols
        self._times: list[int] = market.times.tolist()
        self._place = {symbol: place for place, symbol in enumerate(market.symbols)}
        self._rebalances = strategy.schedule(market.times) if rebalances is None else rebalances
        self._mark = market.mark
        self._held: list[tuple[int, float]] = []
        self._holdings: tuple[Int64Array, FloatArray] = (np.zeros(0, dtype=np.int64), np.zeros(0))
        self._curves = _Curves(len(market.times), start, initial_cash)
        self._totals = _Totals()
        self._may_owe = self.broker.rules.gross_limit > 0.0
        self._start, self._decided = start, False

    def run(self, stop: int | None = None) -> None:
        """Step over the bars up to but without row ``stop``, or all of them; the last close decides nothing."""
        last = len(self._times) - 1 if stop is None else min(stop, len(self._times)) - 1
        while self.row < last:
            self.step()

    def step(self) -> None:
        """Carry the account from this close to the next, deciding first where that is still open."""
        if not self._decided:
            self.decide(rebalances=bool(self._rebalances[self.row + 1]))
        row = self.row + 1
        self._settle(row)
        self._book(row, self.broker.fill(row))
        self._book(row, self.broker.close(row))
        self._measure(row)
        self.strategy.observe(self._curves.equity.item(row))
        self.row, self._decided = row, False

    def decide(self, *, rebalances: bool) -> None:
        """Let the strategy decide at this close; a trader knows the next session before its bar is there.

        Parameters
        ----------
        rebalances
            Whether the next session is one of rebalancing.
        """
        row = self.row
        self._decided = True
        holdings = Holdings(self._curves.equity.item(row), self.ledger.cash, *self._holdings)
        decision = self.strategy.decide(holdings, self._feed.at(row), rebalances=rebalances)
        if decision is None and not rebalances:
            return
        trades = isinstance(decision, Ticket)
        if isinstance(decision, Targets):
            trades = bool(decision.number[_ACTION] == _TRADE)
            self._totals.count(rebalances, int(decision.number[_BINDING]))
            self._diary.note_decision(row, rebalances, decision)
        else:
            self._totals.count(rebalances, 0)
            self._diary.note_bare_decision(row, rebalances, trades=trades)
        if decision is not None and trades:
            self._refuse_debt(decision)
            self.broker.submit(decision, row)

    def result(self) -> Sweep:
        """Return what happened since the start, or since the state was taken up; the books are counted again first."""
        at = Instant(self._times[self.row])
        self.ledger.reconcile(at, self.broker.shares, may_owe=self._may_owe)
        curves, totals, since = self._curves, self._totals, slice(self._start, self.row + 1)
        return Sweep(
            times=self._feed.times[since],
            equity=curves.equity[since, None].copy(),
            cash=curves.cash[since, None].copy(),
            gross=curves.gross[since, None].copy(),
            holdings=curves.holdings[since, None].copy(),
            counts=np.array([totals.bindings], dtype=np.int64),
            rebalances=np.array([totals.rebalances], dtype=np.int64),
            orders=np.array([totals.orders], dtype=np.int64),
            unfilled=np.array([totals.unfilled], dtype=np.int64),
            paid=self.broker.book.paid.copy(),
            final_place=(self._holdings[0].copy(),),
            final_shares=(self._holdings[1].copy(),),
            journals=(self._diary.journal(),),
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the next bars depend on, as plain values that JSON holds without loss."""
        return {
            "at": self._times[self.row],
            "equity": self._curves.equity.item(self.row),
            "cash": self.ledger.cash,
            "shares": dict(self.ledger.shares),
            "is_decided": self._decided,
            "totals": self._totals.state(),
            "broker": self.broker.state(),
            "strategy": self.strategy.state(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state` returned, on a loop that has not run yet.

        Raises
        ------
        InputError
            If the market lacks an instant or a symbol of it.
        """
        row = row_of(self._feed.times, document["at"])
        self.broker.restore(document["broker"])
        self.strategy.restore(document["strategy"])
        self.row = self._start = row
        self._decided = document["is_decided"]
        self.ledger = Ledger(document["shares"])
        self.ledger.book(Instant(document["at"]), Account.DEPOSIT, Money(document["cash"]))
        self._totals.restore(document["totals"])
        self._hold()
        self._measure(row)
        self._curves.equity[row] = document["equity"]

    def _refuse_debt(self, decision: Targets | Ticket) -> None:
        """Refuse a short position in an account that may not owe anything."""
        if self._may_owe or isinstance(decision, Ticket):
            return
        wanted = decision.weight[: int(decision.number[Note.COUNT])]
        if len(wanted) and float(wanted.min()) < 0.0:
            raise InputError(
                found=f"a target weight of {float(wanted.min()):.4f}",
                expected="weights of at least 0: this account holds no short positions",
                hint="give rules=FillRules(gross_limit=...), the largest gross position as a multiple of equity",
            )

    def _settle(self, row: int) -> None:
        ratios = self.broker.ratios(row)
        earned, received = self.broker.settle(row)
        if not (ratios or received or earned):
            return
        at = Instant(self._times[row])
        for place, ratio in ratios:
            self.ledger.book_ratio(self._symbols[place], ratio)
        self.ledger.book(at, Account.INTEREST, Money(earned))
        self.ledger.book(at, Account.CORPORATE_ACTIONS, Money(received))
        self._diary.note_settlement(row, earned, received)
        self._hold()

    def _book(self, row: int, report: SessionReport) -> None:
        """Book what the broker reports, and hold the ledger against the broker's own account."""
        if not report.orders:
            return
        self._diary.note_session(row, report)
        self._totals.orders += len(report.orders)
        self._totals.unfilled += sum(order.reason not in _NOT_UNFILLED for order in report.orders)
        for done in report.fills:
            self.ledger.book_fill(self._as_fill(row, done))
        if report.fills:
            self._hold()
        if abs(self.ledger.cash - self.broker.cash) >= CENT / 2:
            raise LedgerError(
                found=f"{self.ledger.cash:.4f} in the ledger at {format_instant(self._times[row])}",
                expected=f"{self.broker.cash:.4f}, the cash of the broker's account",
                hint="a fill was reported twice, or not at all",
            )

    def _as_fill(self, row: int, done: Execution) -> Fill:
        return Fill(
            decided_at=Instant(self._times[done.decided_row]),
            at=Instant(self._times[row]),
            symbol=self._symbols[done.place],
            quantity=Quantity(done.quantity),
            price=Price(done.price),
            commission=Money(done.commission),
            half_spread=Money(done.half_spread),
            impact=Money(done.impact),
            stamp_tax=Money(done.stamp_tax),
        )

    def _hold(self) -> None:
        """Lay the ledger's shares out in symbol order, in which all sums run."""
        self._held = sorted((self._place[symbol], shares) for symbol, shares in self.ledger.shares.items())
        places = np.array([place for place, _ in self._held], dtype=np.int64)
        self._holdings = (places, np.array([shares for _, shares in self._held], dtype=np.float64))

    def _measure(self, row: int) -> None:
        invested, gross, cash = 0.0, 0.0, self.ledger.cash
        for place, shares in self._held:
            value = shares * self._mark.item(row, place)
            invested += value
            gross += abs(value)
        curves = self._curves
        curves.equity[row] = cash + invested
        curves.cash[row] = cash
        curves.gross[row] = gross
        curves.holdings[row] = len(self._held)


class _Curves:
    """The account at each close, ``(n_times,)`` each."""

    def __init__(self, count: int, start: int, initial_cash: float) -> None:
        self.equity, self.cash, self.gross = np.zeros(count), np.zeros(count), np.zeros(count)
        self.holdings: Int64Array = np.zeros(count, dtype=np.int64)
        self.equity[start] = self.cash[start] = initial_cash


class _Totals:
    """What is counted over the whole run."""

    def __init__(self) -> None:
        self.bindings = [0] * BINDINGS
        self.rebalances = self.orders = self.unfilled = 0

    def count(self, rebalances: bool, binding: int) -> None:
        """Count a rebalance and what bound it."""
        if not rebalances:
            return
        self.rebalances += 1
        if binding:
            for bit in range(BINDINGS):
                self.bindings[bit] += binding >> bit & 1

    def state(self) -> dict[str, Any]:
        return dict(vars(self))

    def restore(self, document: Mapping[str, Any]) -> None:
        vars(self).update(document)
        self.bindings = list(document["bindings"])

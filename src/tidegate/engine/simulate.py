"""The loop: settle, fill, mark, decide. Decisions of one close fill at the next bar, never at their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.orders import Decision, Order
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray, Int64Array, Mask, Money
from tidegate.costs import CostModel
from tidegate.data.tables import MOMENT
from tidegate.engine.broker import Quotes, execute
from tidegate.engine.ledger import COST_ACCOUNTS, Account, Ledger
from tidegate.engine.market import Market
from tidegate.strategy import BookState, Decide

__all__ = ["Simulation", "simulate"]

_DAYS_PER_INTEREST_YEAR = 365.0


@dataclass(frozen=True, eq=False)
class Simulation:
    """What happened, bar by bar.

    Parameters
    ----------
    times
        ``int64 (n,)`` closes.
    equity, cash, exposure
        ``float64 (n,)``: currency, currency, and the invested fraction, at each close.
    holdings
        ``int64 (n,)`` number of names held.
    final_weights
        ``float64 (n_symbols,)``: each holding's value at the last close as a fraction of equity.
    ledger
        Every entry and fill.
    orders
        Every order, filled or expired.
    decisions
        Every decision with the reason it gave.
    """

    times: Int64Array
    equity: FloatArray
    cash: FloatArray
    exposure: FloatArray
    holdings: Int64Array
    final_weights: FloatArray
    ledger: Ledger
    orders: list[Order]
    decisions: list[Decision]

    def daily_flows(self) -> pl.DataFrame:
        """Return, per bar, one-sided turnover and what each cost account paid and interest brought, in currency."""
        entries = self.ledger.frame()
        grid = pl.DataFrame({"at": pl.Series(self.times).cast(MOMENT)})
        flows = grid
        for account in (*COST_ACCOUNTS, Account.INTEREST):
            sign = 1.0 if account is Account.INTEREST else -1.0
            paid = (
                entries.filter(pl.col("account") == account.value)
                .group_by("at")
                .agg((sign * pl.col("amount").sum()).alias(account.value))
            )
            flows = flows.join(paid, on="at", how="left", maintain_order="left")
        traded = (
            entries.filter(pl.col("account") == "trade")
            .group_by("at")
            .agg(pl.col("amount").abs().sum().alias("traded"))
        )
        flows = flows.join(traded, on="at", how="left", maintain_order="left").fill_null(0.0)
        turnover = flows["traded"].to_numpy() / 2.0 / self.equity
        return flows.drop("traded").with_columns(pl.Series("turnover", turnover))


def simulate(
    panel: Panel,
    decide: Decide,
    *,
    rebalances: Mask,
    market: Market,
    costs: CostModel,
    initial_cash: float,
    cash_rate: FloatArray | None = None,
) -> Simulation:
    """Run one strategy over one panel.

    Parameters
    ----------
    panel
        What the strategy sees, cut at each decision by :class:`~tidegate.core.past_view.PastView`.
    decide
        The decision function; it is called at the close of row *t-1* for each row *t* marked in ``rebalances``.
    rebalances
        ``bool (n_times,)``: rows at which decisions fill.
    market
        Fill prices and marks on the same rows and symbols.
    cash_rate
        ``float64 (n_times,)``: annual rate known at each close, simple, actual/365; NaN earns nothing.

    Raises
    ------
    LookAheadError
        If a fill does not come after its decision.
    LedgerError
        If the books do not balance at the end.
    """
    book = _Book(panel, market, costs, initial_cash)
    decisions: list[Decision] = []
    pending: Decision | None = None
    for row in range(len(panel.times)):
        if row:
            book.credit_interest(row, cash_rate)
        if pending is not None:
            book.fill(row, pending)
            pending = None
        book.mark(row)
        if row + 1 < len(panel.times) and rebalances[row + 1]:
            pending = decide(BookState(book.weights(row)), PastView(panel, Instant(int(panel.times[row]))))
            decisions.append(pending)
    book.ledger.reconcile(Instant(int(panel.times[-1])), dict(zip(panel.symbols, book.shares.tolist(), strict=True)))
    return book.result(decisions)


class _Book:
    """Cash and shares while the loop runs, and the record of each close."""

    def __init__(self, panel: Panel, market: Market, costs: CostModel, initial_cash: float) -> None:
        self._panel, self._market, self._costs = panel, market, costs
        count = len(panel.times)
        self.shares = np.zeros(len(panel.symbols))
        self._place = {symbol: place for place, symbol in enumerate(panel.symbols)}
        self.ledger = Ledger()
        self.ledger.book(Instant(int(panel.times[0])), Account.DEPOSIT, Money(initial_cash))
        self._orders: list[Order] = []
        self._equity, self._cash, self._exposure = np.zeros(count), np.zeros(count), np.zeros(count)
        self._holdings = np.zeros(count, dtype=np.int64)

    def credit_interest(self, row: int, cash_rate: FloatArray | None) -> None:
        """Credit what the cash of the last close earned until now, at the rate known then."""
        if cash_rate is None or not np.isfinite(cash_rate[row - 1]):
            return
        times = self._panel.times
        years = (times[row] - times[row - 1]) / DAY / _DAYS_PER_INTEREST_YEAR
        self.ledger.book(
            Instant(int(times[row])),
            Account.INTEREST,
            Money(max(self.ledger.cash, 0.0) * float(cash_rate[row - 1] * years)),
        )

    def fill(self, row: int, decision: Decision) -> None:
        """Execute a decision of the bar before at this bar's prices."""
        market, before = self._market, row - 1
        quotes = Quotes(
            price=market.fill[row],
            last_mark=market.mark[before],
            volatility=None if market.volatility is None else market.volatility[before],
            daily_value=None if market.daily_value is None else market.daily_value[before],
        )
        at = Instant(int(self._panel.times[row]))
        fills, orders = execute(decision, at, self.shares, self.ledger.cash, quotes, self._costs, self._panel.symbols)
        for fill in fills:
            self.ledger.book_fill(fill)
            self.shares[self._place[fill.symbol]] += fill.quantity
        self._orders.extend(orders)

    def mark(self, row: int) -> None:
        """Value the book at this close."""
        invested = float(self._values(row).sum())
        self._cash[row] = self.ledger.cash
        self._equity[row] = self.ledger.cash + invested
        self._exposure[row] = invested / self._equity[row]
        self._holdings[row] = np.count_nonzero(self.shares)

    def weights(self, row: int) -> FloatArray:
        """Return each holding's value at this close as a fraction of equity."""
        weights: FloatArray = self._values(row) / self._equity[row]
        return weights

    def result(self, decisions: list[Decision]) -> Simulation:
        """Return the finished record."""
        return Simulation(
            self._panel.times,
            self._equity,
            self._cash,
            self._exposure,
            self._holdings,
            self.weights(len(self._equity) - 1),
            self.ledger,
            self._orders,
            decisions,
        )

    def _values(self, row: int) -> FloatArray:
        return np.where(self.shares != 0.0, self.shares * self._market.mark[row], 0.0)

"""The ledger: every movement of cash and shares, booked once, in all modes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from tidegate.core.errors import LedgerError
from tidegate.core.orders import Fill
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import CENT, Money
from tidegate.data.tables import MOMENT

__all__ = ["COST_ACCOUNTS", "Account", "Entry", "Ledger"]


class Account(StrEnum):
    """What a movement of cash was for."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    COMMISSION = "commission"
    HALF_SPREAD = "half_spread"
    IMPACT = "impact"
    STAMP_TAX = "stamp_tax"
    INTEREST = "interest"


_SHARE_ROUND_OFF = 1e-9
COST_ACCOUNTS = (Account.COMMISSION, Account.HALF_SPREAD, Account.IMPACT, Account.STAMP_TAX)


@dataclass(frozen=True)
class Entry:
    """One movement of cash, positive when it comes in."""

    at: Instant
    account: Account
    symbol: str
    amount: Money


class Ledger:
    """Cash and shares as the sum of everything booked.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.book(Instant(0), Account.DEPOSIT, Money(100.0))
    >>> ledger.cash
    100.0
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.fills: list[Fill] = []
        self.cash = Money(0.0)

    def book(self, at: Instant, account: Account, amount: Money, symbol: str = "") -> None:
        """Move cash; an amount of exactly 0 leaves no entry."""
        if amount != 0.0:
            self.entries.append(Entry(at, account, symbol, amount))
            self.cash = Money(self.cash + amount)

    def book_fill(self, fill: Fill) -> None:
        """Move cash for a fill and for each of its costs."""
        self.fills.append(fill)
        self.book(fill.at, Account.TRADE, Money(-fill.notional), fill.symbol)
        for account in COST_ACCOUNTS:
            self.book(fill.at, account, Money(-getattr(fill, account.value)), fill.symbol)

    def reconcile(self, at: Instant, shares: dict[str, float]) -> None:
        """Recount cash from the entries and shares from the fills, apart from any running total.

        Raises
        ------
        LedgerError
            If cash differs by half a cent or more, or a holding by more than round-off, or either is negative.
        """
        counted = math.fsum(entry.amount for entry in self.entries)
        if abs(counted - self.cash) >= CENT / 2:
            raise self._error(at, f"{self.cash:.4f} in cash", f"{counted:.4f}, the sum of {len(self.entries)} entries")
        if self.cash < -CENT / 2:
            raise self._error(at, f"a debt of {-self.cash:.4f}", "no debt: buys shrink to what cash can pay")
        filled: dict[str, float] = defaultdict(float)
        turned: dict[str, float] = defaultdict(float)
        for fill in self.fills:
            filled[fill.symbol] += fill.quantity
            turned[fill.symbol] += abs(fill.quantity)
        for symbol in filled.keys() | shares.keys():
            held, bought = shares.get(symbol, 0.0), filled.get(symbol, 0.0)
            if held < 0.0:
                raise self._error(at, f"{held} shares of {symbol}", "none sold that were not held")
            if abs(held - bought) > _SHARE_ROUND_OFF * max(1.0, turned[symbol]):
                raise self._error(at, f"{held} shares of {symbol}", f"{bought}, the sum of its fills")

    def frame(self) -> pl.DataFrame:
        """Return the entries: at, account, symbol, amount."""
        rows = [(entry.at, entry.account.value, entry.symbol, entry.amount) for entry in self.entries]
        schema = {"at": pl.Int64, "account": pl.String, "symbol": pl.String, "amount": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("at").cast(MOMENT))

    @staticmethod
    def _error(at: Instant, found: str, expected: str) -> LedgerError:
        return LedgerError(
            found=f"at {format_instant(at)}: {found}",
            expected=expected,
            hint="this is a mistake in the engine; please report it",
        )

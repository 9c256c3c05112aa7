"""The ledger: every movement of cash and shares, booked once, in all modes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

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
    CORPORATE_ACTIONS = "corporate_actions"
    INTEREST = "interest"
    TRADE = "trade"
    COMMISSION = "commission"
    HALF_SPREAD = "half_spread"
    IMPACT = "impact"
    STAMP_TAX = "stamp_tax"


_SHARE_ROUND_OFF = 1e-9
_CALLED_FOR = (Account.CORPORATE_ACTIONS, Account.DEPOSIT)
COST_ACCOUNTS = (Account.COMMISSION, Account.HALF_SPREAD, Account.IMPACT, Account.STAMP_TAX)


class Entry(NamedTuple):
    """One movement of cash, positive when it comes in."""

    at: Instant
    account: Account
    symbol: str
    amount: Money


class _Change(NamedTuple):
    """What a corporate action did to shares, after so many fills."""

    fills: int
    symbol: str
    ratio: float


class Ledger:
    """Cash and shares as the sum of everything booked.

    Parameters
    ----------
    shares
        What is held before anything is booked; short positions are negative.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.book(Instant(0), Account.DEPOSIT, Money(100.0))
    >>> ledger.cash
    100.0
    """

    def __init__(self, shares: Mapping[str, float] | None = None) -> None:
        self.entries: list[Entry] = []
        self.fills: list[Fill] = []
        self.cash = Money(0.0)
        self.shares: dict[str, float] = dict(shares or {})
        self._brought = dict(self.shares)
        self._changes: list[_Change] = []

    def book(self, at: Instant, account: Account, amount: Money, symbol: str = "") -> None:
        """Move cash; an amount of exactly 0 leaves no entry."""
        if amount != 0.0:
            self.entries.append(Entry(at, account, symbol, amount))
            self.cash = Money(self.cash + amount)

    def book_fill(self, fill: Fill) -> None:
        """Move shares and cash for a fill, and cash for each of its costs."""
        self.fills.append(fill)
        at, symbol = fill.at, fill.symbol
        self._hold(symbol, self.shares.get(symbol, 0.0) + fill.quantity)
        self.book(at, Account.TRADE, Money(-fill.notional), symbol)
        self.book(at, Account.COMMISSION, Money(-fill.commission), symbol)
        self.book(at, Account.HALF_SPREAD, Money(-fill.half_spread), symbol)
        self.book(at, Account.IMPACT, Money(-fill.impact), symbol)
        self.book(at, Account.STAMP_TAX, Money(-fill.stamp_tax), symbol)

    def book_ratio(self, symbol: str, ratio: float) -> None:
        """Turn each share held into ``ratio`` shares: a split, or a dividend in shares."""
        self._changes.append(_Change(len(self.fills), symbol, ratio))
        self._hold(symbol, self.shares.get(symbol, 0.0) * ratio)

    def reconcile(self, at: Instant, shares: Mapping[str, float], *, may_owe: bool = False) -> None:
        """Recount cash from the entries and shares from the fills, apart from any running total.

        Parameters
        ----------
        shares
            What the broker says is held; a symbol that is not there is not held.
        may_owe
            Whether cash and holdings may be negative: the account trades on margin.

        Raises
        ------
        LedgerError
            If cash differs by half a cent or more, or a holding by more than round-off, or either is negative where it
            must not be; what funding takes and forced sales cost beyond the cash there is may be owed.
        """
        counted = math.fsum(entry.amount for entry in self.entries)
        if abs(counted - self.cash) >= CENT / 2:
            raise self._error(at, f"{self.cash:.4f} in cash", f"{counted:.4f}, the sum of {len(self.entries)} entries")
        if self.cash < -CENT / 2 - self._charged() and not may_owe:
            raise self._error(at, f"a debt of {-self.cash:.4f}", "no debt: buys shrink to what cash can pay")
        filled, turned = self._count_again()
        for symbol in filled.keys() | shares.keys():
            held, bought = shares.get(symbol, 0.0), filled.get(symbol, 0.0)
            if held < 0.0 and not may_owe:
                raise self._error(at, f"{held} shares of {symbol}", "none sold that were not held")
            if abs(held - bought) > _SHARE_ROUND_OFF * max(1.0, turned[symbol]):
                raise self._error(at, f"{held} shares of {symbol}", f"{bought}, the sum of its fills")

    def frame(self) -> pl.DataFrame:
        """Return the entries: at, account, symbol, amount."""
        rows = [(entry.at, entry.account.value, entry.symbol, entry.amount) for entry in self.entries]
        schema = {"at": pl.Int64, "account": pl.String, "symbol": pl.String, "amount": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("at").cast(MOMENT))

    def _hold(self, symbol: str, shares: float) -> None:
        if shares != 0.0:
            self.shares[symbol] = shares
        else:
            self.shares.pop(symbol, None)

    def _charged(self) -> float:
        """Return what no order asked for and cash may not have covered: funding, and the costs of forced sales."""
        called = math.fsum(
            -entry.amount for entry in self.entries if entry.account in _CALLED_FOR and entry.amount < 0.0
        )
        sales = (fill for fill in self.fills if fill.quantity < 0.0)
        return called + math.fsum(max(fill.cost + fill.notional, 0.0) for fill in sales)

    def _count_again(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return shares by fills and corporate actions alone, and how many were moved."""
        filled: dict[str, float] = defaultdict(float, self._brought)
        turned: dict[str, float] = defaultdict(float)
        changes = iter(self._changes)
        change = next(changes, None)
        for number in range(len(self.fills) + 1):
            while change is not None and change.fills <= number:
                filled[change.symbol] *= change.ratio
                turned[change.symbol] *= max(change.ratio, 1.0)
                change = next(changes, None)
            if number < len(self.fills):
                fill = self.fills[number]
                filled[fill.symbol] += fill.quantity
                turned[fill.symbol] += abs(fill.quantity)
        return filled, turned

    @staticmethod
    def _error(at: Instant, found: str, expected: str) -> LedgerError:
        return LedgerError(
            found=f"at {format_instant(at)}: {found}",
            expected=expected,
            hint="this is a mistake in the engine; please report it",
        )

"""Counting a recorded backtest again, from its fills and flows alone, and refusing one whose books do not balance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.errors import LedgerError
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import CENT, FloatArray, Int64Array, Mask
from tidegate.engine.journal import Journal
from tidegate.engine.ledger import Account
from tidegate.engine.market import Market

__all__ = ["ACCOUNTS", "Booked", "Recount", "book_again", "count_again", "require_balance", "written"]

ACCOUNTS: Final = tuple(account.value for account in Account)
"""What a movement of cash was for, in the order in which a session books them."""

_FIRST_OF_FILL: Final = ACCOUNTS.index(Account.TRADE)
_INTEREST_KIND: Final = 0
_ROUND_OFF: Final = 1e-12
_SHARE_ROUND_OFF: Final = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Booked:
    """The ledger as arrays ``(n_entries,)``, in the order in which the engine booked.

    Parameters
    ----------
    row
        ``int64``: row of the account, 0 at its start.
    account
        ``int64``: place in :data:`ACCOUNTS`.
    place
        ``int64``: symbol, -1 where there is none.
    amount
        ``float64`` currency, positive when it comes in; never 0.
    """

    row: Int64Array
    account: Int64Array
    place: Int64Array
    amount: FloatArray

    def per_row(self, account: int, rows: int) -> FloatArray:
        """Return what came in on one account in each row, ``float64 (n_rows,)``."""
        here = self.account == account
        return _sum_by_row(self.row[here], self.amount[here], rows)


@dataclass(frozen=True, eq=False, kw_only=True)
class Recount:
    """What cash and shares must be by the journal.

    Parameters
    ----------
    place
        ``int64 (n_touched,)``: symbols that were ever traded, ascending.
    shares, mark
        ``float64 (n_rows, n_touched)`` after each close, and what one of them was worth.
    cash, invested, gross
        ``float64 (n_rows,)`` currency: the sum of all entries, of all positions, and of their absolute values.
    """

    place: Int64Array
    shares: FloatArray
    mark: FloatArray
    cash: FloatArray
    invested: FloatArray
    gross: FloatArray


def written(journal: Journal) -> Journal:
    """Return a journal cut to what was written into it.

    Raises
    ------
    LedgerError
        If more happened than there was room to write down.
    """
    decisions, targets, orders, fills, flows = journal.used.tolist()
    rooms = [len(part) for part in (journal.decision, journal.target, journal.order, journal.fill, journal.flow)]
    if any(used > room for used, room in zip(journal.used.tolist(), rooms, strict=True)):
        raise _mistake(f"records of {journal.used.tolist()} in room for {rooms}", "room for all of them")
    return Journal(
        used=journal.used,
        decision=journal.decision[:decisions],
        measure=journal.measure[:decisions],
        target=journal.target[:targets],
        current=journal.current[:targets],
        weight=journal.weight[:targets],
        keep=journal.keep[:targets],
        order=journal.order[:orders],
        size=journal.size[:orders],
        fill=journal.fill[:fills],
        paid=journal.paid[:fills],
        flow=journal.flow[:flows],
        amount=journal.amount[:flows],
    )


def book_again(journal: Journal, start: int, initial_cash: float) -> Booked:
    """Return every movement of cash that a journal tells of, the deposit first.

    Parameters
    ----------
    start
        Row of the market at which the account begins.
    """
    fills, flows = len(journal.fill), len(journal.flow)
    items = len(ACCOUNTS) - _FIRST_OF_FILL
    moved = -np.column_stack([journal.paid[:, 0] * journal.paid[:, 1], journal.paid[:, 2:]])
    flow_account = np.where(
        journal.flow[:, 2] == _INTEREST_KIND,
        ACCOUNTS.index(Account.INTEREST),
        ACCOUNTS.index(Account.CORPORATE_ACTIONS),
    )
    row = np.concatenate([[start], journal.flow[:, 1], np.repeat(journal.fill[:, 2], items)]) - start
    account = np.concatenate([[0], flow_account, np.tile(np.arange(_FIRST_OF_FILL, len(ACCOUNTS)), fills)])
    place = np.concatenate([[-1], np.full(flows, -1), np.repeat(journal.fill[:, 3], items)])
    amount = np.concatenate([[initial_cash], journal.amount, moved.ravel()])
    stage = np.concatenate([[0], np.ones(flows), np.full(fills * items, 2)])
    order = np.lexsort((np.arange(len(row)), stage, row))
    order = order[amount[order] != 0.0]
    return Booked(row=row[order].astype(np.int64), account=account[order], place=place[order], amount=amount[order])


def count_again(market: Market, journal: Journal, booked: Booked, start: int, rows: int) -> Recount:
    """Return cash, shares and their value at each close, counted from entries and fills."""
    place = np.unique(journal.fill[:, 3])
    shares = _shares(market, journal, place, start, rows)
    mark = np.ascontiguousarray(market.mark[start : start + rows][:, place])
    value = np.where(shares != 0.0, shares * mark, 0.0)
    # Extended precision, so that the count is better than what it is held against.
    came_in = _sum_by_row(booked.row, booked.amount, rows)
    return Recount(
        place=place,
        shares=shares,
        mark=mark,
        cash=np.cumsum(came_in, dtype=np.longdouble).astype(np.float64),
        invested=value.sum(axis=1),
        gross=np.abs(value).sum(axis=1),
    )


def _shares(market: Market, journal: Journal, place: Int64Array, start: int, rows: int) -> FloatArray:
    """Return shares after each close: corporate actions on what is held overnight, then the fills in their order."""
    row, column = journal.fill[:, 2] - start, np.searchsorted(place, journal.fill[:, 3])
    change, is_fill = journal.paid[:, 0], np.ones(len(row), dtype=np.bool_)
    actions = market.actions
    if actions is not None:
        used = np.flatnonzero((actions.row > start) & (actions.row < start + rows) & np.isin(actions.place, place))
        row = np.concatenate([actions.row[used] - start, row])
        column = np.concatenate([np.searchsorted(place, actions.place[used]), column])
        change = np.concatenate([actions.ratio[used], change])
        is_fill = np.concatenate([np.zeros(len(used), dtype=np.bool_), is_fill])
        order = np.argsort(row, kind="stable")
        row, column, change, is_fill = row[order], column[order], change[order], is_fill[order]
    held, after = [0.0] * len(place), []
    # One after the other, as the engine does, so that what is sold to nothing is nothing and not round-off.
    for at, number, adds in zip(column.tolist(), change.tolist(), is_fill.tolist(), strict=True):
        held[at] = held[at] + number if adds else held[at] * number
        after.append(held[at])
    newest = np.full((rows, len(place)), -1, dtype=np.int64)
    newest[row, column] = np.arange(len(row))
    return np.append(after, 0.0)[np.maximum.accumulate(newest, axis=0)]


def require_balance(
    times: Int64Array,
    recount: Recount,
    booked: Booked,
    *,
    equity: FloatArray,
    cash: FloatArray | None,
    final: tuple[Int64Array, FloatArray],
    paid: FloatArray,
    may_borrow: bool,
) -> None:
    """Hold what an engine says against the recount.

    Parameters
    ----------
    times
        ``int64 (n_rows,)`` closes.
    equity, cash
        ``float64 (n_rows,)`` as the engine says; cash None where it does not.
    final
        Symbols and shares that the engine holds in the end.
    paid
        ``float64 (6,)``: commission, half-spread, impact, stamp tax, interest and value traded, as the engine says.
    may_borrow
        Whether debts and short positions are allowed.

    Raises
    ------
    LedgerError
        If at any close cash, or cash and positions together, differ by half a cent or more (of accounts beyond five
        billion, by 1e-12 of them), a holding by more than round-off, or a sum of costs by half a cent; or if there is
        a debt or a short position that nobody allowed.
    """
    close = max(CENT / 2, _ROUND_OFF * float(np.abs(equity).max(initial=0.0)))
    if cash is not None:
        _same(times, cash, recount.cash, close, "in cash", f"the sum of {len(booked.amount)} entries")
    _same(times, equity, recount.cash + recount.invested, close, "of equity", "cash and positions together")
    _same_shares(times, recount, final)
    _same_costs(booked, paid, close)
    if not may_borrow:
        _no_debt(times, recount, booked, close)


def _same(times: Int64Array, found: FloatArray, counted: FloatArray, close: float, what: str, how: str) -> None:
    off = np.flatnonzero(~(np.abs(found - counted) < close))
    if off.size:
        at = int(off[0])
        raise _mistake(f"{_at(times, at)}: {found[at]:.4f} {what}", f"{counted[at]:.4f}, {how}")


def _same_shares(times: Int64Array, recount: Recount, final: tuple[Int64Array, FloatArray]) -> None:
    counted = dict(zip(recount.place.tolist(), recount.shares[-1].tolist(), strict=True))
    said = dict(zip(final[0].tolist(), final[1].tolist(), strict=True))
    for place in counted.keys() | said.keys():
        held, bought = said.get(place, 0.0), counted.get(place, 0.0)
        if not abs(held - bought) <= _SHARE_ROUND_OFF * max(1.0, abs(held)):
            raise _mistake(f"{_at(times, -1)}: {held} shares of symbol {place}", f"{bought}, the sum of its fills")


def _same_costs(booked: Booked, paid: FloatArray, close: float) -> None:
    said = [*(-paid[:4]).tolist(), float(paid[4])]
    named = ("commission", "half_spread", "impact", "stamp_tax", "interest")
    for account, amount in zip(named, said, strict=True):
        counted = float(booked.amount[booked.account == ACCOUNTS.index(account)].sum())
        if not abs(counted - amount) < close:
            raise _mistake(f"{amount:.4f} of {account} in all", f"{counted:.4f}, the sum of the ledger")
    traded = float(np.abs(booked.amount[booked.account == ACCOUNTS.index(Account.TRADE)]).sum())
    if not abs(traded - paid[5]) < max(close, _ROUND_OFF * traded):
        raise _mistake(f"{paid[5]:.4f} traded in all", f"{traded:.4f}, the sum of the ledger")


def _no_debt(times: Int64Array, recount: Recount, booked: Booked, close: float) -> None:
    """Refuse debts, but for what a forced exit costs beyond its value and what a position itself has to pay."""
    paid_out = np.minimum(booked.per_row(ACCOUNTS.index(Account.CORPORATE_ACTIONS), len(times)), 0.0)
    charged = paid_out + _beyond_their_value(booked, len(times))
    debt = np.flatnonzero(recount.cash < np.cumsum(charged) - close)
    if debt.size:
        at = int(debt[0])
        raise _mistake(
            f"{_at(times, at)}: a debt of {-recount.cash[at]:.4f}", "no debt: buys shrink to what cash can pay"
        )
    short = np.argwhere(recount.shares < 0.0)
    if short.size:
        at, k = int(short[0][0]), int(short[0][1])
        raise _mistake(
            f"{_at(times, at)}: {recount.shares[at, k]} shares of symbol {recount.place[k]}",
            "none sold that were not held",
        )


def _beyond_their_value(booked: Booked, rows: int) -> FloatArray:
    """Return, per row, what sales cost beyond what they brought: at most 0."""
    opens = booked.account == ACCOUNTS.index(Account.TRADE)
    of_fill: Mask = booked.account >= ACCOUNTS.index(Account.TRADE)
    number = np.cumsum(opens[of_fill]) - 1
    if not number.size:
        return np.zeros(rows)
    net = np.bincount(number, weights=booked.amount[of_fill])
    is_sale = booked.amount[opens] > 0.0
    return _sum_by_row(booked.row[opens], np.where(is_sale, np.minimum(net, 0.0), 0.0), rows)


def _sum_by_row(row: Int64Array, amount: FloatArray, rows: int) -> FloatArray:
    # Of no entries at all, bincount returns integers.
    return np.bincount(row, weights=amount, minlength=rows).astype(np.float64)


def _at(times: Int64Array, row: int) -> str:
    return f"at {format_instant(Instant(int(times[row])))}"


def _mistake(found: str, expected: str) -> LedgerError:
    return LedgerError(found=found, expected=expected, hint="this is a mistake in the engine; please report it")

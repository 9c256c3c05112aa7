"""One book's session, compiled: the steps of the kernel as the simulated broker calls them, one at a time."""

from __future__ import annotations

from typing import Any, Final

from tidegate.core.compiled import compiled
from tidegate.engine.book import Book, Tape, corporate_actions, credit_interest
from tidegate.engine.fill import Orders, book_orders, fill_orders, sell_at, want_targets, want_waiting
from tidegate.strategy.seam import Targets

__all__ = ["TO_TARGETS", "TO_UNITS", "WAITING", "fill_session", "sell_whole", "settle_book"]

TO_TARGETS: Final = 0
"""Orders go to target weights."""
WAITING: Final = 1
"""Orders are what is left of earlier ones."""
TO_UNITS: Final = 2
"""One order goes to a number of shares, beside names that stay."""


@compiled
def settle_book(book: Book, tape: Tape, row: int) -> tuple[float, float]:
    """Credit interest, then apply what happened overnight; return interest, and the cash of corporate actions."""
    earned = credit_interest(book, 0, tape, row)
    received = corporate_actions(book, 0, tape, row)
    return earned, received


@compiled
def fill_session(
    kind: int,
    targets: Targets,
    at: int,
    units: float,
    rules: Any,
    costs: Any,
    book: Book,
    tape: Tape,
    row: int,
    orders: Orders,
) -> None:
    """Fill the orders of a session and move cash and shares.

    Parameters
    ----------
    kind
        :data:`TO_TARGETS`, :data:`WAITING` or :data:`TO_UNITS`.
    at, units
        Where the one order stands among the targets, and how many shares it goes to.
    rules, costs
        One record each, ``(1,)``.
    """
    if kind == 1:
        want_waiting(rules[0], book, 0, tape, row, orders)
    else:
        want_targets(targets, book, 0, tape, row, orders)
    if kind == 2:
        orders.wanted[at] = units - orders.shares[at]
    fill_orders(rules[0], costs[0], book, 0, tape, row, orders)
    book_orders(book, 0, tape, row, orders)


@compiled
def sell_whole(
    costs: Any, book: Book, tape: Tape, known: int, at: int, price: float, spare_ruin: bool, items: Any
) -> bool:
    """Close one position at a price and take it out of the book; otherwise as :func:`~tidegate.engine.fill.sell_at`."""
    if not sell_at(costs[0], book, 0, tape, known, at, price, spare_ruin, items):
        return False
    for k in range(at, book.count[0] - 1):
        book.place[0, k] = book.place[0, k + 1]
        book.shares[0, k] = book.shares[0, k + 1]
        book.bought[0, k] = book.bought[0, k + 1]
    book.count[0] -= 1
    return True

"""Decisions, orders and fills: frozen values that pass from the strategy to the ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import FloatArray, Mask, Money, Notional, Price, Quantity

__all__ = ["Decision", "Fill", "Order", "OrderStatus", "Ticket"]


class OrderStatus(StrEnum):
    """How an order ended."""

    FILLED = "filled"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """Target weights decided at one instant.

    Parameters
    ----------
    at
        Decision instant: every input was known by then.
    weights
        ``float64 (n_symbols,)``, fractions of equity, what is missing to 1 is cash; or None, which holds the book.
    keep
        ``bool (n_symbols,)``: names whose shares stay as they are, such as suspended ones.
    reason
        The rule that produced them.
    own_reasons
        Another reason for single names, by place: one that is sold because it may no longer be held.
    """

    at: Instant
    weights: FloatArray | None
    keep: Mask
    reason: str
    own_reasons: Mapping[int, str] = field(default_factory=dict)

    def reason_of(self, place: int) -> str:
        """Return why a name is traded."""
        return self.own_reasons.get(place, self.reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A decision on one symbol alone, with levels that protect what it buys; other holdings stay as they are.

    Parameters
    ----------
    at
        Decision instant: every input was known by then.
    place
        Column of the symbol.
    units
        Shares to hold afterwards, 0 to leave; None where ``fraction`` says it.
    fraction
        The same as a fraction of equity, valued at the fill price before costs.
    stop_loss, take_profit
        How far below and above the fill price what is bought is sold within a session, as fractions; 0 means never.

    Raises
    ------
    InputError
        If the size is not said once, or a level is negative, or a stop lies at nothing.
    """

    at: Instant
    place: int = 0
    units: float | None = None
    fraction: float | None = None
    stop_loss: float = 0.0
    take_profit: float = 0.0

    def __post_init__(self) -> None:
        sizes = [size for size in (self.units, self.fraction) if size is not None]
        is_said_once = len(sizes) == 1 and 0.0 <= sizes[0] < math.inf
        if not is_said_once or not (0.0 <= self.stop_loss < 1.0 and 0.0 <= self.take_profit < math.inf):
            raise InputError(
                found=f"units {self.units}, fraction {self.fraction}, stop {self.stop_loss}, target {self.take_profit}",
                expected="units or a fraction, at least 0, a stop from 0 to below 1, a target of at least 0",
                hint="a ticket buys or leaves; a stop of 0.02 lies 2 % below the fill price",
            )


@dataclass(frozen=True, kw_only=True)
class Order:
    """A wish to trade, and what became of it."""

    decided_at: Instant
    at: Instant
    symbol: str
    quantity: Quantity
    status: OrderStatus
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A trade done.

    Parameters
    ----------
    decided_at, at
        Instants of decision and fill.
    quantity
        Shares, negative when sold.
    price
        Currency per share, before costs.
    commission, half_spread, impact, stamp_tax
        Costs in currency, each at least 0, paid out of cash.

    Raises
    ------
    LookAheadError
        If the fill does not lie strictly after its decision.
    """

    decided_at: Instant
    at: Instant
    symbol: str
    quantity: Quantity
    price: Price
    commission: Money
    half_spread: Money
    impact: Money
    stamp_tax: Money

    def __post_init__(self) -> None:
        if self.at <= self.decided_at:
            raise LookAheadError(
                found=f"{self.symbol}: a fill at {format_instant(self.at)}, decided {format_instant(self.decided_at)}",
                expected="fills strictly after their decision",
                hint="a decision at one close fills at the next open or close",
            )

    @property
    def notional(self) -> Notional:
        """Traded value, negative when sold."""
        return Notional(self.quantity * self.price)

    @property
    def cost(self) -> Money:
        """Everything paid for trading, in currency."""
        return Money(self.commission + self.half_spread + self.impact + self.stamp_tax)

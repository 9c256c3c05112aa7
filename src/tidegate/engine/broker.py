"""Filling a decision: the one place where target weights become trades."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidegate.core.orders import Decision, Fill, Order, OrderStatus
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Money, Price, Quantity
from tidegate.costs import CostModel, ItemisedCosts

__all__ = ["Quotes", "execute"]

_NEGLIGIBLE = 1e-9
"""Weights and orders below this fraction of equity count as zero."""
_HALVINGS = 60
_ROUND_OFF = 1e-12


@dataclass(frozen=True, eq=False)
class Quotes:
    """One bar as the broker sees it, each ``float64 (n_symbols,)``.

    ``price`` is NaN where nothing can be filled; ``last_mark`` is the close before this bar; ``volatility`` and
    ``daily_value`` were known at the decision.
    """

    price: FloatArray
    last_mark: FloatArray
    volatility: FloatArray | None
    daily_value: FloatArray | None


def execute(
    decision: Decision,
    at: Instant,
    shares: FloatArray,
    cash: float,
    quotes: Quotes,
    costs: CostModel,
    symbols: tuple[str, ...],
) -> tuple[list[Fill], list[Order]]:
    """Return the fills and orders that bring a book to a decision's weights at this bar's prices.

    The whole book is valued at fill prices, at the last close where there is none, before costs; shares are weight
    times value over price. Costs come out of cash; if cash is short, all buys shrink by one factor. An order that
    cannot be filled at this bar expires.
    """
    wanted = _wanted(decision, shares, cash, quotes)
    filled = _affordable_part(_fillable_part(wanted, quotes, costs), cash, quotes, costs)
    itemised = _itemise(costs, _notional(filled, quotes), quotes)
    places = np.flatnonzero(wanted).tolist()
    fills = [_fill(place, filled, itemised, decision, at, quotes, symbols) for place in places if filled[place] != 0.0]
    orders = [_order(place, wanted, filled, decision, at, quotes, symbols) for place in places]
    # Sells come first so that their proceeds pay for the buys; symbol order within each keeps sums reproducible.
    return sorted(fills, key=lambda fill: (fill.quantity > 0.0, fill.symbol)), orders


def _wanted(decision: Decision, shares: FloatArray, cash: float, quotes: Quotes) -> FloatArray:
    """Return the change of shares that the decision asks for, 0 where it is negligible."""
    if decision.weights is None:
        return np.zeros_like(shares)
    price = np.where(np.isfinite(quotes.price), quotes.price, quotes.last_mark)
    equity = cash + float(np.where(shares != 0.0, shares * price, 0.0).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        target = np.where(decision.weights > _NEGLIGIBLE, decision.weights * equity / price, 0.0)
        change = np.where(decision.keep, 0.0, target - shares)
        small = np.abs(change * price) < _NEGLIGIBLE * equity
    leaves = (target == 0.0) & (shares != 0.0) & ~decision.keep
    return np.where((small & ~leaves) | ~np.isfinite(change), 0.0, change)


def _fillable_part(wanted: FloatArray, quotes: Quotes, costs: CostModel) -> FloatArray:
    """Drop what has no price here, and sales whose costs are more than they bring."""
    quantity = np.where(np.isfinite(quotes.price), wanted, 0.0)
    notional = _notional(quantity, quotes)
    ruinous = (notional < 0.0) & (_itemise(costs, notional, quotes).total >= -notional)
    return np.where(ruinous, 0.0, quantity)


def _affordable_part(quantity: FloatArray, cash: float, quotes: Quotes, costs: CostModel) -> FloatArray:
    """Shrink all buys by the largest common factor that cash can pay for."""
    notional = _notional(quantity, quotes)
    buys, sells = np.maximum(notional, 0.0), np.minimum(notional, 0.0)
    available = max(cash - float(sells.sum()) - float(_itemise(costs, sells, quotes).total.sum()), 0.0)

    def needed(factor: float) -> float:
        return float(buys.sum()) * factor + float(_itemise(costs, buys * factor, quotes).total.sum())

    return np.where(quantity > 0.0, quantity * _affordable(needed, available), quantity)


def _notional(quantity: FloatArray, quotes: Quotes) -> FloatArray:
    return np.where(quantity != 0.0, quantity * quotes.price, 0.0)


def _affordable(needed: Callable[[float], float], available: float) -> float:
    """Return the largest factor up to 1 whose need is available; the need grows with the factor."""
    whole = needed(1.0)
    if whole <= available:
        return 1.0
    proportional = available / whole
    if abs(needed(proportional) - available) <= _ROUND_OFF * available:
        return proportional
    low, high = 0.0, 1.0  # minimum fees and impact are not proportional: halve the interval instead
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if needed(middle) <= available else (low, middle)
    return low


def _itemise(costs: CostModel, notional: FloatArray, quotes: Quotes) -> ItemisedCosts:
    return costs.itemise(notional, volatility=quotes.volatility, daily_value=quotes.daily_value)


def _fill(
    place: int,
    filled: FloatArray,
    itemised: ItemisedCosts,
    decision: Decision,
    at: Instant,
    quotes: Quotes,
    symbols: tuple[str, ...],
) -> Fill:
    return Fill(
        decided_at=decision.at,
        at=at,
        symbol=symbols[place],
        quantity=Quantity(float(filled[place])),
        price=Price(float(quotes.price[place])),
        commission=Money(float(itemised.commission[place])),
        half_spread=Money(float(itemised.half_spread[place])),
        impact=Money(float(itemised.impact[place])),
        stamp_tax=Money(float(itemised.stamp_tax[place])),
    )


def _order(
    place: int,
    wanted: FloatArray,
    filled: FloatArray,
    decision: Decision,
    at: Instant,
    quotes: Quotes,
    symbols: tuple[str, ...],
) -> Order:
    done = filled[place] != 0.0
    return Order(
        decided_at=decision.at,
        at=at,
        symbol=symbols[place],
        quantity=Quantity(float(wanted[place])),
        status=OrderStatus.FILLED if done else OrderStatus.EXPIRED,
        reason=decision.reason_of(place) if done else _why_not(float(wanted[place]), float(quotes.price[place])),
    )


def _why_not(wanted: float, price: float) -> str:
    if not np.isfinite(price):
        return "no price or no volume at the fill"
    return "no cash to pay for it" if wanted > 0.0 else "its costs are more than the sale brings"

"""The engine as its rules read: settle, fill, mark, decide, one name after the other and no arrays.

It is written apart from the compiled engine, and slow; that the two agree in every bit is what proves the other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY
from tidegate.core.units import BASIS_POINT, Mask
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import LEGACY_MARGIN, FillRules, Unfilled
from tidegate.engine.market import Market
from tidegate.strategy.long_short import LongShort
from tidegate.strategy.reference import Close, Memory, Past, PlainDecision, add_up, decide_plainly, observe
from tidegate.strategy.reference.long_short import Forecasts, decide_by_votes

__all__ = ["PlainFill", "PlainOrder", "ReferenceRun", "reference_backtest"]

_NEGLIGIBLE: Final = 1e-9
_ROUND_OFF: Final = 1e-12
_HALVINGS: Final = 60
_LEAST_IMPACT_BPS: Final = 0.5

Matrix = list[list[float]] | None


class PlainOrder(NamedTuple):
    """One try of an order: what was wanted, what was filled, and why not more."""

    row: int
    place: int
    wanted: float
    filled: float
    why: Unfilled


class PlainFill(NamedTuple):
    """A trade done; a forced exit is decided in its own row, by nobody."""

    decided_row: int
    row: int
    place: int
    quantity: float
    price: float
    commission: float
    half_spread: float
    impact: float
    stamp_tax: float


@dataclass
class ReferenceRun:
    """What happened.

    Parameters
    ----------
    equity, cash, exposure
        Currency, currency, and the invested fraction, at each close.
    decisions
        One at each close before a rebalance, and where the guard issues targets between them.
    orders
        Each try of each order in order of symbols; forced exits are none.
    fills
        Sells before buys within a session, each in order of symbols; forced exits last.
    counts
        How many rebalances each constraint bound (rule 20).
    shares
        What is held in the end, by place.
    """

    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    exposure: list[float] = field(default_factory=list)
    decisions: list[PlainDecision] = field(default_factory=list)
    orders: list[PlainOrder] = field(default_factory=list)
    fills: list[PlainFill] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    shares: list[float] = field(default_factory=list)


def reference_backtest(
    market: Market,
    settings: StrategySettings | LongShort,
    costs: CostModel,
    *,
    initial_cash: float,
    rebalances: Mask,
    defensives: tuple[int, ...] = (),
    rules: FillRules | None = None,
    periods_per_year: float = 252.0,
) -> ReferenceRun:
    """Run the rotation, or the second strategy, over a market, plainly.

    Of the legacy switches, the caller serves ``fee_ignored`` by its costs, ``fill_previous_close`` by the fill prices
    of the market, ``daily_is_weekly`` and ``holiday_week_skipped`` by ``rebalances``.

    Parameters
    ----------
    rebalances
        ``bool (n_times,)``: sessions at which decisions of the close before fill; the first row never trades.
    defensives
        Places in the order of ``settings.defensives``.
    rules
        What a session can take; none are the defaults. ``legacy.riskoff_keeps_book`` alone allows a gross of 2.
    """
    rules = rules or FillRules()
    gross_limit = rules.gross_limit
    if isinstance(settings, StrategySettings) and settings.legacy.riskoff_keeps_book and gross_limit == 0.0:
        gross_limit = LEGACY_MARGIN
    past = _past(market, defensives)
    book = _Book(market, past, costs, rules, gross_limit, initial_cash)
    memory, forecasts = Memory(peak=initial_cash), _forecasts(market, past)
    schedule = [bool(due) for due in rebalances]
    pending: PlainDecision | None = None
    for row in range(len(market.times)):
        if row > 0:
            book.settle(row)
            book.fill(row, pending)
        book.close(row)
        observe(memory, book.run.equity[row])
        pending = None
        if row + 1 < len(market.times):
            due, equity = schedule[row + 1], book.run.equity[row]
            if isinstance(settings, LongShort):
                pending = decide_by_votes(settings, forecasts, row, book.shares, equity, is_rebalance=due)
            else:
                close = Close(settings, past, row, book.shares, equity, periods_per_year)
                pending = decide_plainly(memory, close, is_rebalance=due)
            if pending is not None:
                book.run.decisions.append(pending)
    book.run.shares = list(book.shares)
    for decision in book.run.decisions:
        if decision.is_rebalance:
            book.run.counts.update(decision.binding)
    return book.run


def _past(market: Market, defensives: tuple[int, ...]) -> Past:
    return Past(
        close=market.close.tolist(),
        mark=market.mark.tolist(),
        traded=market.traded.tolist(),
        score=market.score.tolist(),
        member=None if market.member is None else market.member.tolist(),
        candidate=market.candidate.tolist(),
        benchmark=None if market.benchmark is None else market.benchmark.tolist(),
        benchmark_place=market.benchmark_place,
        defensives=defensives,
    )


def _forecasts(market: Market, past: Past) -> Forecasts:
    horizons = [] if market.signals is None else market.signals.tolist()
    return Forecasts(mark=past.mark, traded=past.traded, horizons=horizons)


@dataclass
class _Waiting:
    """What is left of an order, and how many sessions still try it."""

    quantity: float
    decided_row: int
    tries: int


class _Book:
    """Cash and shares, and what happens to them in a session."""

    def __init__(
        self, market: Market, past: Past, costs: CostModel, rules: FillRules, gross_limit: float, cash: float
    ) -> None:
        self.run = ReferenceRun()
        self.shares = [0.0] * len(market.symbols)
        self._cash = cash
        self._costs, self._rules, self._gross_limit = costs, rules, gross_limit
        self._waiting: dict[int, _Waiting] = {}
        self._bought_today = [0.0] * len(market.symbols)
        self._mark = past.mark
        self._days = [(time - 1) // DAY for time in market.times.tolist()]
        self._price: list[list[float]] = market.fill.tolist()
        self._interest: list[float] = market.interest.tolist()
        self._lot: list[float] = market.lot.tolist()
        self._last_row: list[int] = market.last_row.tolist()
        self._volatility: Matrix = None if market.volatility is None else market.volatility.tolist()
        self._daily_value: Matrix = None if market.daily_value is None else market.daily_value.tolist()
        self._session_value: Matrix = None if market.session_value is None else market.session_value.tolist()
        self._buy_blocked = None if market.buy_blocked is None else market.buy_blocked.tolist()
        self._sell_blocked = None if market.sell_blocked is None else market.sell_blocked.tolist()
        self._actions: list[tuple[int, int, float, float]] = []
        if market.actions is not None:
            four = (market.actions.row, market.actions.place, market.actions.ratio, market.actions.cash)
            self._actions = list(zip(*(column.tolist() for column in four), strict=True))

    def settle(self, row: int) -> None:
        """Book what happened overnight: interest on cash above 0, then corporate actions on what is held."""
        if self._days[row] != self._days[row - 1]:
            self._bought_today = [0.0] * len(self.shares)
        earned = self._interest[row]
        if math.isfinite(earned):
            self._cash += max(self._cash, 0.0) * earned
        received = 0.0
        for at, place, ratio, cash in self._actions:
            if at == row and self.shares[place] != 0.0:
                received += self.shares[place] * cash
                self.shares[place] *= ratio
                self._bought_today[place] *= ratio
            if at == row and place in self._waiting:
                self._waiting[place].quantity *= ratio
        self._cash += received

    def fill(self, row: int, decision: PlainDecision | None) -> None:
        """Trade towards new targets; without any, try again what waits."""
        if decision is not None and decision.targets is not None:
            self._waiting = {}
            wanted = self._wanted(row, decision.targets, decision.kept)
            tries = {
                place: _Waiting(wanted[place], decision.decided_row, self._rules.wait_bars) for place in sorted(wanted)
            }
        else:
            tries, self._waiting = self._waiting, {}
            for place, order in tries.items():
                order.tries -= 1
                if self._gross_limit == 0.0:  # who may not owe anything sells no more than there still is
                    order.quantity = max(order.quantity, -self.shares[place])
            tries = {place: order for place, order in sorted(tries.items()) if order.quantity != 0.0}
        if not tries:
            return
        filled, why = self._possible(row, {place: order.quantity for place, order in tries.items()})
        self._trade(row, filled, {place: order.decided_row for place, order in tries.items()})
        for place, order in tries.items():
            self.run.orders.append(PlainOrder(row, place, order.quantity, filled[place], why[place]))
            rest = order.quantity - filled[place]
            if rest != 0.0 and why[place] != Unfilled.NOTHING and order.tries > 0:
                self._waiting[place] = _Waiting(rest, order.decided_row, order.tries)

    def _value_price(self, row: int, place: int) -> float:
        """Return the fill price, or the last close where there is none, in shares as they are after a split."""
        price = self._price[row][place]
        if math.isfinite(price):
            return price
        price = self._mark[row - 1][place]
        for at, split, ratio, _ in self._actions:
            if at == row and split == place:
                price /= ratio
        return price

    def _value(self, row: int) -> float:
        """Return what the book is worth at fill prices, before costs (rule 6)."""
        held = [place for place, quantity in enumerate(self.shares) if quantity != 0.0]
        invested = add_up(self.shares[place] * self._value_price(row, place) for place in held)
        return self._cash + invested

    def _wanted(self, row: int, targets: dict[int, float], kept: set[int]) -> dict[int, float]:
        """Return the change of shares that targets ask for, without what is negligible (rule 18)."""
        equity = self._value(row)
        wanted = {}
        for place, held in enumerate(self.shares):
            if place in kept:
                continue
            weight, price = targets.get(place, 0.0), self._value_price(row, place)
            target = weight * equity / price if abs(weight) > _NEGLIGIBLE and equity > 0.0 else 0.0
            change = target - held
            if change == 0.0 or not math.isfinite(change):
                continue
            closes_position = target == 0.0
            if abs(change * price) < _NEGLIGIBLE * equity and not closes_position:
                continue
            wanted[place] = change
        return wanted

    def _possible(self, row: int, wanted: dict[int, float]) -> tuple[dict[int, float], dict[int, Unfilled]]:
        """Return what this session takes of each order, and the first rule that kept a part of it back."""
        filled, why = {}, {}
        for place in wanted:
            filled[place], why[place] = self._fillable(row, place, wanted[place])
        factor = self._affordable_part(row, filled)
        for place, quantity in filled.items():
            if quantity > 0.0 and factor < 1.0:
                filled[place] = self._whole_lots(place, quantity * factor)
                if factor < 1.0 - _ROUND_OFF:
                    why[place] = why[place] or Unfilled.NO_CASH
                if filled[place] * self._price[row][place] < _NEGLIGIBLE * self._value(row):
                    filled[place] = 0.0
        return filled, why

    def _fillable(self, row: int, place: int, wanted: float) -> tuple[float, Unfilled]:
        price = self._price[row][place]
        if not math.isfinite(price):
            return 0.0, Unfilled.NO_PRICE
        if wanted > 0.0 and self._buy_blocked is not None and self._buy_blocked[row][place]:
            return 0.0, Unfilled.LIMIT_UP
        if wanted < 0.0 and self._sell_blocked is not None and self._sell_blocked[row][place]:
            return 0.0, Unfilled.LIMIT_DOWN
        quantity, why = wanted, Unfilled.NOTHING
        locked = min(self._bought_today[place], max(self.shares[place], 0.0)) if self._rules.t_plus_one else 0.0
        free = self.shares[place] - locked
        if locked > 0.0 and quantity < -free:  # what was never bought may be sold short on any day
            quantity, why = -free, Unfilled.BOUGHT_TODAY
        limit = self._most_value(row, place)
        if abs(quantity) * price > limit:
            quantity, why = math.copysign(limit / price, quantity), why or Unfilled.PARTICIPATION
        lots = self._whole_lots(place, quantity)
        if lots != quantity:
            quantity, why = lots, why or Unfilled.LOT
        if quantity < 0.0 and add_up(self._itemise(row, place, quantity * price)) >= -(quantity * price):
            return 0.0, why or Unfilled.RUINOUS
        return quantity, why

    def _most_value(self, row: int, place: int) -> float:
        """Return what one order may be worth in this session; nothing where its traded value is not known."""
        if self._rules.participation == 0.0:
            return math.inf
        value = math.nan if self._session_value is None else self._session_value[row][place]
        return self._rules.participation * value if math.isfinite(value) else 0.0

    def _whole_lots(self, place: int, quantity: float) -> float:
        """Cut a change of shares to whole lots, toward nothing; a position may always be closed."""
        lot = self._lot[place]
        if lot <= 0.0 or quantity == -self.shares[place]:
            return quantity
        return math.trunc(quantity / lot) * lot

    def _itemise(self, row: int, place: int, notional: float) -> tuple[float, float, float, float]:
        """Return commission, half-spread, impact and stamp tax, by what was known at the close before."""
        size, costs = abs(notional), self._costs
        commission = max(size * costs.commission_bps * BASIS_POINT, costs.minimum_fee) if size > 0.0 else 0.0
        half_spread = size * costs.half_spread_bps * BASIS_POINT
        stamp_tax = size * costs.stamp_tax_sell_bps * BASIS_POINT if notional < 0.0 else 0.0
        return commission, half_spread, size * self._impact_rate(row, place, size), stamp_tax

    def _impact_rate(self, row: int, place: int, size: float) -> float:
        if self._volatility is None or self._daily_value is None or self._costs.impact_coefficient == 0.0:
            return 0.0
        volatility, daily_value = self._volatility[row - 1][place], self._daily_value[row - 1][place]
        if not (math.isfinite(volatility) and daily_value > 0.0 and size > 0.0):
            return 0.0
        rate = self._costs.impact_coefficient * volatility * math.sqrt(size / daily_value)
        return max(rate, _LEAST_IMPACT_BPS * BASIS_POINT)

    def _affordable_part(self, row: int, filled: dict[int, float]) -> float:
        """Return the factor up to 1 by which all buys shrink, so that cash, or the gross limit, allows them."""
        notional = {place: filled[place] * self._price[row][place] for place in filled if filled[place] != 0.0}
        buys = {place: value for place, value in notional.items() if value > 0.0}
        sells = {place: value for place, value in notional.items() if value < 0.0}
        bought = add_up(buys.values())
        if self._gross_limit > 0.0:
            return self._part_within_gross(row, bought, filled)
        proceeds_cost = add_up(add_up(self._itemise(row, place, value)) for place, value in sells.items())
        available = max(self._cash - add_up(sells.values()) - proceeds_cost, 0.0)

        def needed(factor: float) -> float:
            costs = (add_up(self._itemise(row, place, value * factor)) for place, value in buys.items())
            return bought * factor + add_up(costs)

        return _affordable(needed, available)

    def _part_within_gross(self, row: int, bought: float, filled: dict[int, float]) -> float:
        """Return the factor that keeps positions after the sales within a multiple of the book's value."""
        stays = [self.shares[place] + min(filled.get(place, 0.0), 0.0) for place in range(len(self.shares))]
        gross = add_up(
            abs(quantity * self._value_price(row, place)) for place, quantity in enumerate(stays) if quantity != 0.0
        )
        then = [self.shares[place] + filled.get(place, 0.0) for place in range(len(self.shares))]
        whole = add_up(
            abs(quantity * self._value_price(row, place)) for place, quantity in enumerate(then) if quantity != 0.0
        )
        allowed = self._gross_limit * self._value(row)
        if bought == 0.0 or whole <= allowed * (1.0 + _ROUND_OFF):
            return 1.0
        return min(max(allowed - gross, 0.0) / bought, 1.0)

    def _trade(self, row: int, filled: dict[int, float], decided: dict[int, int]) -> None:
        """Book fills: sells first, each kind in order of symbols."""
        for place in sorted((place for place in filled if filled[place] != 0.0), key=lambda at: (filled[at] > 0.0, at)):
            self._book(decided[place], row, place, filled[place], self._price[row][place])
            if filled[place] > 0.0:
                self._bought_today[place] += filled[place]

    def _book(self, decided_row: int, row: int, place: int, quantity: float, price: float) -> None:
        """Move cash and shares for one fill: its value, then each of its costs."""
        notional = quantity * price
        costs = self._itemise(row, place, notional)
        self._cash -= notional
        for cost in costs:
            self._cash -= cost
        self.shares[place] += quantity
        self.run.fills.append(PlainFill(decided_row, row, place, quantity, price, *costs))

    def close(self, row: int) -> None:
        """Sell what had its last session here (rule 17), and value the rest at the close."""
        for place, last in enumerate(self._last_row):
            if last == row and self.shares[place] != 0.0:
                self._book(row, row, place, -self.shares[place], self._mark[row][place] * (1.0 - self._rules.haircut))
            if last == row:
                self._waiting.pop(place, None)
        held = [place for place, quantity in enumerate(self.shares) if quantity != 0.0]
        invested = add_up(self.shares[place] * self._mark[row][place] for place in held)
        equity = self._cash + invested
        self.run.cash.append(self._cash)
        self.run.equity.append(equity)
        self.run.exposure.append(invested / equity)


def _affordable(needed: Callable[[float], float], available: float) -> float:
    """Return the largest factor up to 1 whose need is available; the need grows with the factor."""
    whole = needed(1.0)
    if whole <= available:
        return 1.0
    proportional = available / whole
    if abs(needed(proportional) - available) <= _ROUND_OFF * available:
        return proportional
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if needed(middle) <= available else (low, middle)
    return low

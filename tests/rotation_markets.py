"""Tiny markets written by hand, and one way to run the rotation over them, whichever engine does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rotation_kernel import kernel_backtest
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Mask
from tidegate.costs import CostModel
from tidegate.engine.market import CorporateActions, Market, carried_forward
from tidegate.engine.reference import ReferenceRun, reference_backtest

NAN = float("nan")
FREE = CostModel()
Column = Sequence[float] | float
Rows = Iterable[int]

ENGINES: dict[str, Callable[..., ReferenceRun]] = {"kernel": kernel_backtest, "reference": reference_backtest}
"""What must obey the rules; each is called like :func:`~tidegate.engine.reference.reference_backtest`."""


def market_of(
    closes: Mapping[str, Column],
    scores: Mapping[str, Column] | None = None,
    *,
    rows: int = 0,
    fills: Mapping[str, Column] | None = None,
    suspended: Mapping[str, Rows] | None = None,
    unfillable: Mapping[str, Rows] | None = None,
    outside: Mapping[str, Rows] | None = None,
    not_chosen: Sequence[str] = (),
    benchmark: str = "",
    days: Sequence[str] = (),
    lots: Mapping[str, float] | None = None,
    interest: Sequence[float] | None = None,
    last_rows: Mapping[str, int] | None = None,
    limit_up: Mapping[str, Rows] | None = None,
    limit_down: Mapping[str, Rows] | None = None,
    session_value: Column | None = None,
    volatility: Sequence[Sequence[float]] | None = None,
    daily_value: Sequence[Sequence[float]] | None = None,
    actions: Sequence[tuple[int, str, float, float]] = (),
    bars_per_day: int = 1,
) -> Market:
    """Return a market; a number stands for a column of it, and what is left out does nothing.

    Parameters
    ----------
    closes, scores, fills
        By symbol, one value per row; NaN is no bar, no score, no fill. Orders fill at the close where ``fills`` says
        nothing.
    suspended
        Rows without a bar: not tradable, and no fill either. The close stays.
    unfillable
        Rows with a bar at which nothing fills.
    outside
        Rows at which a symbol is no member of the universe.
    not_chosen
        Defensive assets; the benchmark is one of its own.
    days
        Dates of the closes, at 21:00 UTC; every day from Monday, 2024-01-01, where there are none.
    actions
        Row, symbol, shares after per share before, cash per share.
    """
    symbols = tuple(sorted(closes))
    columns = [*closes.values(), *(scores or {}).values(), *(fills or {}).values(), session_value]
    count = max(rows, len(days), 1, *(len(column) for column in columns if isinstance(column, Sequence)))
    known = _matrix(closes, symbols, count)
    close = carried_forward(known)
    traded = np.isfinite(known) & ~_marked(suspended, symbols, count)
    fill = np.where(traded, _matrix({**closes, **(fills or {})}, symbols, count), np.nan)
    fill[_marked(unfillable, symbols, count)] = np.nan
    place = symbols.index(benchmark) if benchmark else -1
    return Market(
        times=_times(days, count, bars_per_day),
        symbols=symbols,
        close=close,
        mark=close,
        traded=traded,
        fill=fill,
        score=_matrix(scores or {}, symbols, count),
        candidate=np.array([symbol not in {benchmark, *not_chosen} for symbol in symbols]),
        lot=np.array([(lots or {}).get(symbol, 0.0) for symbol in symbols]),
        interest=np.zeros(count) if interest is None else np.array(interest, dtype=np.float64),
        last_row=np.array([(last_rows or {}).get(symbol, -1) for symbol in symbols], dtype=np.int64),
        benchmark_place=place,
        benchmark=close[:, place].copy() if benchmark else None,
        member=None if outside is None else ~_marked(outside, symbols, count),
        session_value=None if session_value is None else _matrix(dict.fromkeys(symbols, session_value), symbols, count),
        volatility=None if volatility is None else np.array(volatility),
        daily_value=None if daily_value is None else np.array(daily_value),
        buy_blocked=None if limit_up is None else _marked(limit_up, symbols, count),
        sell_blocked=None if limit_down is None else _marked(limit_down, symbols, count),
        actions=_actions(actions, symbols),
    )


def _matrix(columns: Mapping[str, Column], symbols: tuple[str, ...], count: int) -> FloatArray:
    return np.column_stack([np.broadcast_to(np.array(columns.get(s, NAN), dtype=np.float64), count) for s in symbols])


def _marked(places: Mapping[str, Rows] | None, symbols: tuple[str, ...], count: int) -> Mask:
    marked = np.zeros((count, len(symbols)), dtype=np.bool_)
    for symbol, rows in (places or {}).items():
        marked[list(rows), symbols.index(symbol)] = True
    return marked


def _times(days: Sequence[str], count: int, bars_per_day: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    if days:
        return np.array([parse_instant(day) + 21 * HOUR for day in days], dtype=np.int64)
    bars = np.arange(count, dtype=np.int64)
    return parse_instant("2024-01-01") + 15 * HOUR + bars // bars_per_day * DAY + bars % bars_per_day * HOUR


def _actions(actions: Sequence[tuple[int, str, float, float]], symbols: tuple[str, ...]) -> CorporateActions | None:
    if not actions:
        return None
    return CorporateActions(
        row=np.array([action[0] for action in actions], dtype=np.int64),
        place=np.array([symbols.index(action[1]) for action in actions], dtype=np.int64),
        ratio=np.array([action[2] for action in actions]),
        cash=np.array([action[3] for action in actions]),
    )


def run_rotation(
    market: Market,
    settings: StrategySettings,
    *,
    engine: str = "reference",
    rebalances: Rows | Mask | None = None,
    costs: CostModel = FREE,
    cash: float = 1000.0,
    **more: Any,
) -> ReferenceRun:
    """Run the rotation from 1,000 without costs, at every session unless ``rebalances`` names rows."""
    if rebalances is None:
        due = np.ones(len(market.times), dtype=np.bool_)
    elif isinstance(rebalances, np.ndarray):
        due = rebalances
    else:
        due = np.isin(np.arange(len(market.times)), list(rebalances))
    places = tuple(market.symbols.index(symbol) for symbol in settings.defensives)
    return ENGINES[engine](market, settings, costs, initial_cash=cash, rebalances=due, defensives=places, **more)


def targets_by_symbol(run: ReferenceRun, market: Market, decided_row: int) -> dict[str, float] | None:
    """Return the target weights decided at one close, rounded to 12 digits; None where the book was held."""
    (decision,) = [one for one in run.decisions if one.decided_row == decided_row]
    if decision.targets is None:
        return None
    return {market.symbols[place]: round(weight, 12) for place, weight in sorted(decision.targets.items())}


def binding_of(run: ReferenceRun, decided_row: int) -> set[str]:
    """Return what bound the decision of one close."""
    (decision,) = [one for one in run.decisions if one.decided_row == decided_row]
    return set(decision.binding)


def trades_by_symbol(run: ReferenceRun, market: Market) -> list[tuple[int, str, float, float]]:
    """Return row, symbol, quantity and price of each fill, in their order, rounded to 9 digits."""
    return [(fill.row, market.symbols[fill.place], round(fill.quantity, 9), round(fill.price, 9)) for fill in run.fills]

"""A recorded backtest as frames that balance: decisions, targets, orders, fills, ledger, positions and each close."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.fingerprint import array_fingerprint
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import Instant, format_instant
from tidegate.engine.journal import Journal
from tidegate.engine.market import Market
from tidegate.engine.record_frames import (
    daily_frame,
    decision_frame,
    fill_frame,
    ledger_frame,
    order_frame,
    position_frame,
    target_frame,
)
from tidegate.engine.recount import book_again, count_again, require_balance, written
from tidegate.engine.sweep import Sweep, Trial

__all__ = ["Recording", "record_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
    """One backtest, written down. Instants are closes, UTC; amounts are currency; weights are fractions of equity.

    Parameters
    ----------
    daily
        Each close: time, equity, cash, invested (signed), exposure (of absolute positions), holdings; of its session:
        commission, half_spread, impact, stamp_tax (paid, at least 0), interest, corporate_actions (received), traded
        (both sides), turnover (half of it by equity), decided (the step whose decision filled, if any), binding (what
        limited the last decision, whether it traded or held).
    decisions
        Each rebalance, and each trade of the guard: decided_at, fill_at, rebalances, action, step, binding, pick,
        drawdown, tier_cap, sigma (annual, null where it was not measured), exposure (null where none was worked out),
        turnover (before its limit), stuck (weight of what cannot trade), reason.
    targets
        The vector of each decision that trades: decided_at, symbol, current, weight, keep (shares stay as they are,
        so that its weight is the current one).
    orders
        Each try: decided_at, at, symbol, wanted, filled (shares), status, reason. ``filled`` is all of it,
        the rest of ``waiting`` is tried again in a later row, that of ``partly filled`` and ``expired`` is not.
    fills
        Each trade: decided_at, at, symbol, quantity, price, commission, half_spread, impact, stamp_tax, notional.
    positions
        Each close and symbol held: time, symbol, shares, mark, value, weight.
    ledger
        Each movement of cash: at, account, symbol, amount.
    order_list
        SHA-256 of all orders and fills, to the last bit: equal for equal trading, whatever else the market holds.
    """

    daily: pl.DataFrame
    decisions: pl.DataFrame
    targets: pl.DataFrame
    orders: pl.DataFrame
    fills: pl.DataFrame
    positions: pl.DataFrame
    ledger: pl.DataFrame
    order_list: str

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return every frame by its name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, pl.DataFrame)}


def record_of(market: Market, sweep: Sweep, number: int = 0, *, trial: Trial | None = None) -> Recording:
    """Return what one parameter set of a recorded sweep did, after counting all of it again.

    Parameters
    ----------
    market
        What the sweep ran over.
    number
        Which parameter set.
    trial
        Its settings and rules, which say whether debts and short positions are allowed; None means that they are not.

    Raises
    ------
    InputError
        If the sweep was not recorded, or ran over another market.
    LookAheadError
        If a fill does not come after its decision.
    LedgerError
        If the books do not balance; see :func:`~tidegate.engine.recount.require_balance`.
    """
    rows = len(sweep.times)
    start = len(market.times) - rows
    if number >= len(sweep.journals) or start < 0 or not np.array_equal(market.times[start:], sweep.times):
        raise InputError(
            found=f"set {number} of a sweep with {len(sweep.journals)} journals over {rows} rows",
            expected="a recorded sweep over this market",
            hint="run it with records=True",
        )
    journal = written(sweep.journals[number])
    _require_order(market, journal)
    equity = np.ascontiguousarray(sweep.equity[:, number])
    cash = np.ascontiguousarray(sweep.cash[:, number]) if sweep.cash.size else None
    booked = book_again(journal, start, float(equity[0]))
    recount = count_again(market, journal, booked, start, rows)
    require_balance(
        sweep.times,
        recount,
        booked,
        equity=equity,
        cash=cash,
        final=(sweep.final_place[number], sweep.final_shares[number]),
        paid=sweep.paid[number],
        may_borrow=trial is not None and _may_borrow(trial),
    )
    targets = target_frame(market, journal)
    kept_cash = recount.cash if cash is None else cash
    return Recording(
        daily=daily_frame(sweep.times, journal, booked, recount, equity, kept_cash, start),
        decisions=decision_frame(market, journal, targets),
        targets=targets,
        orders=order_frame(market, journal),
        fills=fill_frame(market, journal),
        positions=position_frame(market, recount, equity, start),
        ledger=ledger_frame(market, booked, start),
        order_list=_order_list(market, journal),
    )


def _may_borrow(trial: Trial) -> bool:
    settings = trial.settings
    keeps_book = isinstance(settings, StrategySettings) and settings.legacy.riskoff_keeps_book
    return keeps_book or trial.rules.gross_limit > 0.0


def _require_order(market: Market, journal: Journal) -> None:
    early = np.flatnonzero(journal.fill[:, 2] <= journal.fill[:, 1])
    if early.size:
        decided, at, place = journal.fill[early[0], 1:].tolist()
        filled_at, decided_at = (format_instant(Instant(int(market.times[row]))) for row in (at, decided))
        raise LookAheadError(
            found=f"{market.symbols[place]}: a fill at {filled_at}, decided {decided_at}",
            expected="fills strictly after their decision",
            hint="a decision at one close fills at the next open or close",
        )


def _order_list(market: Market, journal: Journal) -> str:
    places = np.unique(np.concatenate([journal.order[:, 3], journal.fill[:, 3]]))
    parts: list[npt.NDArray[Any]] = [np.array([market.symbols[place] for place in places.tolist()], dtype=np.str_)]
    for events, sizes in ((journal.order, journal.size), (journal.fill, journal.paid)):
        parts += [market.times[events[:, 1:3]], np.searchsorted(places, events[:, 3]), events[:, 4:], sizes + 0.0]
    return array_fingerprint(*parts)

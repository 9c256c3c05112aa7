"""One symbol by signals in vector form: entries and exits in, equity and trades out, at the speed of compiled code.

It does what :class:`~tidegate.strategy.signal_rule.SignalStrategy` does in the event loop, with the same fills to the
last bit, where all signals are known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.errors import InputError
from tidegate.core.panel import read_only
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.costs import CostModel
from tidegate.engine.book import Tape, new_book
from tidegate.engine.fill import new_orders
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.signal_kernel import Plan, Track, follow_signals, new_track
from tidegate.strategy.seam import Note, new_targets
from tidegate.strategy.signal_rule import Position

__all__ = ["Bars", "SignalRun", "trade_signals"]

_WHY: Final = ("open", "signal", "stop", "target")


@dataclass(frozen=True, eq=False, kw_only=True)
class Bars:
    """Prices of one symbol, each ``float64 (n_times,)``, finite and above 0."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class SignalRun:
    """What came of signals.

    Parameters
    ----------
    equity
        ``float64 (n_times,)`` currency at each close.
    entry_row, exit_row
        ``int64 (n_positions,)``: bars of the fills; an exit of -1 is still to come.
    why
        ``int64``: 0 still open, 1 left by a signal, 2 by the stop, 3 by the target.
    units, entry_price, exit_price, cost
        ``float64``: shares, prices before costs, and costs of both sides in currency.
    """

    equity: FloatArray
    entry_row: Int64Array
    exit_row: Int64Array
    why: Int64Array
    units: FloatArray
    entry_price: FloatArray
    exit_price: FloatArray
    cost: FloatArray

    def trades(self) -> pl.DataFrame:
        """Return one row for each position, with its profit after costs; null where it is still open."""
        is_open = pl.col("exit_row") < 0
        gained = pl.col("units") * (pl.col("exit_price") - pl.col("entry_price")) - pl.col("cost")
        frame = pl.DataFrame(
            {
                "entry_row": self.entry_row,
                "exit_row": self.exit_row,
                "why": [_WHY[why] for why in self.why.tolist()],
                "units": self.units,
                "entry_price": self.entry_price,
                "exit_price": self.exit_price,
                "cost": self.cost,
            },
            schema_overrides={"why": pl.String},
        )
        shown = {"exit_row": pl.col("exit_row"), "exit_price": pl.col("exit_price"), "profit": gained}
        return frame.with_columns(pl.when(~is_open).then(value).alias(name) for name, value in shown.items())


def trade_signals(
    bars: Bars,
    entries: Mask,
    exits: Mask,
    position: Position,
    *,
    costs: CostModel | None = None,
    initial_cash: float,
) -> SignalRun:
    """Trade one symbol, long or flat, by signals that the closes gave.

    A signal at the close of bar *t* fills at the open of bar *t + 1*. From that bar on, the low is held against the
    stop and then the high against the target; such a sale happens at its level, or at the open if that lies beyond it.
    A signal to enter while something is held does nothing; nor does one beside a signal to leave.

    Parameters
    ----------
    entries, exits
        ``bool (n_times,)``, each known at its own close.
    position
        Size and protective levels.
    costs
        None means none. Impact needs a market: see :func:`tidegate.engine.loop.run_loop`.
    initial_cash
        Currency before the first bar; a purchase that it cannot pay for shrinks.

    Raises
    ------
    InputError
        If the arrays differ in length, or a price is not a number above 0.

    Examples
    --------
    >>> price = np.array([10.0, 10.0, 12.0, 11.0])
    >>> bars = Bars(open=price, high=price, low=price, close=price)
    >>> entries, exits = np.array([True, False, False, False]), np.array([False, True, False, False])
    >>> trade_signals(bars, entries, exits, Position(units=5.0), initial_cash=100.0).equity.tolist()
    [100.0, 100.0, 110.0, 110.0]
    """
    bars = _usable(bars, entries, exits)
    count = len(bars.close)
    book, targets, orders, track = new_book(1, 1, initial_cash), new_targets(1), new_orders(1), new_track(count)
    targets.number[Note.COUNT] = 1
    by_units = position.units is not None
    size = position.units if position.units is not None else position.fraction
    plan = Plan(by_units, float(size or 0.0), float(position.stop_loss), float(position.take_profit))
    positions = follow_signals(
        read_only(np.ascontiguousarray(entries)), read_only(np.ascontiguousarray(exits)), read_only(bars.high),
        read_only(bars.low), plan, FillRules().record(), (costs or CostModel()).record(), book,
        _tape(bars), targets, orders, np.zeros(6), track,
    )  # fmt: skip
    return _as_run(track, positions)


def _as_run(track: Track, positions: int) -> SignalRun:
    rows, figures = track.row[:positions].copy(), track.figure[:positions].copy()
    return SignalRun(
        equity=track.equity,
        entry_row=rows[:, 0],
        exit_row=rows[:, 1],
        why=rows[:, 2],
        units=figures[:, 0],
        entry_price=figures[:, 1],
        exit_price=figures[:, 2],
        cost=figures[:, 3],
    )


def _usable(bars: Bars, entries: Mask, exits: Mask) -> Bars:
    """Return the prices as compiled code takes them, if they are some."""
    prices = {field.name: np.ascontiguousarray(getattr(bars, field.name), dtype=np.float64) for field in fields(Bars)}
    lengths = {len(values) for values in (*prices.values(), entries, exits)}
    if len(lengths) != 1 or entries.dtype != np.bool_ or exits.dtype != np.bool_:
        raise InputError(
            found=f"lengths {sorted(lengths)}, signals of {entries.dtype} and {exits.dtype}",
            expected="four columns of prices and two of bool, of one length",
            hint="a signal belongs to the close of its own bar",
        )
    for name, values in prices.items():
        if not (values.min(initial=np.inf) > 0.0 and values.max(initial=0.0) < np.inf):
            at = int(np.argmin(np.isfinite(values) & (values > 0.0)))
            raise InputError(
                found=f"{name} {values[at]} at bar {at}",
                expected="prices above 0 without gaps",
                hint="leave out bars without a price, or carry the last one forward",
            )
    return Bars(**prices)


def _tape(bars: Bars) -> Tape:
    """Return the bars as a market of one symbol in which nothing else happens."""
    nothing, no_mask = read_only(np.zeros((0, 0))), read_only(np.zeros((0, 0), dtype=np.bool_))
    integers = read_only(np.zeros(0, dtype=np.int64))
    count = len(bars.close)
    return Tape(
        mark=_column(bars.close),
        fill=_column(bars.open),
        volatility=nothing,
        daily_value=nothing,
        session_value=nothing,
        buy_blocked=no_mask,
        sell_blocked=no_mask,
        lot=read_only(np.zeros(1)),
        interest=read_only(np.zeros(0)),
        last_row=read_only(np.full(1, -1, dtype=np.int64)),
        ends=read_only(np.zeros(0, dtype=np.bool_)),
        day=read_only(np.zeros(count, dtype=np.int64)),
        action_start=integers,
        action_place=integers,
        action_ratio=read_only(np.zeros(0)),
        action_cash=read_only(np.zeros(0)),
    )


def _column(values: FloatArray) -> FloatArray:
    return read_only(values[:, None])

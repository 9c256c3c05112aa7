"""The journal of a backtest as frames: symbols by name, instants instead of rows, codes in words."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.tables import MOMENT
from tidegate.engine.fill_rules import Unfilled
from tidegate.engine.journal import Journal
from tidegate.engine.market import Market
from tidegate.engine.recount import ACCOUNTS, Booked, Recount
from tidegate.strategy.benchmarks import NOT_A_MEMBER
from tidegate.strategy.seam import Action, Binding, Step

__all__ = [
    "binding_names",
    "daily_frame",
    "decision_frame",
    "fill_frame",
    "ledger_frame",
    "order_frame",
    "position_frame",
    "step_name",
    "target_frame",
]

_WHY: Final = {
    Step.NONE: "",
    Step.RANKING: "the best scores",
    Step.GUARD: "the drawdown guard is locked",
    Step.FILTER: "the benchmark is below its average",
    Step.TIER: "the drawdown tier leaves no exposure",
    Step.STALE: "no fresh scores",
    Step.NOT_READY: "too few closes for the average of the benchmark",
    Step.EMPTY: "no name may be chosen",
    Step.SIGNS: "the signs of the forecasts",
}
_MEASURES: Final = ("drawdown", "tier_cap", "sigma", "exposure", "turnover", "stuck")


def binding_names(binding: int) -> list[str]:
    """Return the constraints in a set of them, in their order.

    Examples
    --------
    >>> binding_names(Binding.CAP | Binding.TIER)
    ['cap', 'tier']
    """
    return [member.name.lower() for member in Binding if member.name and member & binding]


def step_name(step: int) -> str:
    """Return a step of the strategy in one word.

    Examples
    --------
    >>> step_name(Step.NOT_READY)
    'not_ready'
    """
    return Step(step).name.lower()


def decision_frame(market: Market, journal: Journal, targets: pl.DataFrame) -> pl.DataFrame:
    """Return one row per decision: at every rebalance, and where the guard trades between them.

    Parameters
    ----------
    targets
        As :func:`target_frame` gives it, of which the turnover of risk-off is made: no limit applies there.
    """
    row, action, step = journal.decision[:, 1], journal.decision[:, 3], journal.decision[:, 5]
    measures = {name: journal.measure[:, place] for place, name in enumerate(_MEASURES)}
    ranked = np.isin(step, (Step.RANKING, Step.EMPTY, Step.SIGNS))
    moved = targets.group_by("decided_at").agg((pl.col("weight") - pl.col("current")).abs().sum() / 2.0)
    frame = pl.DataFrame(
        {
            "decided_at": _instants(market.times, row),
            "fill_at": _instants(market.times, row + 1),
            "rebalances": journal.decision[:, 2] != 0,
            "action": [Action(one).name.lower() for one in action.tolist()],
            "step": [step_name(one) for one in step.tolist()],
            "binding": _bindings(journal.decision[:, 4]),
            "pick": _names(market.symbols, journal.decision[:, 6]),
            "drawdown": measures["drawdown"],
            "tier_cap": measures["tier_cap"],
            "sigma": _where(measures["sigma"] > 0.0, measures["sigma"]),
            "exposure": _where(measures["exposure"] > 0.0, measures["exposure"]),
            "limited_turnover": _where(ranked, measures["turnover"]),
            "stuck": measures["stuck"],
            "reason": _reasons(step, journal.decision[:, 4]),
        },
        schema_overrides={"action": pl.String, "step": pl.String, "reason": pl.String},
    )
    with_moves = frame.join(moved.rename({"weight": "moved"}), on="decided_at", how="left", maintain_order="left")
    turnover = (
        pl.when(pl.col("limited_turnover") > 0.0).then("limited_turnover").otherwise(pl.col("moved").fill_null(0.0))
    )
    at = frame.columns.index("limited_turnover")
    return with_moves.select(*frame.columns[:at], turnover.alias("turnover"), *frame.columns[at + 1 :])


def _reasons(step: Int64Array, binding: Int64Array) -> list[str]:
    stale = (step == Step.EMPTY) & ((binding & Binding.STALE_SCORES) != 0)
    return [
        _WHY[Step.STALE] if old else _WHY[Step(one)] for one, old in zip(step.tolist(), stale.tolist(), strict=True)
    ]


def target_frame(market: Market, journal: Journal) -> pl.DataFrame:
    """Return the target vector of each decision that trades: the union of what is held and what is wanted."""
    first = journal.decision[:, 7]
    counts = np.diff(np.append(first, len(journal.target)))
    row = np.repeat(journal.decision[:, 1], counts)
    return pl.DataFrame(
        {
            "decided_at": _instants(market.times, row),
            "symbol": _names(market.symbols, journal.target),
            "current": journal.current,
            "weight": np.where(journal.keep, journal.current, journal.weight),
            "keep": journal.keep,
        }
    )


def order_frame(market: Market, journal: Journal) -> pl.DataFrame:
    """Return one row per try of an order, with what became of it."""
    words = pl.Series([reason.reason for reason in Unfilled])
    raw = pl.DataFrame(
        {
            "decided": journal.order[:, 1],
            "row": journal.order[:, 2],
            "place": journal.order[:, 3],
            "decided_at": _instants(market.times, journal.order[:, 1]),
            "at": _instants(market.times, journal.order[:, 2]),
            "symbol": _names(market.symbols, journal.order[:, 3]),
            "wanted": journal.size[:, 0],
            "filled": journal.size[:, 1],
            "reason": words.gather(journal.order[:, 4]),
            "left": _left_the_universe(market, journal),
        }
    )
    tried_again = pl.col("row") < pl.col("row").max().over("decided", "place")
    status = (
        pl.when(pl.col("wanted") == pl.col("filled"))
        .then(pl.lit("filled"))
        .when(tried_again)
        .then(pl.lit("waiting"))
        .when(pl.col("filled") != 0.0)
        .then(pl.lit("partly filled"))
        .otherwise(pl.lit("expired"))
    )
    reason = pl.when(pl.col("left") & (pl.col("reason") == "")).then(pl.lit(NOT_A_MEMBER)).otherwise("reason")
    return raw.select("decided_at", "at", "symbol", "wanted", "filled", status.alias("status"), reason.alias("reason"))


def _left_the_universe(market: Market, journal: Journal) -> Mask:
    """Return which orders sell a name that belonged no more at the decision."""
    sells: Mask = journal.size[:, 0] < 0.0
    if market.member is None:
        return np.zeros_like(sells)
    return sells & ~market.member[journal.order[:, 1], journal.order[:, 3]]


def fill_frame(market: Market, journal: Journal) -> pl.DataFrame:
    """Return one row per trade done, in the order in which they were booked."""
    quantity, price = journal.paid[:, 0], journal.paid[:, 1]
    return pl.DataFrame(
        {
            "decided_at": _instants(market.times, journal.fill[:, 1]),
            "at": _instants(market.times, journal.fill[:, 2]),
            "symbol": _names(market.symbols, journal.fill[:, 3]),
            "quantity": quantity,
            "price": price,
            "commission": journal.paid[:, 2],
            "half_spread": journal.paid[:, 3],
            "impact": journal.paid[:, 4],
            "stamp_tax": journal.paid[:, 5],
            "notional": quantity * price,
        }
    )


def ledger_frame(market: Market, booked: Booked, start: int) -> pl.DataFrame:
    """Return every movement of cash; a symbol that there is none of is an empty text."""
    return pl.DataFrame(
        {
            "at": _instants(market.times, booked.row + start),
            "account": pl.Series(ACCOUNTS).gather(booked.account),
            "symbol": _names(market.symbols, booked.place).fill_null(""),
            "amount": booked.amount,
        }
    )


def position_frame(market: Market, recount: Recount, equity: FloatArray, start: int) -> pl.DataFrame:
    """Return what is held at each close, in symbol order."""
    row, column = np.nonzero(recount.shares)
    shares, mark = recount.shares[row, column], recount.mark[row, column]
    return pl.DataFrame(
        {
            "time": _instants(market.times, row + start),
            "symbol": _names(market.symbols, recount.place[column]),
            "shares": shares,
            "mark": mark,
            "value": shares * mark,
            "weight": shares * mark / equity[row],
        }
    )


def daily_frame(
    times: Int64Array,
    journal: Journal,
    booked: Booked,
    recount: Recount,
    equity: FloatArray,
    cash: FloatArray,
    start: int,
) -> pl.DataFrame:
    """Return one row per close: money, what was paid and traded in the session, and what limited the book."""
    rows = len(times)
    accounts = {name: booked.per_row(place, rows) for place, name in enumerate(ACCOUNTS)}
    costs = {name: -accounts[name] + 0.0 for name in ("commission", "half_spread", "impact", "stamp_tax")}
    trades = booked.account == ACCOUNTS.index("trade")
    traded = np.bincount(booked.row[trades], weights=np.abs(booked.amount[trades]), minlength=rows)
    return pl.DataFrame(
        {
            "time": pl.Series(times).cast(MOMENT),
            "equity": equity,
            "cash": cash,
            "invested": recount.invested,
            "exposure": recount.gross / equity,
            "holdings": pl.Series(np.count_nonzero(recount.shares, axis=1)).cast(pl.Int32),
            **costs,
            "interest": accounts["interest"],
            "corporate_actions": accounts["corporate_actions"],
            "traded": traded,
            "turnover": traded / 2.0 / equity,
            **_steps_of_sessions(journal, start, rows),
        }
    )


def _steps_of_sessions(journal: Journal, start: int, rows: int) -> dict[str, pl.Series]:
    """Return the step that decided what filled in each session, and the constraints of the last decision in force."""
    fill_row = journal.decision[:, 1] + 1 - start
    number = np.full(rows, -1, dtype=np.int64)
    number[fill_row] = np.arange(len(fill_row))
    steps = pl.Series("decided", [step_name(one) for one in journal.decision[:, 5].tolist()], dtype=pl.String)
    binding = _bindings(np.append(journal.decision[:, 4], 0))
    in_force = np.maximum.accumulate(number)
    return {
        "decided": steps.gather(_nullable(number)),
        "binding": binding.gather(np.where(in_force < 0, len(fill_row), in_force)),
    }


def _bindings(codes: Int64Array) -> pl.Series:
    """Return the constraints of each decision; few sets of them are different."""
    different, number = np.unique(codes, return_inverse=True)
    names = [binding_names(one) for one in different.tolist()]
    return pl.Series("binding", names, dtype=pl.List(pl.String)).gather(number)


def _instants(times: Int64Array, row: Int64Array) -> pl.Series:
    return pl.Series(times[row].astype(np.int64)).cast(MOMENT)


def _names(symbols: tuple[str, ...], place: Int64Array) -> pl.Series:
    return pl.Series(symbols, dtype=pl.String).gather(_nullable(place))


def _nullable(place: Int64Array) -> pl.Series:
    """Return places of which negative ones are missing."""
    return pl.Series(place.astype(np.int64)).to_frame("at").select(pl.when(pl.col("at") >= 0).then("at"))["at"]


def _where(known: Mask, values: FloatArray) -> pl.Series:
    frame = pl.DataFrame({"known": known, "value": values})
    return frame.select(pl.when("known").then("value"))["value"]

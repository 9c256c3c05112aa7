"""Writing what a backtest found: frames as Parquet, figures as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.files import write_atomically, write_json
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.orders import Fill, Order, OrderStatus
from tidegate.core.recipe import FillPrice, Recipe
from tidegate.core.time import DAY, format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.data.universe import EQUAL_WEIGHT
from tidegate.engine.ledger import COST_ACCOUNTS
from tidegate.engine.simulate import Simulation
from tidegate.evaluate.performance import excess_over, performance
from tidegate.strategy import opens_new_week

__all__ = ["write_results"]

_SESSIONS_PER_YEAR = 252.0
_DAYS_PER_YEAR = 365.0
_BETWEEN_SESSIONS_AND_DAYS = 300.0
_YEAR = 365.25 * DAY


def write_results(
    folder: Path,
    recipe: Recipe,
    strategy: Simulation,
    benchmark: Simulation,
    index: FloatArray | None,
    cash_rate: FloatArray | None,
) -> dict[str, Any]:
    """Write every file of a backtest run and return the metrics that the registry keeps."""
    flows = strategy.daily_flows()
    _write(folder / "equity.parquet", _equity_frame(strategy, benchmark, index, flows))
    _write(folder / "orders.parquet", _frame(strategy.orders))
    _write(folder / "fills.parquet", _fill_frame(strategy.ledger.fills))
    _write(folder / "ledger.parquet", strategy.ledger.frame())
    figures = _figures(recipe, strategy, benchmark, index, flows)
    figures["notes"] = _notes(recipe, strategy, index, cash_rate)
    write_json(folder / "performance.json", figures)
    return {
        **{name: figures["strategy"][name] for name in ("cagr", "volatility", "sharpe", "max_drawdown", "years")},
        "benchmark_cagr": figures["benchmark"]["cagr"],
        "excess_t_statistic": (figures["excess"] or {}).get("t_statistic"),
        "annual_turnover": figures["costs"]["annual_turnover"],
        "annual_cost_drag": figures["costs"]["annual_drag"],
        "orders": len(strategy.orders),
        "equity_fingerprint": array_fingerprint(strategy.equity),
        "orders_fingerprint": fingerprint([asdict(order) for order in strategy.orders]),
    }


def _equity_frame(
    strategy: Simulation, benchmark: Simulation, index: FloatArray | None, flows: pl.DataFrame
) -> pl.DataFrame:
    curves = pl.DataFrame(
        {
            "time": pl.Series(strategy.times).cast(MOMENT),
            "equity": strategy.equity,
            "cash": strategy.cash,
            "exposure": strategy.exposure,
            "holdings": pl.Series(strategy.holdings).cast(pl.Int32),
            "benchmark": benchmark.equity,
            "index": index if index is not None else pl.Series([None] * len(strategy.times), dtype=pl.Float64),
        }
    )
    return pl.concat([curves, flows.drop("at")], how="horizontal")


def _figures(
    recipe: Recipe, strategy: Simulation, benchmark: Simulation, index: FloatArray | None, flows: pl.DataFrame
) -> dict[str, Any]:
    per_year = _bars_per_year(recipe, strategy.times)
    whole = performance(strategy.times, strategy.equity, per_year)
    excess = excess_over(strategy.equity, benchmark.equity, opens_new_week(strategy.times))
    return {
        "strategy": whole.as_dict(),
        "benchmark": performance(benchmark.times, benchmark.equity, per_year).as_dict(),
        "index": None if index is None else performance(strategy.times, index, per_year).as_dict(),
        "excess": None if excess is None else excess.as_dict(),
        "costs": _costs(strategy, flows, whole.years),
    }


def _bars_per_year(recipe: Recipe, times: Int64Array) -> float:
    """Return the usual 252 sessions or 365 days for daily bars, and what there really was for shorter ones."""
    found = (len(times) - 1) * _YEAR / float(times[-1] - times[0])
    if not recipe.data.interval.is_session:
        return found
    return _DAYS_PER_YEAR if found > _BETWEEN_SESSIONS_AND_DAYS else _SESSIONS_PER_YEAR


def _costs(strategy: Simulation, flows: pl.DataFrame, years: float) -> dict[str, Any]:
    paid = {account.value: float(flows[account.value].sum()) for account in COST_ACCOUNTS}
    total = sum(paid.values())
    spent_fractions = sum(flows[account.value].to_numpy() for account in COST_ACCOUNTS) / strategy.equity
    return {
        **paid,
        "total": total,
        "annual_drag": float(np.sum(spent_fractions)) / years,
        "interest": float(flows["interest"].sum()),
        "annual_turnover": float(flows["turnover"].sum()) / years,
    }


def _notes(
    recipe: Recipe, strategy: Simulation, index: FloatArray | None, cash_rate: FloatArray | None
) -> list[dict[str, Any]]:
    """Return what a reader must know before believing the figures, as codes with values."""
    notes: list[dict[str, Any]] = []

    def note(code: str, applies: bool, **values: Any) -> None:
        if applies:
            notes.append({"code": code, "values": values})

    note("survivorship", recipe.universe.survivorship_biased)
    note("fills_at_next_close", recipe.backtest.fill is FillPrice.NEXT_CLOSE)
    note("no_impact", not any(fill.impact for fill in strategy.ledger.fills))
    note("index_without_dividends", index is not None, index=recipe.universe.index)
    note("benchmark_without_costs", applies=True)
    note("equal_weight_benchmark", recipe.universe.benchmark == EQUAL_WEIGHT)
    note("cash_earns_nothing", cash_rate is None)
    if cash_rate is not None:
        known = np.flatnonzero(np.isfinite(cash_rate))
        last = int(known[-1]) if known.size else 0
        note(
            "no_cash_rate_after",
            last < len(cash_rate) - 1,
            date=format_instant(int(strategy.times[last]))[:10],
        )
    expired = sum(order.status is OrderStatus.EXPIRED for order in strategy.orders)
    note("expired_orders", expired > 0, count=expired)
    stale = sum(decision.reason.startswith("no fresh scores") for decision in strategy.decisions)
    note("stale_scores", stale > 0, count=stale)
    return notes


def _fill_frame(fills: Sequence[Fill]) -> pl.DataFrame:
    frame = _frame(fills)
    return frame.with_columns((pl.col("quantity") * pl.col("price")).alias("notional")) if frame.width else frame


def _frame(records: Sequence[Fill] | Sequence[Order]) -> pl.DataFrame:
    frame = pl.DataFrame([asdict(record) for record in records])
    return frame.with_columns(pl.col("decided_at", "at").cast(MOMENT)) if frame.width else frame


def _write(path: Path, frame: pl.DataFrame) -> None:
    write_atomically(path, frame.write_parquet)

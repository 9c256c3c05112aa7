"""Writing what a backtest found: frames as Parquet, figures and notes as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.core.files import write_atomically, write_json
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.orders import Fill, Order
from tidegate.core.recipe import Recipe
from tidegate.core.units import FloatArray
from tidegate.data.tables import MOMENT
from tidegate.engine.figures import backtest_figures
from tidegate.engine.simulate import Simulation

__all__ = ["write_results"]


def write_results(
    folder: Path,
    recipe: Recipe,
    strategy: Simulation,
    benchmark: Simulation,
    index: FloatArray | None,
    notes: list[dict[str, Any]],
) -> dict[str, Any]:
    """Write every file of a backtest run and return the metrics that the registry keeps."""
    flows = strategy.daily_flows()
    _write(folder / "equity.parquet", _equity_frame(strategy, benchmark, index, flows))
    _write(folder / "orders.parquet", _frame(strategy.orders))
    _write(folder / "fills.parquet", _fill_frame(strategy.ledger.fills))
    _write(folder / "ledger.parquet", strategy.ledger.frame())
    figures = backtest_figures(recipe, strategy, benchmark, index, flows)
    write_json(folder / "performance.json", {**figures, "notes": notes})
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


def _fill_frame(fills: Sequence[Fill]) -> pl.DataFrame:
    frame = _frame(fills)
    return frame.with_columns((pl.col("quantity") * pl.col("price")).alias("notional")) if frame.width else frame


def _frame(records: Sequence[Fill] | Sequence[Order]) -> pl.DataFrame:
    frame = pl.DataFrame([asdict(record) for record in records])
    return frame.with_columns(pl.col("decided_at", "at").cast(MOMENT)) if frame.width else frame


def _write(path: Path, frame: pl.DataFrame) -> None:
    write_atomically(path, frame.write_parquet)

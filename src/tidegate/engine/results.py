"""Writing what a backtest found: frames as Parquet, figures and notes as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tidegate.core.files import write_atomically, write_json
from tidegate.core.fingerprint import array_fingerprint
from tidegate.core.units import FloatArray
from tidegate.engine.recording import Recording

__all__ = ["write_results"]

_FRAMES = ("decisions", "targets", "orders", "fills", "positions", "ledger")


def write_results(
    folder: Path,
    recording: Recording,
    figures: dict[str, Any],
    notes: list[dict[str, Any]],
    beside: dict[str, FloatArray | None],
) -> dict[str, Any]:
    """Write every file of a backtest run and return the metrics that the registry keeps.

    Parameters
    ----------
    beside
        Curves of benchmark, index and equal weight at the same closes, ``float64 (n_times,)``; None if there is none.
    """
    curves = {
        name: pl.Series([None] * recording.daily.height, dtype=pl.Float64) if curve is None else pl.Series(curve)
        for name, curve in beside.items()
    }
    _write(folder / "equity.parquet", recording.daily.with_columns(**curves))
    for name in _FRAMES:
        _write(folder / f"{name}.parquet", getattr(recording, name))
    write_json(folder / "performance.json", {**figures, "notes": notes})
    return {
        **{name: figures["strategy"][name] for name in ("cagr", "volatility", "sharpe", "max_drawdown", "years")},
        "benchmark_cagr": figures["benchmark"]["cagr"],
        "excess_t_statistic": (figures["excess"] or {}).get("t_statistic"),
        "annual_turnover": figures["costs"]["annual_turnover"],
        "annual_cost_drag": figures["costs"]["annual_drag"],
        "orders": recording.orders.height,
        "binding_counts": figures["binding_counts"],
        "inert": [one["parameter"] for one in figures["inert"]],
        "equity_fingerprint": array_fingerprint(recording.daily["equity"].to_numpy()),
        "orders_fingerprint": recording.order_list,
    }


def _write(path: Path, frame: pl.DataFrame) -> None:
    write_atomically(path, frame.write_parquet)

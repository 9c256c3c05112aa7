"""What a rotation records beside its curve, made up from a seed: positions, decisions, bindings and their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.files import read_json, write_json
from tidegate.data.tables import MOMENT

__all__ = ["DEFENSIVES", "add_records"]

DEFENSIVES = ("TLT", "GLD")
INERT = [
    {"parameter": "max_weight", "why": "never bound"},
    {"parameter": "score_delay_bars", "why": "the same result with every value tried"},
]
CAPACITY = {"nav": 1.2e8, "reason": None, "edge": 0.05}


def add_records(
    folder: Path, *, names: int = 60, at_once: int = 12, capacity: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """Add to a finished backtest what a recording run leaves, and return the new equity table."""
    draw = np.random.default_rng(13)
    equity = pl.read_parquet(folder / "equity.parquet")
    binding, gross = _episodes(equity.height)
    positions, picks = _positions(equity["time"], binding, gross, names, at_once, draw)
    exposure = positions.group_by("time").agg(pl.col("weight").sum().alias("exposure"))
    recorded = (
        equity.drop("exposure")
        .join(exposure, on="time", how="left", maintain_order="left")
        .with_columns(
            pl.col("exposure").fill_null(0.0),
            equal_weight=pl.col("benchmark") * np.exp(np.linspace(0.0, -0.2, equity.height)),
            binding=pl.Series(binding, dtype=pl.List(pl.String)),
        )
    )
    recorded.write_parquet(folder / "equity.parquet")
    positions.write_parquet(folder / "positions.parquet")
    decisions = {"decided_at": equity["time"], "pick": picks}
    pl.DataFrame(decisions, schema_overrides={"pick": pl.String}).write_parquet(folder / "decisions.parquet")
    orders = {
        "status": ["filled"] * 480 + ["expired"] * 3 + ["partly filled"] * 2,
        "reason": [""] * 480 + ["at the upper limit"] * 3 + ["participation"] * 2,
    }
    pl.DataFrame(orders).write_parquet(folder / "orders.parquet")
    _add_figures(folder, recorded, binding, CAPACITY if capacity is None else capacity)
    return recorded


def _episodes(count: int) -> tuple[list[list[str] | None], list[float]]:
    """Return the constraints in force at each close and the exposure that they leave."""
    binding: list[list[str] | None] = []
    gross: list[float] = []
    for row in range(count):
        place = row / 252.0
        if row < 5:
            bound, exposure = None, 0.0
        elif 2.1 < place < 2.35 or 6.0 < place < 6.25:
            bound, exposure = ["guard"], 0.4
        elif 4.4 < place < 4.9:
            bound, exposure = ["filter", "suspended"], 0.0
        elif 1.8 < place <= 2.1 or 5.7 < place <= 6.0:
            bound, exposure = ["tier", "cap"], 0.55
        elif int(place * 3) % 4 == 2:
            bound, exposure = ["cap", "volatility"], 0.62 + 0.1 * float(np.sin(place * 9))
        elif int(place * 7) % 9 == 4:
            bound, exposure = ["turnover"], 0.85
        elif int(place * 11) % 13 == 6:
            bound, exposure = ["retain"], 0.93
        elif int(place * 13) % 29 == 11:
            bound, exposure = ["stale_scores"], 0.9
        elif int(place * 5) % 6 == 1:
            bound, exposure = [], 0.97
        else:
            bound, exposure = ["cap"], 0.9
        binding.append(bound)
        gross.append(exposure)
    return binding, gross


def _positions(
    times: pl.Series,
    binding: Sequence[list[str] | None],
    gross: Sequence[float],
    names: int,
    at_once: int,
    draw: np.random.Generator,
) -> tuple[pl.DataFrame, list[str | None]]:
    """Return holdings of a slow rotation through so many names, in risk-off of one defensive asset."""
    rows: list[tuple[Any, str, float]] = []
    picks: list[str | None] = []
    weights: np.ndarray[Any, np.dtype[np.float64]] = np.zeros(0)
    chosen: list[int] = []
    for row, (time, bound, exposure) in enumerate(zip(times, binding, gross, strict=True)):
        is_out = bound is not None and "guard" in bound
        pick = DEFENSIVES[row // 1000 % 2] if is_out else None
        picks.append(pick)
        if pick is not None:
            rows.append((time, pick, exposure))
        if pick is not None or exposure == 0.0:
            continue
        if row % 5 == 0 or not chosen:
            middle = row / len(times) * (names - at_once)
            order = np.argsort(np.abs(np.arange(names) - middle - at_once / 2) + 5.0 * draw.standard_normal(names))
            chosen = sorted(order[:at_once].tolist())
            weights = draw.dirichlet(np.full(at_once, 6.0))
        rows.extend((time, f"S{name:02d}", exposure * float(part)) for name, part in zip(chosen, weights, strict=True))
    schema = {"time": MOMENT, "symbol": pl.String, "weight": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row"), picks


def _add_figures(
    folder: Path, equity: pl.DataFrame, binding: Sequence[list[str] | None], capacity: Mapping[str, Any]
) -> None:
    decisions = [bound or [] for bound in binding[::5]]
    names = sorted({name for bound in decisions for name in bound})
    ends = equity.group_by(pl.col("time").dt.year().alias("year"), month=pl.col("time").dt.month(), maintain_order=True)
    months = ends.agg(pl.col("equity").last())
    change = months["equity"] / months["equity"].shift(1).fill_null(float(equity["equity"][0])) - 1.0
    path = folder / "performance.json"
    write_json(
        path,
        {
            **read_json(path),
            "drawdowns": _drawdowns(equity),
            "monthly": months.select("year", "month").with_columns(change.alias("return")).to_dicts(),
            "binding_counts": {name: sum(name in bound for bound in decisions) for name in names},
            "rebalances": len(decisions),
            "capacity": dict(capacity),
            "inert": INERT,
        },
    )


def _drawdowns(equity: pl.DataFrame) -> list[dict[str, Any]]:
    """Return every fall of more than 2 % with its dates."""
    days = equity["time"].dt.date().to_list()
    values = equity["equity"].to_numpy()
    found: list[dict[str, Any]] = []
    peak = trough = 0
    for row in range(1, len(values) + 1):
        is_over = row == len(values) or values[row] >= values[peak]
        if is_over and (depth := 1.0 - float(values[trough]) / float(values[peak])) > 0.02:
            recovered = None if row == len(values) else str(days[row])
            found.append({"peak": str(days[peak]), "trough": str(days[trough]), "recovered": recovered,
                          "depth": depth, "sessions": row - peak})  # fmt: skip
        if is_over:
            peak = trough = row
        elif values[row] < values[trough]:
            trough = row
    return found

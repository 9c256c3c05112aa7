"""What a rotation records beside its curve, made up from a seed: positions, decisions, bindings and their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.files import read_json, write_json
from tidegate.data.tables import MOMENT
from tidegate.evaluate.drawdowns import drawdown_periods
from tidegate.evaluate.periods import monthly_returns

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
        "reason": [""] * 480 + ["at the upper limit"] * 3 + ["more than its part of the session"] * 2,
    }
    pl.DataFrame(orders).write_parquet(folder / "orders.parquet")
    _add_figures(folder, recorded, binding, CAPACITY if capacity is None else capacity)
    return recorded


def _episodes(count: int) -> tuple[list[list[str] | None], list[float]]:
    """Return the constraints in force at each close and the exposure that they leave."""
    found = [_episode(row / 252.0) if row >= 5 else (None, 0.0) for row in range(count)]
    return [bound for bound, _ in found], [exposure for _, exposure in found]


def _episode(year: float) -> tuple[list[str] | None, float]:
    spells: tuple[tuple[bool, list[str], float], ...] = (
        (2.1 < year < 2.35 or 6.0 < year < 6.25, ["guard"], 0.4),
        (4.4 < year < 4.9, ["filter", "suspended"], 0.0),
        (1.8 < year <= 2.1 or 5.7 < year <= 6.0, ["tier", "cap"], 0.55),
        (int(year * 3) % 4 == 2, ["cap", "volatility"], 0.62 + 0.1 * float(np.sin(year * 9))),
        (int(year * 7) % 9 == 4, ["turnover"], 0.85),
        (int(year * 11) % 13 == 6, ["retain"], 0.93),
        (int(year * 13) % 29 == 11, ["stale_scores"], 0.9),
        (int(year * 5) % 6 == 1, [], 0.97),
    )
    return next(((bound, exposure) for is_now, bound, exposure in spells if is_now), (["cap"], 0.9))


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
            order = np.argsort(np.abs(np.arange(names) - middle - at_once / 2) + 2.0 * draw.standard_normal(names))
            chosen = sorted(order[:at_once].tolist())
            weights = draw.dirichlet(np.full(at_once, 6.0))
        rows.extend((time, f"S{name:02d}", exposure * float(part)) for name, part in zip(chosen, weights, strict=True))
    frame = pl.DataFrame(rows, schema=["time", "symbol", "weight"], orient="row")
    return frame.with_columns(pl.col("time").cast(MOMENT), pl.col("weight").cast(pl.Float64)), picks


def _add_figures(
    folder: Path, equity: pl.DataFrame, binding: Sequence[list[str] | None], capacity: Mapping[str, Any]
) -> None:
    decisions = [bound or [] for bound in binding[::5]]
    names = sorted({name for bound in decisions for name in bound})
    times, values = equity["time"].dt.timestamp("us").to_numpy(), equity["equity"].to_numpy()
    path = folder / "performance.json"
    write_json(
        path,
        {
            **read_json(path),
            "drawdowns": [fall.as_dict() for fall in drawdown_periods(times, values, least=0.02)],
            "monthly": monthly_returns(times, values),
            "binding_counts": {name: sum(name in bound for bound in decisions) for name in names},
            "rebalances": len(decisions),
            "capacity": dict(capacity),
            "inert": INERT,
        },
    )

"""What a finished run left in its folder, read into typed, frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.core.errors import RunError
from tidegate.report.hit_figures import Hits
from tidegate.report.hit_files import read_hits
from tidegate.report.run_figures import (
    NO_EXCESS,
    Capacity,
    Costs,
    Curve,
    DrawdownPeriod,
    Excess,
    Fold,
    FoldSlice,
    Inert,
    ModelQuality,
    Note,
    Performance,
    YearQuality,
)
from tidegate.report.stored_files import columns_of, each_typed, optional_json, stored_frame, stored_json, typed

__all__ = [
    "BacktestFiles",
    "ForecastFiles",
    "read_backtest_files",
    "read_folds",
    "read_forecast_files",
]


@dataclass(frozen=True, kw_only=True)
class ForecastFiles:
    """What a training run says about its forecasts.

    Parameters
    ----------
    daily
        Columns ``time``, ``model``, ``rank_ic``: one row per model and instant, sorted.
    importance
        Share of each feature, by model.
    importance_by_fold
        The same for every fold in order; empty where it was not recorded.
    hits
        What became of probabilities, calls and picks; ``None`` where the target is a return.
    """

    folds: tuple[Fold, ...]
    models: tuple[ModelQuality, ...]
    daily: pl.DataFrame
    importance: Mapping[str, Mapping[str, float]]
    importance_by_fold: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    hits: Hits | None = None


@dataclass(frozen=True, kw_only=True)
class BacktestFiles:
    """What a backtest run says about its money.

    Parameters
    ----------
    equity
        One row per session, with a column ``day`` (the session's date) added.
    orders
        How many orders ended in each status.
    unfilled
        How many orders were not filled, or not wholly, by reason.
    positions
        Columns ``time``, ``symbol``, ``weight``: every holding at every close; ``None`` where they were not recorded.
    picks
        Assets that a decision picked for risk-off or for idle cash.
    """

    equity: pl.DataFrame
    performance: Performance
    orders: Mapping[str, int]
    unfilled: Mapping[str, int] = field(default_factory=dict)
    positions: pl.DataFrame | None = None
    picks: frozenset[str] = frozenset()

    @property
    def days(self) -> pl.DataFrame:
        """The last row of each day of ``equity``: all of it, unless the bars are shorter than a day."""
        return self.equity.unique("day", keep="last", maintain_order=True)


def read_forecast_files(folder: Path) -> ForecastFiles:
    """Read the forecast half of a report from a training run's folder.

    Raises
    ------
    RunError
        If a file is missing or lacks a field.
    """
    evaluation = stored_json(folder, "evaluation.json")
    folds = read_folds(stored_json(folder, "folds.json"), "folds.json")
    return ForecastFiles(
        folds=folds,
        models=tuple(_model(name, found) for name, found in sorted(evaluation.items())),
        daily=stored_frame(folder, "daily_quality.parquet").select("time", "model", "rank_ic").sort("model", "time"),
        importance=stored_json(folder, "importance.json"),
        importance_by_fold=optional_json(folder, "importance_by_fold.json") or {},
        hits=read_hits(folder, folds),
    )


def read_backtest_files(folder: Path) -> BacktestFiles:
    """Read the money half of a report from a backtest run's folder.

    Raises
    ------
    RunError
        If a file is missing, lacks a field, or holds no session.
    """
    equity = stored_frame(folder, "equity.parquet").sort("time")
    if equity.is_empty():
        raise RunError(
            found=f"no session in {folder.name}/equity.parquet",
            expected="at least one",
            hint="repeat the backtest",
        )
    # A session that closes at midnight belongs to the day that ends there.
    day = (pl.col("time") - pl.duration(microseconds=1)).dt.date()
    orders = stored_frame(folder, "orders.parquet")
    return BacktestFiles(
        equity=equity.with_columns(day=day),
        performance=_performance(stored_json(folder, "performance.json")),
        orders=_counts(orders, "status"),
        unfilled=_counts(orders.filter(pl.col("status") != "filled"), "reason") if orders.height else {},
        positions=_positions(folder),
        picks=_picks(folder),
    )


def read_folds(rows: Sequence[Mapping[str, Any]], where: str) -> tuple[Fold, ...]:
    """Read folds as :meth:`~tidegate.split.Fold.as_document` wrote them.

    Raises
    ------
    RunError
        If a fold lacks a field.
    """
    return tuple(typed(Fold, {**row, **_slices(row, where)}, where) for row in rows)


def _slices(row: Mapping[str, Any], where: str) -> dict[str, FoldSlice | None]:
    parts = {name: row.get(name) for name in ("validation", "calibration")}
    return {name: None if part is None else typed(FoldSlice, part, where) for name, part in parts.items()}


def _counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    """Return how many rows hold each value of a column; none where there is no such column."""
    if rows.is_empty() or column not in rows.columns:
        return {}
    return {str(name): int(count) for name, count in rows[column].value_counts().sort(column).iter_rows()}


def _positions(folder: Path) -> pl.DataFrame | None:
    """Return what was held at each close, or ``None`` for a run of a version that did not record it."""
    if not (folder / "positions.parquet").exists():
        return None
    return columns_of(stored_frame(folder, "positions.parquet"), ("time", "symbol", "weight"), "positions.parquet")


def _picks(folder: Path) -> frozenset[str]:
    if not (folder / "decisions.parquet").exists():
        return frozenset()
    decisions = columns_of(stored_frame(folder, "decisions.parquet"), ("pick",), "decisions.parquet")
    return frozenset(decisions["pick"].drop_nulls().unique().to_list())


def _performance(found: Mapping[str, Any]) -> Performance:
    where = "performance.json"
    index = found.get("index")
    return Performance(
        strategy=typed(Curve, found["strategy"], where),
        benchmark=typed(Curve, found["benchmark"], where),
        index=None if index is None else typed(Curve, index, where),
        excess=NO_EXCESS if found["excess"] is None else typed(Excess, found["excess"], where),
        costs=typed(Costs, found["costs"], where),
        notes=tuple(Note(code=note["code"], values=note.get("values", {})) for note in found["notes"]),
        **_recorded(found),
    )


def _recorded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what versions before this one did not record; what is absent stays ``None``."""
    where = "performance.json"
    capacity, monthly = found.get("capacity"), found.get("monthly")
    return {
        "drawdowns": each_typed(DrawdownPeriod, found.get("drawdowns"), where),
        "monthly": None if monthly is None else {(row["year"], row["month"]): row["return"] for row in monthly},
        "binding_counts": found.get("binding_counts"),
        "rebalances": found.get("rebalances"),
        "capacity": None if capacity is None else typed(Capacity, capacity, where),
        "inert": each_typed(Inert, found.get("inert"), where),
    }


def _model(name: str, found: Mapping[str, Any]) -> ModelQuality:
    years = tuple(typed(YearQuality, row, "evaluation.json") for row in found.get("by_year", ()))
    return typed(ModelQuality, {**found, "model": name, "by_year": years}, "evaluation.json")

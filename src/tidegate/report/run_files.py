"""What a finished run left in its folder, read into typed, frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from tidegate.core.errors import RunError
from tidegate.core.files import read_json
from tidegate.report.run_figures import (
    NO_EXCESS,
    Capacity,
    Costs,
    Curve,
    DrawdownPeriod,
    Excess,
    Fold,
    Inert,
    ModelQuality,
    Note,
    Performance,
    YearQuality,
)

__all__ = [
    "BacktestFiles",
    "ForecastFiles",
    "read_backtest_files",
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
    """

    folds: tuple[Fold, ...]
    models: tuple[ModelQuality, ...]
    daily: pl.DataFrame
    importance: Mapping[str, Mapping[str, float]]


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
    evaluation = _json(folder, "evaluation.json")
    return ForecastFiles(
        folds=tuple(_typed(Fold, row, "folds.json") for row in _json(folder, "folds.json")),
        models=tuple(_model(name, found) for name, found in sorted(evaluation.items())),
        daily=_frame(folder, "daily_quality.parquet").select("time", "model", "rank_ic").sort("model", "time"),
        importance=_json(folder, "importance.json"),
    )


def read_backtest_files(folder: Path) -> BacktestFiles:
    """Read the money half of a report from a backtest run's folder.

    Raises
    ------
    RunError
        If a file is missing, lacks a field, or holds no session.
    """
    equity = _frame(folder, "equity.parquet").sort("time")
    if equity.is_empty():
        raise RunError(
            found=f"no session in {folder.name}/equity.parquet",
            expected="at least one",
            hint="repeat the backtest",
        )
    # A session that closes at midnight belongs to the day that ends there.
    day = (pl.col("time") - pl.duration(microseconds=1)).dt.date()
    orders = _frame(folder, "orders.parquet")
    return BacktestFiles(
        equity=equity.with_columns(day=day),
        performance=_performance(_json(folder, "performance.json")),
        orders=_counts(orders, "status"),
        unfilled=_counts(orders.filter(pl.col("status") != "filled"), "reason") if orders.height else {},
        positions=_positions(folder),
        picks=_picks(folder),
    )


def _counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    """Return how many rows hold each value of a column; none where there is no such column."""
    if rows.is_empty() or column not in rows.columns:
        return {}
    return {str(name): int(count) for name, count in rows[column].value_counts().sort(column).iter_rows()}


def _positions(folder: Path) -> pl.DataFrame | None:
    """Return what was held at each close, or ``None`` for a run of a version that did not record it."""
    if not (folder / "positions.parquet").exists():
        return None
    return _columns(_frame(folder, "positions.parquet"), ("time", "symbol", "weight"), "positions.parquet")


def _picks(folder: Path) -> frozenset[str]:
    if not (folder / "decisions.parquet").exists():
        return frozenset()
    decisions = _columns(_frame(folder, "decisions.parquet"), ("pick",), "decisions.parquet")
    return frozenset(decisions["pick"].drop_nulls().unique().to_list())


def _columns(frame: pl.DataFrame, names: Sequence[str], where: str) -> pl.DataFrame:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise RunError(
            found=f"{where} without {', '.join(missing)}",
            expected="every column",
            hint="repeat the run with this version",
        )
    return frame.select(names)


def _performance(found: Mapping[str, Any]) -> Performance:
    where = "performance.json"
    index = found.get("index")
    return Performance(
        strategy=_typed(Curve, found["strategy"], where),
        benchmark=_typed(Curve, found["benchmark"], where),
        index=None if index is None else _typed(Curve, index, where),
        excess=NO_EXCESS if found["excess"] is None else _typed(Excess, found["excess"], where),
        costs=_typed(Costs, found["costs"], where),
        notes=tuple(Note(code=note["code"], values=note.get("values", {})) for note in found["notes"]),
        **_recorded(found),
    )


def _recorded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what versions before this one did not record; what is absent stays ``None``."""
    where = "performance.json"
    capacity, monthly = found.get("capacity"), found.get("monthly")
    return {
        "drawdowns": _each(DrawdownPeriod, found.get("drawdowns"), where),
        "monthly": None if monthly is None else {(row["year"], row["month"]): row["return"] for row in monthly},
        "binding_counts": found.get("binding_counts"),
        "rebalances": found.get("rebalances"),
        "capacity": None if capacity is None else _typed(Capacity, capacity, where),
        "inert": _each(Inert, found.get("inert"), where),
    }


def _model(name: str, found: Mapping[str, Any]) -> ModelQuality:
    years = tuple(_typed(YearQuality, row, "evaluation.json") for row in found.get("by_year", ()))
    return _typed(ModelQuality, {**found, "model": name, "by_year": years}, "evaluation.json")


Value = TypeVar("Value")


def _typed(kind: type[Value], found: Mapping[str, Any], where: str) -> Value:
    """Pick the fields of ``kind``; what a later version adds beside them is not looked at."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    missing = [name for name in names if name not in found]
    if missing:
        raise RunError(
            found=f"{where} without {', '.join(missing)}",
            expected="every figure",
            hint="repeat the run with this version",
        )
    return kind(**{name: found[name] for name in names})


def _each(kind: type[Value], rows: Sequence[Mapping[str, Any]] | None, where: str) -> tuple[Value, ...] | None:
    return None if rows is None else tuple(_typed(kind, row, where) for row in rows)


def _json(folder: Path, name: str) -> Any:
    try:
        return read_json(folder / name)
    except FileNotFoundError:
        raise _absent(folder, name) from None


def _frame(folder: Path, name: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(folder / name)
    except FileNotFoundError:
        raise _absent(folder, name) from None
    except pl.exceptions.PolarsError:
        raise RunError(
            found=f"{name} of run {folder.name}, which cannot be read",
            expected="a Parquet file as the run wrote it",
            hint="repeat the run",
        ) from None


def _absent(folder: Path, name: str) -> RunError:
    return RunError(
        found=f"no {name} in run {folder.name}", expected="the files of a finished run", hint="repeat the run"
    )

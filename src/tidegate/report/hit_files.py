"""What a training run of hits left in its folder, read into frozen values; a run of returns has none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.report.hit_figures import (
    Bin,
    Estimate,
    FoldCalibration,
    HitFigures,
    Hits,
    ModelHits,
    Quarter,
    Threshold,
)
from tidegate.report.stored_files import columns_of, optional_json, stored_frame, typed

__all__ = ["read_hits"]

_PICKS: Final = (
    "time",
    "symbol",
    "model",
    "rank",
    "called",
    "hit",
    "net_return",
    "base_rate",
)


def read_hits(folder: Path) -> Hits | None:
    """Read what became of probabilities, calls and picks; ``None`` for a run without ``classification.json``.

    Raises
    ------
    RunError
        If a file that is there lacks a field or a column.
    """
    found = optional_json(folder, "classification.json")
    if found is None:
        return None
    calibrated = optional_json(folder, "calibration.json") or {}
    return Hits(
        models=tuple(_model(name, document) for name, document in sorted(found.items())),
        calibrations={name: tuple(map(_calibration, folds)) for name, folds in calibrated.items()},
        picks=_picks(folder),
        called=_called(folder),
    )


def _model(name: str, found: Mapping[str, Any]) -> ModelHits:
    where = "classification.json"
    return ModelHits(
        model=name,
        overall=_figures(found.get("overall", {})),
        quarters=tuple(Quarter(name=row["quarter"], figures=_figures(row)) for row in found.get("quarters", ())),
        reliability=tuple(typed(Bin, row, where) for row in found.get("reliability") or ()),
        curve=_curve(found.get("curve")),
        top_k=int(found.get("top_k", 0)),
        folds={int(row["fold"]): _figures(row) for row in found.get("folds", ())},
    )


def _figures(found: Mapping[str, Any]) -> HitFigures:
    """Read figures; one that an earlier version did not write is absent, as one that could not be computed."""
    values: dict[str, Any] = {}
    for one in fields(HitFigures):
        value = found.get(one.name)
        if isinstance(one.default, Estimate):
            low, high = found.get(f"{one.name}_interval") or (None, None)
            value = Estimate(value, low, high)
        values[one.name] = value
    return HitFigures(**values)


def _calibration(found: Mapping[str, Any]) -> FoldCalibration:
    where, fold = "calibration.json", found.get("fold")
    return FoldCalibration(
        fold=fold if isinstance(fold, int) else None,
        method=str(found.get("method", "")),
        start=found.get("start"),
        end=found.get("end"),
        threshold=typed(Threshold, found.get("threshold") or {}, where),
        curve=_curve(found.get("curve")),
        reliability=tuple(typed(Bin, row, where) for row in found.get("reliability") or ()),
    )


def _curve(found: Sequence[Sequence[Any]] | None) -> tuple[tuple[float, float | None, float | None, int], ...]:
    return tuple((row[0], row[1], row[2], int(row[3])) for row in found or ())


def _picks(folder: Path) -> pl.DataFrame | None:
    if not (folder / "picks.parquet").exists():
        return None
    picks = columns_of(stored_frame(folder, "picks.parquet"), _PICKS, "picks.parquet")
    return None if picks.is_empty() else picks


def _called(folder: Path) -> dict[tuple[str, int], int]:
    """Return how many rows were called by model and fold; none where no threshold was asked for."""
    path = folder / "scores.parquet"
    if not path.exists() or "called" not in pl.read_parquet_schema(path):
        return {}
    counts = (
        pl.scan_parquet(path)
        .filter(pl.col("called").is_not_null())
        .group_by("model", "fold")
        .agg(pl.col("called").sum())
        .collect()
    )
    return {(str(model), int(fold)): int(count) for model, fold, count in counts.iter_rows()}

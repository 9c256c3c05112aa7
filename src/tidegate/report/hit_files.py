"""What a training run of hits left in its folder, read into frozen values; a run of returns has none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.errors import InputError, RunError
from tidegate.models import Threshold
from tidegate.report.hit_figures import (
    Bin,
    Estimate,
    FoldCalibration,
    HitFigures,
    Hits,
    ModelHits,
    Quarter,
)
from tidegate.report.run_figures import Fold
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


def read_hits(folder: Path, folds: Sequence[Fold]) -> Hits | None:
    """Read what became of probabilities, calls and picks; ``None`` for a run without ``classification.json``.

    Figures of a fold that were not recorded are put together from its quarters, where each lies wholly within it.

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
        models=tuple(_model(name, document, folds) for name, document in sorted(found.items())),
        calibrations={name: tuple(map(_calibration, folds)) for name, folds in calibrated.items()},
        picks=_picks(folder),
    )


def _model(name: str, found: Mapping[str, Any], folds: Sequence[Fold]) -> ModelHits:
    where, quarters = "classification.json", tuple(map(_quarter, found.get("quarters", ())))
    recorded = {int(row["fold"]): _figures(row) for row in found.get("folds", ())}
    return ModelHits(
        model=name,
        overall=_figures(found.get("overall", {})),
        quarters=quarters,
        reliability=tuple(typed(Bin, row, where) for row in found.get("reliability") or ()),
        curve=_curve(found.get("curve")),
        top_k=int(found.get("top_k", 0)),
        folds={fold.fold: _of_quarters(quarters, fold) for fold in folds} | recorded,
    )


def _quarter(row: Mapping[str, Any]) -> Quarter:
    return Quarter(name=row["quarter"], start=row.get("from"), end=row.get("to"), figures=_figures(row))


def _of_quarters(quarters: Sequence[Quarter], fold: Fold) -> HitFigures:
    """Return calls and their precision on the test of a fold; nothing where a quarter reaches over its border."""
    known = [(one.start, one.end, one.figures) for one in quarters if one.start is not None and one.end is not None]
    touched = [row for row in known if row[0] < fold.test_end and row[1] >= fold.test_start]
    whole = all(start >= fold.test_start and end < fold.test_end for start, end, _ in touched)
    parts = [figures for _, _, figures in touched]
    if not parts or not whole or any(one.calls is None for one in parts):
        return HitFigures()
    if len(parts) == 1:
        return parts[0]
    calls = sum(one.calls or 0 for one in parts)
    right = sum((one.precision.value or 0.0) * (one.calls or 0) for one in parts)
    return HitFigures(calls=calls, precision=Estimate(right / calls if calls else None))


def _figures(found: Mapping[str, Any]) -> HitFigures:
    """Read figures; one that an earlier version did not write is absent, as one that could not be computed."""
    values: dict[str, Any] = {}
    for one in fields(HitFigures):
        value = found.get(one.name)
        if isinstance(one.default, Estimate):
            low, high = found.get(f"{one.name}_interval") or (None, None)
            value = Estimate(value, low, high, found.get(f"{one.name}_weeks"))
        values[one.name] = value
    return HitFigures(**values)


def _calibration(found: Mapping[str, Any]) -> FoldCalibration:
    where, fold = "calibration.json", found.get("fold")
    return FoldCalibration(
        fold=fold if isinstance(fold, int) else None,
        method=str(found.get("method", "")),
        start=found.get("start"),
        end=found.get("end"),
        threshold=_threshold(found.get("threshold") or {}, where),
        curve=_curve(found.get("curve")),
        reliability=tuple(typed(Bin, row, where) for row in found.get("reliability") or ()),
    )


def _threshold(found: Mapping[str, Any], where: str) -> Threshold:
    """Read a threshold; what a later version adds beside its fields is not looked at."""
    known = {field.name for field in fields(Threshold)}
    try:
        return Threshold.from_document({name: value for name, value in found.items() if name in known})
    except InputError as error:
        raise RunError(
            found=f"{where} with {error.found}", expected=error.expected, hint="repeat the run with this version"
        ) from None


def _curve(found: Sequence[Sequence[Any]] | None) -> tuple[tuple[float, float | None, float | None, int], ...]:
    return tuple((row[0], row[1], row[2], int(row[3])) for row in found or ())


def _picks(folder: Path) -> pl.DataFrame | None:
    if not (folder / "picks.parquet").exists():
        return None
    picks = columns_of(stored_frame(folder, "picks.parquet"), _PICKS, "picks.parquet")
    return None if picks.is_empty() else picks

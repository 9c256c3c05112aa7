"""What a search or a selection left in its folder, read into frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from tidegate.core.errors import RunError
from tidegate.report.search_result import (
    Bounds,
    ChosenYear,
    Counts,
    Deflated,
    Entry,
    Failure,
    Heatmap,
    Luck,
    Matched,
    Neighbour,
    Nested,
    Overfitting,
    Part,
    Plateau,
    SearchResult,
    SpaTest,
    Swept,
)
from tidegate.report.stored_files import columns_of, stored_frame, stored_json, typed

__all__ = ["SearchFiles", "read_search", "search_result"]

Value = TypeVar("Value")

_SETS: Final = ("number", "status", "parameters", "training_cagr", "training_max_drawdown", "feasible", "pareto")


@dataclass(frozen=True, kw_only=True)
class SearchFiles:
    """A search with its tables.

    Parameters
    ----------
    sets
        One row per set, in order of ``number``.
    curves
        ``time``, ``benchmark``, ``set_<number>`` of the shown ones and ``nested``, one row per close.
    """

    result: SearchResult
    sets: pl.DataFrame
    curves: pl.DataFrame


def read_search(folder: Path) -> SearchFiles:
    """Read ``search.json``, ``sets.parquet`` and ``curves.parquet`` of a run.

    Raises
    ------
    RunError
        If one is missing or incomplete.
    """
    result = search_result(stored_json(folder, "search.json"), f"search.json of run {folder.name}")
    sets, curves = stored_frame(folder, "sets.parquet"), stored_frame(folder, "curves.parquet")
    columns_of(sets, _SETS, f"sets.parquet of run {folder.name}")
    columns_of(curves, ("time", "benchmark"), f"curves.parquet of run {folder.name}")
    return SearchFiles(result=result, sets=sets.sort("number"), curves=curves.sort("time"))


def search_result(found: Mapping[str, Any], where: str = "the result of a search") -> SearchResult:
    """Return the content of ``search.json`` as values; what may be unknown may also be absent.

    Raises
    ------
    RunError
        If a part is missing.
    """
    try:
        return _result(found, where)
    except KeyError as missing:
        raise RunError(
            found=f"{where} without {missing}",
            expected="every part of a search",
            hint="repeat the search with this version",
        ) from None


def _result(found: Mapping[str, Any], where: str) -> SearchResult:
    nearest = found.get("nearest") or {}
    recommended, nested, plateau = (found.get(name) for name in ("recommended", "nested", "plateau"))
    return SearchResult(
        window=typed(Part, {"name": "window", **found["window"]}, where),
        parts=tuple(typed(Part, part, where) for part in found["parts"]),
        objective=found["objective"],
        constraints=tuple(
            Bounds(figure=name, at_least=bound.get("at_least"), at_most=bound.get("at_most"))
            for name, bound in found["constraints"].items()
        ),
        feasible_by=found["feasible_by"],
        probability=found["probability"],
        backend=str(found.get("backend") or ""),
        benchmark={name: figures or {} for name, figures in found["benchmark"].items()},
        counts=typed(Counts, found["counts"], where),
        searched=found["searched"],
        met=found["met"],
        recommended=None if recommended is None else _entry(recommended, where),
        top=_entries(found["top"], where),
        nearest_by_constraint=_entries(nearest.get("by_constraint"), where),
        nearest_by_objective=_entries(nearest.get("by_objective"), where),
        errors=tuple(_with_absent(Failure, row, ("number", "reason"), where) for row in found["errors"]),
        luck=_luck(found["luck"], where),
        plateau=None if plateau is None else _plateau(plateau, where),
        inert=tuple(_with_absent(Swept, row, ("why",), where) for row in found.get("inert") or ()),
        duplicates=tuple(tuple(numbers) for numbers in found.get("duplicates") or ()),
        years=tuple(_year(row, where) for row in found.get("years") or ()),
        nested=None if nested is None else typed(Nested, nested, where),
        notes={code: values or {} for code, values in (found.get("notes") or {}).items()},
        survivorship=found.get("survivorship"),
    )


def _entries(rows: Sequence[Mapping[str, Any]] | None, where: str) -> tuple[Entry, ...]:
    return tuple(_entry(row, where) for row in rows or ())


def _entry(row: Mapping[str, Any], where: str) -> Entry:
    absent = ("train_run", "share_kept", "interval", "adjusted_p", "rank")
    interval = {name: ends for name, ends in (row.get("interval") or {}).items() if ends and None not in ends}
    known = {**row, "interval": interval, "parameters": row.get("parameters") or {}}
    return _with_absent(Entry, known, absent, f"an entry of {where}")


def _luck(found: Mapping[str, Any], where: str) -> Luck:
    spa, own, matched, deflated, overfitting = (found.get(name) for name in ("spa", "own", "matched", "dsr", "pbo"))
    deflated = deflated or found.get("trials")  # trials are counted where no set is recommended, too
    if deflated is not None:
        deflated = {**deflated, "by_kind": deflated.get("by_kind") or {}}
    return Luck(
        verdict=found["verdict"],
        level=found["level"],
        spa=None if spa is None else typed(SpaTest, spa, where),
        own_p=None if own is None else own["adjusted_p"],
        matched=None if matched is None else typed(Matched, matched, where),
        deflated=None
        if deflated is None
        else _with_absent(Deflated, deflated, ("value", "sharpe", "threshold"), where),
        psr=found.get("psr"),
        tested_from=found.get("tested_from"),
        overfitting=None
        if overfitting is None
        else _with_absent(
            Overfitting,
            {"value": overfitting.get("pbo"), **overfitting},
            ("value", "slope", "r_squared", "loss_probability"),
            where,
        ),
    )


def _plateau(found: Mapping[str, Any], where: str) -> Plateau:
    return Plateau(
        finding=found["finding"],
        best=found.get("best"),
        neighbours=tuple(
            typed(Neighbour, {"same_account": False, **row, "before": row["from"], "after": row["to"]}, where)
            for row in found.get("neighbours") or ()
        ),
        share_of_best=found.get("share_of_best"),
        heatmaps=tuple(_with_absent(Heatmap, row, ("best", "others"), where) for row in found.get("heatmaps") or ()),
    )


def _year(row: Mapping[str, Any], where: str) -> ChosenYear:
    known = {name: row.get(name) or {} for name in ("parameters", "known", "fared")}
    return _with_absent(ChosenYear, {**row, **known}, ("chosen",), where)


def _with_absent(kind: type[Value], row: Mapping[str, Any], absent: Sequence[str], where: str) -> Value:
    """Return :func:`typed` of a row in which some fields may be unknown."""
    return typed(kind, {**dict.fromkeys(absent), **row}, where)

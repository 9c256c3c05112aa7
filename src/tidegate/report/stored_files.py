"""Reading what a run left: JSON and Parquet into typed values, with one kind of error for whatever is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from tidegate.core.errors import RunError
from tidegate.core.files import read_json

__all__ = ["columns_of", "each_typed", "optional_json", "stored_frame", "stored_json", "typed"]

Value = TypeVar("Value")


def typed(kind: type[Value], found: Mapping[str, Any], where: str) -> Value:
    """Pick the fields of a data class; what a later version adds beside them is not looked at.

    Raises
    ------
    RunError
        If one is missing.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if missing := [name for name in names if name not in found]:
        raise _incomplete(where, missing, "every figure")
    return kind(**{name: found[name] for name in names})


def each_typed(kind: type[Value], rows: Sequence[Mapping[str, Any]] | None, where: str) -> tuple[Value, ...] | None:
    """Return :func:`typed` of every row, or ``None`` where nothing was recorded."""
    return None if rows is None else tuple(typed(kind, row, where) for row in rows)


def columns_of(frame: pl.DataFrame, names: Sequence[str], where: str) -> pl.DataFrame:
    """Return the named columns of a stored frame.

    Raises
    ------
    RunError
        If one is missing.
    """
    if missing := [name for name in names if name not in frame.columns]:
        raise _incomplete(where, missing, "every column")
    return frame.select(names)


def stored_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of a run.

    Raises
    ------
    RunError
        If there is none.
    """
    try:
        return read_json(folder / name)
    except FileNotFoundError:
        raise _absent(folder, name) from None


def optional_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of a run, or ``None`` where the run has none."""
    return stored_json(folder, name) if (folder / name).exists() else None


def stored_frame(folder: Path, name: str) -> pl.DataFrame:
    """Return a Parquet file of a run.

    Raises
    ------
    RunError
        If there is none, or it cannot be read.
    """
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


def _incomplete(where: str, missing: Sequence[str], expected: str) -> RunError:
    return RunError(
        found=f"{where} without {', '.join(missing)}", expected=expected, hint="repeat the run with this version"
    )


def _absent(folder: Path, name: str) -> RunError:
    return RunError(
        found=f"no {name} in run {folder.name}", expected="the files of a finished run", hint="repeat the run"
    )

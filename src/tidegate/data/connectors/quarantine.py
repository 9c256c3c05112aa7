"""The quarantine: rejected rows as a CSV file that people can look at, each with its file, row and reason."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tidegate.core.files import write_text
from tidegate.core.fingerprint import fingerprint
from tidegate.core.workspace import Workspace

__all__ = ["count_reasons", "first_rejected", "quarantine"]

_FIRST = ("file", "row_number", "reason")


def quarantine(workspace: Workspace, dataset: str, rejected: pl.DataFrame) -> Path | None:
    """Write rejected rows, and return where they lie; the same rows, rejected again, are the same file.

    ``rejected`` has a column ``reason``, and ``file`` and ``row_number`` where there is such a place.
    """
    if rejected.is_empty():
        return None
    first = [name for name in _FIRST if name in rejected.columns]
    text = rejected.select(*first, pl.exclude(first).cast(pl.String)).write_csv()
    path = workspace.quarantine_folder / f"{dataset}-{fingerprint(text)[:16]}.csv"
    return path if path.exists() else write_text(path, text)


def count_reasons(rejected: pl.DataFrame) -> dict[str, int]:
    """Return how many rows each reason rejected, the most frequent first."""
    counted = rejected.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    return dict(zip(counted["reason"].to_list(), counted["len"].to_list(), strict=True))


def first_rejected(path: Path, count: int) -> list[tuple[str, ...]]:
    """Return file, row and reason of the first rows of a quarantine file."""
    return pl.read_csv(path, infer_schema=False, glob=False, n_rows=count).select(_FIRST).rows()

"""Keeping a catalog in shape: many small files become few in order, and files that nobody needs are removed.

Neither changes a row, nor a version that a run read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError
from tidegate.core.workspace import Workspace
from tidegate.data.delta import DeltaTables, OvertakenError, how_to_bring
from tidegate.data.ordering import in_order, parts_of
from tidegate.data.stored import Layout, Stored
from tidegate.data.tables import TABLES, TableSpec, spec_of

if TYPE_CHECKING:
    from deltalake.transaction import AddAction

__all__ = ["DEFAULT_RETENTION_HOURS", "Compacted", "Sweep", "compact", "vacuum"]

DEFAULT_RETENTION_HOURS: Final = 7 * 24
_ROWS_PER_FILE: Final = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """What a compaction did to one data set of one table."""

    table: str
    dataset: str
    version: int
    files_before: int
    files_after: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Files of one table that no version in need refers to.

    Parameters
    ----------
    kept_versions
        The present one, and those that the caller named.
    files
        Paths below the table.
    bytes
        Their size in all.
    removed
        Whether they are gone now, or were only looked for.
    """

    table: str
    kept_versions: tuple[int, ...]
    files: tuple[str, ...]
    bytes: int
    removed: bool


def compact(workspace: Workspace, table: str, dataset: str) -> Compacted:
    """Rewrite the files of a data set as few, in order of their keys.

    Every row stays, each vintage and correction with the times it has; older versions keep their own files. A data set
    that is in shape already stays as it is.

    Raises
    ------
    CatalogError
        If there is no such data set, or somebody else compacted it meanwhile.
    """
    spec, tables = spec_of(table), DeltaTables(workspace.catalog_url)
    with workspace.lock(f"catalog-{table}"):
        seen = tables.open(spec)
        files = seen.holding({"dataset": dataset})
        if files.is_empty():
            raise CatalogError(
                found=f"no data set {dataset!r} in {table}",
                expected=f"one of {', '.join(seen.datasets) or '(none)'}",
                hint=how_to_bring(table, dataset),
            )
        scattered = [part for part in files.partition_by(spec.partition) if not _is_in_shape(spec, part)]
        old = pl.concat(scattered) if scattered else files.clear()
        new = [file for part in scattered for file in _rewritten(tables, seen, part)]
        version = _replaced(tables, seen, old, new) if new else seen.version
    return Compacted(
        table=table,
        dataset=dataset,
        version=version,
        files_before=files.height,
        files_after=files.height - old.height + len(new),
        rows=int(files["rows"].sum()),
    )


def vacuum(
    workspace: Workspace,
    referenced: Mapping[str, Collection[int]],
    *,
    retention_hours: int = DEFAULT_RETENTION_HOURS,
    remove: bool = False,
) -> list[Sweep]:
    """Find files that no version in need refers to, and remove them if told to.

    Such are the leavings of killed writers, and files that a compaction replaced. A version that is neither the present
    one nor referenced may become unreadable.

    Parameters
    ----------
    referenced
        Versions to keep, by table: every one that a run read.
    retention_hours
        Younger files stay: somebody may be writing or reading them.
    remove
        Remove what was found. Without it nothing is changed.

    Raises
    ------
    CatalogError
        If a referenced version cannot be read, or a file cannot be proven to be needless; nothing is removed then.
    """
    tables = DeltaTables(workspace.catalog_url)
    there = [spec for spec in TABLES.values() if tables.exists(spec)]
    # Everything is looked at before anything is removed.
    sweeps = [_needless(tables, spec, {*referenced.get(spec.name, ())}, retention_hours) for spec in there]
    if not remove:
        return sweeps
    return [_swept(workspace, tables, sweep) for sweep in sweeps]


def _is_in_shape(spec: TableSpec, files: pl.DataFrame) -> bool:
    """Whether files of one partition hold ranges of members one after the other, and are not more than needed."""
    most = 1 + int(files["rows"].sum()) // _ROWS_PER_FILE
    return files.height <= most and Layout.of(files, spec.order).is_in_order


def _rewritten(tables: DeltaTables, seen: Stored, files: pl.DataFrame) -> Iterator[AddAction]:
    spec, rows = seen.spec, tables.rows(seen, files)
    for part in parts_of(rows, spec.order[0], at_most=int(files["rows"].sum()), rows_at_once=_ROWS_PER_FILE):
        file = tables.written(spec, in_order(part.collect(), [*spec.order, "recorded_time"]))
        file.data_change = False
        yield file


def _replaced(tables: DeltaTables, seen: Stored, old: pl.DataFrame, new: list[AddAction]) -> int:
    from deltalake.transaction import RemoveAction

    names = [*seen.spec.partition]
    gone = [
        RemoveAction(
            path=file["path"],
            data_change=False,
            deletion_timestamp=now() // 1000,
            partition_values={name: file[name] for name in names},
        )
        for file in old.iter_rows(named=True)
    ]

    def require_untouched(later: Stored) -> None:
        if not set(old["path"]) <= set(later.files["path"]):
            raise OvertakenError

    try:
        return tables.commit(seen, [*new, *gone], {"operation": "COMPACT"}, require_untouched)
    except OvertakenError:
        for file in new:
            tables.storage.remove(seen.spec.name, file.path)
        raise CatalogError(
            found=f"{seen.spec.name} compacted by somebody else meanwhile",
            expected="one at a time",
            hint="nothing is left to do; repeat the command to see it",
        ) from None


def _needless(tables: DeltaTables, spec: TableSpec, referenced: set[int], retention_hours: int) -> Sweep:
    present = tables.open(spec)
    kept = sorted({present.version, *referenced})
    try:
        needed = {path for version in kept for path in tables.open(spec, version).files["path"]}
    except CatalogError as error:
        raise CatalogError(
            found=f"runs that read a version which cannot be read any more: {error.found}",
            expected="every version that a run refers to",
            hint="restore the catalog from a backup, or remove those runs; nothing was removed",
        ) from None
    found = present.unreferenced(retention_hours, kept)
    doubtful = sorted(needed & set(found))
    if doubtful:
        raise CatalogError(
            found=f"{len(doubtful)} files said to be needless that a version in need refers to, such as {doubtful[0]}",
            expected="the two to agree",
            hint="please report it; nothing was removed",
        )
    sizes = tables.storage.sizes(spec.name, sorted(path for path in found if path.endswith(".parquet")))
    return Sweep(
        table=spec.name, kept_versions=tuple(kept), files=tuple(sizes), bytes=sum(sizes.values()), removed=False
    )


def _swept(workspace: Workspace, tables: DeltaTables, sweep: Sweep) -> Sweep:
    with workspace.lock(f"catalog-{sweep.table}"):
        for path in sweep.files:
            tables.storage.remove(sweep.table, path)
    return Sweep(
        table=sweep.table,
        kept_versions=sweep.kept_versions,
        files=sweep.files,
        bytes=sweep.bytes,
        removed=True,
    )

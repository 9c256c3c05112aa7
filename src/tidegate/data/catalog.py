"""The catalog: bitemporal, append-only, versioned tables on Delta Lake.

A row is never changed. A revision is a further row of the same key with a later ``known_time``; the correction of a
data error keeps its ``known_time`` and is recorded later. Reading asks *as of* when, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tidegate._version import __version__
from tidegate.core.clock import now
from tidegate.core.database import corrections
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.panel import Panel
from tidegate.core.time import BarInterval, Instant, format_instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data.panels import panel_of
from tidegate.data.revisions import Revision, as_revision, sort_out
from tidegate.data.tables import BARS, MOMENT, TABLES, TableSpec

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Appended", "Catalog", "DatasetSummary"]

_CONFIGURATION = {
    # By default old versions become unreadable after 30 days; a run must find the version that it read for good.
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "100",
}


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What an append did: rows by fate, and the table version that holds the result."""

    version: int
    appended: int
    identical: int
    revised: int


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """One data set of one table."""

    table: str
    dataset: str
    interval: str | None
    members: int
    rows: int
    first: Instant
    last: Instant
    version: int


class Catalog:
    """Tables of a workspace.

    Parameters
    ----------
    workspace
        Its ``catalog`` folder holds one Delta table per :data:`tidegate.data.tables.TABLES` entry.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def append(
        self, table: str, rows: pl.DataFrame, *, revision: Revision | None = None, run: str | None = None
    ) -> Appended:
        """Append rows atomically; identical rows append nothing.

        Parameters
        ----------
        table
            ``bars`` or ``series``.
        rows
            The table's columns except ``recorded_time``; one data set per call, keys unique.
        revision
            What rows with a stored key but other values mean.
        run
            Named in the commit's metadata.

        Raises
        ------
        DataError
            If stored values differ and no ``revision`` says what that means; nothing is appended then.
        """
        spec = TABLES[table]
        with self._workspace.lock(f"catalog-{table}"):
            stored = self._stored_like(spec, rows)
            fresh, revised, identical = sort_out(spec, rows, stored)
            if revised.height:
                revised = as_revision(spec, revised, revision)
            new = pl.concat([fresh, revised.select(fresh.columns)])
            reason = revision.correction_reason if revision is not None and revised.height else None
            if reason is not None:
                # First the note: a process that ends in between leaves a mark too many on runs, never one too few.
                self._note_correction(rows, self.version(table) + 1, revised.height, reason)
            version = self.version(table) if new.is_empty() else self._commit(spec, new, run=run, correction=reason)
        return Appended(version=version, appended=fresh.height, identical=identical, revised=revised.height)

    def read(
        self,
        table: str,
        *,
        dataset: str,
        as_of: Instant,
        version: int | None = None,
        members: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> pl.LazyFrame:
        """Return each key's newest row among those with ``known_time <= as_of``, sorted by member and event time.

        Parameters
        ----------
        as_of
            There is no default: what is known depends on when one asks.
        version
            Table version; none means the present one.
        members
            Symbols or series; none means all.
        start, end
            Dates (UTC) of ``event_time``, both inclusive.

        Raises
        ------
        CatalogError
            If the data set or the version does not exist.
        """
        spec = TABLES[table]
        known = self._scan(spec, dataset, version, members, start, end).filter(pl.col("known_time") <= moment_of(as_of))
        key = list(spec.key)
        return known.sort([*key, "known_time", "recorded_time"]).unique(key, keep="last", maintain_order=True)

    def bar_panel(
        self,
        dataset: str,
        *,
        interval: BarInterval,
        as_of: Instant,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> Panel:
        """Return bars as a panel whose row *t* holds what was known at the close *t*.

        A value that became known later than its own bar's close (a late or restated row) does not appear in that row:
        neither a feature nor a fill of that instant could have used it. Prices are adjusted (``raw_close`` is not);
        a column that the source lacks is absent; the rows are all bars that the calendar owes, so that a hole in the
        data is missing values and never a longer horizon (D-12).

        Raises
        ------
        CatalogError
            If the data set or the version does not exist.
        DataError
            If no bar is left.
        """
        lazy = self._scan(BARS, dataset, version, symbols, start, end)
        timely = lazy.filter(
            (pl.col("interval") == str(interval))
            & (pl.col("known_time") <= moment_of(as_of))
            & (pl.col("known_time") <= pl.col("event_time"))
        )
        key = ["symbol", "event_time"]
        bars = (
            timely.sort([*key, "known_time", "recorded_time"]).unique(key, keep="last", maintain_order=True).collect()
        )
        if bars.is_empty():
            raise DataError(
                found=f"no {interval} bar of {dataset!r} known at its own close by {format_instant(as_of)}",
                expected="at least one",
                hint="tidegate catalog shows what there is; check interval, dates and symbols of the recipe",
            )
        return panel_of(bars, interval)

    def version(self, table: str) -> int:
        """Return the present version number of a table.

        Raises
        ------
        CatalogError
            If nothing was ever ingested into it.
        """
        return int(self._open(TABLES[table]).version())

    def datasets(self) -> list[DatasetSummary]:
        """Return what the catalog holds, one entry per table, data set and interval."""
        return [summary for spec in TABLES.values() if self._exists(spec) for summary in self._summaries(spec)]

    def symbols(self, dataset: str) -> list[str]:
        """Return the symbols of a data set of bars, ascending.

        Raises
        ------
        CatalogError
            If there is no such data set.
        """
        names = self._scan(BARS, dataset, None, None, None, None).select(pl.col("symbol").unique().sort())
        return names.collect().to_series().to_list()

    def history(self, table: str) -> list[dict[str, Any]]:
        """Return the commits of a table, newest first: version, time, and what was appended."""
        return [
            {
                "version": entry["version"],
                "at": format_instant(entry["timestamp"] * 1000),
                "operation": entry["operation"],
                "run": entry.get("tidegate.run"),
                "code_version": entry.get("tidegate.version"),
                "correction": entry.get("tidegate.correction"),
            }
            for entry in self._open(TABLES[table]).history()
        ]

    def _uri(self, spec: TableSpec) -> str:
        return str(self._workspace.catalog_folder / spec.name)

    def _exists(self, spec: TableSpec) -> bool:
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self._uri(spec)))

    def _open(self, spec: TableSpec, version: int | None = None) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if not self._exists(spec):
            raise CatalogError(
                found=f"no table {spec.name!r} in {self._workspace.root}",
                expected="ingested data",
                hint="run: tidegate ingest --help",
            )
        try:
            return DeltaTable(self._uri(spec), version=version)
        except DeltaError as error:
            raise CatalogError(
                found=f"{spec.name} version {version}: {str(error).splitlines()[0]}",
                expected="a version that exists",
                hint="tidegate catalog --history lists them",
            ) from None

    def _scan(
        self,
        spec: TableSpec,
        dataset: str,
        version: int | None,
        members: Sequence[str] | None,
        start: date | None,
        end: date | None,
    ) -> pl.LazyFrame:
        table = self._open(spec, version)
        present = sorted({str(part["dataset"]) for part in table.partitions()})
        if dataset not in present:
            raise CatalogError(
                found=f"no data set {dataset!r} in {spec.name}",
                expected=f"one of {', '.join(present) or '(none)'}",
                hint=f"run: tidegate ingest ohlcv FILE --dataset {dataset}",
            )
        wanted = pl.col("dataset") == dataset
        if members is not None:
            wanted &= pl.col(spec.member).is_in(list(members))
        if start is not None:
            wanted &= pl.col("event_time") >= moment_of(parse_instant(start))
        if end is not None:
            wanted &= pl.col("event_time") < moment_of(parse_instant(end)) + pl.duration(days=1)
        return self._rows(spec, table).filter(wanted)

    def _rows(self, spec: TableSpec, table: DeltaTable) -> pl.LazyFrame:
        """Return all rows of a table version.

        The files are found below our own folder: the address that one library gives the other does not survive a blank.
        """
        folder, depth = self._workspace.catalog_folder / spec.name, len(spec.partition)
        parts: dict[tuple[str, ...], list[Path]] = {}
        for address in table.file_uris():
            *partition, name = address.split("/")[-depth - 1 :]
            parts.setdefault(tuple(partition), []).append(folder.joinpath(*partition, name))
        gone = [file for files in parts.values() for file in files if not file.exists()]
        if gone:
            raise CatalogError(
                found=f"{len(gone)} files of {spec.name} version {table.version()} gone, such as {gone[0]}",
                expected="every file that was written",
                hint="restore the catalog from a backup",
            )
        frames = [
            pl.scan_parquet(files, glob=False, hive_partitioning=False).with_columns(
                pl.lit(value).alias(key) for key, _, value in (part.partition("=") for part in partition)
            )
            for partition, files in sorted(parts.items())
        ]
        return pl.concat(frames).select(*spec.schema)

    def _stored_like(self, spec: TableSpec, rows: pl.DataFrame) -> pl.DataFrame | None:
        """Return the stored rows of the same data set in the same stretch of time, newest known first taken."""
        if not self._exists(spec) or rows.is_empty():
            return None
        first, last = rows["event_time"].min(), rows["event_time"].max()
        same = [pl.col(column) == rows[column][0] for column in spec.partition]
        stored = self._rows(spec, self._open(spec)).filter(*same, pl.col("event_time").is_between(first, last))
        key = list(spec.key)
        return (
            stored.sort([*key, "known_time", "recorded_time"]).unique(key, keep="last", maintain_order=True).collect()
        )

    def _commit(self, spec: TableSpec, rows: pl.DataFrame, *, run: str | None, correction: str | None) -> int:
        from deltalake import CommitProperties, DeltaTable, write_deltalake

        stamped = rows.with_columns(pl.lit(moment_of(now())).cast(MOMENT).alias("recorded_time")).select(*spec.schema)
        metadata = {
            "tidegate.version": __version__,
            "tidegate.run": run or "",
            "tidegate.rows": str(rows.height),
        }
        if correction is not None:
            metadata["tidegate.correction"] = correction
        write_deltalake(
            self._uri(spec),
            stamped.sort([spec.member, "event_time"]).to_arrow(),
            mode="append",
            partition_by=list(spec.partition),
            configuration=None if self._exists(spec) else _CONFIGURATION,
            commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=20),
        )
        return int(DeltaTable(self._uri(spec)).version())

    def _note_correction(self, rows: pl.DataFrame, version: int, count: int, reason: str) -> None:
        dataset = rows["dataset"][0]
        with self._workspace.database.begin() as connection:
            # A note of this version can only be left over from an attempt that appended nothing.
            same = (corrections.c.dataset == dataset) & (corrections.c.version == version)
            connection.execute(corrections.delete().where(same))
            connection.execute(
                corrections.insert().values(
                    dataset=dataset, version=version, made_at=now(), row_count=count, reason=reason
                )
            )

    def _summaries(self, spec: TableSpec) -> list[DatasetSummary]:
        table = self._open(spec)
        keys = [pl.col(column) for column in spec.partition]
        grouped = (
            self._rows(spec, table)
            .group_by(keys)
            .agg(
                pl.len().alias("rows"),
                pl.col(spec.member).n_unique().alias("members"),
                pl.col("event_time").min().dt.epoch("us").alias("first"),
                pl.col("event_time").max().dt.epoch("us").alias("last"),
            )
            .sort(keys)
            .collect()
        )
        version = int(table.version())
        return [
            DatasetSummary(
                table=spec.name,
                interval=row.get("interval"),
                version=version,
                **{k: v for k, v in row.items() if k != "interval"},
            )
            for row in grouped.iter_rows(named=True)
        ]

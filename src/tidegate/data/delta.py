"""The catalog's tables on disk: Delta Lake, one folder each. Appending is atomic, and a version once written stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from tidegate._version import __version__
from tidegate.core.errors import CatalogError
from tidegate.data.tables import MOMENT, TableSpec

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["DeltaTables", "how_to_bring"]

_CONFIGURATION: Final = {
    # By default old versions become unreadable after 30 days; a run must find the version that it read for good.
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "100",
}
_COMMIT_RETRIES: Final = 20
_BROUGHT_BY: Final = {
    "trades": "binance-archive",
    "order_books": "ccxt",
    "funding": "funding",
    "metrics": "binance-derivatives",
    "macro": "macro",
    "events": "events",
    "entity_links": "events",
    "posts": "social",
    "comments": "social",
    "symbol_lives": "lives",
    "corporate_actions": "lives",
}
"""The connector that a user is told of where a table is missing."""


def how_to_bring(table: str, dataset: str | None = None) -> str:
    """Return the hint of an error about a table or a data set that is not there."""
    if table == "bars":
        return f"run: tidegate ingest ohlcv FILE {f'--dataset {dataset}' if dataset else '--preset yahoo-daily'}"
    connector = _BROUGHT_BY.get(table)
    if connector is None:
        return "list what is there: tidegate catalog"
    return f"run: tidegate ingest {connector} {f'--dataset {dataset} ' if dataset else ''}... (--help tells the rest)"


class DeltaTables:
    """The tables below one folder.

    Parameters
    ----------
    folder
        Each table lies in a folder of its own name in here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def exists(self, spec: TableSpec) -> bool:
        """Whether anything was ever appended to a table."""
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self._uri(spec)))

    def open(self, spec: TableSpec, version: int | None = None) -> DeltaTable:
        """Return a table at a version, the present one by default.

        Raises
        ------
        CatalogError
            If there is no such table or version.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if not self.exists(spec):
            raise CatalogError(
                found=f"no table {spec.name!r} in {self._folder.parent}",
                expected="ingested data",
                hint=how_to_bring(spec.name),
            )
        try:
            return DeltaTable(self._uri(spec), version=version)
        except (DeltaError, OverflowError) as error:
            raise CatalogError(
                found=f"{spec.name}, {_named(version)}: {str(error).splitlines()[0]}",
                expected="a version that exists",
                hint=f"list them: tidegate catalog --history {spec.name}",
            ) from None

    def rows(self, spec: TableSpec, table: DeltaTable, **same: str) -> pl.LazyFrame:
        """Return the rows of a table version, or of its partitions that are the ``same``.

        The files are found below our own folder: the address that one library gives the other does not survive a
        blank.

        Raises
        ------
        CatalogError
            If a file of that version is gone.
        """
        depth = len(spec.partition)
        wanted = {f"{key}={value}" for key, value in same.items()}
        parts: dict[tuple[str, ...], list[Path]] = {}
        for address in table.file_uris():
            *partition, name = address.split("/")[-depth - 1 :]
            if wanted <= set(partition):
                parts.setdefault(tuple(partition), []).append((self._folder / spec.name).joinpath(*partition, name))
        self._require_files(spec, table, [file for files in parts.values() for file in files])
        frames = [
            pl.scan_parquet(files, glob=False, hive_partitioning=False).with_columns(
                pl.lit(value).alias(key) for key, _, value in (part.partition("=") for part in partition)
            )
            for partition, files in sorted(parts.items())
        ]
        return pl.concat([pl.LazyFrame(schema=spec.schema), *(frame.select(*spec.schema) for frame in frames)])

    def append(self, spec: TableSpec, rows: pl.DataFrame, *, recorded_at: datetime, facts: Mapping[str, str]) -> int:
        """Append rows in one commit and return the new version; ``facts`` go into the commit's metadata."""
        from deltalake import CommitProperties, DeltaTable, write_deltalake

        stamped = rows.with_columns(pl.lit(recorded_at).cast(MOMENT).alias("recorded_time")).select(*spec.schema)
        facts = {"code_version": __version__, **facts}
        write_deltalake(
            self._uri(spec),
            stamped.sort(spec.member, "event_time").to_arrow(),
            mode="append",
            partition_by=list(spec.partition),
            configuration=None if self.exists(spec) else _CONFIGURATION,
            commit_properties=CommitProperties(
                custom_metadata={f"tidegate.{name}": fact for name, fact in facts.items()},
                max_commit_retries=_COMMIT_RETRIES,
            ),
        )
        return int(DeltaTable(self._uri(spec)).version())

    def _uri(self, spec: TableSpec) -> str:
        return str(self._folder / spec.name)

    @staticmethod
    def _require_files(spec: TableSpec, table: DeltaTable, files: list[Path]) -> None:
        gone = [file for file in files if not file.exists()]
        if gone:
            raise CatalogError(
                found=f"{len(gone)} files of {spec.name} version {table.version()} gone, such as {gone[0]}",
                expected="every file that was written",
                hint="restore the catalog from a backup",
            )


def _named(version: int | None) -> str:
    return "its present version" if version is None else f"version {version}"

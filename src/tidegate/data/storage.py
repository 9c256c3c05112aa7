"""Where the catalog's tables lie: a folder, or a bucket of an object store; both are read and written alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from tidegate.core.environment import read_variable
from tidegate.core.errors import CatalogError

if TYPE_CHECKING:
    from deltalake.fs import DeltaStorageHandler

__all__ = ["Storage"]

_COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
_VARIABLES: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
)


class Storage:
    """A place for tables.

    Parameters
    ----------
    place
        A folder, or the address of a bucket and a prefix in it, such as ``s3://bucket/catalog``. Keys, region and
        endpoint of a bucket come from the usual ``AWS_*`` variables.
    """

    def __init__(self, place: str | Path) -> None:
        self.place = str(place)
        self.folder = None if "://" in self.place else Path(place)
        self.options = {} if self.folder is not None else _settings()

    def address(self, *parts: str) -> str:
        """Return the address of something below the place."""
        return str(self.folder.joinpath(*parts)) if self.folder is not None else "/".join([self.place, *parts])

    def write(self, rows: pl.DataFrame, table: str, name: str, **how: Any) -> int:
        """Write rows as a Parquet file of a table, whole or not at all, and return its size in bytes."""
        address = self.address(table, name)
        if self.folder is not None:
            Path(address).parent.mkdir(parents=True, exist_ok=True)
        with self.reached():
            try:
                rows.write_parquet(address, statistics=True, **self._scan_options(), **how)
            except BaseException:
                self.remove(table, name)
                raise
        return self.sizes(table, [name])[name]

    def scan(self, table: str, names: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of Parquet files of a table."""
        files: list[Any] = [self.address(table, name) for name in names]
        return pl.scan_parquet(files, glob=False, hive_partitioning=False, **self._scan_options())

    def remove(self, table: str, name: str) -> None:
        """Remove a file of a table, if it is there."""
        if self.folder is not None:
            Path(self.address(table, name)).unlink(missing_ok=True)
        else:
            self._files(table).delete_file(name)

    def sizes(self, table: str, names: Sequence[str]) -> dict[str, int]:
        """Return the size in bytes of each file of a table that is there."""
        with self.reached():
            found = self._files(table).get_file_info(list(names)) if names else []
        return {info.path: int(info.size) for info in found if info.is_file}

    def missing(self, table: str, names: Sequence[str]) -> list[str]:
        """Return the addresses of files that are gone. Asking a bucket for each would take longer than reading it."""
        addresses = [self.address(table, name) for name in names]
        return [] if self.folder is None else [address for address in addresses if not Path(address).exists()]

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Tell of an object store that does not answer, or says no.

        Raises
        ------
        CatalogError
            Instead of what the libraries raise. What a disk says is explained elsewhere.
        """
        try:
            yield
        except OSError as error:
            if self.folder is not None:
                raise
            lines = [line.strip(" ↳") for line in _COLOUR.sub("", str(error)).splitlines()]
            raise CatalogError(
                found=f"{self.place} cannot be reached: {lines[-1] if lines else error!r}",
                expected="an object store that answers",
                hint="check TIDEGATE_CATALOG_URL, AWS_ENDPOINT_URL, the keys in AWS_* and the network",
            ) from None

    def _scan_options(self) -> dict[str, Any]:
        # Both libraries get the same settings: the other way, one of them would look for keys of its own.
        return {} if self.folder is not None else {"storage_options": self.options, "credential_provider": None}

    def _files(self, table: str) -> DeltaStorageHandler:
        from deltalake.fs import DeltaStorageHandler

        return DeltaStorageHandler(self.address(table), options=self.options)


def _settings() -> dict[str, str]:
    found = {name: value for name in _VARIABLES if (value := read_variable(name))}
    if found.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        found.setdefault("AWS_ALLOW_HTTP", "true")
    return found

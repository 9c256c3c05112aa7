"""Importing a bundle: everything about it is doubted before the first row is appended."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import IO, Any, Final

from tidegate.core.errors import DataError, InputError, WorkspaceError
from tidegate.core.progress import SILENT, Progress
from tidegate.core.workspace import Workspace
from tidegate.data.bundle.archive import Layout, read_manifest, verify
from tidegate.data.bundle.build import side_file_of
from tidegate.data.bundle.checks import require_acceptable
from tidegate.data.bundle.manifest import BundleFile, BundleManifest
from tidegate.data.bundle.parquet import read_groups, require_shape
from tidegate.data.catalog import Catalog

__all__ = ["DEFAULT_LIMIT_BYTES", "Imported", "ImportedFile", "import_bundle"]

DEFAULT_LIMIT_BYTES: Final = 64 * 2**30

_LONGEST_SIDE_FILE: Final = 4096


@dataclass(frozen=True, kw_only=True)
class ImportedFile:
    """What became of one file: rows that are new, and rows that the catalog had already."""

    file: str
    rows: int
    appended: int
    identical: int
    version: int


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did."""

    manifest: BundleManifest
    files: tuple[ImportedFile, ...]

    @property
    def appended(self) -> int:
        """Rows that are new."""
        return sum(file.appended for file in self.files)

    @property
    def identical(self) -> int:
        """Rows that the catalog had already."""
        return sum(file.identical for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "id": self.manifest.id,
            "rows": self.manifest.rows,
            "appended": self.appended,
            "identical": self.identical,
            "files": [vars(file) for file in self.files],
        }


def import_bundle(
    workspace: Workspace,
    path: Path,
    *,
    strict: bool = True,
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
    progress: Progress = SILENT,
) -> Imported:
    """Append what a bundle holds; nothing is unpacked, and nothing is asked of any network.

    First the whole file is read and checked against its side file, its manifest, the tables' schemas and the rows
    that the catalog holds; only then are rows appended, group by group. An import that was interrupted is repeated
    as it was: rows that are there already append nothing.

    Parameters
    ----------
    path
        A file that :func:`~tidegate.data.bundle.build_bundle` wrote.
    strict
        Require the side file ``NAME.tar.sha256``. A side file that is there is believed either way.
    limit_bytes
        A larger bundle is refused.

    Raises
    ------
    InputError
        If there is no such file, or no side file although one is required.
    DataError
        If a byte, a size, a hash, a number of rows or a schema is not what it must be, or a value differs from a
        stored one of the same key and known time. Nothing was appended then.
    WorkspaceError
        If the disk has no room for it.
    """
    workspace.require_writable()
    catalog = Catalog(workspace)
    expected = _stated_digest(path, strict)
    with _opened(path) as stream:
        try:
            manifest, layout = read_manifest(stream)
            _require_size(path, stream, manifest, layout, limit_bytes)
            _require_room(workspace, manifest)
            _require_whole(path, stream, layout, expected, progress)
        except OSError as error:
            raise _unreadable(path, error) from None
        for file in progress.track(manifest.files, "checking rows"):
            require_shape(_content(stream, file), file)
            require_acceptable(catalog, read_groups(_content(stream, file), file), file)
        run = f"import-{manifest.id[:12]}"
        files = tuple(_append(catalog, stream, file, run) for file in progress.track(manifest.files, "appending"))
    done = Imported(manifest=manifest, files=files)
    progress.say(f"appended {done.appended:,} rows; {done.identical:,} were there already")
    return done


def _require_whole(path: Path, stream: IO[bytes], layout: Layout, expected: str | None, progress: Progress) -> None:
    """Read every byte once; refuse one that is not what it must be."""
    whole = hashlib.sha256()
    for _ in progress.track(verify(stream, layout, whole.update), "verifying", total=len(layout.members)):
        pass
    if expected not in {None, whole.hexdigest()}:
        raise DataError(
            found=f"{path} with SHA-256 {whole.hexdigest()}",
            expected=f"{expected}, as {side_file_of(path).name} says",
            hint="copy both files again; one of them belongs to another bundle, or was changed",
        )


def _stated_digest(path: Path, strict: bool) -> str | None:
    """Return what the side file says; None where there is none and none is required."""
    side_file = side_file_of(path)
    try:
        with side_file.open("rb") as stream:
            text = stream.read(_LONGEST_SIDE_FILE).decode("utf-8", "replace")
    except FileNotFoundError:
        if not strict:
            return None
        raise InputError(
            found=f"no {side_file.name} beside {path}",
            expected="the SHA-256 that was written with the bundle",
            hint="copy it too; without it damage is still found, but not an exchange: --no-strict",
        ) from None
    except OSError as error:
        raise _unreadable(side_file, error) from None
    stated = re.match(r"([0-9a-f]{64})\s", text)
    if stated is None:
        raise DataError(
            found=f"{side_file} without a SHA-256",
            expected="64 hexadecimal digits and the name of the bundle",
            hint="copy it again, or build the bundle again",
        )
    return stated[1]


def _require_size(path: Path, stream: IO[bytes], manifest: BundleManifest, layout: Layout, limit_bytes: int) -> None:
    """Refuse, before reading on, what is too large or cannot be whole."""
    if layout.size > limit_bytes:
        raise DataError(
            found=f"a bundle of {layout.size:,} bytes, {manifest.rows:,} rows",
            expected=f"at most {limit_bytes:,} bytes",
            hint="if it is yours, raise the limit: --limit-gigabytes",
        )
    found = stream.seek(0, SEEK_END)
    if found != layout.size:
        raise DataError(
            found=f"{path} of {found:,} bytes",
            expected=f"{layout.size:,}, as its manifest says",
            hint="copy the bundle again; it was cut off, or something was added to it",
        )


def _require_room(workspace: Workspace, manifest: BundleManifest) -> None:
    if workspace.catalog_url != str(workspace.catalog_folder):
        return  # it lies in a bucket, which has no end
    free = shutil.disk_usage(workspace.root).free
    if manifest.size_bytes > free:
        raise WorkspaceError(
            found=f"{free:,} bytes free under {workspace.root}",
            expected=f"room for the {manifest.size_bytes:,} bytes of the bundle",
            hint="free some space, then repeat",
        )


def _append(catalog: Catalog, stream: IO[bytes], file: BundleFile, run: str) -> ImportedFile:
    appended = identical = version = 0
    for rows in read_groups(_content(stream, file), file):
        done = catalog.append(file.table, rows, run=run)
        appended, identical, version = appended + done.appended, identical + done.identical, done.version
    return ImportedFile(file=file.file, rows=file.rows, appended=appended, identical=identical, version=version)


def _content(stream: IO[bytes], file: BundleFile) -> IO[bytes]:
    """Return a member as a file of its own; every header was verified, so there is only one way to read them."""
    stream.seek(0)
    content = tarfile.open(fileobj=stream, mode="r:").extractfile(file.file)  # noqa: SIM115 - it owns no file
    assert content is not None  # it is a plain file
    return content


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    with stream:
        yield stream


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        found=f"{path}: {error.strerror or error}", expected="a bundle and its side file", hint="check the path"
    )

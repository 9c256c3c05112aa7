"""Where a file of the archive comes from: a folder, or the server; its sha256 is compared with the published one."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidegate.core.errors import DataError, SourceGarbledError
from tidegate.data.connectors.binance_archive.settings import ARCHIVE_URL, BinanceArchiveSettings
from tidegate.data.connectors.contract import Call
from tidegate.data.connectors.web import download, open_client

if TYPE_CHECKING:
    import httpx

__all__ = ["Files", "open_files"]

Files = Callable[[str], Path | None]
"""Gives the place of a file by its path in the archive, until the next one is asked for; None where there is none."""

_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S+)")
_LARGEST_CHECKSUM: Final = 4096


@contextmanager
def open_files(settings: BinanceArchiveSettings, call: Call, warn: Callable[[str], None]) -> Iterator[Files]:
    """Give access to the files of a folder or a server; what is downloaded is gone afterwards.

    Parameters
    ----------
    warn
        Told of files that the archive publishes no checksum of.

    Raises
    ------
    SourceError
        When a file is asked for that the server does not deliver whole.
    DataError
        When a file of the folder is asked for that is not what its checksum says.
    """
    folder = settings.path
    if folder is not None:
        yield lambda relative: _in_folder(folder, relative)
        return
    with (
        open_client(settings.base_url or ARCHIVE_URL) as client,
        tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as temporary,
    ):
        path = Path(temporary, "archive.zip")

        def get(relative: str) -> Path | None:
            # Two requests, each repeated by itself, and the digest first: a file that is cut is asked for again.
            digest = call(lambda: _published(client, relative, path.with_suffix(".sums")))
            if not call(lambda: _download(client, relative, path, digest)):
                return None
            if digest is None:
                warn(f"{relative} has no checksum")
            return path

        yield get


def _published(client: httpx.Client, relative: str, sums: Path) -> str | None:
    """Return the sha256 that the archive publishes of a file; None where it publishes none."""
    if not download(client, f"{relative}.CHECKSUM", sums, missing_ok=True, maximum_bytes=_LARGEST_CHECKSUM):
        return None
    digest = _digest_in(sums, relative.rpartition("/")[2])
    if digest is None:
        raise SourceGarbledError(
            found=f"{relative}.CHECKSUM with something else than a sha256 of this file",
            expected="64 hexadecimal digits and the file's name",
            hint="try again later",
        )
    return digest


def _download(client: httpx.Client, relative: str, path: Path, digest: str | None) -> bool:
    if not download(client, relative, path, missing_ok=True):
        if digest is None:
            return False
        raise SourceGarbledError(
            found=f"a checksum of {relative} and no such file",
            expected="both or neither",
            hint="try again later",
        )
    if digest is not None and _digest_of(path) != digest:
        raise SourceGarbledError(
            found=f"{relative} with another sha256 than its CHECKSUM file says",
            expected="the file that the exchange published",
            hint="try again later",
        )
    return True


def _in_folder(folder: Path, relative: str) -> Path | None:
    """Find a file in the archive's own tree below a folder, with or without its root, or in the folder itself."""
    tree = Path(relative)
    places = (folder / tree, folder / tree.relative_to("data"), folder / tree.name)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None
    sums = path.with_name(f"{path.name}.CHECKSUM")
    if sums.is_file() and _digest_of(path) != _digest_in(sums, path.name):
        raise DataError(
            found=f"{path} with another sha256 than its CHECKSUM file says",
            expected="the file that the exchange published",
            hint="download both again",
        )
    return path


def _digest_in(sums: Path, name: str) -> str | None:
    """Return the sha256 in a file of the form of ``sha256sum``; None if it is not about ``name``."""
    said = _CHECKSUM.fullmatch(sums.read_text(encoding="utf-8", errors="replace").strip())
    return said[1].lower() if said is not None and said[2] == name else None


def _digest_of(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

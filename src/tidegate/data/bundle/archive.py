"""The container of a bundle: a plain tar of which every byte follows from the manifest and the files.

Parquet is compressed already, so nothing is gained by compressing once more, and a container that cannot be inflated
cannot hide a bomb. Because each header can be written down beforehand, reading needs no interpretation: what is not
the one possible header at its place, be it a link, a device, a name with ``..`` or a second file of the same name, is
refused, and so is a byte in the padding.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tidegate.core.errors import DataError
from tidegate.data.bundle.manifest import MANIFEST_NAME, BundleManifest

__all__ = ["LARGEST_MANIFEST_BYTES", "Layout", "Member", "read_manifest", "verify", "write_archive"]

LARGEST_MANIFEST_BYTES: Final = 16 * 2**20
"""A manifest of a thousand files takes about 300 kB."""

_BLOCK: Final = tarfile.BLOCKSIZE
_PIECE: Final = 2**20
_AGAIN: Final = "copy the bundle again; if that does not help, build it again"
_KINDS: Final = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.DIRTYPE: "a folder",
    tarfile.FIFOTYPE: "a pipe",
}


@dataclass(frozen=True)
class Member:
    """A file inside the container: ``size`` bytes from ``start`` on."""

    name: str
    start: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Layout:
    """Where everything lies, and how long the whole is."""

    members: tuple[Member, ...]
    size: int

    @classmethod
    def of(cls, manifest: BundleManifest, manifest_bytes: bytes) -> Layout:
        """Return the only layout that a manifest allows."""
        listed = [(MANIFEST_NAME, len(manifest_bytes), hashlib.sha256(manifest_bytes).hexdigest())]
        listed += [(file.file, file.bytes, file.sha256) for file in manifest.files]
        members, place = [], 0
        for name, size, sha256 in listed:
            members.append(Member(name, place + _BLOCK, size, sha256))
            place += _BLOCK + _padded(size, _BLOCK)
        return cls(tuple(members), _padded(place + 2 * _BLOCK, tarfile.RECORDSIZE))


def write_archive(path: Path, manifest: bytes, files: Iterable[tuple[str, Path]], folder: Path) -> None:
    """Write manifest and files, in this order and without a trace of who wrote them and when.

    Parameters
    ----------
    folder
        Where the manifest may be put on its way.
    """
    staged = folder / MANIFEST_NAME
    staged.write_bytes(manifest)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as container:
        for name, source in [(MANIFEST_NAME, staged), *files]:
            with source.open("rb") as content:
                container.addfile(_plain(name, source.stat().st_size), content)


def read_manifest(stream: IO[bytes]) -> tuple[BundleManifest, Layout]:
    """Read the first member of a container, and return where the others must lie.

    Raises
    ------
    DataError
        If the first member is no manifest, is larger than :data:`LARGEST_MANIFEST_BYTES`, or cannot be understood.
    """
    stream.seek(0)
    header = stream.read(_BLOCK)
    size = _stated_size(header)
    if size is None or size > LARGEST_MANIFEST_BYTES or header != _header(MANIFEST_NAME, size):
        raise DataError(
            found=f"{_described(header)} at the beginning",
            expected=f"{MANIFEST_NAME}, a plain file of at most {LARGEST_MANIFEST_BYTES:,} bytes",
            hint="name a file that tidegate bundle build has written",
        )
    content = stream.read(size)
    if len(content) < size:
        raise DataError(
            found=f"{len(content):,} of the {size:,} bytes of {MANIFEST_NAME}", expected="all of them", hint=_AGAIN
        )
    manifest = BundleManifest.parse(content)
    return manifest, Layout.of(manifest, content)


def verify(stream: IO[bytes], layout: Layout, seen: Callable[[bytes], None]) -> Iterator[Member]:
    """Read the whole container once and yield each member whose header, content and padding are right.

    Parameters
    ----------
    seen
        Is shown every byte, in order.

    Raises
    ------
    DataError
        If a byte is not what it must be.
    """
    stream.seek(0)
    for number, member in enumerate(layout.members, start=1):
        header = b"".join(_pieces(stream, _BLOCK, seen))
        if header != _header(member.name, member.size):
            raise DataError(
                found=f"{_described(header)} as member {number}",
                expected=f"{member.name!r}, a plain file of {member.size:,} bytes",
                hint=_AGAIN,
            )
        digest = hashlib.sha256()
        for piece in _pieces(stream, member.size, seen):
            digest.update(piece)
        if digest.hexdigest() != member.sha256:
            raise DataError(
                found=f"{member.name} with SHA-256 {digest.hexdigest()}",
                expected=f"{member.sha256}, as the manifest says",
                hint=_AGAIN,
            )
        _require_zeros(stream, _padded(member.size, _BLOCK) - member.size, member.name, seen)
        yield member
    _require_zeros(stream, layout.size - stream.tell(), "the last member", seen)
    if stream.read(1):
        raise DataError(found="more bytes after the end", expected=f"{layout.size:,} bytes", hint=_AGAIN)


def _require_zeros(stream: IO[bytes], count: int, after: str, seen: Callable[[bytes], None]) -> None:
    if any(any(piece) for piece in _pieces(stream, count, seen)):
        raise DataError(found=f"bytes hidden after {after}", expected="zeros", hint=_AGAIN)


def _pieces(stream: IO[bytes], count: int, seen: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield exactly ``count`` bytes in pieces, and show each to ``seen``.

    Raises
    ------
    DataError
        If the stream ends before.
    """
    while count:
        piece = stream.read(min(count, _PIECE))
        if not piece:
            raise DataError(found=f"an end {count:,} bytes too early", expected="the whole bundle", hint=_AGAIN)
        count -= len(piece)
        seen(piece)
        yield piece


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _plain(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def _header(name: str, size: int) -> bytes:
    return _plain(name, size).tobuf(tarfile.GNU_FORMAT)


def _parsed(header: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "backslashreplace")
    except (tarfile.TarError, ValueError, OverflowError):
        return None


def _stated_size(header: bytes) -> int | None:
    entry = _parsed(header)
    return None if entry is None or entry.size < 1 else entry.size


def _described(header: bytes) -> str:
    entry = _parsed(header)
    if entry is None:
        return "no file"
    kind = "a file" if entry.isreg() else _KINDS.get(entry.type, "an entry of another kind")
    return f"{entry.name!r}, {kind} of {entry.size:,} bytes"

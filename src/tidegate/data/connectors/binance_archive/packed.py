"""Reading the one CSV file inside a zip file that may be damaged or malicious."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import polars as pl

from tidegate.core.errors import DataError

__all__ = ["read_packed"]

_LARGEST_FACTOR: Final = 200
"""Digits shrink to a fifth or a tenth; only a bomb shrinks to less than this part."""
_SMALL: Final = 2**20
_LONGEST_LINE: Final = 2**20
"""What has no line break for so long is no table, and would be held in memory to its end."""
_ENCRYPTED: Final = 0x1
_BOM: Final = b"\xef\xbb\xbf"


def read_packed(
    file: Path, names: tuple[str, ...], *, largest: int, block: int = 2**26
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows of the CSV file in a zip file, as text, in blocks that fit into memory.

    A first line that begins with a letter is a header and names the columns; otherwise they are ``names`` in order.

    Parameters
    ----------
    largest
        Bytes of CSV above which the file is refused before it is unpacked.
    block
        Bytes of CSV that are turned into rows at a time.

    Yields
    ------
    tuple
        Number of rows before the block, and the block's rows.

    Raises
    ------
    DataError
        If it is no zip file, is damaged, would grow beyond measure, holds more than one file or one with a path, or
        that file is no CSV or has a line without end.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            member = _only_member(file, packed, largest)
            with packed.open(member) as opened:
                yield from _frames(file, opened, names, block)
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, UnicodeError,
    ) as error:  # fmt: skip
        raise _unusable(file, f"{error or type(error).__name__}") from None


def _only_member(file: Path, packed: zipfile.ZipFile, largest: int) -> zipfile.ZipInfo:
    members = packed.infolist()
    if len(members) != 1:
        raise _unusable(file, f"{len(members)} files inside")
    [member] = members
    name = member.filename
    if Path(name).name != name or "\\" in name or ":" in name or not name.lower().endswith(".csv"):
        raise _unusable(file, f"{name[:80]!r} inside")
    if member.flag_bits & _ENCRYPTED:
        raise _unusable(file, "an encrypted file inside")
    too_dense = member.file_size > _SMALL and member.file_size > _LARGEST_FACTOR * member.compress_size
    if member.file_size > largest or too_dense:
        raise _unusable(file, f"{member.file_size:,} bytes packed into {member.compress_size:,}")
    return member


def _unusable(file: Path, what: str) -> DataError:
    return DataError(
        found=f"{file.name}: {what}",
        expected="a whole zip file of one CSV file without a path",
        hint="download it again, and do not unpack it by other means",
    )


def _frames(file: Path, opened: IO[bytes], names: tuple[str, ...], block: int) -> Iterator[tuple[int, pl.DataFrame]]:
    rows_before = 0
    header: list[str] | None = None
    for text in _whole_lines(file, opened, block):
        if header is None:
            header, text = _header(text.removeprefix(_BOM))
        frame = _frame(file, text, header or list(names))
        yield rows_before, frame
        rows_before += frame.height


def _whole_lines(file: Path, opened: IO[bytes], block: int) -> Iterator[bytes]:
    rest = b""
    while piece := opened.read(block):
        lines, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield lines + newline
        if len(rest) > _LONGEST_LINE:
            raise _unusable(file, f"a line of more than {_LONGEST_LINE:,} bytes")
    if rest:
        yield rest


def _header(text: bytes) -> tuple[list[str], bytes]:
    """Split the header off, if there is one."""
    first, _, others = text.partition(b"\n")
    if not first[:1].isalpha():
        return [], text
    return [name.strip().lower() for name in first.decode("utf-8", errors="replace").split(",")], others


def _frame(file: Path, text: bytes, names: list[str]) -> pl.DataFrame:
    if not text.strip():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    if len(set(names)) < len(names) or not all(names):
        raise _unusable(file, f"a header {','.join(names)[:80]!r}")
    width = text.partition(b"\n")[0].count(b",") + 1
    columns = [*names[:width], *(f"column_{place}" for place in range(len(names), width))]
    try:
        frame = pl.read_csv(
            io.BytesIO(text), has_header=False, new_columns=columns, infer_schema=False, quote_char=None,
            encoding="utf8-lossy",
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise _unusable(file, str(error).splitlines()[0][:120]) from None
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in names if name not in frame.columns)

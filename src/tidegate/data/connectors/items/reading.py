"""Reading rows of events and posts: JSON lines, JSON documents, CSV, Parquet and Feather become plain mappings."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tidegate.core.errors import DataError
from tidegate.data.connectors.table_files import TableKind, read_table_file

__all__ = ["Record", "find_record_files", "read_body", "read_json_text", "read_records"]

_LINES: Final = {".jsonl", ".ndjson"}
_DOCUMENTS: Final = {".json", ".js"}
_TABLES: Final = {".csv", ".parquet", ".feather", ".arrow"}
_LARGEST_BODY: Final = 4 * 2**30
_ROWS_AT_ONCE: Final = 10_000
_DEEPEST: Final = 64
_BRACKET: Final = re.compile(r"[\[\]{}]")


@dataclass(frozen=True)
class Record:
    """One row as the source has it, and where it stands.

    Parameters
    ----------
    file
        Name of the file or address.
    row_number
        1-based place in it.
    content
        What the source says, by the source's names.
    fault
        Why the row could not be read at all; None where it could.
    """

    file: str
    row_number: int
    content: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


def find_record_files(path: Path, endings: Iterable[str] = (*_LINES, *_DOCUMENTS, *_TABLES)) -> list[Path]:
    """Return the files of these endings (``.gz`` may follow) that a file, a folder or a glob pattern names, sorted.

    Raises
    ------
    DataError
        If there is none, or the one that is named has another ending.
    """
    wanted = {ending.lower() for ending in endings}
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and _ending(file) in wanted]
    else:
        found = [file for file in sorted(_matches(path)) if file.is_file()]
    if not found:
        raise DataError(
            found=f"no file at {path}",
            expected=f"a file, a folder or a glob of {', '.join(sorted(wanted))}",
            hint="check the path",
        )
    for file in found:
        if _ending(file) not in wanted:
            raise DataError(
                found=f"{file}: ending {file.suffix!r}",
                expected=f"one of {', '.join(sorted(wanted))}, also packed as .gz",
                hint="convert it, or name another file",
            )
    return found


def read_records(file: Path) -> Iterator[Record]:
    """Yield the rows of a file; a row that cannot be read carries its fault, so that the others are not lost.

    Raises
    ------
    DataError
        If the file as a whole is damaged, binary where text belongs, or no table.
    """
    ending = _ending(file)
    if ending in _TABLES:
        yield from _of_table(file, ending)
        return
    body = read_body(file)
    if ending in _LINES:
        yield from _of_lines(body, file.name)
    else:
        yield from _of_document(body, file)


def read_body(file: Path) -> bytes:
    """Return the bytes of a file, unpacked if it ends with ``.gz``.

    Raises
    ------
    DataError
        If it cannot be read, its packing is damaged, or it unpacks to more than 4 GiB.
    """
    try:
        if file.suffix.lower() != ".gz":
            return file.read_bytes()
        with gzip.open(file) as packed:
            body = packed.read(_LARGEST_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            found=f"{file}: {error}", expected="a file that can be read to its end", hint="get it again"
        ) from None
    if len(body) > _LARGEST_BODY:
        raise DataError(
            found=f"{file}: more than {_LARGEST_BODY:,} bytes unpacked", expected="fewer", hint="split the file"
        )
    return body


def read_json_text(text: str | bytes) -> Any:
    """Return the content of JSON text; NaN and infinities, which JSON does not have, count as missing.

    Raises
    ------
    ValueError
        If it is no JSON, not Unicode, or nested without end.
    """
    plain = text if isinstance(text, str) else text.decode("utf-8")
    if plain.count("[") + plain.count("{") > _DEEPEST and _depth(plain) > _DEEPEST:
        raise ValueError("brackets within brackets without end")
    content = json.loads(plain, parse_constant=lambda _: None, strict=False)
    if "\\u" in plain:  # half a surrogate pair is no character and cannot be stored
        json.dumps(content, ensure_ascii=False).encode()
    return content


def _depth(text: str) -> int:
    """Return how deep brackets are nested at most; those within texts count too, which errs on the safe side."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _matches(path: Path) -> Iterator[Path]:
    try:
        yield from Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    except (ValueError, NotImplementedError, OSError):
        return


def _ending(file: Path) -> str:
    return (file.with_suffix("") if file.suffix.lower() == ".gz" else file).suffix.lower()


def _of_lines(body: bytes, name: str) -> Iterator[Record]:
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            content = read_json_text(line.decode("utf-8"))
        except ValueError:
            yield Record(name, number, {"line": line[:200].decode("utf-8", "replace")}, "not JSON")
            continue
        yield _as_record(name, number, content)


def _of_document(body: bytes, file: Path) -> Iterator[Record]:
    """Yield the objects of a JSON document, of JSON lines under another ending, or of a script that assigns one."""
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(found=f"{file}: not UTF-8", expected="JSON text", hint="check the file") from None
    script, assigns, right = text.partition("=")
    if assigns and script.strip().startswith("window."):
        text = right.strip().removesuffix(";")
    try:
        content = read_json_text(text)
    except ValueError:
        yield from _of_lines(body, file.name)
        return
    for number, one in enumerate(content if isinstance(content, list) else [content], start=1):
        yield _as_record(file.name, number, one)


def _as_record(name: str, number: int, content: Any) -> Record:
    if not isinstance(content, dict):
        return Record(name, number, {"line": str(content)[:200]}, "not a JSON object")
    return Record(name, number, content)


def _of_table(file: Path, ending: str) -> Iterator[Record]:
    kind: TableKind = "csv" if ending == ".csv" else "parquet" if ending == ".parquet" else "feather"
    rows = read_table_file(file, kind).iter_rows(named=True, buffer_size=_ROWS_AT_ONCE)
    for number, row in enumerate(rows, start=1):
        yield Record(file.name, number, {name: _plain(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it, times excepted; NaN is a missing value."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool | datetime | date):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)

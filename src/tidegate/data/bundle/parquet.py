"""The one shape of Parquet file that a bundle holds: written in groups of bounded size, doubted before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.bundle.manifest import BundleFile
from tidegate.data.tables import TableSpec, spec_of

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile, ParquetWriter

__all__ = ["GROUP_ROWS", "columns_of", "parquet_writer", "read_groups", "require_shape", "write_groups"]

GROUP_ROWS: Final = 2**19
"""Rows of a group at most; a group is what an import holds in memory and appends at once."""

_GROUP_TEXT_BYTES: Final = 2**28
_LARGEST_GROUP_ROWS: Final = 2**21
_LARGEST_GROUP_BYTES: Final = 2**30
"""Far more than a group that was cut as it should be can take; only a bomb is larger."""


def columns_of(spec: TableSpec) -> dict[str, pl.DataType]:
    """Return the columns of a file: when a row was recorded is for each catalog to say."""
    return {name: kind for name, kind in spec.schema.items() if name != "recorded_time"}


@contextmanager
def parquet_writer(path: Path, spec: TableSpec) -> Iterator[ParquetWriter]:
    """Open a file for :func:`write_groups`; nothing in it tells where or when it was written."""
    from pyarrow.parquet import ParquetWriter

    schema = pl.DataFrame(schema=columns_of(spec)).to_arrow().schema
    with ParquetWriter(path, schema, compression="zstd", version="2.6", store_schema=False) as writer:
        yield writer


def write_groups(writer: ParquetWriter, rows: pl.DataFrame) -> None:
    """Write rows in groups that neither exceed :data:`GROUP_ROWS` nor hold much more text than fits into memory."""
    text = [pl.col(name).str.len_bytes().fill_null(0) for name, kind in rows.schema.items() if kind == pl.String]
    size = pl.sum_horizontal(*text).cast(pl.Int64)
    by_text, by_rows = (size.cum_sum() - size) // _GROUP_TEXT_BYTES, pl.int_range(pl.len()) // GROUP_ROWS
    start = 0
    for length in rows.select(pl.struct(by_text, by_rows.alias("rows")).rle_id().rle().struct.field("len")).to_series():
        writer.write_table(rows.slice(start, length).to_arrow(), row_group_size=length)
        start += length


def require_shape(stream: IO[bytes], file: BundleFile) -> None:
    """Refuse a file whose footer does not tell the columns, the rows and the sizes that it must; no row is read.

    Raises
    ------
    DataError
        If it does not.
    """
    with _explained(file):
        opened = _opened(stream, [])
        metadata = opened.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        if metadata.num_rows != file.rows or sum(group.num_rows for group in groups) != file.rows:
            raise _misshapen(file, f"{metadata.num_rows:,} rows", f"{file.rows:,}, as the manifest says")
        if any(_is_a_bomb(group) for group in groups):
            bounds = f"at most {_LARGEST_GROUP_ROWS:,} rows and {_LARGEST_GROUP_BYTES:,} bytes"
            raise _misshapen(file, "a group of rows of a size that none has", bounds)
        found = [(field.name, str(field.type)) for field in opened.schema_arrow]
        wanted = _arrow_types(spec_of(file.table))
        if found != wanted or metadata.metadata:
            wrong = sorted(set(found) ^ set(wanted)) or "their order or notes of another writer"
            raise _misshapen(file, f"other columns ({wrong})", f"those of the table {file.table}")


def read_groups(stream: IO[bytes], file: BundleFile) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file group by group; :func:`require_shape` comes first.

    Raises
    ------
    DataError
        If a group cannot be decoded or would not fit into memory.
    """
    spec = spec_of(file.table)
    with _explained(file):
        opened = _opened(stream, [name for name, kind in columns_of(spec).items() if kind == pl.String])
        for number in range(opened.metadata.num_row_groups):
            yield _rows(opened.read_row_group(number), spec, file)


def _is_a_bomb(group: Any) -> bool:
    return not 0 < group.num_rows <= _LARGEST_GROUP_ROWS or group.total_byte_size > _LARGEST_GROUP_BYTES


def _rows(group: Any, spec: TableSpec, file: BundleFile) -> pl.DataFrame:
    """Return a group as a frame. Text arrives as a dictionary: a page repeated a million times is small until then."""
    import pyarrow

    group.validate(full=True)
    columns, size = [], 0
    for column in group.columns:
        if pyarrow.types.is_dictionary(column.type):
            size += sum(_text_bytes(chunk) for chunk in column.chunks)
            if size > _LARGEST_GROUP_BYTES:
                raise _misshapen(file, f"{size:,} bytes of text in one group", f"at most {_LARGEST_GROUP_BYTES:,}")
            column = column.cast(pyarrow.large_string())
        columns.append(column)
    frame = pl.from_arrow(pyarrow.table(columns, names=group.column_names))
    assert isinstance(frame, pl.DataFrame)  # a table never becomes a series
    return frame.select(pl.col(name).cast(kind) for name, kind in columns_of(spec).items())


def _text_bytes(chunk: Any) -> int:
    from pyarrow import compute

    lengths = compute.binary_length(chunk.dictionary)
    return int(compute.sum(lengths.take(chunk.indices).cast("int64")).as_py() or 0)


def _opened(stream: IO[bytes], dictionaries: list[str]) -> ParquetFile:
    """Open a file; the columns named arrive as dictionaries, and must be there."""
    from pyarrow.parquet import ParquetFile

    stream.seek(0)
    return ParquetFile(stream, read_dictionary=dictionaries)


def _arrow_types(spec: TableSpec) -> list[tuple[str, str]]:
    """Return each column, and what a reader makes of it."""
    schema = pl.DataFrame(schema=columns_of(spec)).to_arrow().schema
    return [(field.name, str(field.type).replace("large_string", "string")) for field in schema]


@contextmanager
def _explained(file: BundleFile) -> Iterator[None]:
    """Turn what the library says of a broken file into an error that says what to do."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise _misshapen(file, f"no readable Parquet ({first})", "a file as tidegate bundle build writes it") from None


def _misshapen(file: BundleFile, found: str, expected: str) -> DataError:
    return DataError(found=f"{file.file}: {found}", expected=expected, hint="build the bundle again")

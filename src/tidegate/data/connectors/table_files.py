"""Reading table files as they are: CSV as texts, Parquet and Feather with their types, damaged ones with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import polars as pl

from tidegate.core.errors import DataError

__all__ = ["TableKind", "read_table_file", "table_file_columns"]

TableKind = Literal["csv", "parquet", "feather"]


def read_table_file(file: Path, kind: TableKind) -> pl.DataFrame:
    """Return the rows of a file.

    Parquet and Feather are read by Arrow's own readers: they refuse damaged files where those of Polars may end the
    process.

    Raises
    ------
    DataError
        If it is empty, damaged or of another kind.
    """
    with _explained(file, kind):
        if kind == "csv":
            return pl.read_csv(file, infer_schema=False, glob=False)
        if kind == "parquet":
            from pyarrow.parquet import ParquetFile

            with ParquetFile(file) as opened:
                held = opened.read()
        else:
            from pyarrow.feather import read_table

            held = read_table(file, memory_map=False)
        held.validate(full=True)
        return pl.DataFrame(pl.from_arrow(held))


def table_file_columns(file: Path, kind: TableKind) -> list[str]:
    """Return the names of a file's columns without reading its rows; none where it is empty.

    Raises
    ------
    DataError
        If it is damaged or of another kind.
    """
    with _explained(file, kind):
        if kind == "parquet":
            from pyarrow.parquet import read_schema

            return list(read_schema(file).names)
        if kind == "feather":
            return read_table_file(file, kind).columns
        try:
            return pl.read_csv(file, infer_schema=False, glob=False, n_rows=0).columns
        except pl.exceptions.NoDataError:
            return []


@contextmanager
def _explained(file: Path, kind: TableKind) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except DataError:
        raise
    except pl.exceptions.NoDataError:
        raise DataError(
            found=f"{file}: an empty file", expected="a header and rows", hint="check the download"
        ) from None
    except (pl.exceptions.PolarsError, ArrowException, ValueError, LookupError, ArithmeticError, OSError) as error:
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(
            found=f"{file}: not readable as {kind} ({said})",
            expected=f"a whole {kind} file",
            hint="download it again",
        ) from None

"""Reading bar files into one frame, every cell still as the file has it."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.ohlcv.columns import find_columns
from tidegate.data.connectors.ohlcv.settings import OhlcvSettings
from tidegate.data.connectors.table_files import TableKind, read_table_file

__all__ = ["find_files", "read_files"]

_READERS: Final[dict[str, TableKind]] = {
    ".csv": "csv",
    ".gz": "csv",
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
}
_MISSING: Final = ("", "-", "na", "n/a", "nan", "none", "null")
"""What files write in a number column where there is no number, in small letters."""


def find_files(path: str | Path) -> tuple[list[Path], list[str]]:
    """Return the files that a file name, a folder or a glob pattern names, sorted, and the names of those passed over.

    Raises
    ------
    DataError
        If there is none, or one of a kind that is not read.
    """
    place = Path(path)
    skipped: list[str] = []
    if place.is_dir():
        inside = sorted(file for file in place.rglob("*") if file.is_file())
        files = [file for file in inside if file.suffix.lower() in _READERS]
        skipped = [str(file.relative_to(place)) for file in inside if file.suffix.lower() not in _READERS]
    elif place.exists():
        files = [place]
    else:
        files = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns
    if not files:
        raise DataError(
            found=f"no file at {path}",
            expected="a CSV, Parquet or Feather file, a folder or a glob",
            hint="check the path",
        )
    for file in files:
        if file.suffix.lower() not in _READERS:
            raise DataError(
                found=f"{file}: ending {file.suffix!r}",
                expected=f"one of {', '.join(_READERS)}",
                hint="convert it, or name another file",
            )
    return files, skipped


def read_files(files: list[Path], settings: OhlcvSettings) -> pl.DataFrame:
    """Return the rows of all files in our column names, with ``file`` and ``row_number`` (1-based) beside them.

    Raises
    ------
    DataError
        If a file is empty, damaged, lacks a column, or has text where a number belongs, or several files are said to
        be one symbol.
    """
    if settings.symbol is not None and len(files) > 1:
        raise DataError(
            found=f"--symbol {settings.symbol} for {len(files)} files",
            expected="one file",
            hint="ingest them one by one, or name each after its symbol and add --symbol-from file",
        )
    alike = len({file.name for file in files}) < len(files)
    frames = [_read_file(file, str(file) if alike else file.name, settings) for file in files]
    try:
        return pl.concat(frames, how="diagonal")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            found=f"files that do not fit together: {str(error).splitlines()[0]}",
            expected="the same column types in every file",
            hint="ingest them one by one",
        ) from None


def _read_file(file: Path, label: str, settings: OhlcvSettings) -> pl.DataFrame:
    raw = read_table_file(file, _READERS[file.suffix.lower()])
    if raw.is_empty():
        raise DataError(found=f"{file}: no rows", expected="at least one bar", hint="check the download")
    theirs = find_columns(raw, file, settings)
    frame = raw.select(pl.col(name).alias(ours) for ours, name in theirs.items()).with_row_index("row_number", offset=1)
    if settings.symbol is not None:
        frame = frame.with_columns(pl.lit(settings.symbol).alias("symbol"))
    elif "symbol" not in frame.columns:
        frame = frame.with_columns(pl.lit(_stem(file)).alias("symbol"))
    frame = frame.with_columns(_names(frame, "symbol", file), pl.lit(label).alias("file"))
    return frame.with_columns(_number(frame, name, file) for name in theirs if name not in {"symbol", "time"})


def _stem(file: Path) -> str:
    """Return a file's name without the endings that say how to read it: ``000001.SZ.csv.gz`` is ``000001.SZ``."""
    while file.suffix.lower() in _READERS:
        file = file.with_suffix("")
    return file.name


def _names(frame: pl.DataFrame, name: str, file: Path) -> pl.Series:
    """Return a column as text; whole numbers are names too, as in many files of A-shares."""
    column = frame[name]
    if not (column.dtype.is_integer() or column.dtype in {pl.String, pl.Categorical, pl.Enum, pl.Null}):
        raise DataError(
            found=f"{file}: column {name!r} of type {column.dtype}", expected="names", hint="check the column map"
        )
    return column.cast(pl.String).str.strip_chars()


def _number(frame: pl.DataFrame, name: str, file: Path) -> pl.Series:
    """Return a column as float64; text in it is a wrong column or a wrong file, not a bad bar."""
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.String or column.dtype == pl.Null):
        raise DataError(
            found=f"{file}: column {name!r} of type {column.dtype}",
            expected="numbers",
            hint="check the column map",
        )
    if column.dtype != pl.String:
        return column.cast(pl.Float64).alias(name)
    text = column.str.strip_chars()
    given = text.is_not_null() & ~text.str.to_lowercase().is_in(_MISSING)
    numbers = text.set(~given, None).cast(pl.Float64, strict=False)
    broken = numbers.is_null() & given
    if broken.any():
        row = int(broken.arg_true()[0])
        raise DataError(
            found=f"{file}: {column[row]!r} in column {name!r}, row {row + 1}",
            expected="a number",
            hint="correct the file or map another column",
        )
    return numbers.alias(name)

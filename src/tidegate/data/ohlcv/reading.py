"""Reading bar files into one frame, every cell still as the file has it."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Final, get_args

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.ohlcv.settings import ColumnName, OhlcvSettings

__all__ = ["find_files", "read_files"]

_READERS = {".csv": "csv", ".gz": "csv", ".parquet": "parquet", ".feather": "feather", ".arrow": "feather"}
_KNOWN: Final[tuple[ColumnName, ...]] = get_args(ColumnName)
_REQUIRED: Final = ("symbol", "time", "close")


def find_files(path: str | Path) -> list[Path]:
    """Return the files that a file name, a folder or a glob pattern names, sorted.

    Raises
    ------
    DataError
        If there is none, or one of a kind that is not read.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.suffix in _READERS and file.is_file())
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
        if file.suffix not in _READERS:
            raise DataError(
                found=f"{file}: ending {file.suffix!r}",
                expected=f"one of {', '.join(_READERS)}",
                hint="convert it, or name another file",
            )
    return files


def read_files(files: list[Path], settings: OhlcvSettings) -> pl.DataFrame:
    """Return the rows of all files in our column names, with ``file`` and ``row_number`` (1-based) beside them.

    Raises
    ------
    DataError
        If a file is empty, damaged, lacks a column, or has text where a number belongs.
    """
    frames = [_read_file(file, settings) for file in files]
    try:
        return pl.concat(frames, how="diagonal")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            found=f"files that do not fit together: {str(error).splitlines()[0]}",
            expected="the same column types in every file",
            hint="ingest them one by one",
        ) from None


def _read_file(file: Path, settings: OhlcvSettings) -> pl.DataFrame:
    raw = _parse(file)
    if raw.is_empty():
        raise DataError(found=f"{file}: no rows", expected="at least one bar", hint="check the download")
    names = {ours: settings.columns.get(ours, ours) for ours in _KNOWN}
    missing = [names[ours] for ours in _required(settings) if names[ours] not in raw.columns]
    if missing:
        raise DataError(
            found=f"{file}: no column {', '.join(map(repr, missing))} among {', '.join(raw.columns[:20])}",
            expected="a time, a close and a symbol at least",
            hint="map the names with --column close=Close, or give --symbol",
        )
    chosen = [pl.col(theirs).alias(ours) for ours, theirs in names.items() if theirs in raw.columns]
    frame = raw.select(chosen).with_row_index("row_number", offset=1)
    if settings.symbol is not None:
        frame = frame.with_columns(pl.lit(settings.symbol).alias("symbol"))
    frame = frame.with_columns(_names(frame, "symbol", file), pl.lit(file.name).alias("file"))
    return frame.with_columns(_number(frame, name, file) for name in _KNOWN[2:] if name in frame.columns)


def _required(settings: OhlcvSettings) -> list[ColumnName]:
    """Return our names of the columns that must be there: those of every bar, and those that the settings name."""
    needed = {*_REQUIRED, *settings.columns, settings.adjust.value}
    return [name for name in _KNOWN if name in needed and not (name == "symbol" and settings.symbol is not None)]


def _parse(file: Path) -> pl.DataFrame:
    kind = _READERS[file.suffix]
    try:
        if kind == "csv":
            return pl.read_csv(file, infer_schema=False, glob=False)
        return pl.read_parquet(file, glob=False) if kind == "parquet" else pl.read_ipc(file)
    except pl.exceptions.NoDataError:
        raise DataError(
            found=f"{file}: an empty file", expected="at least one bar", hint="check the download"
        ) from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise DataError(
            found=f"{file}: not readable as {kind} ({str(error).splitlines()[0][:120]})",
            expected=f"a whole {kind} file",
            hint="download it again",
        ) from None


def _names(frame: pl.DataFrame, name: str, file: Path) -> pl.Series:
    """Return a column as text; whole numbers are names too, as in many files of A-shares."""
    column = frame[name]
    if not (column.dtype.is_integer() or column.dtype in {pl.String, pl.Categorical, pl.Enum, pl.Null}):
        raise DataError(
            found=f"{file}: column {name!r} of type {column.dtype}", expected="names", hint="check the column map"
        )
    return column.cast(pl.String)


def _number(frame: pl.DataFrame, name: str, file: Path) -> pl.Series:
    """Return a column as float64; text in it is a wrong column or a wrong file, not a bad bar."""
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.String or column.dtype == pl.Null):
        raise DataError(
            found=f"{file}: column {name!r} of type {column.dtype}",
            expected="numbers",
            hint="check the column map",
        )
    numbers = (
        column.replace("", None).cast(pl.Float64, strict=False)
        if column.dtype == pl.String
        else column.cast(pl.Float64)
    )
    blank = column.is_null() | (column.str.strip_chars() == "") if column.dtype == pl.String else column.is_null()
    broken = numbers.is_null() & ~blank
    if broken.any():
        row = int(broken.arg_true()[0])
        raise DataError(
            found=f"{file}: {column[row]!r} in column {name!r}, row {row + 1}",
            expected="a number",
            hint="correct the file or map another column",
        )
    return numbers.alias(name)

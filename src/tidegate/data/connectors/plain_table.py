"""Tables of other people: the columns that are needed, by our names, with texts, dates and numbers told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.table_files import TableKind, read_table_file, table_file_columns

__all__ = ["Columns", "column_names", "read_table", "typed"]

_MISSING: Final = ("", "-", "na", "n/a", "nan", "none", "null")
"""What files write where there is nothing, in small letters."""
_DATE_FORMATS: Final = ("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What to take out of a table.

    Parameters
    ----------
    texts, dates, numbers
        Our names of columns by what they hold.
    needed
        Those without which the table is of no use; any other that is not there is missing in every row.
    aliases
        What else a column may be called; capitals, blanks and ``_`` make no difference.
    """

    texts: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, texts first."""
        return (*self.texts, *self.dates, *self.numbers)


def read_table(file: Path) -> pl.DataFrame:
    """Return a CSV file as texts, or a Parquet file as it is.

    Raises
    ------
    DataError
        If it is empty, damaged or of another kind.
    """
    return read_table_file(file, _kind(file))


def column_names(file: Path) -> list[str]:
    """Return the columns of a CSV or Parquet file without reading its rows.

    Raises
    ------
    DataError
        If it is empty, damaged or of another kind.
    """
    return table_file_columns(file, _kind(file))


def typed(raw: pl.DataFrame, columns: Columns, label: str) -> pl.DataFrame:
    """Return the wanted columns, typed, beside ``file``, ``row_number`` (1-based) and ``fault``.

    ``fault`` says why a row cannot be used, such as a date that is none; it is null in good rows.

    Parameters
    ----------
    label
        Name of the table for messages and the quarantine.

    Raises
    ------
    DataError
        If a needed column is missing, holds no plain values, or has text where a number belongs.

    Examples
    --------
    >>> raw = pl.DataFrame({"Ticker": ["A", "B"], "ipoDate": ["2020-01-31", "soon"]})
    >>> columns = Columns(texts=("symbol",), dates=("ipo_date",), aliases={"symbol": ("ticker",)})
    >>> typed(raw, columns, "lives.csv").select("symbol", "ipo_date", "fault").rows()
    [('A', datetime.date(2020, 1, 31), None), ('B', None, 'unparsable ipo_date')]
    """
    theirs = _find(raw.columns, columns)
    missing = [name for name in columns.needed if name not in theirs]
    if missing:
        raise DataError(
            found=f"{label}: no column {', '.join(map(repr, missing))} among {', '.join(raw.columns[:20]) or 'none'}",
            expected=", ".join(columns.needed),
            hint="check that this is the file you meant, and rename its columns",
        )
    try:
        return _typed(raw, columns, theirs, label)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            found=f"{label}: {str(error).splitlines()[0][:120]}",
            expected="columns of plain texts, dates and numbers",
            hint="check that this is the file you meant",
        ) from None


def _typed(raw: pl.DataFrame, columns: Columns, theirs: dict[str, str], label: str) -> pl.DataFrame:
    read = {name: _text(raw[theirs[name]]) for name in (*columns.texts, *columns.dates) if name in theirs}
    dates = {name: _dates(raw[theirs[name]], read[name]) for name in columns.dates if name in theirs}
    unread = {name: read[name].is_not_null() & dates[name].is_null() for name in dates}
    fault = pl.coalesce(
        *(pl.when(mask).then(pl.lit(f"unparsable {name}")) for name, mask in unread.items()), pl.lit(None, pl.String)
    )
    found = {
        **{name: read[name] for name in columns.texts if name in read},
        **dates,
        **{name: _numbers(raw[theirs[name]], name, label) for name in columns.numbers if name in theirs},
    }
    kinds = {**dict.fromkeys(columns.texts, pl.String), **dict.fromkeys(columns.dates, pl.Date)}
    return raw.select(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("row_number")).with_columns(
        *((found[name] if name in found else pl.lit(None, kinds.get(name, pl.Float64))).alias(name)
          for name in columns.names),
        pl.lit(label).alias("file"),
        fault.alias("fault"),
    )  # fmt: skip


def _find(names: list[str], columns: Columns) -> dict[str, str]:
    """Return our name to the table's; the first alias that is there wins."""
    plain = {_plain(name): name for name in reversed(names)}
    called = {ours: [ours, *columns.aliases.get(ours, ())] for ours in columns.names}
    found = {ours: [plain[_plain(name)] for name in alike if _plain(name) in plain] for ours, alike in called.items()}
    return {ours: alike[0] for ours, alike in found.items() if alike}


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def _text(column: pl.Series) -> pl.Series:
    """Return a column as text, null where the file writes that there is nothing."""
    text = column.cast(pl.String, strict=False).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(_MISSING).fill_null(value=False), None)


def _dates(column: pl.Series, text: pl.Series) -> pl.Series:
    """Return dates; null where there is none or it is not understood."""
    if column.dtype == pl.Date:
        return column
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date()
    whole = text.str.strip_suffix(".0")  # a column of numbers with a hole in it
    return pl.select(pl.coalesce(whole.str.to_date(pattern, strict=False) for pattern in _DATE_FORMATS)).to_series()


def _numbers(column: pl.Series, name: str, label: str) -> pl.Series:
    """Return a column as float64; text in it is a wrong column or a wrong file."""
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return column.cast(pl.Float64).fill_nan(None)
    text = _text(column)
    numbers = text.cast(pl.Float64, strict=False)
    broken = numbers.is_null() & text.is_not_null()
    if broken.any():
        row = int(broken.arg_true()[0])
        raise DataError(
            found=f"{label}: {text[row]!r} in column {name!r}, row {row + 1}",
            expected="a number",
            hint="correct the file",
        )
    return numbers.fill_nan(None)


def _kind(file: Path) -> TableKind:
    return "parquet" if file.suffix.lower() == ".parquet" else "csv"

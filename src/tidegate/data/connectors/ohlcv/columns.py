"""Which column of a file is which of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Final, get_args

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.ohlcv.settings import ColumnName, OhlcvSettings

__all__ = ["find_columns"]

_OURS: Final[tuple[ColumnName, ...]] = get_args(ColumnName)
_ADJUSTMENTS: Final = {"factor", "adj_close"}
_USUAL: Final[dict[str, tuple[str, ...]]] = {
    "symbol": ("ticker", "code", "tscode", "instrument", "name"),
    "time": ("date", "datetime", "timestamp", "ts", "tradedate", "opentime", "day"),
    "close": ("price", "last", "closeprice"),
    "volume": ("vol",),
    "traded_value": ("amount", "turnover", "quotevolume"),
}
"""What the columns are called elsewhere, for the hint."""
_MERGE_FACTORS: Final = (
    "adj_factor comes from an endpoint of its own; in Python: daily.merge(pro.adj_factor(ts_code=CODE), "
    "on=['ts_code', 'trade_date']).to_csv(FILE, index=False); or, without dividends and splits, --adjust none"
)
_KEEP_ADJ_CLOSE: Final = (
    "--column adj_close=NAME, or --adjust none for prices as they are; yfinance leaves Adj Close out unless told: "
    "yf.download(TICKER, auto_adjust=False)"
)
_ONE_HEADER: Final = (
    "one file per ticker: yf.download(TICKER, auto_adjust=False, multi_level_index=False).to_csv('TICKER.csv')"
)


def find_columns(raw: pl.DataFrame, file: Path, settings: OhlcvSettings) -> dict[ColumnName, str]:
    """Return the file's name of each of our columns that it has and the settings need.

    Raises
    ------
    DataError
        If a needed column is missing, two columns fit one name, or the file has several header rows.
    """
    _require_one_header(raw, file)
    # Columns of an adjustment that is not asked for are not read: nothing in them makes a bar a bad one.
    wanted = [ours for ours in _OURS if ours not in _ADJUSTMENTS or ours == settings.adjust.value]
    found = {ours: _find(raw.columns, settings.columns.get(ours, ours), file) for ours in wanted}
    theirs = {ours: name for ours, name in found.items() if name is not None}
    needed = {"time", "close", settings.adjust.value, *settings.columns}
    if settings.symbol is None and settings.symbol_from == "column":
        needed.add("symbol")
    missing = [ours for ours in wanted if ours in needed and ours not in theirs]
    if missing:
        raise DataError(
            found=f"{file}: no column {', '.join(repr(settings.columns.get(ours, ours)) for ours in missing)} among "
            f"{', '.join(raw.columns[:20])}; recognised: {', '.join(theirs) or 'none'}",
            expected="a time, a close and a symbol at least, and what --column, --preset and --adjust name",
            hint="; ".join(_advice(ours, raw.columns, settings) for ours in missing),
        )
    return theirs


def _find(names: list[str], wanted: str, file: Path) -> str | None:
    """Return the name that is written like the wanted one, or else like it but for capitals, blanks and ``_``."""
    if wanted in names:
        return wanted
    alike = [name for name in names if _plain(name) == _plain(wanted)]
    if len(alike) > 1:
        raise DataError(
            found=f"{file}: columns {' and '.join(map(repr, alike))}, each of which could be {wanted!r}",
            expected="one",
            hint="name the right one with --column",
        )
    return alike[0] if alike else None


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def _advice(ours: ColumnName, names: list[str], settings: OhlcvSettings) -> str:
    """Return what to do about a missing column."""
    if ours == "factor" and settings.columns.get(ours) == "adj_factor":
        return _MERGE_FACTORS
    if ours == "adj_close":
        return _KEEP_ADJ_CLOSE
    guess = next((name for name in names if _plain(name) in _USUAL.get(ours, ())), "NAME")
    or_else = " (or --symbol SYMBOL, or --symbol-from file)" if ours == "symbol" and guess == "NAME" else ""
    flag = f"{ours}={guess}"
    return f"""--column {f"'{flag}'" if " " in flag else flag}{or_else}"""


def _require_one_header(raw: pl.DataFrame, file: Path) -> None:
    """Refuse the header of several rows that pandas writes for columns of two levels."""
    if raw.dtypes[0] != pl.String or raw.width < 2:
        return
    for row in raw.head(2).iter_rows():
        if str(row[0]).casefold() in {"date", "datetime"} and not any(row[1:]):
            raise DataError(
                found=f"{file}: a header of several rows ({raw.columns[0]}, ..., {row[0]}), as yfinance writes it",
                expected="one row of column names",
                hint=_ONE_HEADER,
            )

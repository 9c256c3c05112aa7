"""Folders of Tushare's files: each file yields every kind whose columns it has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.contract import Task
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.connectors.plain_table import Columns, column_names, read_table, typed
from tidegate.data.connectors.tushare.endpoints import ENDPOINTS
from tidegate.data.connectors.tushare.settings import Kind, TushareSettings

__all__ = ["TushareFiles"]

_FACTOR: Final = "adj_factor"
_SIGNS: Final = {
    Kind.DAILY: {"ts_code", "trade_date", "close", "vol"},
    Kind.INDEX_DAILY: {"ts_code", "trade_date", "close", "vol"},
    Kind.DAILY_BASIC: {"ts_code", "trade_date", "total_mv"},
    Kind.STK_LIMIT: {"ts_code", "trade_date", "up_limit", "down_limit"},
    Kind.SUSPEND_D: {"ts_code", "trade_date", "suspend_type"},
    Kind.STOCK_BASIC: {"ts_code", "list_date"},
    Kind.NAMECHANGE: {"ts_code", "name", "start_date"},
    Kind.TRADE_CAL: {"cal_date", "is_open"},
}
"""Columns by which a file of a kind is told."""
_INDUSTRY_SIGNS: Final = {
    "stock_basic": {"ts_code", "list_date", "industry"},
    "index_member_all": {"ts_code", "l1_name", "in_date"},
}


class TushareFiles:
    """Files in which Tushare's answers were kept: per day, per share, or all in one.

    Parameters
    ----------
    path
        A file or a folder; files of other kinds in it are left alone.
    """

    def __init__(self, path: Path, settings: TushareSettings) -> None:
        self._path = path
        self._settings = settings

    def tasks(self) -> list[Task]:
        """Return one task per file that holds anything asked for.

        Raises
        ------
        DataError
            If no file does.
        """
        found = [Task(member=self._label(file), what="file") for file in self._files if self._kinds_in(file)]
        if not found:
            raise DataError(
                found=f"{len(self._files)} files at {self._path}, none with the columns of "
                f"{' or '.join(self._settings.kinds)}",
                expected="files as Tushare's client writes them",
                hint="name another folder, or other kinds",
            )
        return found

    def read(self, task: Task) -> Iterator[tuple[Kind, pl.DataFrame]]:
        """Yield the kinds that the file of a task holds, each with its typed rows.

        Raises
        ------
        DataError
            If the file is damaged, or bars of shares come without adjustment.
        """
        file = next(file for file in self._files if self._label(file) == task.member)
        kinds = self._kinds_in(file)
        raw = read_table(file)
        for kind in kinds:
            yield kind, self._wanted(kind, self._typed(kind, raw, task.member))

    @cached_property
    def _files(self) -> list[Path]:
        return find_files(self._path)[0]

    def _label(self, file: Path) -> str:
        return file.name if file == self._path else str(file.relative_to(self._path))

    def _kinds_in(self, file: Path) -> list[Kind]:
        """Return what a file holds of what is asked for; an unreadable one is tried as the first of them."""
        asked = [Kind(kind) for kind in self._settings.kinds]
        try:
            names = set(column_names(file))
        except DataError:
            return asked[:1]
        return [kind for kind in asked if self._signs(kind) <= names]

    def _signs(self, kind: Kind) -> set[str]:
        return _INDUSTRY_SIGNS[self._settings.industry_source] if kind is Kind.INDUSTRY else _SIGNS[kind]

    def _typed(self, kind: Kind, raw: pl.DataFrame, label: str) -> pl.DataFrame:
        endpoint = self._settings.industry_source if kind is Kind.INDUSTRY else kind.value
        columns = ENDPOINTS[endpoint].columns
        if kind is not Kind.DAILY:
            return typed(raw, columns, label)
        if _FACTOR in raw.columns:
            both = Columns(
                texts=columns.texts, dates=columns.dates, numbers=(*columns.numbers, _FACTOR), needed=columns.needed
            )
            return typed(raw, both, label)
        return typed(raw, columns, label).join(self._factors, on=["ts_code", "trade_date"], how="left")

    @cached_property
    def _factors(self) -> pl.DataFrame:
        """Every adjustment that lies in files of its own."""
        files = [file for file in self._files if _FACTOR in (names := column_names(file)) and "close" not in names]
        if not files:
            raise DataError(
                found=f"bars without {_FACTOR} at {self._path}, and no files of it",
                expected=f"a column {_FACTOR}, or files of that interface beside the bars",
                hint="download it too; without it an ex-date looks like a fall in price",
            )
        read = [typed(read_table(file), ENDPOINTS[_FACTOR].columns, self._label(file)) for file in files]
        return pl.concat(read).select("ts_code", "trade_date", _FACTOR).unique(["ts_code", "trade_date"], keep="last")

    def _wanted(self, kind: Kind, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of the symbols and days asked for; those that cannot be understood stay, to be rejected."""
        wanted = pl.lit(value=True)
        settings = self._settings
        is_index = pl.lit(value=False)
        if "ts_code" in rows.columns:
            is_index = pl.col("ts_code").is_in(settings.indexes).fill_null(value=False)
        if kind is Kind.INDEX_DAILY:
            wanted &= is_index
        elif kind is not Kind.TRADE_CAL:
            wanted &= ~is_index
            if settings.symbols:
                wanted &= pl.col("ts_code").is_in(settings.symbols).fill_null(value=True)
        day = next((name for name in ("trade_date", "cal_date") if name in rows.columns), None)
        if day is not None and settings.start is not None:
            wanted &= (pl.col(day) >= settings.start).fill_null(value=True)
        if day is not None and settings.end is not None:
            wanted &= (pl.col(day) <= settings.end).fill_null(value=True)
        return rows.filter(wanted)

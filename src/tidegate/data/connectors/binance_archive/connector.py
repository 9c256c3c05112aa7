"""The archive behind the contract of connectors: one task a month, whole where it is over, day by day where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.time import DAY, Instant, moment_of, parse_instant
from tidegate.data.connectors.binance_archive.files import Files, open_files
from tidegate.data.connectors.binance_archive.packed import read_packed
from tidegate.data.connectors.binance_archive.rows import COLUMNS, ArchiveFile, batch_of
from tidegate.data.connectors.binance_archive.settings import ArchiveKind, BinanceArchiveSettings, file_of
from tidegate.data.connectors.contract import Batch, Call, Task

__all__ = ["BinanceArchiveConnector"]

_DAYS_UNTIL_FINAL: Final = 10
"""A file that is not there this long after its last day never comes."""
_DAYS_UNTIL_MONTHS: Final = 45
"""So long after its end a month may still be there as single days only."""
_LARGEST: Final = {ArchiveKind.METRICS: 2**26, ArchiveKind.FUNDING: 2**26, ArchiveKind.BARS: 2**30}
_LARGEST_TRADES: Final = 2**35


class BinanceArchiveConnector:
    """Bars, funding, metrics and trades from Binance's public archive.

    Months that are over and asked for in full are read from one file, all others day by day. A file that is not there
    is nothing, not a failure: before a listing there are none. Each file's sha256 is compared with the archive's own.

    Parameters
    ----------
    settings
        What to take, and from where.
    """

    name: Final = "binance-archive"
    settings_type: Final = BinanceArchiveSettings
    tables: Final = ("bars", "funding", "metrics", "trades")

    def __init__(self, settings: BinanceArchiveSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset
        self.warnings: list[str] = []

    def tasks(self) -> Sequence[Task]:
        """Return a task for each symbol and month, and for each day of a month that is not over.

        Raises
        ------
        InputError
            If the folder is not there, or no day of the window is over.
        """
        settings = self.settings
        if settings.path is not None and not settings.path.is_dir():
            raise DataError(found=f"no folder {settings.path}", expected="a folder of zip files", hint="check the path")
        last = moment_of(now()).date() - timedelta(days=1)
        end = last if settings.end is None else min(settings.end, last)
        if end < settings.start:
            raise DataError(
                found=f"a window from {settings.start} in which no day is over",
                expected="at least one day that is",
                hint="the archive brings a day on the day after; ask the exchange itself for the rest",
            )
        stretches = self._stretches(settings.start, end, last)
        return [self._task(symbol, *stretch) for symbol in settings.names for stretch in stretches]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the rows of a month or a day.

        Raises
        ------
        SourceError
            If the server does not answer, or its file is not what its checksum says.
        DataError
            If a file cannot be read.
        """
        theirs = task.what.rpartition(" ")[2]
        start, end = _day(task.start), _day(task.end)
        with open_files(self.settings, call, self._warn) as files:
            for file, path in self._files(files, theirs, start, end):
                largest = _LARGEST.get(self.settings.kind, _LARGEST_TRADES)
                for rows_before, text in read_packed(path, COLUMNS[self.settings.kind], largest=largest):
                    batch = batch_of(self.settings, file, rows_before, text)
                    yield replace(batch, rows=_within(batch.rows, task))

    def _stretches(self, start: date, end: date, last: date) -> list[tuple[date, date]]:
        """Return the months of a window as ``[start, end)``, and the days of one that is not over."""
        stretches: list[tuple[date, date]] = []
        month = start.replace(day=1)
        while month <= end:
            following = _next_month(month)
            first, stop = max(month, start), min(following, end + timedelta(days=1))
            if following <= last + timedelta(days=1):
                stretches.append((first, stop))
            elif self.settings.kind.has_days:
                stretches += [(day, day + timedelta(days=1)) for day in _days(first, stop)]
            else:
                self._warn(f"{self.settings.kind} of {month:%Y-%m} comes when the month is over; ask the exchange")
            month = following
        return stretches

    def _task(self, symbol: str, start: date, end: date) -> Task:
        finality = parse_instant(end) + _DAYS_UNTIL_FINAL * DAY
        return Task(
            member=self.settings.names[symbol],
            # The exchange's symbol belongs to the name of the task: under another one it is other work.
            what=f"{self.settings.kind} of {symbol}",
            start=parse_instant(start),
            end=parse_instant(end),
            # A folder may still be filled.
            closed=self.settings.path is None and finality <= now(),
        )

    def _files(self, files: Files, symbol: str, start: date, end: date) -> Iterator[tuple[ArchiveFile, Path]]:
        """Yield the files of a stretch that are there."""
        kind, month = self.settings.kind, start.replace(day=1)
        whole_month = (start, end) == (month, _next_month(month))
        if kind.has_months and (whole_month or not kind.has_days):
            found = self._file(files, symbol, month, monthly=True)
            if found is not None:
                yield found
                return
        young = now() < parse_instant(end) + _DAYS_UNTIL_MONTHS * DAY
        if kind.has_days and (young or not whole_month or not kind.has_months or self.settings.path is not None):
            for day in _days(start, end):
                found = self._file(files, symbol, day, monthly=False)
                if found is not None:
                    yield found

    def _file(self, files: Files, symbol: str, day: date, *, monthly: bool) -> tuple[ArchiveFile, Path] | None:
        relative = file_of(self.settings, symbol, day, monthly=monthly)
        path = files(relative)
        if path is None:
            return None
        file = ArchiveFile(
            name=relative.rpartition("/")[2],
            symbol=symbol,
            member=self.settings.names[symbol],
            start=parse_instant(day),
            end=parse_instant(_next_month(day) if monthly else day + timedelta(days=1)),
        )
        return file, path

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)


def _within(rows: pl.DataFrame, task: Task) -> pl.DataFrame:
    """Leave out what a file of a whole month holds beside the days that were asked for."""
    return rows.filter(pl.col("event_time").is_between(moment_of(task.start or 0), moment_of(task.end or 0)))


def _day(at: Instant | None) -> date:
    return moment_of(at or 0).date()


def _days(start: date, stop: date) -> Iterator[date]:
    return (start + timedelta(days=count) for count in range((stop - start).days))


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)

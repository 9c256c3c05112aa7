"""Macro series behind the contract of connectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Final

import polars as pl

from tidegate.core.errors import SourceRefusedError
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.macro.files import read_macro_files
from tidegate.data.connectors.macro.fred import FredSeries, FredSource
from tidegate.data.connectors.macro.rules import with_period_end
from tidegate.data.connectors.macro.series import about_series
from tidegate.data.connectors.macro.settings import MacroSettings
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.tables import MACRO, MOMENT

__all__ = ["MacroConnector"]

_VINTAGES_PER_REQUEST: Final = 1000
"""The service refuses more than 2,000."""


class MacroConnector:
    """Numbers about no symbol, with the time from which on each was public.

    From FRED comes one row for each observation and vintage. A vintage is known at the time of day at which such
    releases are published, where that is known, and at the end of its day in New York where it is not. From files
    comes one row for each observation, known when the file's rule in words says.

    Parameters
    ----------
    settings
        What to fetch, and from where.
    """

    name: Final = "macro"
    settings_type: Final = MacroSettings
    tables: Final = (MACRO.name,)

    def __init__(self, settings: MacroSettings) -> None:
        self.settings = settings
        self.dataset: str = settings.dataset or "macro"
        self.warnings: list[str] = []
        self._fred: FredSource | None = None

    def tasks(self) -> Sequence[Task]:
        """Return a task for each series of FRED, or one for all files.

        Raises
        ------
        InputError
            If FRED is to be asked without a key, or the file is not there.
        """
        path = self.settings.path
        if path is None:
            self._source()
            return [Task(member=series, what="vintages") for series in self.settings.series]
        find_files(path)
        return [Task(member=path.name, what="series")]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the rows of a series, or of all files.

        Raises
        ------
        SourceError
            If FRED does not answer.
        DataError
            If a file or one of its rules cannot be understood.
        """
        if self.settings.path is not None:
            yield read_macro_files(self.settings.path, self.settings, self.dataset, self._warn)
            return
        source, series = self._source(), task.member
        about = call(lambda: source.about(series))
        vintages = call(lambda: source.vintages(series))
        parts = list(_observations(source, call, series, vintages))
        yield self._batch(about, pl.concat(parts) if parts else None)

    def _source(self) -> FredSource:
        if self._fred is None:
            self._fred = FredSource(self.settings.base_url)
        return self._fred

    def _batch(self, about: FredSeries, found: pl.DataFrame | None) -> Batch:
        settings = self.settings
        if found is None:
            return Batch(table=MACRO.name, rows=_empty())
        start, end = settings.start or date.min, settings.end or date.max
        rows = found.filter(pl.col("date").is_between(start, end), pl.col("value").is_finite())
        rows = with_period_end(_changes(rows), about.period)
        known = about_series(about.name)
        ours = rows.select(
            pl.lit(self.dataset).alias("dataset"),
            pl.lit(about.name).alias("series"),
            pl.col("period_end").cast(MOMENT).alias("event_time"),
            known.published("vintage").alias("known_time"),
            "value",
            pl.lit(known.unit or about.unit, pl.String).alias("unit"),
            pl.lit("fred").alias("source"),
            pl.lit(value=False).alias("synthetic"),
            pl.lit(value=False).alias("revised"),
        )
        # A value of a period that is not over is somebody's forecast of it, which is another thing than the value.
        early = pl.col("known_time") < pl.col("event_time")
        reason = pl.lit("known before its period was over").alias("reason")
        return Batch(table=MACRO.name, rows=ours.filter(~early), rejected=ours.filter(early).with_columns(reason))

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)


def _observations(source: FredSource, call: Call, series: str, vintages: Sequence[date]) -> Iterator[pl.DataFrame]:
    """Yield what was in force over all vintages, in stretches short enough to be told in full."""
    waiting = [
        vintages[first : first + _VINTAGES_PER_REQUEST] for first in range(0, len(vintages), _VINTAGES_PER_REQUEST)
    ][::-1]
    while waiting:
        stretch = waiting.pop()
        found = call(partial(source.observations, series, stretch))
        if found is not None:
            yield found
        elif len(stretch) == 1:
            raise SourceRefusedError(
                found=f"FRED on {series}: more observations than one answer holds",
                expected="fewer than 100,000 in one vintage",
                hint="take this series from a file",
            )
        else:
            half = len(stretch) // 2
            waiting += [stretch[half:], stretch[:half]]


def _changes(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out vintages that repeat the value before them: each stretch begins with all that is in force."""
    ordered = rows.sort("date", "vintage").unique(["date", "vintage"], keep="last", maintain_order=True)
    repeats = (pl.col("date") == pl.col("date").shift()) & (pl.col("value") == pl.col("value").shift())
    return ordered.filter(~repeats.fill_null(value=False))


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema={name: kind for name, kind in MACRO.schema.items() if name != "recorded_time"})

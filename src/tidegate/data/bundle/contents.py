"""What belongs into a bundle: which data sets, which rows of them, and every vintage of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tidegate.core.errors import CatalogError
from tidegate.core.time import DAY, Instant, Window, instant_of, moment_of
from tidegate.data.bundle.manifest import BundleFile
from tidegate.data.bundle.parquet import GROUP_ROWS
from tidegate.data.catalog import Catalog
from tidegate.data.revisions import sort_out
from tidegate.data.tables import MACRO, SYMBOL_LIVES, UNIVERSE, TableSpec, spec_of

__all__ = ["Cut", "Source", "absent_symbols", "find_sources"]

_VALID_UNTIL_THE_NEXT: Final = frozenset({MACRO.name, SYMBOL_LIVES.name, UNIVERSE.name})
"""Tables whose last row before a window still holds in it, so that it must be part of it."""


@dataclass(frozen=True)
class Source:
    """One data set of one table at one version, of bars those of one interval."""

    table: str
    dataset: str
    interval: str | None
    version: int

    @property
    def name(self) -> str:
        """``table/data set``."""
        return f"{self.table}/{self.dataset}"

    @property
    def file(self) -> str:
        """Name of its file in a bundle."""
        return BundleFile.name_of(self.table, self.dataset, self.interval)

    @property
    def spec(self) -> TableSpec:
        """The table."""
        return spec_of(self.table)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Which rows of each source belong into a bundle.

    A window never separates what belongs together: where a value holds until the next one, all that came before the
    window is part of it; where things are announced ahead, what was announced by its end is.

    Parameters
    ----------
    window
        Event times.
    as_of
        Rows known by then.
    symbols
        Only these, in tables whose members are symbols; None means all.
    """

    window: Window
    as_of: Instant
    symbols: tuple[str, ...] | None

    def stretches(self, catalog: Catalog, source: Source) -> Iterator[tuple[pl.DataFrame, Instant]]:
        """Yield the rows of a source in stretches of time of bounded length, and when the newest was recorded.

        Each vintage comes once, as it was last corrected, and none that only repeats the one before it; rows are
        sorted by key and known time, so the same rows always come in the same order.
        """
        for window in self._windows(catalog, source):
            vintage = [*source.spec.key, "known_time"]
            ordered = self._rows(catalog, source, window).sort(*vintage, "recorded_time")
            rows = ordered.unique(vintage, keep="last", maintain_order=True).collect()
            newest = Instant(int(rows["recorded_time"].dt.epoch("us").to_numpy().max()))
            yield _without_repetitions(source.spec, rows), newest

    def _windows(self, catalog: Catalog, source: Source) -> list[Window]:
        """Return whole days put together up to :data:`GROUP_ROWS` rows."""
        day = pl.col("event_time").dt.truncate("1d").alias("day")
        counts = self._rows(catalog, source, self._reach(source)).group_by(day).agg(pl.len()).sort("day").collect()
        windows: list[Window] = []
        held = 0
        for moment, rows in counts.iter_rows():
            first, last = instant_of(moment) - 1, Instant(instant_of(moment) + DAY - 1)
            if windows and held + rows <= GROUP_ROWS:
                windows[-1] = Window(start=windows[-1].start, end=last)
                held += rows
            else:
                windows.append(Window(start=Instant(first), end=last))
                held = rows
        return windows

    def _reach(self, source: Source) -> Window:
        start = None if source.table in _VALID_UNTIL_THE_NEXT else self.window.start
        return Window(start=start, end=None if source.spec.announced_ahead else self.window.end)

    def _rows(self, catalog: Catalog, source: Source, window: Window) -> pl.LazyFrame:
        reach, start, end = self._reach(source), window.start, window.end
        if reach.start is not None:
            start = max(reach.start, start if start is not None else reach.start)
        if reach.end is not None:
            end = min(reach.end, end if end is not None else reach.end)
        rows = catalog.revisions(
            source.table,
            dataset=source.dataset,
            as_of=self.as_of,
            version=source.version,
            symbols=self.symbols if source.spec.member == "symbol" else None,
            window=Window(start=start, end=end),
        )
        if source.interval is not None:
            rows = rows.filter(pl.col("interval") == source.interval)
        if source.spec.announced_ahead and self.window.end is not None:
            rows = rows.filter(pl.min_horizontal("event_time", "known_time") <= moment_of(self.window.end))
        return rows


def find_sources(catalog: Catalog, *, tables: Sequence[str], datasets: Sequence[str]) -> list[Source]:
    """Return what the catalog holds of these tables and data sets, all of it where nothing is named.

    Raises
    ------
    CatalogError
        If a table or a data set named is not there, or nothing is there at all.
    """
    for table in tables:
        spec_of(table)
    there = catalog.datasets()
    _require_named("data set", datasets, {entry.dataset for entry in there})
    _require_named("table", tables, {entry.table for entry in there})
    found = [
        Source(entry.table, entry.dataset, entry.interval, catalog.version(entry.table, dataset=entry.dataset))
        for entry in there
        if (not tables or entry.table in tables) and (not datasets or entry.dataset in datasets)
    ]
    if not found:
        raise CatalogError(
            found="nothing of these tables and data sets" if there else "an empty catalog",
            expected="at least one data set",
            hint="list what is there: tidegate catalog",
        )
    return sorted(found, key=lambda source: (source.table, source.dataset, source.interval or ""))


def absent_symbols(catalog: Catalog, sources: Sequence[Source], symbols: Sequence[str]) -> list[str]:
    """Return the symbols that none of the sources has, ascending."""
    known: set[str] = set()
    for table, dataset in sorted({(source.table, source.dataset) for source in sources}) if symbols else ():
        if spec_of(table).member == "symbol":
            known.update(catalog.members(table, dataset))
    return sorted(set(symbols) - known)


def _require_named(what: str, named: Sequence[str], there: set[str]) -> None:
    absent = sorted(set(named) - there)
    if absent:
        raise CatalogError(
            found=f"no {what} {', '.join(map(repr, absent))}",
            expected=f"one of {', '.join(sorted(there)) or '(none)'}",
            hint="list what is there: tidegate catalog",
        )


def _without_repetitions(spec: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out what an append to an empty catalog would leave out, so that an import appends every row."""
    kept = rows.drop("recorded_time")
    while (fresh := sort_out(spec, kept, None, None)[0]).height < kept.height:
        kept = fresh
    return fresh

"""The catalog: bitemporal, append-only, versioned tables on Delta Lake.

A row is never changed. A revision is a further row of the same key with a later ``known_time``; the correction of a
data error keeps its ``known_time`` and is recorded later. Reading asks *as of* when, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.panel import Panel
from tidegate.core.time import BarInterval, Instant, Window, format_instant, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.delta import DeltaTables, OvertakenError, how_to_bring, window_of
from tidegate.data.ordering import newest, newest_lazily
from tidegate.data.panels import panel_of
from tidegate.data.revisions import Revision, require_valid, sort_out
from tidegate.data.stored import Layout, Stored
from tidegate.data.tables import BARS, TABLES, TableSpec, spec_of

__all__ = ["Appended", "Catalog", "Correction", "DatasetSummary"]

_COMMIT_FACTS = ("dataset", "rows", "run", "code_version", "correction")
_ORDER = ("event_time", "known_time", "recorded_time")


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What an append did: rows by fate, and the table version that holds the result."""

    version: int
    appended: int
    identical: int
    revised: int


@dataclass(frozen=True)
class Correction:
    """A data error that was corrected: the table version that holds the right values, and why."""

    table: str
    dataset: str
    version: int
    rows: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """One data set of one table."""

    table: str
    dataset: str
    interval: str | None
    members: int
    rows: int
    first: Instant
    last: Instant
    version: int


class Catalog:
    """Tables of a workspace.

    Parameters
    ----------
    workspace
        Its ``catalog`` folder holds one Delta table per :data:`tidegate.data.tables.TABLES` entry.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tables = DeltaTables(workspace.catalog_url)

    def append(
        self, table: str, rows: pl.DataFrame, *, revision: Revision | None = None, run: str | None = None
    ) -> Appended:
        """Append rows atomically; identical rows append nothing.

        Parameters
        ----------
        table
            Name of a :data:`tidegate.data.tables.TABLES` entry.
        rows
            The table's columns except ``recorded_time``; one data set per call, key and known time unique.
        revision
            What rows with a stored key but other values mean.
        run
            Named in the commit's metadata.

        Raises
        ------
        DataError
            If stored values differ and no ``revision`` says what that means; nothing is appended then.
        """
        spec = spec_of(table)
        require_valid(spec, rows)
        with self._workspace.lock(f"catalog-{table}"):
            while True:
                # Elsewhere somebody may append to the same table: what is new is then told again.
                with suppress(OvertakenError):
                    return self._append(spec, rows, revision, run)

    def _append(self, spec: TableSpec, rows: pl.DataFrame, revision: Revision | None, run: str | None) -> Appended:
        present = self._tables.present(spec)
        stored = self._stored_like(present, rows)
        fresh, revised, identical = sort_out(spec, rows, stored, revision)
        new = pl.concat([fresh, revised])
        if new.is_empty():
            return Appended(version=self.version(spec.name), appended=0, identical=identical, revised=0)
        facts = {"dataset": str(rows["dataset"][0]), "rows": str(new.height), "run": run or ""}
        if revision is not None and revision.correction_reason is not None and revised.height:
            facts["correction"] = revision.correction_reason
        version = self._tables.append(spec, new, recorded_at=_after(stored), facts=facts, seen=present)
        return Appended(version=version, appended=fresh.height, identical=identical, revised=revised.height)

    def read(
        self,
        table: str,
        *,
        dataset: str,
        as_of: Instant,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
        window: Window | None = None,
    ) -> pl.LazyFrame:
        """Return each key's newest row among those with ``known_time <= as_of``, sorted by member and event time.

        Parameters
        ----------
        as_of
            There is no default: what is known depends on when one asks.
        version
            Table version; none means the present one.
        symbols
            Members of the table's :attr:`~tidegate.data.tables.TableSpec.member` column: symbols, series or items;
            none means all.
        window
            Event times; none means all. Without ``as_of`` in it: an event may be known long after it.

        Raises
        ------
        CatalogError
            If the data set or the version does not exist.
        """
        spec = spec_of(table)
        known = self._known(spec, {"dataset": dataset}, as_of, version, symbols, window)
        if known.layout.is_distinct and known.layout.is_in_order:
            return known.rows
        return newest_lazily(known.rows, known.key, spec.schema, at_most=int(known.layout.files["rows"].sum()))

    def revisions(
        self,
        table: str,
        *,
        dataset: str,
        as_of: Instant,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
        window: Window | None = None,
    ) -> pl.LazyFrame:
        """Return every row with ``known_time <= as_of``, revised ones too, in no order; otherwise as :meth:`read`."""
        return self._known(spec_of(table), {"dataset": dataset}, as_of, version, symbols, window).rows

    def bar_panel(
        self,
        dataset: str,
        *,
        interval: BarInterval,
        as_of: Instant,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
        window: Window | None = None,
    ) -> Panel:
        """Return bars as a panel whose row *t* holds what was known at the close *t*.

        A value that became known later than its own bar's close (a late or restated row) does not appear in that row:
        neither a feature nor a fill of that instant could have used it. Prices are adjusted (``raw_close`` is not);
        a column that the source lacks is absent; the rows are all bars that the calendar owes, so that a hole in the
        data is missing values and never a longer horizon (D-12).

        Raises
        ------
        CatalogError
            If the data set or the version does not exist.
        DataError
            If no bar is left.
        """
        same = {"dataset": dataset, "interval": str(interval)}
        known = self._known(BARS, same, as_of, version, symbols, window)
        bars = known.rows.filter(pl.col("known_time") <= pl.col("event_time")).drop("source", "synthetic").collect()
        bars = bars if known.layout.is_distinct else newest(bars, known.key)
        if bars.is_empty():
            raise DataError(
                found=f"no {interval} bar of {dataset!r} known at its own close by {format_instant(as_of)}",
                expected="at least one",
                hint="check interval, dates and symbols of the recipe against: tidegate catalog",
            )
        return panel_of(bars, interval)

    def version(self, table: str, *, dataset: str | None = None) -> int:
        """Return the present version number of a table, or the newest one that brought rows to a data set.

        Raises
        ------
        CatalogError
            If nothing was ever ingested into it.
        """
        if dataset is None:
            return self._tables.open(spec_of(table)).version
        opened = self._tables.open(spec_of(table))
        _require_dataset(opened, dataset)
        brought = (int(commit["version"]) for commit in _commits(opened) if commit["dataset"] == dataset)
        return next(brought, opened.version)

    def datasets(self) -> list[DatasetSummary]:
        """Return what the catalog holds, one entry per table, data set and interval."""
        return [summary for spec in TABLES.values() if self._tables.exists(spec) for summary in self._summaries(spec)]

    def symbols(self, dataset: str) -> list[str]:
        """Return the symbols of a data set of bars, ascending; otherwise as :meth:`members`."""
        return self.members(BARS.name, dataset)

    def members(self, table: str, dataset: str, *, version: int | None = None) -> list[str]:
        """Return the symbols or series of a data set, ascending.

        Raises
        ------
        CatalogError
            If there is no such data set or version.
        """
        spec = spec_of(table)
        opened = self._tables.open(spec, version)
        _require_dataset(opened, dataset)
        rows = self._tables.rows(opened, opened.holding({"dataset": dataset}))
        return rows.select(pl.col(spec.member).unique().sort()).collect().to_series().to_list()

    def history(self, table: str) -> list[dict[str, Any]]:
        """Return the commits of a table, newest first: version, time, and what was appended."""
        return _commits(self._tables.open(spec_of(table)))

    def corrections(self) -> list[Correction]:
        """Return the corrections of data errors, oldest first; the commits themselves say what they are."""
        found = []
        for spec in filter(self._tables.exists, TABLES.values()):
            found += [
                Correction(spec.name, commit["dataset"], commit["version"], int(commit["rows"]), commit["correction"])
                for commit in reversed(self.history(spec.name))
                if commit["correction"]
            ]
        return found

    def _known(
        self,
        spec: TableSpec,
        same: Mapping[str, str],
        as_of: Instant,
        version: int | None,
        symbols: Sequence[str] | None,
        window: Window | None,
    ) -> _Known:
        table = self._tables.open(spec, version)
        _require_dataset(table, same["dataset"])
        files = table.holding(same, members=symbols, window=window)
        single = {name for name in spec.partition if files[name].n_unique() <= 1}
        single |= {spec.member} if symbols is not None and len(symbols) == 1 else set()
        key = [name for name in spec.key if name not in single]
        layout = Layout.of(files, key)
        rows = self._tables.rows(table, layout.files).filter(*_within(window))
        # A condition that the log tells to hold would cost the reading of a column.
        if files["last_known_time"].has_nulls() or (files["last_known_time"] > moment_of(as_of)).any():
            rows = rows.filter(pl.col("known_time") <= moment_of(as_of))
        if symbols is not None:
            member = pl.col(spec.member)
            rows = rows.filter(member == symbols[0] if len(symbols) == 1 else member.is_in(list(symbols)))
        return _Known(rows, key, layout)

    def _stored_like(self, present: Stored, rows: pl.DataFrame) -> pl.DataFrame | None:
        """Return every stored version of rows of the same partition, times and members, the newest last."""
        if present.table is None or rows.is_empty():
            return None
        spec, member = present.spec, rows[present.spec.member]
        same = {column: str(rows[column][0]) for column in spec.partition}
        first, last, window = str(member.min()), str(member.max()), window_of(rows)
        stored = self._tables.rows(present, present.holding(same, members=[first, last], window=window))
        inside = pl.col(spec.member).is_between(pl.lit(first), pl.lit(last))
        return stored.filter(inside, *_within(window)).collect().sort(*_ORDER)

    def _summaries(self, spec: TableSpec) -> list[DatasetSummary]:
        table = self._tables.open(spec)
        keys = [pl.col(column) for column in spec.partition]
        grouped = (
            self._tables.rows(table, table.files)
            .group_by(keys)
            .agg(
                pl.len().alias("rows"),
                pl.col(spec.member).n_unique().alias("members"),
                pl.col("event_time").min().dt.epoch("us").alias("first"),
                pl.col("event_time").max().dt.epoch("us").alias("last"),
            )
            .sort(keys)
            .collect()
        )
        return [
            DatasetSummary(
                table=spec.name,
                interval=row.get("interval"),
                version=table.version,
                **{k: v for k, v in row.items() if k != "interval"},
            )
            for row in grouped.iter_rows(named=True)
        ]


@dataclass(frozen=True)
class _Known:
    """Rows that were known at an instant, what tells them apart, and how they lie in their files."""

    rows: pl.LazyFrame
    key: list[str]
    layout: Layout


def _within(window: Window | None) -> list[pl.Expr]:
    after = [] if window is None or window.start is None else [pl.col("event_time") > moment_of(window.start)]
    until = [] if window is None or window.end is None else [pl.col("event_time") <= moment_of(window.end)]
    return after + until


def _require_dataset(table: Stored, dataset: str) -> None:
    if dataset not in table.files["dataset"]:
        raise CatalogError(
            found=f"no data set {dataset!r} in {table.spec.name}",
            expected=f"one of {', '.join(table.datasets) or '(none)'}",
            hint=how_to_bring(table.spec.name, dataset),
        )


def _commits(table: Stored) -> list[dict[str, Any]]:
    """Return the commits of a table, newest first."""
    return [
        {
            "version": entry["version"],
            "at": format_instant(entry["timestamp"] * 1000),
            "operation": entry.get("tidegate.operation", entry["operation"]),
            **{name: entry.get(f"tidegate.{name}") for name in _COMMIT_FACTS},
        }
        for entry in table.history()
    ]


def _after(stored: pl.DataFrame | None) -> datetime:
    """Return the present, or just after what is stored if the clock was set back: later rows must sort later."""
    present = moment_of(now())
    latest = None if stored is None else stored["recorded_time"].max()
    return max(present, latest + timedelta(microseconds=1)) if isinstance(latest, datetime) else present

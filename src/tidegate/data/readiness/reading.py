"""Each data kind in its own way: bars and readings by the calendar, payments by their rhythm, items by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import polars as pl

from tidegate.core.errors import CatalogError
from tidegate.core.recipe import DataKind, ReadinessSettings, Recipe
from tidegate.core.time import BarInterval, Instant, Window
from tidegate.data.calendars import CONTINUOUS
from tidegate.data.catalog import Catalog
from tidegate.data.kinds import KIND_TABLES
from tidegate.data.links import ItemTable, items_about
from tidegate.data.metrics import DERIVATIVES
from tidegate.data.readiness.coverage import Laid, MemberCoverage, lay_on_grid, lay_payments
from tidegate.data.readiness.gates import Gate, Measure, Reason, ReasonCode, judge, refuse
from tidegate.data.readiness.rows import KindRows, Latency, kind_rows
from tidegate.data.readiness.scope import Scope
from tidegate.data.readiness.sources import SourceAudit

__all__ = [
    "BARS_KIND",
    "REQUIRED_IN_PRODUCTION",
    "UNIVERSE_KIND",
    "KindReader",
    "audit_kind",
    "bars_source",
    "refused_kind",
]

BARS_KIND: Final = "bars"
"""Name of the kind that every recipe reads."""
UNIVERSE_KIND: Final = "universe"
"""Name under which a universe that is not there is told."""

REQUIRED_IN_PRODUCTION: Final = (
    DataKind.SECONDARY_BARS,
    DataKind.ORDER_BOOKS,
    DataKind.FUNDING,
    DataKind.DERIVATIVES,
    DataKind.ONCHAIN,
    DataKind.EVENTS,
    DataKind.POSTS,
)
"""What mode ``production`` asks for beside the bars; comments per post are told and never asked for (D-19)."""

_ONCHAIN_METRIC: Final = "net_inflow"
_DAY: Final = BarInterval("1d")
_NAMED: Final = 5


@dataclass(frozen=True)
class _Asked:
    """What is asked of a kind: the setting that holds the least value, or the value itself."""

    measure: Measure
    least: str | int
    parts: tuple[str, ...] = ()


_ASKED: Final[Mapping[str, _Asked]] = {
    BARS_KIND: _Asked("coverage", "bars_fraction"),
    UNIVERSE_KIND: _Asked("count", 1),
    DataKind.SECONDARY_BARS: _Asked("coverage", "secondary_bars_fraction"),
    DataKind.ORDER_BOOKS: _Asked("coverage", "order_books_fraction"),
    DataKind.FUNDING: _Asked("coverage", "funding_fraction"),
    DataKind.DERIVATIVES: _Asked("coverage", "derivatives_fraction", DERIVATIVES),
    DataKind.ONCHAIN: _Asked("coverage", "onchain_fraction"),
    DataKind.MACRO: _Asked("count", 1),
    DataKind.EVENTS: _Asked("count", "events_per_symbol"),
    DataKind.POSTS: _Asked("count", "posts_per_symbol"),
    DataKind.COMMENTS: _Asked("count", 1),
    DataKind.SYMBOL_LIVES: _Asked("count", 1),
}


@dataclass(frozen=True, kw_only=True)
class KindReader:
    """Reads the kinds of a recipe within one scope, as known at an instant, at pinned table versions."""

    catalog: Catalog
    recipe: Recipe
    scope: Scope
    as_of: Instant
    versions: Mapping[str, int]

    @property
    def settings(self) -> ReadinessSettings:
        """What is asked for."""
        return self.recipe.data.readiness

    def within(self, scope: Scope) -> KindReader:
        """Return the reader of another scope."""
        return replace(self, scope=scope)

    def rows(self, kind: DataKind, *, every_member: bool = False, where: pl.Expr | None = None) -> KindRows:
        """Return the rows of a kind, of the scope's symbols or of every member of the data set."""
        table, dataset = KIND_TABLES[kind], self.recipe.data.uses[kind]
        return kind_rows(
            self.catalog,
            table,
            dataset,
            as_of=self.as_of,
            version=self.versions[f"{table}/{dataset}"],
            window=Window(start=self.scope.start, end=self.scope.end),
            symbols=None if every_member else self.scope.symbols,
            where=where,
        )

    def source(self, name: str, kind: DataKind, laid: Laid, rows: KindRows, **facts: Any) -> SourceAudit:
        """Return what was found of a kind with its gate."""
        gate = self._gate(name, kind, laid)
        if not rows.real.height and gate.reasons:
            gate = replace(gate, reasons=(*gate.reasons, self._why_nothing(kind)))
        return SourceAudit(
            name=name,
            kind=str(kind),
            dataset=self.recipe.data.uses[kind],
            gate=gate,
            members=laid.members,
            by_month=laid.by_month,
            synthetic=rows.synthetic,
            latency=rows.latency,
            facts=facts,
        )

    def _gate(self, name: str, kind: DataKind, laid: Laid) -> Gate:
        asked = _ASKED[kind]
        return judge(
            name,
            str(kind),
            laid.members,
            measure=asked.measure,
            least=_least(asked, self.settings),
            symbol_fraction=self.settings.symbol_fraction,
        )

    def _why_nothing(self, kind: DataKind) -> Reason:
        dataset = self.recipe.data.uses[kind]
        # Items are named by their hashes; the symbols that they are about stand in the table of links.
        table = "entity_links" if f"entity_links/{dataset}" in self.versions else KIND_TABLES[kind]
        known = self.catalog.members(table, dataset, version=self.versions[f"{table}/{dataset}"])
        return Reason(ReasonCode.NO_ROW, {"dataset": dataset, "members": _some(known)})


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _least(asked: _Asked, settings: ReadinessSettings) -> float:
    return float(getattr(settings, asked.least) if isinstance(asked.least, str) else asked.least)


def bars_source(
    bars: pl.DataFrame,
    scope: Scope,
    recipe: Recipe,
    excused: pl.DataFrame,
    *,
    latency: Latency | None,
    known_late: int,
) -> SourceAudit:
    """Return what is there of the bars that training reads.

    Parameters
    ----------
    bars
        ``symbol, event_time, close, synthetic``, the newest that was known at each close.
    excused
        Closes at which a symbol was suspended, see :func:`tidegate.data.readiness.coverage.lay_on_grid`.
    """
    window = bars.filter(pl.col("event_time").dt.epoch("us").is_between(scope.start, scope.end, closed="right"))
    real = window.filter(~pl.col("synthetic"))
    closed = real.filter(pl.col("close").is_finite())
    times = closed.select("symbol", pl.col("event_time").dt.epoch("us").alias("time"))
    laid = lay_on_grid(scope.lives, recipe.data.interval, times, exact=True, excused=excused)
    settings = recipe.data.readiness
    gate = judge(
        BARS_KIND,
        BARS_KIND,
        laid.members,
        measure="coverage",
        least=settings.bars_fraction,
        symbol_fraction=settings.symbol_fraction,
    )
    return SourceAudit(
        name=BARS_KIND,
        kind=BARS_KIND,
        dataset=recipe.data.dataset,
        gate=replace(gate, reasons=tuple(_reasons(gate, laid, times, recipe))),
        members=laid.members,
        by_month=laid.by_month,
        synthetic=window.height - real.height,
        latency=latency,
        facts={
            "known_after_their_close": known_late,
            "without_close": real.height - closed.height,
            "suspended": excused.height,
        },
    )


def _reasons(gate: Gate, laid: Laid, times: pl.DataFrame, recipe: Recipe) -> Iterator[Reason]:
    """Yield why bars do not suffice; a feed that stopped looks just like a delisting that nobody told."""
    if times.is_empty() and not recipe.universe.symbols:
        yield Reason(ReasonCode.NO_BAR, {"interval": str(recipe.data.interval), "dataset": recipe.data.dataset})
        return
    yield from gate.reasons
    last = dict(times.group_by("symbol").agg(pl.col("time").max()).iter_rows())
    thin = [one for one in laid.members if gate.below and one.coverage < gate.least_minimum and one.gaps]
    early = [one.member for one in thin if last.get(one.member, one.gaps[-1].start) < one.gaps[-1].start]
    if early:
        yield Reason(ReasonCode.ENDED_EARLY, {"members": _some(early)})


def refused_kind(kind: str, recipe: Recipe, dataset: str | None, why: Reason) -> Iterator[SourceAudit]:
    """Yield a kind that does not pass because there is nothing to look at, once for each of its gates."""
    settings, asked = recipe.data.readiness, _ASKED[kind]
    for name in [f"{kind}.{part}" for part in asked.parts] or [str(kind)]:
        gate = refuse(
            name,
            str(kind),
            measure=asked.measure,
            least=_least(asked, settings),
            symbol_fraction=settings.symbol_fraction,
            why=why,
        )
        yield SourceAudit(name=name, kind=str(kind), dataset=dataset, gate=gate)


def audit_kind(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    """Yield what is there of a kind that the recipe reads and the catalog holds, once for each of its gates."""
    yield from _AUDITS[kind](kind, reader)


def _secondary_bars(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    interval = reader.settings.secondary_interval
    # Bars of another size stand for nothing here (D-35).
    rows = reader.rows(kind, where=(pl.col("interval") == str(interval)) & pl.col("close").is_finite())
    laid = lay_on_grid(reader.scope.lives, interval, rows.times(), exact=True)
    yield reader.source(kind, kind, laid, rows, interval=str(interval))


def _order_books(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    rows, interval = reader.rows(kind), reader.recipe.data.interval
    laid = lay_on_grid(reader.scope.lives, interval, rows.times(), exact=False)
    yield reader.source(kind, kind, laid, rows, interval=str(interval))


def _funding(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    rows = reader.rows(kind)
    yield reader.source(kind, kind, lay_payments(reader.scope.lives, rows.times()), rows)


def _derivatives(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    interval = reader.settings.derivatives_interval
    last = reader.within(reader.scope.last_days(reader.settings.derivatives_days))
    for metric in DERIVATIVES:
        rows = last.rows(kind, where=pl.col("metric") == metric)
        laid = lay_on_grid(last.scope.lives, interval, rows.times(), exact=False)
        yield last.source(f"{kind}.{metric}", kind, laid, rows, interval=str(interval))


def _onchain(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    interval = reader.settings.onchain_interval
    rows = reader.rows(kind, where=pl.col("metric") == _ONCHAIN_METRIC)
    laid = lay_on_grid(reader.scope.lives, interval, rows.times(), exact=False)
    yield reader.source(kind, kind, laid, rows, interval=str(interval), metric=_ONCHAIN_METRIC)


def _macro(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    rows, dataset = reader.rows(kind, every_member=True), reader.recipe.data.uses[kind]
    series = reader.catalog.members("macro", dataset, version=reader.versions[f"macro/{dataset}"])
    month = pl.col("event_time").dt.offset_by("-1us").dt.strftime("%Y-%m")  # what ends at midnight is of the day before
    seen = rows.real.select("symbol", month.alias("month"), "revised")
    counts = dict(seen.group_by("symbol").len().iter_rows())
    start, end = reader.scope.start, reader.scope.end
    members = tuple(
        MemberCoverage(one, start, end, counts.get(one, 0), counts.get(one, 0), counts.get(one, 0), ())
        for one in series
    )
    revised = seen.filter(pl.col("revised")).group_by("symbol").len().sort("symbol")
    laid = Laid.of(members, _months_seen(seen, series))
    yield reader.source(kind, kind, laid, rows, revised=dict(revised.iter_rows()))


def _months_seen(seen: pl.DataFrame, series: list[str]) -> pl.DataFrame:
    """Return a row for each series and each month in which any was observed; present where it was itself."""
    months = seen.select(pl.col("month").unique().sort())
    every = pl.DataFrame({"symbol": series}, schema={"symbol": pl.String()}).join(months, how="cross")
    there = seen.select("symbol", "month").unique().with_columns(present=pl.lit(1, dtype=pl.Int64))
    joined = every.join(there, on=["symbol", "month"], how="left", maintain_order="left")
    return joined.select("symbol", "month", pl.lit(1, dtype=pl.Int64).alias("expected"), pl.col("present").fill_null(0))


def _items(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    table, dataset = cast("ItemTable", KIND_TABLES[kind]), reader.recipe.data.uses[kind]
    try:
        linked = items_about(
            reader.catalog,
            table,
            dataset=dataset,
            symbols=reader.scope.symbols,
            as_of=reader.as_of,
            window=Window(start=reader.scope.start, end=reader.scope.end),
            versions=reader.versions,
        )
    except CatalogError:
        yield from refused_kind(kind, reader.recipe, dataset, Reason(ReasonCode.NO_LINKS, {"dataset": dataset}))
        return
    found = linked.select("symbol", "event_time", pl.col("linked_time").alias("known_time"), "synthetic").collect()
    real = found.filter(~pl.col("synthetic"))
    rows = KindRows(real, found.height - real.height, Latency.of(real))
    laid = lay_on_grid(reader.scope.lives, _DAY, rows.times(), exact=False, calendar=CONTINUOUS)
    yield reader.source(kind, kind, laid, rows)


def _lives(kind: DataKind, reader: KindReader) -> Iterator[SourceAudit]:
    dataset = reader.recipe.data.uses[kind]
    found = kind_rows(
        reader.catalog, "symbol_lives", dataset, as_of=reader.as_of, version=reader.versions[f"symbol_lives/{dataset}"],
        window=Window(), symbols=reader.scope.symbols, where=pl.col("change") == "listed",
    )  # fmt: skip
    counts = dict(found.real.group_by("symbol").len().iter_rows())
    members = tuple(
        MemberCoverage(one.symbol, one.start, one.end, 1, int(one.symbol in counts), counts.get(one.symbol, 0), ())
        for one in reader.scope.lives
    )
    yield reader.source(kind, kind, Laid.of(members), found)


_AUDITS: Final[Mapping[DataKind, Callable[[DataKind, KindReader], Iterator[SourceAudit]]]] = {
    DataKind.SECONDARY_BARS: _secondary_bars,
    DataKind.ORDER_BOOKS: _order_books,
    DataKind.FUNDING: _funding,
    DataKind.DERIVATIVES: _derivatives,
    DataKind.ONCHAIN: _onchain,
    DataKind.MACRO: _macro,
    DataKind.EVENTS: _items,
    DataKind.POSTS: _items,
    DataKind.COMMENTS: _items,
    DataKind.SYMBOL_LIVES: _lives,
}

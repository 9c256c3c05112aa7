"""The audit of readiness: whether a recipe's data suffice to train on, judged before a model is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tidegate.core.clock import now
from tidegate.core.recipe import DataKind, Recipe
from tidegate.core.time import Instant, Window, moment_of
from tidegate.data.catalog import Catalog
from tidegate.data.kinds import KIND_TABLES, present_versions
from tidegate.data.readiness.announced import Announced
from tidegate.data.readiness.gates import Reason, ReasonCode
from tidegate.data.readiness.quality import audit_quality
from tidegate.data.readiness.reading import (
    BARS_KIND,
    REQUIRED_IN_PRODUCTION,
    UNIVERSE_KIND,
    KindReader,
    audit_kind,
    bars_source,
    refused_kind,
)
from tidegate.data.readiness.result import ReadinessAudit
from tidegate.data.readiness.rows import BARS_SCHEMA, Latency, bars_known_in_time
from tidegate.data.readiness.scope import Mode, Scope, end_of_recipe, scope_of, wanted_window
from tidegate.data.readiness.sources import SourceAudit
from tidegate.data.universe import own_references, reference_symbols, symbols_to_read, wanted_symbols

__all__ = ["audit_readiness"]


def audit_readiness(catalog: Catalog, recipe: Recipe, *, as_of: Instant) -> ReadinessAudit:
    """Audit the data that a recipe reads as they were known at an instant.

    Mode ``research`` looks at the window that the recipe reads, each symbol from its listing on; ``production`` at the
    last days before ``as_of``, and asks for every data kind that production needs. A kind that the recipe reads must
    reach its least value on the mean over the traded symbols and for the worst of them. Rows that are synthetic never
    count. The quality of the bars is judged over the window that the recipe reads, in either mode.

    An audit raises nothing for what is missing: a catalog that holds nothing at all is not ready, and the audit says
    what to type.

    Raises
    ------
    InputError
        If a calendar does not reach as far as the window.
    """
    versions = present_versions(catalog, recipe)
    bars = _Bars.read(catalog, recipe, as_of, versions)
    mode, announced = recipe.data.mode, Announced.read(catalog, recipe, as_of, versions)
    training = bars.scope(recipe, "research", as_of, announced)
    scope = training if mode == "research" else bars.scope(recipe, mode, as_of, announced)
    excused = announced.excused(training, recipe.data.interval)
    traded = _without(scope, reference_symbols(recipe.universe))
    reader = KindReader(catalog=catalog, recipe=recipe, scope=traded, as_of=as_of, versions=versions)
    trained_on = _without(training, reference_symbols(recipe.universe))
    return ReadinessAudit(
        recipe=recipe,
        mode=mode,
        as_of=as_of,
        scope=traded,
        training=trained_on,
        sources=(*bars.sources(recipe, scope, announced), *_kinds(reader, mode)),
        not_used=tuple(str(kind) for kind in DataKind if not _is_judged(kind, recipe, mode)),
        quality=audit_quality(bars.within(trained_on), trained_on, recipe.data.interval, recipe.data.quality, excused),
        versions=versions,
        blind_after=as_of if _is_blind(catalog, recipe, as_of, versions) else None,
    )


@dataclass(frozen=True, eq=False)
class _Bars:
    """The recipe's bars over every window that is looked at, and who is looked at."""

    rows: pl.DataFrame
    latency: Latency | None
    known_late: int
    is_there: bool
    ever: Sequence[str]
    members: Sequence[str] | None

    @classmethod
    def read(cls, catalog: Catalog, recipe: Recipe, as_of: Instant, versions: Mapping[str, int]) -> _Bars:
        data, universe = recipe.data, recipe.universe
        version = versions.get(f"bars/{data.dataset}")
        if version is None:
            return cls(pl.DataFrame(schema=BARS_SCHEMA), None, 0, is_there=False, ever=(), members=None)
        ever = catalog.members("bars", data.dataset, version=version)
        windows = [wanted_window(recipe, mode, as_of) for mode in ("research", data.mode)]
        rows, latency, late = bars_known_in_time(
            catalog,
            data.dataset,
            interval=data.interval,
            as_of=as_of,
            version=version,
            symbols=symbols_to_read(ever, universe),
            window=_hull(windows),
        )
        return cls(rows, latency, late, is_there=True, ever=ever, members=_members(catalog, recipe, as_of, versions))

    def scope(self, recipe: Recipe, mode: Mode, as_of: Instant, announced: Announced) -> Scope:
        """Return the scope of a mode, symbols that are only measured against included."""
        window = wanted_window(recipe, mode, as_of)
        rows = self._inside(window).filter(~pl.col("synthetic"))
        # Research can only train on who has a bar in the window; production must find everyone who ever had one.
        there = self.ever if mode == "production" else rows["symbol"].unique().to_list()
        universe = recipe.universe
        chosen = set(there) if self.members is None else set(there) & set(self.members)
        wanted = (set(universe.symbols) or chosen) - set(universe.exclude)
        if universe.first is not None:
            wanted &= set(wanted_symbols(self.ever, universe))
        wanted |= set(own_references(universe, self.ever))
        rows = rows.filter(pl.col("symbol").is_in(list(wanted)))
        interval = recipe.data.interval
        names = sorted(wanted)
        return scope_of(rows, names, announced.lives, mode=mode, interval=interval, window=window, as_of=as_of)

    def sources(self, recipe: Recipe, scope: Scope, announced: Announced) -> Iterator[SourceAudit]:
        """Yield what is there of the bars."""
        if not self.is_there:
            dataset = recipe.data.dataset
            yield from refused_kind(BARS_KIND, recipe, dataset, _no_data_set("bars", dataset))
            return
        if recipe.universe.snapshot is not None and self.members is None:
            snapshot = recipe.universe.snapshot
            yield from refused_kind(UNIVERSE_KIND, recipe, snapshot, _no_data_set("universe", snapshot))
        excused = announced.excused(scope, recipe.data.interval)
        yield bars_source(self.rows, scope, recipe, excused, latency=self.latency, known_late=self.known_late)

    def within(self, scope: Scope) -> pl.DataFrame:
        """Return the bars of a scope's window."""
        return self._inside(Window(start=scope.start, end=scope.end))

    def _inside(self, window: Window) -> pl.DataFrame:
        inside = pl.lit(value=True)
        if window.start is not None:
            inside &= pl.col("event_time") > moment_of(window.start)
        if window.end is not None:
            inside &= pl.col("event_time") <= moment_of(window.end)
        return self.rows.filter(inside)


def _members(catalog: Catalog, recipe: Recipe, as_of: Instant, versions: Mapping[str, int]) -> list[str] | None:
    """Return who ever belonged to the recipe's universe; None where it names none, or one that is not there."""
    name = recipe.universe.snapshot
    version = versions.get(f"universe/{name}")
    if name is None or version is None:
        return None
    rows = catalog.read("universe", dataset=name, as_of=as_of, version=version).filter("is_member")
    return rows.select(pl.col("symbol").unique().sort()).collect()["symbol"].to_list()


def _hull(windows: Sequence[Window]) -> Window:
    """Return the smallest window that holds all of these."""
    starts, ends = ([getattr(window, side) for window in windows] for side in ("start", "end"))
    return Window(
        start=None if None in starts else min(starts),
        end=None if None in ends else max(ends),
    )


def _without(scope: Scope, symbols: Sequence[str]) -> Scope:
    return replace(scope, lives=tuple(life for life in scope.lives if life.symbol not in symbols))


def _is_judged(kind: DataKind, recipe: Recipe, mode: Mode) -> bool:
    return kind in recipe.data.uses or (mode == "production" and kind in REQUIRED_IN_PRODUCTION)


def _kinds(reader: KindReader, mode: Mode) -> Iterator[SourceAudit]:
    uses = reader.recipe.data.uses
    for kind in DataKind:
        dataset = uses.get(kind)
        if dataset is None:
            if _is_judged(kind, reader.recipe, mode):
                yield from refused_kind(kind, reader.recipe, None, Reason(ReasonCode.NOT_DECLARED))
        elif f"{KIND_TABLES[kind]}/{dataset}" not in reader.versions:
            yield from refused_kind(kind, reader.recipe, dataset, _no_data_set(KIND_TABLES[kind], dataset))
        else:
            yield from audit_kind(kind, reader)


def _no_data_set(table: str, dataset: str) -> Reason:
    return Reason(ReasonCode.NO_DATA_SET, {"table": table, "dataset": dataset})


def _is_blind(catalog: Catalog, recipe: Recipe, as_of: Instant, versions: Mapping[str, int]) -> bool:
    """Whether a training that starts now would read rows that were known only after ``as_of``."""
    reads = end_of_recipe(recipe, now())
    for name, version in versions.items() if as_of < reads else ():
        table, _, dataset = name.partition("/")
        later = catalog.revisions(table, dataset=dataset, as_of=reads, version=version)
        if later.filter(pl.col("known_time") > moment_of(as_of)).select("known_time").head(1).collect().height:
            return True
    return False

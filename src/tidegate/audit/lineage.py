"""Lineage: stored features recomputed from raw data, as they stood at the same instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.audit.snapshots import Comparison, SnapshotPair, compare_snapshots, sampled_rows
from tidegate.core.errors import DataError, InputError, RunError
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.files import read_json
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, Window, format_instant
from tidegate.core.units import Float32Array, Int64Array, Mask
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import RecipeData, read_recipe_data
from tidegate.data.recipe_sources import read_sources
from tidegate.data.reference_bars import datasets_beside
from tidegate.data.universe import membership, reference_symbols
from tidegate.features import FeatureContract, build_features, features_at
from tidegate.features.selection import declared_contract
from tidegate.features.store import Origin, StoredFeatures, find_stored
from tidegate.registry import Run, RunKind, RunStatus, RunStore

__all__ = ["LINEAGE_CHECK", "LineageCheck", "check_lineage"]

LINEAGE_CHECK: Final = "lineage"


@dataclass(frozen=True, kw_only=True)
class LineageCheck:
    """What recomputing stored features from raw data found.

    Parameters
    ----------
    subject
        Lineage id of a set, or id of a training run.
    comparison
        Of the sampled instants.
    tolerance
        Largest absolute difference that still agrees.
    symbol
        The one symbol that was compared; None means all of them.
    altered
        What is not what was written: first and last instant of blocks, or of the whole matrix of a run.
    """

    subject: str
    comparison: Comparison
    tolerance: float
    symbol: str | None
    altered: tuple[tuple[Instant, Instant], ...]

    @property
    def reason(self) -> str:
        """``ok``, ``payload_mismatch`` or ``insufficient_snapshots``."""
        return "payload_mismatch" if self.altered else self.comparison.reason

    @property
    def verdict(self) -> Verdict:
        """Whether the stored features follow from the raw data."""
        return Verdict.FAILED if self.altered else self.comparison.verdict

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "passed": self.verdict is Verdict.PASSED,
            "reason": self.reason,
            "subject": self.subject,
            "tolerance": self.tolerance,
            "symbol": self.symbol,
            "altered": [[format_instant(first), format_instant(last)] for first, last in self.altered],
            **self.comparison.as_dict(),
        }

    def evidence(self) -> Evidence:
        """Return evidence for a gate."""
        return Evidence.of(LINEAGE_CHECK, self.subject, self.verdict, self.as_dict())


@dataclass(frozen=True, eq=False, kw_only=True)
class _Kept:
    """Features as they were kept, and what they came from."""

    subject: str
    origin: Origin
    contract: FeatureContract
    times: Int64Array
    symbols: tuple[str, ...]
    row: Callable[[int], Float32Array]
    altered: tuple[tuple[Instant, Instant], ...]


def check_lineage(
    workspace: Workspace,
    identifier: str,
    *,
    instants: int = 20,
    tolerance: float = 0.0,
    symbol: str | None = None,
    seed: int = 7,
    progress: Progress = SILENT,
) -> LineageCheck:
    """Recompute stored features at sampled instants and compare them with what is stored for the same instants.

    For each instant the tables are read anew at the versions that the features came from, and only what was known by
    that instant; the row is then computed as an online decision would. Comparing a lineage's consecutive snapshots, as
    earlier systems did, compares things that differ with good reason (D-25).

    Parameters
    ----------
    identifier
        The beginning of a set's lineage id or folder, or of the id of a training run. A run keeps the fingerprint of
        its features and not the features, so they are rebuilt first and the fingerprint is compared.
    instants
        How many are drawn; the newest is always among them.
    tolerance
        Largest absolute difference that still agrees.
    symbol
        Compare one symbol alone.
    seed
        Draws the instants.

    Raises
    ------
    RunError, InputError
        If there is no such set or training run, or no such symbol in it.
    """
    if not identifier.strip():
        raise InputError(
            found="an empty id",
            expected="the beginning of a feature set's lineage id, or of a training run's id",
            hint="list the runs: tidegate runs --kind train --status finished",
        )
    catalog = Catalog(workspace)
    stored = find_stored(workspace, identifier)
    kept = _of_run(RunStore(workspace).get(identifier), catalog) if stored is None else _of_set(stored)
    places = _places(kept.symbols, symbol)
    rows = sampled_rows(len(kept.times), instants, seed, LINEAGE_CHECK, kept.subject)

    def pairs() -> Iterator[SnapshotPair]:
        for row in rows.tolist():
            yield int(kept.times[row]), kept.row(row)[places], _recomputed(catalog, kept, row)[places]

    tracked = progress.track(pairs(), "instants recomputed from raw data", total=len(rows))
    names = [kept.symbols[place] for place in places]
    comparison = compare_snapshots(tracked, kept.contract.names, names, tolerance=tolerance)
    return LineageCheck(
        subject=kept.subject, comparison=comparison, tolerance=tolerance, symbol=symbol, altered=kept.altered
    )


def _of_set(stored: StoredFeatures) -> _Kept:
    times = stored.times
    altered = [(Instant(int(times[one.start])), Instant(int(times[one.stop - 1]))) for one in stored.altered()]
    return _Kept(
        subject=stored.lineage_id,
        origin=stored.origin,
        contract=stored.contract,
        times=times,
        symbols=stored.symbols,
        row=lambda row: stored.values[row],
        altered=tuple(altered),
    )


def _of_run(run: Run, catalog: Catalog) -> _Kept:
    if run.kind is not RunKind.TRAIN or run.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"{run.id}, a {run.status} {run.kind} run",
            expected="a feature set or a finished train run",
            hint="list them: tidegate runs --kind train --status finished",
        )
    recipe = Recipe.model_validate(run.recipe)
    declared = declared_contract(recipe.features, recipe.data.interval)
    contract = FeatureContract.from_document(read_json(run.folder / "contract.json"), declared)
    history = read_recipe_data(catalog, recipe, run.data_versions, sources=True).history(recipe.universe.benchmark)
    matrix = build_features(history, contract)
    reproduced = matrix.fingerprint() == run.metrics["features_fingerprint"]
    whole = (Instant(int(matrix.times[0])), Instant(int(matrix.times[-1])))
    return _Kept(
        subject=run.id,
        origin=Origin(recipe=recipe, versions=run.data_versions),
        contract=contract,
        times=matrix.times,
        symbols=matrix.symbols,
        row=lambda row: matrix.values[row],
        altered=() if reproduced else (whole,),
    )


def _places(symbols: Sequence[str], symbol: str | None) -> list[int]:
    if symbol is None:
        return list(range(len(symbols)))
    if symbol not in symbols:
        raise InputError(
            found=f"no symbol {symbol!r}",
            expected=f"one of {', '.join(symbols[:10])}{', ...' if len(symbols) > 10 else ''}",
            hint="leave --symbol out to compare them all",
        )
    return [symbols.index(symbol)]


def _recomputed(catalog: Catalog, kept: _Kept, row: int) -> Float32Array:
    """Return a row of features from tables read as of its instant, ``float32 (n_symbols, n_features)``."""
    contract, recipe = kept.contract, kept.origin.recipe
    times = kept.times[max(row - contract.lookback_bars + 1, 0) : row + 1]
    as_of = Instant(int(times[-1]))
    names = tuple(sorted({*kept.symbols, *reference_symbols(recipe.universe)}))
    read = RecipeData(
        panel=_bars_as_of(catalog, kept.origin, times, names, contract.bar_columns),
        traded=kept.symbols,
        membership=_members_as_of(catalog, kept.origin, times, kept.symbols),
        tables=read_sources(catalog, recipe, kept.origin.versions, kept.symbols, as_of=as_of),
    )
    return features_at(PastView(read.history(recipe.universe.benchmark), as_of), contract)


def _bars_as_of(
    catalog: Catalog, origin: Origin, times: Int64Array, symbols: tuple[str, ...], columns: Sequence[str]
) -> Panel:
    """Return the bars known at the last of some instants, on these instants; what was not there is missing."""
    laid = {name: np.full((len(times), len(symbols)), np.nan) for name in columns}
    for dataset, names in _datasets_of(catalog, origin, symbols).items():
        found = _found_as_of(catalog, origin, times, dataset, names)
        rows, at = np.searchsorted(times, found.times), np.isin(found.times, times)
        known = tuple(symbol for symbol in symbols if symbol in found.symbols)
        cells = np.ix_(rows[at], np.array([symbols.index(symbol) for symbol in known], dtype=np.int64))
        for name, column in found.take(known).columns.items():
            laid.setdefault(name, np.full((len(times), len(symbols)), np.nan))[cells] = column[at]
    return Panel(times, symbols, laid)


def _datasets_of(catalog: Catalog, origin: Origin, symbols: tuple[str, ...]) -> dict[str, tuple[str, ...] | None]:
    """Return the data sets that hold the bars, and which of the symbols are theirs; None means all of them."""
    recipe, chosen = origin.recipe, symbols if origin.recipe.universe.symbols else None
    beside = datasets_beside(catalog, recipe, origin.versions)
    others = {
        dataset: tuple(name for name in names if name in symbols)
        for dataset, names in beside.items()
        if dataset != recipe.data.dataset
    }
    return {recipe.data.dataset: chosen, **{dataset: names for dataset, names in others.items() if names}}


def _found_as_of(
    catalog: Catalog, origin: Origin, times: Int64Array, dataset: str, symbols: tuple[str, ...] | None
) -> Panel:
    try:
        return catalog.bar_panel(
            dataset,
            interval=origin.recipe.data.interval,
            as_of=Instant(int(times[-1])),
            version=origin.versions[f"bars/{dataset}"],
            symbols=symbols,
            window=Window(start=Instant(int(times[0]) - 1), end=Instant(int(times[-1]))),
        )
    except DataError:  # a hole longer than the lookback
        return Panel(times[:0], (), {})


def _members_as_of(catalog: Catalog, origin: Origin, times: Int64Array, symbols: Sequence[str]) -> Mask | None:
    name = origin.recipe.universe.snapshot
    if name is None:
        return None
    try:
        return membership(catalog, name, times, symbols, version=origin.versions[f"universe/{name}"])
    except DataError:  # before the first snapshot nobody belongs
        return np.zeros((len(times), len(symbols)), dtype=np.bool_)

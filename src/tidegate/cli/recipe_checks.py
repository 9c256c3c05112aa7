"""What a recipe needs before it is trained: libraries, data, an audit, folds that fit, memory and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.cli.hints import Typed, next_step
from tidegate.core.errors import GateNotPassed, TidegateError
from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant
from tidegate.core.workspace import Workspace

if TYPE_CHECKING:
    from tidegate.core.history import History
    from tidegate.data import Catalog
    from tidegate.split import Fold

__all__ = ["Finding", "check_recipe", "failed"]

_GIB: Final = 2**30
_CELL_BYTES: Final = 4 + 2
"""A feature as it lies on disk and in memory, and its bin with as much again for what gathers them."""
_ROW_BYTES: Final = 96
_FIXED_BYTES: Final = 400 * 2**20
"""The program with its libraries, and a day's tables."""
_TREE_SECONDS: Final = 2e-9
"""Per row, feature, level of a tree and tree, on one processor."""
_GRAM_SECONDS: Final = 1.5e-9
"""Per row and pair of features, on one processor."""
_USUAL_DEPTH: Final = 6


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``ok``, ``odd`` where it can be done without, or ``missing``."""

    check: str
    state: str
    detail: str


def failed(check: str, error: TidegateError, typed: Typed | None = None) -> Finding:
    """Return what is missing by an error's words, with the next thing to do."""
    return Finding(check, "missing", f"{error.found}; {next_step(error, typed or Typed())}")


def check_recipe(recipe: Recipe, workspace: Workspace, typed: Typed) -> list[Finding]:
    """Return what was found of everything that a recipe needs to be trained; costs resolved."""
    from tidegate.data import Catalog

    catalog = Catalog(workspace)
    found = [*_libraries(recipe), *_datasets(catalog, recipe, typed)]
    if any(one.state == "missing" and one.check.startswith("data ") for one in found):
        return found
    try:
        return [*found, *_prepared(catalog, workspace, recipe, typed)]
    except TidegateError as error:
        return [*found, failed("data", error, typed)]


def _libraries(recipe: Recipe) -> Iterator[Finding]:
    """Yield whether the libraries of the recipe's models, and of its tuning, load."""
    from tidegate.models import require_boosting

    for kind in recipe.models.members:
        if kind == "ridge":
            continue
        try:
            require_boosting(kind)
            yield Finding(f"model {kind}", "ok", f"{kind} {_version(kind) or ''} loads".replace("  ", " "))
        except TidegateError as error:
            yield failed(f"model {kind}", error)
    if recipe.tune is not None:
        version = _version("optuna")
        detail = f"optuna {version}" if version else "not installed; install tidegate again"
        yield Finding("tuning", "ok" if version else "missing", detail)


def _version(package: str) -> str | None:
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _datasets(catalog: Catalog, recipe: Recipe, typed: Typed) -> Iterator[Finding]:
    """Yield every data set that the recipe names, with its names and days."""
    from tidegate.data.kinds import declared_tables

    present = {(one.table, one.dataset): one for one in catalog.datasets()}
    for table, dataset in declared_tables(recipe):
        name = f"data {table}/{dataset}"
        summary = present.get((table, dataset))
        if summary is None:
            try:
                catalog.version(table, dataset=dataset)
            except TidegateError as error:
                yield failed(name, error, typed)
            continue
        days = f"{format_instant(summary.first)[:10]} to {format_instant(summary.last)[:10]}"
        detail = f"{summary.members:,} names, {summary.rows:,} rows, {days}, version {summary.version}"
        yield Finding(name, "ok", detail)


def _prepared(catalog: Catalog, workspace: Workspace, recipe: Recipe, typed: Typed) -> Iterator[Finding]:
    from tidegate.data.recipe_data import pinned_versions, read_cash_rate, read_recipe_data
    from tidegate.features import contract_for

    versions = pinned_versions(catalog, recipe)
    data = read_recipe_data(catalog, recipe, versions, sources=True)
    read_cash_rate(catalog, recipe, versions, data.panel.times)
    history = data.history(recipe.universe.benchmark)
    yield Finding("data", "ok", f"{len(data.panel.times):,} bars of {len(data.traded):,} traded symbols")
    yield _readiness(workspace, recipe, versions, typed)
    contract = contract_for(history.bars, recipe.features, tables=history.tables, interval=recipe.data.interval)
    yield Finding("features", "ok", f"{contract.dimension}: {', '.join(contract.names)}")
    yield from _configuration(recipe, history, contract.dimension, typed)


def _readiness(workspace: Workspace, recipe: Recipe, versions: Mapping[str, int], typed: Typed) -> Finding:
    from tidegate.registry import RunStore

    try:
        found = RunStore(workspace).require_audit_of(recipe, versions)
    except GateNotPassed as error:
        return failed("readiness", error, typed)
    except TidegateError as error:
        return Finding("readiness", "odd", f"{error.found}; {next_step(error, typed)}")
    return Finding("readiness", "ok", f"passed on {format_instant(found.made_at)[:10]}")


def _configuration(recipe: Recipe, history: History, features: int, typed: Typed) -> Iterator[Finding]:
    """Yield whether the folds fit into the data, whether slices suffice, and what training takes."""
    from tidegate.split import current_fold, splitter_for
    from tidegate.train.dataset import labels_of

    labels = labels_of(history, recipe)
    usable = np.sum(~np.isnan(labels.target(recipe.labels.target)), axis=1)
    try:
        folds = splitter_for(recipe.split).split(history.bars.times, labels.spans)
        newest = current_fold(recipe.split, history.bars.times, labels.spans)
    except TidegateError as error:
        yield failed("folds", error, typed)
        return
    first, last = format_instant(folds[0].test_start)[:10], format_instant(folds[-1].test_end)[:10]
    trained = [int(usable[fold.train].sum()) for fold in folds]
    yield Finding(
        "folds",
        "ok" if min(trained) else "missing",
        f"{len(folds)}, tests from {first} to {last}; {min(trained):,} to {max(trained):,} training rows"
        + ("" if min(trained) else "; move split.first_test, or bring more history"),
    )
    if recipe.calibrate is not None:
        yield _calibration(recipe, [*folds, newest], usable)
    yield _resources(recipe, [*trained, int(usable[newest.train].sum())], features)


def _calibration(recipe: Recipe, folds: list[Fold], usable: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Finding:
    """Return whether every calibration slice has rows enough for its calibrator and for the calls that are asked."""
    from tidegate.models.calibration import FEWEST_FOR_CALIBRATION

    assert recipe.calibrate is not None
    rows = [int(usable[fold.calibration.rows].sum()) for fold in folds if fold.calibration is not None]
    needed = 1 if recipe.calibrate.method == "none" else FEWEST_FOR_CALIBRATION
    if recipe.calibrate.rule == "wilson":
        needed = max(needed, recipe.calibrate.minimum_calls)
    said = f"slices of {min(rows):,} to {max(rows):,} rows; {needed:,} are needed"
    enough = min(rows) >= needed
    hint = "" if enough else "; lengthen split.calibration_months, or take more names"
    return Finding("calibration", "ok" if enough else "missing", said + hint)


def _resources(recipe: Recipe, rows: list[int], features: int) -> Finding:
    """Return about how much memory and processor time training takes, early stopping left aside."""
    import psutil

    needed = _FIXED_BYTES + max(rows) * (features * _CELL_BYTES + _ROW_BYTES)
    available = int(psutil.virtual_memory().available)
    seconds = sum(_seconds(recipe, count, features) for count in rows)
    said = f"about {needed / _GIB:.1f} GiB of memory and at most {_duration(seconds)} on one processor to train"
    if recipe.tune is not None:
        said += (
            f"; to tune at most {recipe.tune.minutes:g} minutes and {recipe.tune.memory_gib:g} GiB, by its own budget"
        )
    if needed > available:
        said += f"; only {available / _GIB:.1f} GiB are free: take fewer names with universe.first"
    return Finding("memory and time", "odd" if needed > available else "ok", said)


def _seconds(recipe: Recipe, rows: int, features: int) -> float:
    models = recipe.models
    seconds = 0.0
    if models.ridge is not None:
        seconds += rows * features**2 * _GRAM_SECONDS
    for boosted in (models.lightgbm, models.xgboost):
        if boosted is not None:
            depth = boosted.maximum_depth or _USUAL_DEPTH
            seconds += rows * features * boosted.feature_fraction * depth * boosted.trees * _TREE_SECONDS
    return seconds


def _duration(seconds: float) -> str:
    return f"{seconds / 60.0:,.0f} minutes" if seconds > 90.0 else f"{seconds:,.0f} seconds"

"""Experiments: models x groups of features x seeds under one protocol, on the same rows, with paired tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.errors import InputError
from tidegate.core.files import write_atomically, write_json, write_text
from tidegate.core.fingerprint import fingerprint
from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.randomness import derive_seed
from tidegate.core.recipe import ModelSettings, Recipe
from tidegate.core.units import Mask
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.features import FeatureContract
from tidegate.registry import Run, RunKind, RunStore
from tidegate.split import Fold, splitter_for
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_fit import fit_fold
from tidegate.train.instant_quality import instant_quality
from tidegate.train.paired_table import paired_table

__all__ = ["FULL", "Experiment", "Variant", "experiment"]

FULL: Final = "full"
"""Name of the variant that sees every feature."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is compared.

    Parameters
    ----------
    models
        Kinds; the first is what the others are held against. Empty means every model of the recipe.
    without
        Groups of features that are left out, one at a time; empty means each group that the contract has.
    seeds
        How many seeds; the first is the recipe's. Models without chance are fitted once.
    """

    models: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    seeds: int = 1

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {"models": list(self.models), "without": list(self.without), "seeds": self.seeds}


@dataclass(frozen=True, eq=False, kw_only=True)
class Variant:
    """A choice of features.

    Parameters
    ----------
    name
        ``full``, or ``without`` and the group.
    group
        What is left out; None in ``full``.
    columns
        ``int64``, places of the features that are left, in contract order.
    """

    name: str
    group: str | None
    columns: np.ndarray[Any, np.dtype[np.int64]]


def experiment(
    workspace: Workspace,
    recipe: Recipe,
    wanted: Experiment,
    *,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Run:
    """Fit models x variants x seeds on the folds of a recipe and compare them instant by instant.

    All variants are fitted again from nothing and judged on the same rows, those of the full set of features; what is
    left out is as if no source had delivered it. Differences are paired by instant and tested by a block bootstrap;
    the p values of one table are corrected after Holm. Beside all instants stand those at which something was known of
    the group that is left out: where texts are rare, it is there that they can matter (D-54).

    Returns
    -------
    run
        Its folder holds ``experiment.json``, ``experiment.csv`` and ``cells/`` with one file per fit.

    Raises
    ------
    InputError
        If a model or group is not the recipe's.
    RunError, GateNotPassed, CatalogError, DataError, RecipeError
        As :func:`tidegate.train.train`.
    """
    store, recipe = RunStore(workspace), resolve_recipe(recipe)
    kinds = _kinds(recipe, wanted)
    catalog = Catalog(workspace)
    versions = pinned_versions(catalog, recipe)
    store.require_audit_of(recipe, versions)
    with store.begin(
        kind=RunKind.EXPERIMENT,
        recipe=recipe,
        fingerprint_of_work=fingerprint([recipe.training_fingerprint(), wanted.as_document()]),
        data_versions=versions,
    ) as run:
        progress.say(f"{'resuming' if run.resumed else 'reading'} {recipe.data.dataset} for {run.id}")
        history = read_recipe_data(catalog, recipe, versions, sources=True).history(recipe.universe.benchmark)
        data = assemble(history, recipe, folder=run.folder / "dataset")
        variants = _variants(data.features.contract, wanted)
        folds = splitter_for(recipe.split).split(data.times, data.labels.spans)
        fits = list(_fits(recipe, kinds, variants, wanted.seeds, folds))
        for fit in progress.track(fits, "fits", total=len(fits)):
            _run_fit(run.folder, recipe, history, data, fit, threads)
        found = _conclude(run.folder, recipe, data, kinds, variants, wanted)
        run.finish({"rows": found["rows"], "folds": len(folds), "features": data.features.contract.dimension})
    return store.get(run.id)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fit:
    kind: str
    variant: Variant
    number: int
    seed: int
    fold: Fold

    def file(self, run: Path) -> Path:
        variant = self.variant.name.replace(" ", "-")
        return run / "cells" / f"{self.kind}-{variant}-{self.number}-{self.fold.fold}.parquet"


def _kinds(recipe: Recipe, wanted: Experiment) -> tuple[str, ...]:
    """Return the models to compare; an ensemble is no model of its own here."""
    known = recipe.models.members
    unknown = sorted(set(wanted.models) - set(known))
    if unknown or wanted.seeds < 1:
        raise InputError(
            found=f"models {', '.join(unknown)}" if unknown else f"{wanted.seeds} seeds",
            expected=f"some of {', '.join(known)}, and at least one seed",
            hint="add the model to the recipe's models: xgboost: {} takes its defaults",
        )
    return wanted.models or known


def _variants(contract: FeatureContract, wanted: Experiment) -> list[Variant]:
    """Return the full set of features and what is left of it without each group."""
    groups = np.array([feature.group for feature in contract.features])
    present = tuple(dict.fromkeys(groups.tolist()))
    unknown = sorted(set(wanted.without) - set(present))
    if unknown:
        raise InputError(
            found=f"no feature of group {', '.join(unknown)}",
            expected=f"some of {', '.join(present)}",
            hint="see the groups: tidegate features show RECIPE",
        )
    full = [Variant(name=FULL, group=None, columns=np.arange(len(groups)))]
    left = [(group, np.flatnonzero(groups != group)) for group in wanted.without or present]
    return full + [
        Variant(name=f"without {group}", group=group, columns=columns) for group, columns in left if columns.size
    ]


def _fits(
    recipe: Recipe, kinds: Sequence[str], variants: Sequence[Variant], seeds: int, folds: Sequence[Fold]
) -> Iterator[_Fit]:
    for fold in folds:
        for kind in kinds:
            for variant in variants:
                for number in range(seeds if kind != "ridge" else 1):
                    seed = recipe.seed if not number else derive_seed(recipe.seed, "experiment", number)
                    yield _Fit(kind=kind, variant=variant, number=number, seed=seed, fold=fold)


def _run_fit(run: Path, recipe: Recipe, history: History, data: Dataset, fit: _Fit, threads: int) -> None:
    """Fit one model on one fold and keep how good it was at each instant, unless that was done before."""
    path = fit.file(run)
    if path.exists():
        return
    alone = ModelSettings(**{fit.kind: getattr(recipe.models, fit.kind), "refit": recipe.models.refit})
    own = recipe.model_copy(update={"models": alone, "seed": fit.seed, "calibrate": None})
    seen = replace(data, columns=fit.variant.columns)
    fitted = fit_fold(own, history, seen, fit.fold, threads=threads)
    rows, symbols = data.samples(fit.fold.test, data.predictable)
    score = fitted.forecast(seen.rows(rows, symbols), data.times[rows])[fit.kind].score
    frame = instant_quality(data, rows, symbols, score, top_k=recipe.picks.top_k)
    write_atomically(path, frame.write_parquet)


def _conclude(
    run: Path,
    recipe: Recipe,
    data: Dataset,
    kinds: Sequence[str],
    variants: Sequence[Variant],
    wanted: Experiment,
) -> dict[str, Any]:
    cells = pl.concat(_read_cells(run, kinds, variants))
    known = {variant.name: _instants_known(data, variant) for variant in variants if variant.group is not None}
    block = max(data.labels.horizon_bars, 1)
    rows = paired_table(cells, kinds, known, times=data.times, block=block, seed=recipe.seed)
    document = {
        "recipe": recipe.name,
        "target": recipe.labels.target,
        "seeds": wanted.seeds,
        "models": list(kinds),
        "variants": [{"name": one.name, "without": one.group, "features": len(one.columns)} for one in variants],
        "block_bars": block,
        "rows": rows,
    }
    write_json(run / "experiment.json", document)
    write_text(run / "experiment.csv", _csv(rows))
    return document


def _read_cells(run: Path, kinds: Sequence[str], variants: Sequence[Variant]) -> Iterator[pl.DataFrame]:
    for kind in kinds:
        for variant in variants:
            begin = f"{kind}-{variant.name.replace(' ', '-')}-"
            for path in sorted((run / "cells").glob(f"{begin}*.parquet")):
                number = int(path.stem.removeprefix(begin).split("-")[0])
                yield pl.read_parquet(path).with_columns(
                    pl.lit(kind).alias("model"), pl.lit(variant.name).alias("variant"), pl.lit(number).alias("seed")
                )


def _instants_known(data: Dataset, variant: Variant) -> Mask:
    """Return at which instants something was known of a group that is left out, ``bool (n_times,)``."""
    left_out = [feature.name for feature in data.features.contract.features if feature.group == variant.group]
    known = np.zeros(len(data.times), dtype=np.bool_)
    for name in left_out:
        known |= data.features.mask(name).any(axis=1)
    return known


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    flat = [
        {name: value for name, value in row.items() if not isinstance(value, list | tuple)}
        | {
            f"{name}_{end}": bound
            for name, value in row.items()
            if isinstance(value, list | tuple)
            for end, bound in zip(("low", "high"), value, strict=True)
        }
        for row in rows
    ]
    written = io.StringIO()
    names = list(dict.fromkeys(name for row in flat for name in row))
    table = csv.DictWriter(written, fieldnames=names, lineterminator="\n")
    table.writeheader()
    table.writerows(flat)
    return written.getvalue()

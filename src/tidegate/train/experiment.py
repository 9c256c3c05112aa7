"""Experiments: models x groups of features x seeds under one protocol, on the same rows, with paired tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant
from tidegate.core.units import Int64Array, Mask
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.models import ENSEMBLE
from tidegate.registry import Run, RunKind, RunStore, TrialRecord, TrialStore, forecast_fingerprint, market_of_dataset
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.experiment_parts import (
    PURGED_KFOLD,
    Part,
    Protocol,
    fitted_settings,
    forecast_part,
    parts_of,
    protocol_document,
)
from tidegate.train.feature_variants import Variant, known_of, variants_of
from tidegate.train.instant_quality import MEASURES, instant_quality
from tidegate.train.paired_table import ALL, Finding, as_csv, paired_table

__all__ = ["Experiment", "experiment"]

_DATASET: Final = "dataset"
_BLOCK_PER_LABEL: Final = 3
"""Labels of *h* bars that begin on every bar repeat each other for *h* bars. Blocks of *h* would see two thirds of the
variance of their mean, blocks of *3 h* eight ninths."""
_MOSTLY_KNOWN: Final = 0.95
"""A group that is known for more of the test rows than this is judged on all of them alone."""


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
    protocol
        ``recipe`` follows the recipe's split, ``purged-kfold`` trains on both sides of each of ``folds`` tests.
    folds
        Of purged k-fold alone.
    """

    models: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    seeds: int = 1
    protocol: Protocol = "recipe"
    folds: int = 5

    def kinds(self, recipe: Recipe) -> tuple[str, ...]:
        """Return the models to compare, each once.

        Raises
        ------
        InputError
            If a model is not the recipe's or cannot be fitted under the protocol, or a count is too small.
        """
        possible = recipe.models.members if self.protocol == PURGED_KFOLD else recipe.models.kinds
        unknown = sorted(set(self.models) - set(possible))
        if unknown:
            raise InputError(
                found=f"models {', '.join(unknown)}",
                expected=f"some of {', '.join(possible)}",
                hint="an ensemble has no validation slice under purged k-fold"
                if unknown == [ENSEMBLE] and ENSEMBLE in recipe.models.kinds
                else "add the model to the recipe's models: xgboost: {} takes its defaults",
            )
        if self.seeds < 1 or self.folds < 2:
            raise InputError(
                found=f"{self.seeds} seeds, {self.folds} folds",
                expected="at least one seed and two folds",
                hint="leave --seeds and --folds out for one seed and five folds",
            )
        return tuple(dict.fromkeys(self.models)) or possible

    def as_document(self) -> dict[str, Any]:
        """Return plain values; folds only where they matter."""
        document = {"models": list(self.models), "without": list(self.without), "seeds": self.seeds}
        return document | ({"kfold": self.folds} if self.protocol == PURGED_KFOLD else {})


def experiment(
    workspace: Workspace,
    recipe: Recipe,
    wanted: Experiment,
    *,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Run:
    """Fit models x variants x seeds on the parts of a protocol and compare them instant by instant.

    All variants are fitted again from nothing and judged on the same rows, those of the full set of features; what is
    left out is as if no source had delivered it. Differences are paired by instant and tested by a block bootstrap;
    the p values of one measure are corrected after Holm. Where a group is not known for all rows, its loss is also
    judged on those rows alone at which something was known of it, for both variants: where texts are rare, it is there
    that they can matter (D-54).

    A difference is that of the variant *without* the group to the full one, of a measure of which more is better: below
    0 the group helped, and a model that needs it is never the worse for that (D-55).

    Whoever reads the table has seen every model of it on the test window, so each counts as a trial, without a Sharpe
    ratio: nothing was traded.

    An experiment that was interrupted goes on after its last finished fit. The number of threads changes nothing.

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
    kinds = wanted.kinds(recipe)
    store, recipe = RunStore(workspace), resolve_recipe(recipe)
    catalog = Catalog(workspace)
    versions = pinned_versions(catalog, recipe)
    store.require_audit_of(recipe, versions)
    wanted = replace(wanted, models=kinds, without=tuple(dict.fromkeys(wanted.without)))
    with store.begin(
        kind=RunKind.EXPERIMENT,
        recipe=recipe,
        fingerprint_of_work=fingerprint([recipe.training_fingerprint(), recipe.picks, wanted.as_document()]),
        data_versions=versions,
    ) as run:
        progress.say(f"{'resuming' if run.resumed else 'reading'} {recipe.data.dataset} for {run.id}")
        history = read_recipe_data(catalog, recipe, versions, sources=True).history(recipe.universe.benchmark)
        data = assemble(history, recipe, folder=run.folder / _DATASET)
        plan = _planned(recipe, history, data, wanted, run.folder / "cells")
        fits = list(plan.fits())
        for fit in progress.track(fits, "fit", total=len(fits)):
            plan.run(fit, threads)
        found = _conclude(run.folder, plan)
        TrialStore(workspace).record(_tried(plan, market_of_dataset(catalog, recipe.data.dataset), run.id))
        run.finish(_summary(found))
    shutil.rmtree(run.folder / _DATASET, ignore_errors=True)
    return store.get(run.id)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fit:
    """One variant, seed and part; all models are fitted beside each other, since an ensemble needs them so."""

    kinds: tuple[str, ...]
    variant: Variant
    number: int
    seed: int
    part: Part


@dataclass(frozen=True, eq=False, kw_only=True)
class _Plan:
    recipe: Recipe
    history: History
    data: Dataset
    wanted: Experiment
    variants: Sequence[Variant]
    parts: Sequence[Part]
    cells: Path
    partly_known: Mapping[str, Mask] = field(default_factory=dict)

    @cached_property
    def folder_of(self) -> dict[str, str]:
        """Names of the variants' folders: a group's own name may not be one of a file."""
        return {variant.name: f"{place}" for place, variant in enumerate(self.variants)}

    def fits(self) -> Iterator[_Fit]:
        """Yield the fits, part by part; a further seed moves only models with chance."""
        base, kinds = self.recipe.seed, self.wanted.models
        with_chance = tuple(kind for kind in kinds if kind != "ridge")
        for part in self.parts:
            for number in range(self.wanted.seeds):
                moved = with_chance if number else kinds
                seed = derive_seed(base, "experiment", number) if number else base
                for variant in self.variants if moved else ():
                    yield _Fit(kinds=moved, variant=variant, number=number, seed=seed, part=part)

    def file(self, fit: _Fit) -> Path:
        """Return where a fit leaves how good it was."""
        return self.cells / self.folder_of[fit.variant.name] / f"part-{fit.part.number}-seed-{fit.number}.parquet"

    def run(self, fit: _Fit, threads: int) -> None:
        """Fit models on one part and keep how good they were at each instant, unless that was done before."""
        path = self.file(fit)
        if path.exists():
            return
        models = fitted_settings(self.recipe.models, fit.kinds, self.wanted.protocol)
        own = self.recipe.model_copy(update={"models": models, "seed": fit.seed, "calibrate": None})
        seen = replace(self.data, columns=fit.variant.columns)
        rows, symbols = self.data.samples(fit.part.test, self.data.predictable)
        scores = forecast_part(own, self.history, seen, fit.part, (rows, symbols), threads=threads)
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = [frame for kind in fit.kinds for frame in self._judged(fit.variant, kind, scores[kind], rows, symbols)]
        write_atomically(path, pl.concat(frames).write_parquet)

    def _judged(
        self, variant: Variant, kind: str, score: Any, rows: Int64Array, symbols: Int64Array
    ) -> Iterator[pl.DataFrame]:
        """Yield the figures on all samples, and on those at which something was known of what is left out."""
        places = {ALL: np.ones(len(rows), dtype=np.bool_)}
        places |= {
            group: known[rows, symbols] for group, known in self.partly_known.items() if variant.group in {None, group}
        }
        for at, chosen in places.items():
            if chosen.any():
                yield instant_quality(
                    self.data,
                    rows[chosen],
                    symbols[chosen],
                    score[chosen],
                    top_k=self.recipe.picks.top_k,
                    forecasts=_forecasts(self.recipe, kind),
                ).select("time", pl.lit(kind).alias("model"), pl.lit(at).alias("at"), *MEASURES)

    def read(self) -> pl.DataFrame:
        """Return what all fits left."""
        return pl.concat(
            pl.read_parquet(self.file(fit)).with_columns(
                pl.lit(fit.variant.name).alias("variant"), pl.lit(fit.number).alias("seed")
            )
            for fit in self.fits()
        )

    def share_known(self, variant: Variant) -> float | None:
        """Return at which share of the judged samples something is known of what a variant leaves out."""
        if variant.group is None:
            return None
        tested = np.concatenate([part.test for part in self.parts])
        known = known_of(self.data.features, variant.group)
        return float(known[self.data.samples(tested, self.data.predictable)].mean())


def _tried(plan: _Plan, market: str, run: str) -> list[TrialRecord]:
    """Return each model, variant and seed as a trial on the stretch from the first to the last test instant."""
    tested = plan.data.times[np.unique(np.concatenate([part.test for part in plan.parts]))]
    recipe, wanted = plan.recipe, plan.wanted
    protocol = [wanted.protocol, wanted.folds if wanted.protocol == PURGED_KFOLD else None]
    cells = dict.fromkeys((kind, fit.variant.name, fit.number) for fit in plan.fits() for kind in fit.kinds)
    return [
        TrialRecord(
            fingerprint=forecast_fingerprint(
                training=recipe.training_fingerprint(), model=kind, variant=variant, seed=number, protocol=protocol
            ),
            market=market,
            start=Instant(int(tested[0])),
            end=Instant(int(tested[-1])),
            bars=len(tested),
            sharpe=None,
            excess_sharpe=None,
            kind=RunKind.EXPERIMENT,
            run=run,
            recipe_name=recipe.name,
        )
        for kind, variant, number in cells
    ]


def _planned(recipe: Recipe, history: History, data: Dataset, wanted: Experiment, cells: Path) -> _Plan:
    plan = _Plan(
        recipe=recipe,
        history=history,
        data=data,
        wanted=wanted,
        variants=variants_of(data.features.contract, wanted.without),
        parts=parts_of(recipe, data, wanted.protocol, wanted.folds),
        cells=cells,
    )
    shares = {variant.group: plan.share_known(variant) for variant in plan.variants if variant.group is not None}
    partly = [group for group, share in shares.items() if share is not None and 0.0 < share < _MOSTLY_KNOWN]
    return replace(plan, partly_known={group: known_of(data.features, group) for group in partly})


def _forecasts(recipe: Recipe, kind: str) -> bool:
    """Return whether a model's scores are in the unit of the target, and so have an error."""
    if kind == ENSEMBLE:
        return recipe.models.ensemble is not None and recipe.models.ensemble.scale == "value"
    return getattr(getattr(recipe.models, kind), "objective", "auto") != "lambdarank"


def _summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the list of runs shows of an experiment."""
    compared = [row["finding"] for row in found["rows"] if row["finding"] is not None]
    return {
        "comparisons": len(compared),
        "clear": sum(finding is not Finding.OPEN for finding in compared),
        "folds": len(found["protocol"]["parts"]),
        "features": found["variants"][0]["features"],
    }


def _conclude(run: Path, plan: _Plan) -> dict[str, Any]:
    """Write the table and return it with its circumstances."""
    recipe, data = plan.recipe, plan.data
    bars = max(data.labels.horizon_bars, recipe.labels.touch.last_day if recipe.labels.is_binary else 1)
    block = _BLOCK_PER_LABEL * bars
    rows = paired_table(plan.read(), plan.wanted.models, plan.variants, block=block, seed=recipe.seed)
    document = {
        "recipe": recipe.name,
        "target": recipe.labels.target,
        "protocol": protocol_document(recipe, data, plan.wanted.protocol, plan.parts),
        "seeds": plan.wanted.seeds,
        "models": list(plan.wanted.models),
        "variants": [{**one.as_document(), "share_known": plan.share_known(one)} for one in plan.variants],
        "top_k": recipe.picks.top_k,
        "block": block,
        "rows": rows,
    }
    write_json(run / "experiment.json", document)
    write_text(run / "experiment.csv", as_csv(rows))
    return document

"""Ideas that might make the A-share picker better, each against the shipped recipe on the same days and the same rows.

Every idea is fitted on the same walk-forward folds and judged by the shipped recipe's own outcome, within the day: area
under the curve, precision of the ten best names over the day's base rate, and what their trades left after costs. The
figures of a day are means over the seeds; the difference of two recipes has an interval by a circular bootstrap of
blocks of ten sessions.

    python benchmarks/picker_ideas.py WORKSPACE --stocks 1000 --seeds 1 2 3

``--beyond N`` leaves the first N names out, to hold what was chosen on them against names that chose nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.recipe import EnsembleSettings, LightgbmSettings, Recipe, WeightSettings, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.evaluate import net_returns, paired_difference, rank_rows, roc_by_instant, top_names, top_places
from tidegate.features.formulas.cross_section import centred_ranks
from tidegate.split import Fold, splitter_for
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_fit import fit_fold

__all__ = ["IDEAS", "alone", "daily_figures", "main", "read_history", "scores_of"]

BLOCK: Final = 10
TOP: Final = 10
FIGURES: Final = ("auc_within_date", "precision_over_base", "net_return", "excess_net_return")


def alone(recipe: Recipe, **changes: Any) -> Recipe:
    """Return the recipe with XGBoost alone, no calibration and no trading, and changes at its top level."""
    models = recipe.models.model_copy(update={"ridge": None})
    bare = {"models": models, "tune": None, "calibrate": None, "strategy": None}
    return recipe.model_copy(update={**bare, **changes})


def _labels(target: str, **trees: Any) -> Callable[[Recipe], Recipe]:
    def changed(recipe: Recipe) -> Recipe:
        section = recipe.models.xgboost.model_copy(update=trees)
        models = recipe.models.model_copy(update={"xgboost": section, "ridge": None})
        return alone(recipe, models=models, labels=recipe.labels.model_copy(update={"target": target}))

    return changed


def _weights(**given: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: alone(recipe, weights=WeightSettings(**given))


def _models(**given: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: alone(recipe, models=recipe.models.model_copy(update=given))


def _trees(**given: Any) -> Callable[[Recipe], Recipe]:
    def changed(recipe: Recipe) -> Recipe:
        section = recipe.models.xgboost.model_copy(update=given)
        return alone(recipe, models=recipe.models.model_copy(update={"xgboost": section, "ridge": None}))

    return changed


def _same(recipe: Recipe) -> Recipe:
    return alone(recipe)


IDEAS: Final[dict[str, tuple[Callable[[Recipe], Recipe], str, str]]] = {
    "shipped": (_same, "as they are", "xgboost"),
    "relative label": (_labels("relative_hit"), "as they are", "xgboost"),
    "ranks of all features": (_same, "ranked", "xgboost"),
    "relative label, ranks": (_labels("relative_hit"), "ranked", "xgboost"),
    "without the market's features": (_same, "without market", "xgboost"),
    "lambdarank": (_labels("rank", objective="lambdarank"), "as they are", "xgboost"),
    "regression on ranks": (_labels("rank"), "as they are", "xgboost"),
    "regression on ranks, ranks": (_labels("rank"), "ranked", "xgboost"),
    "uniqueness": (_weights(uniqueness=True), "as they are", "xgboost"),
    "half-life of 60 days": (_weights(half_life_days=60), "as they are", "xgboost"),
    "refit with validation": (_models(refit="with_validation", ridge=None), "as they are", "xgboost"),
    "100 trees, no early stopping": (_trees(trees=100, early_stopping_rounds=None), "as they are", "xgboost"),
    "ensemble": (
        _models(lightgbm=LightgbmSettings(trees=600, early_stopping_rounds=50), ensemble=EnsembleSettings()),
        "as they are",
        "ensemble",
    ),
    "ridge": (_models(xgboost=None), "as they are", "ridge"),
    "100 trees, without market": (_trees(trees=100, early_stopping_rounds=None), "without market", "xgboost"),
    "100 trees, without market, relative label": (
        _labels("relative_hit", trees=100, early_stopping_rounds=None),
        "without market",
        "xgboost",
    ),
    "100 trees, uniqueness": (
        lambda recipe: _trees(trees=100, early_stopping_rounds=None)(recipe).model_copy(
            update={"weights": WeightSettings(uniqueness=True)}
        ),
        "as they are",
        "xgboost",
    ),
    "regression on ranks, 100 trees": (
        _labels("rank", trees=100, early_stopping_rounds=None),
        "as they are",
        "xgboost",
    ),
    "regression on returns, 100 trees": (
        _labels("excess", trees=100, early_stopping_rounds=None),
        "as they are",
        "xgboost",
    ),
    "volatility alone, nothing fitted": (_same, "as they are", "volatility_20"),
    "low volatility alone, nothing fitted": (_same, "as they are", "-volatility_20"),
}
"""Name to what is changed in the recipe, what is done to the features, and which model's scores count."""


def read_history(workspace: Path, recipe: Recipe) -> History:
    """Read the bars of a recipe as training does."""
    catalog = Catalog(Workspace.open(workspace))
    return read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe), sources=True).history(
        recipe.universe.benchmark
    )


def with_features(data: Dataset, how: str) -> Dataset:
    """Return the data with every feature as its rank within the day, or without those that are one for all names."""
    values = data.features.values
    names = data.features.contract.names
    shared = np.array([_is_shared(values[:, :, place]) for place in range(len(names))])
    if how == "without market":
        return replace(data, columns=np.flatnonzero(~shared))
    if how == "ranked":
        ranked = np.array(values)
        for place in np.flatnonzero(~shared):
            ranked[:, :, place] = centred_ranks(values[:, :, place].astype(np.float64))
        return replace(data, features=replace(data.features, values=ranked))
    return data


def _is_shared(column: np.ndarray) -> bool:
    """Whether a feature says the same of every name of a day."""
    known = ~np.isnan(column).all(axis=1)
    return bool(known.any() and np.all(np.nanmin(column[known], axis=1) == np.nanmax(column[known], axis=1)))


def scores_of(recipe: Recipe, history: History, data: Dataset, folds: list[Fold], kind: str) -> np.ndarray:
    """Return the scores of the test windows, ``float64 (n_times, n_symbols)``, NaN elsewhere.

    A kind that names a feature, with ``-`` in front of it for the smallest first, takes that feature for the score.
    """
    score = np.full((len(data.times), len(data.symbols)), np.nan)
    names = data.features.contract.names
    for fold in folds:
        if kind.removeprefix("-") in names:
            rows, symbols = data.samples(fold.test, data.predictable)
            said = data.features.values[rows, symbols, names.index(kind.removeprefix("-"))].astype(np.float64)
            score[rows, symbols] = np.nan_to_num(-said if kind.startswith("-") else said, nan=-1.0)
            continue
        fitted = fit_fold(recipe, history, data, fold)
        rows, symbols = data.samples(fold.test, data.predictable)
        score[rows, symbols] = fitted.forecast(data.rows(rows, symbols), data.times[rows])[kind].score
    return score


def daily_figures(data: Dataset, score: np.ndarray, hit: np.ndarray, trade: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures of each day of the test windows, ``float64 (n_days,)`` each."""
    rows, symbols = np.nonzero(~np.isnan(score))
    said, outcome = score[rows, symbols], hit[rows, symbols]
    ranked = rank_rows(data.times[rows], said, symbols)
    names = top_names(ranked, outcome, TOP)
    net = net_returns(trade[rows, symbols], data.labels.round_trip_cost)[ranked.order]
    chosen, known = top_places(ranked, TOP), ~np.isnan(net)
    with np.errstate(invalid="ignore", divide="ignore"):
        everyone = ranked.sums(np.where(known, net, 0.0)) / ranked.sums(known)
        picked = ranked.sums(np.where(known & chosen, net, 0.0)) / ranked.sums(known & chosen)
    figures = (roc_by_instant(ranked, said, outcome), names.precision - names.base_rate, picked, picked - everyone)
    return dict(zip(FIGURES, figures, strict=True))


def main() -> None:
    """Fit every idea with every seed, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--stocks", type=int)
    parser.add_argument("--beyond", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ideas", nargs="+", choices=list(IDEAS), default=list(IDEAS))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    shipped = resolve_recipe(load_recipe("ashare-picker"))
    shipped = shipped.model_copy(update={"universe": shipped.universe.model_copy(update={"first": given.stocks})})
    history = read_history(given.workspace, shipped)
    if given.beyond:
        history = history.__class__(history.bars.take(history.bars.symbols[given.beyond :]), history.tables)
    base = assemble(history, shipped)
    folds = splitter_for(shipped.split).split(base.times, base.labels.spans)
    hit, trade = base.target, base.trade_return
    assert trade is not None
    prepared = {how: with_features(base, how) for how in {IDEAS[name][1] for name in given.ideas}}
    table: dict[str, Any] = {}
    daily: dict[str, dict[str, np.ndarray]] = {}
    for name in dict.fromkeys(["shipped", *given.ideas]):
        change, how, kind = IDEAS[name]
        began = time.process_time()
        seeds = given.seeds if kind in ("xgboost", "ensemble") else given.seeds[:1]
        found = []
        for seed in seeds:
            recipe = change(shipped).model_copy(update={"seed": seed})
            target = assemble_target(history, recipe, prepared[how])
            found.append(daily_figures(base, scores_of(recipe, history, target, folds, kind), hit, trade))
        daily[name] = {figure: np.mean([one[figure] for one in found], axis=0) for figure in FIGURES}
        row: dict[str, Any] = {"cpu_seconds": time.process_time() - began}
        for figure in FIGURES:
            row[figure] = float(np.nanmean(daily[name][figure]))
            row[f"{figure}_by_seed"] = [float(np.nanmean(one[figure])) for one in found]
            difference = paired_difference(daily[name][figure], daily["shipped"][figure], block=BLOCK, seed=7)
            row[f"{figure}_difference"] = difference.as_document()
        table[name] = row
        print(f"{name:42s}", *(_told(row, figure) for figure in FIGURES), f"{row['cpu_seconds']:6.1f} s", flush=True)
    if given.output:
        tested = np.concatenate([fold.test for fold in folds])
        rows = int(np.sum(base.predictable[tested]))
        document = {"stocks": len(base.symbols), "test_rows": rows, "test_days": len(tested), "ideas": table}
        given.output.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _told(row: dict[str, Any], figure: str) -> str:
    difference = row[f"{figure}_difference"]
    interval = f"[{difference['low']:+.4f}, {difference['high']:+.4f}]"
    return f"{figure} {row[figure]:+.4f} ({difference['mean']:+.4f} {interval})"


def assemble_target(history: History, recipe: Recipe, data: Dataset) -> Dataset:
    """Return the data with the target of another recipe and the same features."""
    from tidegate.train.dataset import labels_of

    labels = labels_of(history, recipe)
    target = labels.target(recipe.labels.target)
    return replace(data, labels=labels, target=target, trainable=data.features.present() & ~np.isnan(target))


if __name__ == "__main__":
    main()

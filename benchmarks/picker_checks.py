"""What the picker's pipeline says where nothing can be learnt, where something must be, and where a split leaks.

Labels of the real rows are shuffled over all rows and within each day, and the whole pipeline runs on them: the area
under the curve has to be 0.5. Then labels are made that depend on one column of noise, and the trees have to find it.
The last part gives the original's split to the guard of the splitter and to the look-ahead audit.

    python benchmarks/picker_checks.py WORKSPACE --stocks 1000 --seeds 1 2 3 4 5
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from picker_ideas import alone, read_history, scores_of

from tidegate.audit.claims import check_claims
from tidegate.core.errors import TidegateError
from tidegate.core.history import History
from tidegate.core.pipeline import SplitClaim
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.spans import Spans
from tidegate.costs import resolve_recipe
from tidegate.evaluate import area_under_roc, within_date_area
from tidegate.split import Fold, require_disjoint, splitter_for
from tidegate.train.dataset import Dataset, assemble

__all__ = ["leaky_parts", "main", "planted", "shuffled"]

STRENGTH: Final = 0.5
LEVEL: Final = -1.5


def shuffled(data: Dataset, seed: int, *, within_day: bool) -> Dataset:
    """Return the data with its labels dealt out anew, over all rows or within each day."""
    random, target = np.random.default_rng(seed), np.array(data.target)
    for row in range(len(target)) if within_day else [slice(None)]:
        part = target[row]
        known = ~np.isnan(part)
        part[known] = random.permutation(part[known])
        target[row] = part
    return replace(data, target=target)


def planted(data: Dataset, seed: int) -> tuple[Dataset, np.ndarray]:
    """Return the data with noise for its first feature, labels that depend on it, and the noise."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal(data.target.shape)
    values = np.array(data.features.values)
    values[:, :, 0] = noise
    chance = 1.0 / (1.0 + np.exp(-(LEVEL + STRENGTH * noise)))
    target = np.where(np.isnan(data.target), np.nan, random.random(noise.shape) < chance)
    return replace(data, target=target, features=replace(data.features, values=values)), noise


def judged(recipe: Recipe, history: History, data: Dataset, folds: list[Fold]) -> tuple[float | None, float | None]:
    """Return the area under the curve of the test windows, pooled and within the day."""
    score = scores_of(recipe, history, data, folds, "xgboost")
    return areas(data, score)


def areas(data: Dataset, score: np.ndarray) -> tuple[float | None, float | None]:
    """Return the area under the curve of scores, pooled and within the day."""
    rows, symbols = np.nonzero(~np.isnan(score) & ~np.isnan(data.target))
    said, came = score[rows, symbols], data.target[rows, symbols]
    return area_under_roc(said, came), within_date_area(data.times[rows], said, came)


def leaky_parts(data: Dataset) -> tuple[Spans, Spans]:
    """Return the label spans of the original's split: 80 and 20 % of the rows sorted by symbol, then by day."""
    _, rows = np.nonzero(data.trainable.T)
    spans, cut = data.labels.spans, int(len(rows) * 0.8)
    known = rows < len(spans)
    train, test = (part[inside] for part, inside in ((rows[:cut], known[:cut]), (rows[cut:], known[cut:])))
    return Spans(spans.start[train], spans.end[train]), Spans(spans.start[test], spans.end[test])


def refused(data: Dataset) -> str:
    """Return what the guard of every splitter says of the original's split."""
    try:
        require_disjoint(*leaky_parts(data))
    except TidegateError as error:
        return str(error)
    return "accepted"


def audited(data: Dataset, history: History) -> str:
    """Return what the look-ahead audit says of the original's split."""
    train, test = leaky_parts(data)
    claim = SplitClaim(
        name="training and test of the split by row number",
        train_times=train.start,
        train_ends=train.end,
        test_times=test.start,
        test_ends=test.end,
    )
    return "\n".join(finding.describe() for finding in check_claims([claim], history).findings)


def main() -> None:
    """Print one line per check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--stocks", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    shipped = resolve_recipe(load_recipe("ashare-picker"))
    shipped = shipped.model_copy(update={"universe": shipped.universe.model_copy(update={"first": given.stocks})})
    history, recipe = read_history(given.workspace, shipped), alone(shipped)
    data = assemble(history, recipe)
    folds = splitter_for(recipe.split).split(data.times, data.labels.spans)
    print(refused(data), audited(data, history), sep="\n", flush=True)
    for seed in given.seeds:
        for within_day in (False, True):
            what = "within the day" if within_day else "over all rows"
            pooled, by_day = judged(recipe, history, shuffled(data, seed, within_day=within_day), folds)
            print(f"labels shuffled {what:15s} seed {seed}: AUC {pooled:.4f}, within the day {by_day:.4f}", flush=True)
    for seed in given.seeds[:2]:
        made, noise = planted(data, seed)
        score = scores_of(recipe, history, made, folds, "xgboost")
        best = areas(made, np.where(np.isnan(score), np.nan, noise))
        print(f"planted, seed {seed}: AUC {areas(made, score)[0]:.4f} of {best[0]:.4f} that the noise itself reaches")


if __name__ == "__main__":
    main()

"""Select: one parameter set on the scores of many training runs, and the best of them within the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

import polars as pl

from tidegate.core.errors import RunError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.time import DAY, Instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.search.candidates import Candidate
from tidegate.search.conduct import Plan, Workers, conduct, tidy
from tidegate.search.ground import model_of
from tidegate.search.missing_scores import missing_score
from tidegate.search.sets.parameter_set import ParameterSet

__all__ = ["select"]

_MONTH: Final = 31 * DAY
_PAUSE: Final = 12 * DAY
"""Longest time without a session, from its last close before to its first after: the longest of holidays, and more."""


def select(
    workspace: Workspace,
    recipe: Recipe,
    train_runs: Sequence[Run],
    *,
    workers: Workers | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Run:
    """Trade one parameter set on the scores of each training run, and rank the runs that keep the bounds.

    Each run is traded on its own data and universe, by the model that the strategy names, or by the run's leading one
    where it has no such model. The window is the recipe's, where it names dates; otherwise the one that the runs have
    in common, those left out whose scores begin or end more than a month off the others'. A run without usable scores
    is marked ``missing_score`` and one that cannot be simulated ``failed``, both with the reason; neither stops the
    rest.

    Parameters
    ----------
    recipe
        Strategy, costs, money and dates; of its section ``search``, where it has one, objective, bounds and parts.
    train_runs
        Each once.

    Raises
    ------
    RunError
        If there is no run, or none with scores.
    DataError
        If no run could be simulated.
    """
    store = RunStore(workspace)
    recipe = _within(resolve_recipe(recipe), train_runs)
    settings = recipe.search or SearchSettings()
    newest = {
        name: max(run.data_versions.get(name, 0) for run in train_runs)
        for run in train_runs
        for name in run.data_versions
    }
    with store.begin(
        kind=RunKind.SELECT,
        recipe=recipe,
        fingerprint_of_work=fingerprint([recipe.fingerprint(), [run.fingerprint for run in train_runs]]),
        data_versions=newest,
    ) as run:
        progress.say(f"{'resuming' if run.resumed else 'select'} {run.id} among {len(train_runs)} training runs")
        plan = Plan(
            kind=RunKind.SELECT,
            recipe=recipe,
            settings=settings,
            train_runs={one.id: one for one in train_runs},
            candidates=[_candidate(number, one, recipe) for number, one in enumerate(train_runs)],
        )
        run.finish(conduct(workspace, plan, run.folder, workers=workers, threads=threads, progress=progress))
    return tidy(store.get(run.id))


def _candidate(number: int, trained: Run, recipe: Recipe) -> Candidate:
    model = model_of(trained, recipe)
    settings = recipe.trading().model_copy(update={"scores": model})
    one = ParameterSet(
        number=number, key=trained.id, origin="given", parameters=_told(trained, model), settings=settings
    )
    return Candidate(set=one, train_run=trained.id, missing=_missing(trained, model, recipe))


def _told(trained: Run, model: str) -> dict[str, Any]:
    """Return what tells training runs apart at a glance."""
    labels = trained.recipe.get("labels", {})
    horizon = labels.get("horizon") or labels.get("horizon_bars")
    return {"recipe": trained.recipe_name, "scores": model, "horizon": horizon, "seed": trained.seed}


def _missing(trained: Run, model: str, recipe: Recipe) -> str | None:
    if trained.status is not RunStatus.FINISHED or trained.kind is not RunKind.TRAIN:
        return (
            f"{trained.id} is a {trained.status} {trained.kind} run{'' if not trained.error else f': {trained.error}'}"
        )
    strategy, span = recipe.trading(), _span(trained, model)
    start, end = (parse_instant(str(day)) for day in (recipe.backtest.start, recipe.backtest.end))
    begins = start + DAY
    if span is not None and begins < span[0] <= start + _PAUSE:
        begins = span[0]  # the window's first session, as far as is known before its bars are read
    return missing_score(
        trained, model, start=Instant(begins), end=Instant(end), least_symbols=strategy.top_n,
        max_age=strategy.max_score_age_bars * 2 * DAY + _PAUSE,
    )  # fmt: skip


def _within(recipe: Recipe, train_runs: Sequence[Run]) -> Recipe:
    """Return the recipe with the dates that the runs are traded over."""
    if not train_runs:
        raise RunError(found="no training run", expected="at least one", hint="train first: tidegate train RECIPE")
    spans = [span for run in train_runs if (span := _span(run, model_of(run, recipe)))]
    if not spans:
        raise RunError(
            found="no training run with readable scores", expected="at least one", hint="train again: tidegate train"
        )
    backtest, (first, last) = recipe.backtest, _in_common(spans)
    ends = str(backtest.end or _date(last))
    dates = {"start": backtest.start or _date(first), "end": min(ends, _date(max(end for _, end in spans)))}
    settings = type(backtest).model_validate({**backtest.model_dump(), **dates})
    return recipe.model_copy(update={"backtest": settings})


def _in_common(spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the latest beginning and the earliest end of those that lie within a month of the middle one."""
    firsts, lasts = zip(*spans, strict=True)
    first, last = median(firsts), median(lasts)
    return max(one for one in firsts if one <= first + _MONTH), min(one for one in lasts if one >= last - _MONTH)


def _span(run: Run, model: str) -> tuple[int, int] | None:
    try:
        own = pl.scan_parquet(run.folder / "scores.parquet").filter(pl.col("model").cast(pl.String) == model)
        time = pl.col("time").dt.epoch("us")
        first, last = own.select(time.min().alias("first"), time.max().alias("last")).collect().row(0)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return None if first is None else (int(first), int(last))


def _date(at: int) -> str:
    return f"{moment_of(Instant(at - 1)):%Y-%m-%d}"

"""A study: many sets of parameters tried on the same inner folds, within a budget, resumable and repeatable.

After the settings' own parameters ``startup_trials`` are drawn at random, the others by TPE with each parameter on
its own (Bergstra et al. 2011, https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization). The
sampler of each trial is seeded by the number of the trial, so a study that was interrupted goes on as the undisturbed
one would: the same numbers, parameters and values. A trial whose mean over the inner folds so far is below the median
of the complete ones at the same fold is given up; rounds within a fold are not compared, for a slow learner is behind
there until the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import DataError
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import ModelSettings, TuneSettings
from tidegate.models.prepared import prepare
from tidegate.train.budget import Budget, StoppedBy, estimated_bytes
from tidegate.train.journal import Journal
from tidegate.train.objective import StudyRows, require_metric
from tidegate.train.search import Search
from tidegate.train.search_space import Dimension, search_space
from tidegate.train.trial import PreparedFold, StudyTrial

__all__ = ["StudyResult", "run_study"]


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A finished study.

    Parameters
    ----------
    model, metric
        What was searched, and by what it was judged; larger is better.
    trials
        All of them, by number.
    space
        Where was searched.
    importance
        Parameter to its share in what tells the best quarter of the trials from all, summing to 1; by PED-ANOVA
        (Watanabe, Bansal and Hutter 2023, https://arxiv.org/abs/2304.10255). Empty for fewer than 8 complete trials.
    stopped_by
        Why it ended.
    budget
        What it might use, and what it used.

    Raises
    ------
    DataError
        If no trial was completed; the message says why.
    """

    model: str
    metric: str
    trials: tuple[StudyTrial, ...]
    space: tuple[Dimension, ...]
    importance: Mapping[str, float]
    stopped_by: StoppedBy
    budget: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self._complete():
            reasons = [trial.reason for trial in self.trials if trial.reason is not None]
            raise DataError(
                found=f"{len(self.trials)} trials, none of them complete{f': {reasons[0]}' if reasons else ''}",
                expected="one at least",
                hint="raise tune.minutes or tune.memory_gib, or correct what the message names",
            )

    @property
    def best(self) -> StudyTrial:
        """The complete trial with the largest value, the earliest of equals."""
        return max(self._complete(), key=lambda trial: (trial.value, -trial.number))

    def _complete(self) -> list[StudyTrial]:
        return [trial for trial in self.trials if trial.value is not None]

    def as_document(self) -> dict[str, Any]:
        """Return plain values: ``study.json``."""
        best, so_far, trials = self.best, None, []
        for trial in self.trials:
            if trial.value is not None and (so_far is None or trial.value > so_far):
                so_far = trial.value
            trials.append({**trial.as_document(), "best_so_far": so_far})
        return {
            "model": self.model,
            "metric": self.metric,
            "direction": "maximize",
            "space": {one.name: one.as_document() for one in self.space},
            "trials": trials,
            "best": {"number": best.number, "value": best.value, "parameters": dict(best.parameters)},
            "importance": dict(self.importance),
            "budget": dict(self.budget),
            "stopped_by": self.stopped_by.value,
        }


def run_study(
    folds: Sequence[StudyRows],
    settings: TuneSettings,
    models: ModelSettings,
    *,
    journal: Path,
    seed: int,
    binary: bool,
    threads: int = 1,
    began: float | None = None,
    progress: Progress = SILENT,
) -> StudyResult:
    """Search the parameters of one model, with rows that are binned once.

    Trial 0 are the settings' own parameters; the module says how the others are drawn and given up.

    Parameters
    ----------
    folds, settings, models
        Rows of the inner folds in order of time, what is searched, and the settings of the model.
    journal
        File that holds the finished trials; an existing one of the same study is gone on with.
    seed
        Of the draws, and of every fit.
    binary
        Whether the target is 0 or 1.
    threads
        Processors that a fit may use; the result does not depend on it.
    began
        Reading of the clock from which the budget of time counts; None is now.

    Raises
    ------
    InputError
        If the space, the metric or the budget of memory do not fit.
    RunError
        If the journal is damaged or another study's.
    DataError
        If no trial could be completed; the message says why.
    """
    space = search_space(settings, models, binary=binary)
    require_metric(settings, models, binary=binary)
    earlier = Journal(journal, _identity(folds, settings, models, seed, binary))
    search = Search(settings, models, space, seed, earlier)
    budget = Budget(settings, began=elapsed_seconds() if began is None else began, spent_before=search.seconds)
    budget.require_memory(estimated_bytes(settings.model, folds))
    if search.trials:
        progress.say(f"going on after {len(search.trials)} trials")
    prepared = [_prepared(rows, settings, models, binary, threads) for rows in folds]
    stopped_by = search.run(prepared, budget, progress)
    return StudyResult(
        model=settings.model,
        metric=settings.metric,
        trials=tuple(search.trials),
        space=space,
        importance=search.importance(),
        stopped_by=stopped_by,
        budget=budget.as_document(),
    )


def _prepared(
    rows: StudyRows, settings: TuneSettings, models: ModelSettings, binary: bool, threads: int
) -> PreparedFold:
    prepared = prepare(
        settings.model, models, rows.train, rows.stopping, binary=binary, buckets=rows.buckets, threads=threads
    )
    return PreparedFold(rows=rows, prepared=prepared)


def _identity(
    folds: Sequence[StudyRows], settings: TuneSettings, models: ModelSettings, seed: int, binary: bool
) -> str:
    """Return what decides the trials: not how many are made, nor the budgets."""
    import optuna

    parts = [part for rows in folds for part in (rows.train, rows.stopping, rows.judged) if part is not None]
    columns = [[part.target, part.weight, part.instants] for part in parts]
    return fingerprint(
        {
            "settings": settings.model_dump(exclude={"trials", "minutes", "memory_gib"}),
            "model": getattr(models, settings.model),
            "seed": seed,
            "binary": binary,
            "rows": [array_fingerprint(*(column for column in given if column is not None)) for given in columns],
            "features": [list(part.features.shape) for part in parts],
            "optuna": optuna.__version__,
        }
    )

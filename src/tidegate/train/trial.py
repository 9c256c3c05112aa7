"""One set of parameters, fitted and judged inner fold by inner fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tidegate.core.clock import cpu_seconds, elapsed_seconds
from tidegate.core.errors import LedgerError, LookAheadError
from tidegate.core.interrupts import interrupt_requested
from tidegate.core.recipe import ModelSettings, TuneSettings
from tidegate.models.prepared import Prepared
from tidegate.train.budget import Budget, StoppedBy
from tidegate.train.objective import StudyRows, metric_value
from tidegate.train.search_space import with_parameters

__all__ = ["PreparedFold", "StudyTrial", "TrialState", "run_trial"]


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedFold:
    """An inner fold, binned once for all trials."""

    rows: StudyRows
    prepared: Prepared


@dataclass(frozen=True, kw_only=True)
class StudyTrial:
    """What came of one set of parameters.

    Parameters
    ----------
    number
        From 0; 0 are the recipe's own parameters.
    state
        ``complete`` trials have a value; ``pruned`` ones were given up, and ``failed`` ones could not be judged.
    value
        Mean of ``values_by_fold``; None unless complete.
    values_by_fold, rounds
        Metric and number of trees of each inner fold that was finished; trees are None for models without.
    parameters
        What was searched, by name.
    seconds, cpu_seconds
        What it took.
    reason
        Why it was pruned or failed.
    stopped_by
        The budget that ended it, and the study with it.
    """

    number: int
    state: TrialState
    value: float | None
    values_by_fold: tuple[float, ...]
    rounds: tuple[int | None, ...]
    parameters: Mapping[str, float]
    seconds: float
    cpu_seconds: float
    reason: str | None = None
    stopped_by: StoppedBy | None = None

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **asdict(self),
            "state": self.state.value,
            "values_by_fold": list(self.values_by_fold),
            "rounds": list(self.rounds),
            "stopped_by": None if self.stopped_by is None else self.stopped_by.value,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StudyTrial:
        """Read what :meth:`as_document` returned."""
        stopped_by = document["stopped_by"]
        return cls(
            **{
                **document,
                "state": TrialState(document["state"]),
                "values_by_fold": tuple(document["values_by_fold"]),
                "rounds": tuple(document["rounds"]),
                "stopped_by": None if stopped_by is None else StoppedBy(stopped_by),
            }
        )

    def running_means(self) -> list[float]:
        """Return the mean of the values up to each inner fold that was finished."""
        return _running_means(self.values_by_fold)


@dataclass
class _Course:
    """How far a trial came."""

    values: list[float] = field(default_factory=list)
    rounds: list[int | None] = field(default_factory=list)
    reason: str | None = None
    stopped_by: StoppedBy | None = None


def run_trial(
    number: int,
    parameters: Mapping[str, float],
    folds: Sequence[PreparedFold],
    *,
    settings: TuneSettings,
    models: ModelSettings,
    seed: int,
    budget: Budget,
    is_behind: Callable[[int, float], bool],
) -> StudyTrial:
    """Fit one set of parameters on each inner fold and take the metric.

    Parameters
    ----------
    seed
        Of every fit, the same for all trials: they differ by their parameters alone.
    budget
        Where it is used up, the fit ends with its present round and the trial is pruned. A ridge has no rounds: it is
        asked between inner folds.
    is_behind
        Of the number of an inner fold and the mean of the values so far: whether to give up.

    Returns
    -------
    trial
        A trial that fails is one result among others; its reason is kept, and no number stands in for its value.
    """
    began, cpu_began = elapsed_seconds(), cpu_seconds()
    course, state = _Course(), TrialState.FAILED
    try:
        state = _run(course, parameters, folds, settings, models, seed, budget, is_behind)
    except (LookAheadError, LedgerError):
        raise
    except Exception as error:
        # Whatever a library says of these parameters is recorded with them, unless it swallowed an interrupt.
        if interrupt_requested():
            raise
        course.reason = f"{type(error).__name__}: {error}"
    return StudyTrial(
        number=number,
        state=state,
        value=_running_means(course.values)[-1] if state is TrialState.COMPLETE else None,
        values_by_fold=tuple(course.values),
        rounds=tuple(course.rounds),
        parameters=dict(parameters),
        seconds=elapsed_seconds() - began,
        cpu_seconds=cpu_seconds() - cpu_began,
        reason=course.reason,
        stopped_by=course.stopped_by,
    )


def _run(
    course: _Course,
    parameters: Mapping[str, float],
    folds: Sequence[PreparedFold],
    settings: TuneSettings,
    models: ModelSettings,
    seed: int,
    budget: Budget,
    is_behind: Callable[[int, float], bool],
) -> TrialState:
    own = getattr(with_parameters(models, settings.model, parameters), settings.model)

    def spent(_round: int = 0, _value: float = 0.0) -> bool:
        course.stopped_by = course.stopped_by or budget.overrun()
        return course.stopped_by is not None

    for place, fold in enumerate(folds):
        if not spent():
            forecaster = fold.prepared.fit(own, seed=seed, on_round=spent)
        if course.stopped_by is not None:
            course.reason = f"the budget of {course.stopped_by} was used up"
            return TrialState.PRUNED
        course.values.append(metric_value(settings, fold.rows, forecaster.predict(fold.rows.judged.features)))
        course.rounds.append(forecaster.rounds)
        if place + 1 < len(folds) and is_behind(place, _running_means(course.values)[-1]):
            course.reason = f"behind the median of the finished trials after inner fold {place}"
            return TrialState.PRUNED
    return TrialState.COMPLETE


def _running_means(values: Sequence[float]) -> list[float]:
    return [sum(values[: place + 1]) / (place + 1) for place in range(len(values))]

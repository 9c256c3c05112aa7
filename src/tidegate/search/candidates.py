"""What a search holds against each other: a set of parameters on the scores of one model of one training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.environment import describe_environment
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import Recipe, StrategySettings
from tidegate.registry import Run
from tidegate.search.runner.backend import Work
from tidegate.search.sets.parameter_set import ParameterSet

__all__ = ["Candidate", "candidates_of", "works_of"]

_TOLD: Final = frozenset({"run", "train_run"})
"""What a work says of itself without being decided by it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One set on one training run.

    Parameters
    ----------
    set
        Number, name in the manifest, what differs between the candidates, and the strategy completely resolved.
    train_run
        Id of the training run whose scores it trades; ``settings.scores`` names the model.
    missing
        Why the scores cannot be traded; None where they can.
    """

    set: ParameterSet
    train_run: str
    missing: str | None = None

    @property
    def key(self) -> str:
        """Its name in the manifest."""
        return self.set.key

    @property
    def settings(self) -> StrategySettings:
        """The strategy."""
        return self.set.settings


def candidates_of(sets: Sequence[ParameterSet], train_run: Run) -> list[Candidate]:
    """Return parameter sets on one training run."""
    return [Candidate(set=one, train_run=train_run.id) for one in sets]


def works_of(candidates: Sequence[Candidate], trained: Mapping[str, Run], recipe: Recipe, run: str) -> list[Work]:
    """Return candidates as something to be done, each with everything that decides its figures.

    Two training runs whose scores are equal to the bit, on the same data and universe, give one and the same work.

    Parameters
    ----------
    trained
        Training runs by id.
    recipe
        Costs, money and dates.
    run
        The search that they belong to.
    """
    code = describe_environment()["code"]
    common = {name: _common(one, recipe, run, str(code)) for name, one in trained.items()}
    decided = {name: fingerprint({k: v for k, v in one.items() if k not in _TOLD}) for name, one in common.items()}
    works = []
    for candidate in candidates:
        parameters = candidate.settings.model_dump(mode="json")
        scores = candidate.settings.scores
        # What cannot be traded stands for nothing else, and nothing else for it.
        apart = None if candidate.missing is None else candidate.key
        own = fingerprint([decided[candidate.train_run], scores, parameters, apart])
        payload = {**common[candidate.train_run], "scores": scores, "parameters": parameters, "idempotency_key": own}
        works.append(Work(key=candidate.key, payload=payload))
    return works


def _common(trained: Run, recipe: Recipe, run: str, code: str) -> dict[str, Any]:
    """Return what every set on one training run shares."""
    rules = {"costs": recipe.costs, "backtest": recipe.backtest}
    market = {name: trained.recipe.get(name) for name in ("data", "universe")}
    return {
        "run": run,
        "train_run": trained.id,
        # Scores that nobody knows are nobody else's.
        "scores_sha256": trained.metrics.get("scores_fingerprint") or f"unknown of {trained.id}",
        "data": dict(trained.data_versions),
        "trading": fingerprint([rules, market]),
        "code": code,
    }

"""Sets proposed by Optuna from what earlier ones did, in batches: an interrupted search proposes the same as any other.

Each batch is asked for before its first set is judged, by a sampler whose seed follows from the search's seed and the
number of the batch, and told in the order of its sets. What is proposed therefore depends on nothing else: not on how
many sets run at once, and not on which of them ends first. A search that is resumed asks for the batches that were
judged once more, which also shows whether they are its own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tidegate.core.errors import InputError, RunError
from tidegate.core.randomness import generator
from tidegate.core.recipe_search import SearchSettings
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.search.choice import SMALLER_IS_BETTER
from tidegate.search.sets.draws import drawn_sets
from tidegate.search.sets.optuna_space import HEARS_CONSTRAINTS, distribution_of, read_back, sampler_of, written
from tidegate.search.sets.optuna_storage import StudyCopy, study_copy
from tidegate.search.sets.parameter_set import ParameterSet, key_of
from tidegate.search.sets.perturbation import Settled
from tidegate.search.sets.plan import searched_names
from tidegate.search.sets.space import Settler, dimensions

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["JudgedSet", "OptunaProposer"]

_PLACE: Final = "search.optuna"
_ASKED_AGAIN: Final = 8
"""How often a sampler may propose what is known or refused before chance takes its place."""
_WORST: Final = 1e6
"""Violation of a bound whose figure is missing; storages take no infinity."""


@dataclass(frozen=True, kw_only=True)
class JudgedSet:
    """What came of a set.

    Parameters
    ----------
    set
        The set.
    objective
        The figure that is searched for; None where the set failed.
    violations
        How far it lies outside each bound, by figure: above 0 outside, otherwise kept.
    """

    set: ParameterSet
    objective: float | None
    violations: Mapping[str, float]


class OptunaProposer:
    """Proposes batch after batch; close it, or use it in a ``with`` block.

    Parameters
    ----------
    search
        Where is searched, by which sampler, for what.
    base
        The strategy, which says everything that a set leaves out.
    seed
        Of the samplers.
    folder
        The run's folder, which gets ``optuna.log`` or names the study in the database; None keeps no copy.
    first_number
        Number of the first set that is proposed: how many sets were planned before.

    Raises
    ------
    InputError
        If the search names no Optuna, or its space does not fit the strategy, or a package is not installed.
    """

    def __init__(
        self, search: SearchSettings, base: StrategySettings, *, seed: int, folder: Path | None, first_number: int
    ) -> None:
        if search.optuna is None:
            raise InputError(found="no search.optuna", expected="one", hint="write search.optuna in the recipe")
        self._settings, self._seed, self._first = search.optuna, seed, first_number
        self._space = dimensions(search.optuna.space, f"{_PLACE}.space")
        self._settler = Settler(base, searched_names(search))
        self._minimised = search.objective in SMALLER_IS_BETTER
        self._study: Study | None = None
        self._distributions: dict[str, BaseDistribution] = {}
        self._asked: list[tuple[Trial, ParameterSet]] = []
        self._keys: set[str] = set()
        self._proposed = self._batch = 0
        self._told: list[FrozenTrial] = []
        self._copy: StudyCopy | None = None
        if folder is not None:
            self._copy = study_copy(search.optuna.storage, folder, minimised=self._minimised)
        self.is_exhausted = False
        """Whether no set was left that is new: the space holds fewer than were asked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or the database."""
        if self._copy is not None:
            self._copy.close()

    def propose(self, judged: Sequence[JudgedSet]) -> list[ParameterSet]:
        """Return the sets of the present batch that are not judged yet; the next batch where all are.

        Parameters
        ----------
        judged
            Everything that is known, in any order: sets that were planned beforehand, all of them at the first call,
            and those of earlier batches.

        Returns
        -------
        list of ParameterSet
            Empty when all are judged.

        Raises
        ------
        RunError
            If judged sets are not those that this search proposes, or the copy belongs to another search.
        """
        known = {one.set.number: one for one in judged}
        with _quiet():
            if self._study is None:
                self._begin([known[number] for number in sorted(known) if number < self._first])
            while True:
                if waiting := [one for _, one in self._asked if one.number not in known]:
                    break
                self._tell(known)
                self._asked = self._ask()
                if not self._asked:
                    break
            if self._copy is not None:
                self._copy.append(self._told)
                self._told = []
        return waiting

    def _begin(self, earlier: Sequence[JudgedSet]) -> None:
        import optuna

        self._distributions = {one.name: distribution_of(one) for one in self._space}
        self._study = optuna.create_study(direction="minimize" if self._minimised else "maximize")
        for one in earlier:
            self._keys.add(one.set.key)
            if (params := self._params_of(one.set)) is not None:
                trial = self._ended(one, params)
                self._study.add_trial(trial)
                self._told.append(trial)

    def _params_of(self, one: ParameterSet) -> dict[str, Any] | None:
        """Return a set as Optuna writes it; None for one that lies outside the space."""
        base, given = self._settler.base, one.settings
        names = set(self._distributions)
        if any(getattr(given, name) != getattr(base, name) for name in self._settler.names if name not in names):
            return None
        params = {each.name: written(each, one.parameters[each.name]) for each in self._space}
        for name, value in params.items():
            try:
                inside = self._distributions[name]._contains(self._distributions[name].to_internal_repr(value))
            except (ValueError, TypeError):  # no such choice, or no number where numbers are searched
                return None
            if not inside:
                return None
        return params

    def _ended(self, one: JudgedSet, params: Mapping[str, Any]) -> FrozenTrial:
        from optuna.trial import TrialState, create_trial

        is_complete = one.objective is not None and math.isfinite(one.objective)
        return create_trial(
            state=TrialState.COMPLETE if is_complete else TrialState.FAIL,
            value=one.objective if is_complete else None,
            params=dict(params),
            distributions=dict(self._distributions),
            user_attrs={"number": one.set.number, "key": one.set.key, "origin": one.set.origin},
            constraints=_constraints(one) if is_complete else None,
        )

    def _tell(self, known: Mapping[int, JudgedSet]) -> None:
        from optuna.trial import TrialState

        for trial, proposed in self._asked:
            one = known[proposed.number]
            if one.set.key != proposed.key:
                raise RunError(
                    found=f"set {proposed.number} with {one.set.key}, where this search proposes {proposed.key}",
                    expected="the sets of the search that is resumed",
                    hint="resume it with the recipe, seed and version of Optuna that it was begun with",
                )
            params = {each.name: written(each, one.set.parameters[each.name]) for each in self._space}
            self._told.append(self._ended(one, params))
            if one.objective is None or not math.isfinite(one.objective):
                self._of_study.tell(trial, state=TrialState.FAIL)
                continue
            for name, violation in _constraints(one).items() if self._settings.sampler in HEARS_CONSTRAINTS else ():
                trial.set_constraint(name, violation)
            self._of_study.tell(trial, one.objective)
        self._asked = []

    @property
    def _of_study(self) -> Study:
        assert self._study is not None
        return self._study

    def _ask(self) -> list[tuple[Trial, ParameterSet]]:
        """Return the next batch; shorter or empty where the space is used up."""
        size = min(self._settings.batch, self._settings.trials - self._proposed)
        if size <= 0 or self.is_exhausted:
            return []
        self._of_study.sampler = sampler_of(self._settings, self._seed, self._batch)
        numbers = generator(self._seed, "optuna", self._batch)
        batch = []
        for _ in range(size):
            found = self._proposal() or self._chance(numbers)
            if found is None:
                self.is_exhausted = True
                break
            trial, (settings, parameters) = found
            key, number = key_of(parameters), self._first + self._proposed
            self._keys.add(key)
            self._proposed += 1
            one = ParameterSet(number=number, key=key, origin="optuna", parameters=parameters, settings=settings)
            batch.append((trial, one))
        self._batch += 1
        return batch

    def _proposal(self) -> tuple[Trial, Settled] | None:
        """Return what the sampler proposes; None where it insists on what is known or refused."""
        from optuna.trial import TrialState

        for _ in range(_ASKED_AGAIN):
            trial = self._of_study.ask(self._distributions)
            try:
                settled = self._settler.settle(
                    {one.name: read_back(one, trial.params[one.name]) for one in self._space}, _PLACE
                )
            except InputError:
                settled = None
            if settled is not None and key_of(settled[1]) not in self._keys:
                return trial, settled
            self._of_study.tell(trial, state=TrialState.FAIL)
        return None

    def _chance(self, numbers: Any) -> tuple[Trial, Settled] | None:
        try:
            settled = drawn_sets(self._space, 1, self._settler, self._keys, numbers, _PLACE)[0]
        except InputError:
            return None
        self._of_study.enqueue_trial({one.name: written(one, settled[1][one.name]) for one in self._space})
        return self._of_study.ask(self._distributions), settled


def _constraints(one: JudgedSet) -> dict[str, float]:
    return {name: min(max(float(value), -_WORST), _WORST) for name, value in one.violations.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from printing what it does and which of its parts are young."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)

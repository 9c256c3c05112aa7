"""The search behind a study: what is tried next, what is given up, and what made trials good."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tidegate.core.progress import Progress, Reached
from tidegate.core.randomness import derive_seed
from tidegate.core.recipe import ModelSettings, TuneSettings
from tidegate.train.budget import Budget, StoppedBy
from tidegate.train.journal import Journal, quiet_optuna
from tidegate.train.search_space import Dimension, own_parameters
from tidegate.train.trial import PreparedFold, StudyTrial, TrialState, run_trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["Search"]

_TOLD: Final = "trial"
_FEWEST_FOR_IMPORTANCE: Final = 8
_BEST_SHARE: Final = 0.25


class Search:
    """The trials of a study, in Optuna's memory and in the journal.

    Parameters
    ----------
    settings, models
        What is searched, and the settings of the model.
    space
        Where is searched.
    seed
        Of the draws, and of every fit.
    journal
        Holds the trials of earlier processes, and takes those of this one.
    """

    def __init__(
        self,
        settings: TuneSettings,
        models: ModelSettings,
        space: tuple[Dimension, ...],
        seed: int,
        journal: Journal,
    ) -> None:
        import optuna

        self._settings, self._models, self._space, self._seed, self._journal = settings, models, space, seed, journal
        with quiet_optuna():
            self._study: Study = optuna.create_study(direction="maximize")
            self._study.add_trials(journal.trials())
        self.trials = [
            StudyTrial.from_document({"number": frozen.number, **frozen.user_attrs[_TOLD]})
            for frozen in self._study.trials
        ]

    @property
    def seconds(self) -> float:
        """How long all trials took so far, those of earlier processes included."""
        return sum(trial.seconds for trial in self.trials)

    def run(self, folds: Sequence[PreparedFold], budget: Budget, progress: Progress) -> StoppedBy:
        """Make trials until all are made or a budget is used up."""
        while len(self.trials) < self._settings.trials:
            if budget.refuses([trial.seconds for trial in self.trials]):
                return StoppedBy.MINUTES
            trial = self._next(folds, budget)
            progress.tell(self._reached(budget))
            if trial.stopped_by is not None:
                return trial.stopped_by
        return StoppedBy.TRIALS

    def importance(self) -> dict[str, float]:
        """Return each parameter's share in what makes trials good."""
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        searched = [one.name for one in self._space if one.low < one.high]
        complete = [trial.value for trial in self.trials if trial.value is not None]
        if len(complete) < _FEWEST_FOR_IMPORTANCE or len(set(complete)) < 2 or not searched:
            return {}
        with quiet_optuna():
            evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE)
            found = get_param_importances(self._study, evaluator=evaluator, params=searched)
        return {name: float(found[name]) for name in searched}

    def _next(self, folds: Sequence[PreparedFold], budget: Budget) -> StudyTrial:
        number = len(self.trials)
        asked, parameters = None, own_parameters(self._models, self._settings.model, self._space)
        if number:
            with quiet_optuna():
                asked, parameters = self._draw(number)
        trial = run_trial(
            number,
            parameters,
            folds,
            settings=self._settings,
            models=self._models,
            seed=self._seed,
            budget=budget,
            is_behind=self._is_behind,
        )
        with quiet_optuna():
            frozen = self._own(trial) if asked is None else self._tell(asked, trial)
            self._journal.append(frozen)
        self.trials.append(trial)
        return trial

    def _draw(self, number: int) -> tuple[Trial, dict[str, float]]:
        from optuna.samplers import TPESampler

        self._study.sampler = TPESampler(
            seed=derive_seed(self._seed, "trial", number),
            n_startup_trials=self._settings.startup_trials,
            multivariate=False,
            constant_liar=False,
        )
        asked = self._study.ask()
        drawn = {
            one.name: asked.suggest_int(one.name, int(one.low), int(one.high), log=one.log)
            if one.integer
            else asked.suggest_float(one.name, one.low, one.high, log=one.log)
            for one in self._space
        }
        return asked, drawn

    def _tell(self, asked: Trial, trial: StudyTrial) -> FrozenTrial:
        for place, mean in enumerate(trial.running_means()):
            asked.report(mean, place)
        asked.set_user_attr(_TOLD, _without_number(trial))
        return self._study.tell(asked, trial.value, state=_state(trial))

    def _own(self, trial: StudyTrial) -> FrozenTrial:
        """Enter the recipe's own parameters; where they lie outside the space, its nearest point stands for them.

        The sampler could not learn from a point that it can never draw, such as a penalty of 0 on a logarithmic range.
        """
        from optuna.trial import create_trial

        means = trial.running_means()
        self._study.add_trial(
            create_trial(
                state=_state(trial),
                value=trial.value if trial.value is not None or not means else means[-1],
                params={one.name: one.nearest(trial.parameters[one.name]) for one in self._space},
                distributions={one.name: _distribution(one) for one in self._space},
                intermediate_values=dict(enumerate(means)),
                user_attrs={_TOLD: _without_number(trial)},
            )
        )
        return self._study.trials[-1]

    def _is_behind(self, place: int, mean: float) -> bool:
        complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        if not self._settings.pruning or len(self.trials) < self._settings.startup_trials or not complete:
            return False
        return mean < median(trial.running_means()[place] for trial in complete)

    def _reached(self, budget: Budget) -> Reached:
        done, total = len(self.trials), self._settings.trials
        likely = median(one.seconds for one in self.trials) * (total - done)
        return Reached(
            label="trial",
            done=done,
            total=total,
            best=max((one.value for one in self.trials if one.value is not None), default=None),
            seconds_left=min(likely, budget.left),
        )


def _distribution(one: Dimension) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    if one.integer:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)


def _state(trial: StudyTrial) -> Any:
    from optuna.trial import TrialState as States

    return {
        TrialState.COMPLETE: States.COMPLETE,
        TrialState.PRUNED: States.PRUNED,
        TrialState.FAILED: States.FAIL,
    }[trial.state]


def _without_number(trial: StudyTrial) -> dict[str, Any]:
    document = trial.as_document()
    del document["number"]
    return document

"""The parameters of a search in Optuna's terms, and the samplers that propose them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tidegate.core.randomness import derive_seed
from tidegate.core.recipe_search import OptunaSettings
from tidegate.search.sets.parameter_set import Value, text_of
from tidegate.search.sets.space import Dimension

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

__all__ = ["HEARS_CONSTRAINTS", "distribution_of", "read_back", "sampler_of", "written"]

HEARS_CONSTRAINTS: Final = frozenset({"tpe", "nsga2"})
"""Samplers that prefer sets within the bounds."""


def distribution_of(one: Dimension) -> BaseDistribution:
    """Return a parameter as Optuna knows it: a range, or choices without order."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.values:
        return CategoricalDistribution([written(one, value) for value in one.values])
    if one.whole:
        return IntDistribution(int(one.low), int(one.last), log=one.log, step=int(one.step) or 1)
    return FloatDistribution(one.low, one.last, log=one.log, step=one.step or None)


def written(one: Dimension, value: Value) -> Any:
    """Return a value of the strategy as Optuna takes it: a list as its text."""
    return text_of(value) if one.values and isinstance(value, tuple) else value


def read_back(one: Dimension, value: Any) -> Value:
    """Return a value of Optuna as the strategy takes it, numbers in whole millionths."""
    if one.values:
        return next(each for each in one.values if written(one, each) == value)
    plain: Value = one.nearest(value)
    return plain


def sampler_of(settings: OptunaSettings, seed: int, batch: int) -> BaseSampler:
    """Return the sampler of one batch, its seed from the search's seed and the number of the batch.

    Raises
    ------
    InputError
        If it needs a package that is not installed.
    """
    from optuna import samplers

    own = derive_seed(seed, "optuna", batch)
    startup = settings.startup_trials
    if settings.sampler == "random":
        return samplers.RandomSampler(seed=own)
    if settings.sampler == "qmc":
        # One sequence for all batches: the study remembers how far it came.
        one_for_all = derive_seed(seed, "optuna")
        return samplers.QMCSampler(scramble=True, seed=one_for_all, warn_independent_sampling=False)
    if settings.sampler == "nsga2":
        return samplers.NSGAIISampler(population_size=2 * settings.batch, seed=own)
    # The sets of a batch are proposed before any of them is judged: the liar keeps them apart.
    return samplers.TPESampler(seed=own, n_startup_trials=startup, multivariate=True, constant_liar=True)

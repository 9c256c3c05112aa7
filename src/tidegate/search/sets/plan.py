"""All sets that a search knows beforehand: those of the grid, around a base, and drawn at random."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.core.randomness import generator
from tidegate.core.recipe_search import SearchSettings
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.search.sets.draws import random_sets
from tidegate.search.sets.grid import grid_points
from tidegate.search.sets.parameter_set import Origin, ParameterSet, key_of
from tidegate.search.sets.perturbation import Settled, perturbed_sets
from tidegate.search.sets.space import Settler, require_searchable

__all__ = ["planned_sets", "searched_names"]


def searched_names(search: SearchSettings) -> tuple[str, ...]:
    """Return every parameter that a search varies, in the order in which the recipe names them.

    Raises
    ------
    InputError
        If one may not be searched.

    Examples
    --------
    >>> searched_names(SearchSettings(grid={"max_weight": (0.03, 0.04), "top_n": (20, 30)}))
    ('max_weight', 'top_n')
    """
    named = {"search.grid": [*search.grid]}
    if search.perturb is not None:
        named |= {"search.perturb.steps": [*search.perturb.steps], "search.perturb.base": [*search.perturb.base]}
    if search.random is not None:
        named["search.random.space"] = [*search.random.space]
    if search.optuna is not None:
        named["search.optuna.space"] = [*search.optuna.space]
    for place, names in named.items():
        for name in names:
            require_searchable(name, place)
    return tuple(dict.fromkeys(name for names in named.values() for name in names))


def planned_sets(search: SearchSettings, base: StrategySettings, *, seed: int) -> list[ParameterSet]:
    """Return the sets of grid, perturbation and random draws, in this order, each once.

    Parameters
    ----------
    search
        What the recipe asks for.
    base
        The strategy, which says everything that a set leaves out.
    seed
        Of the choice among perturbations, and of the draws.

    Returns
    -------
    list of ParameterSet
        Numbered from 0; every one names the same parameters. Empty where Optuna alone proposes.

    Raises
    ------
    InputError
        If something may not be searched, the strategy refuses a set of the grid, or there are fewer sets than asked.

    Examples
    --------
    >>> search = SearchSettings(grid={"max_exposure": (0.6, 0.7), "top_n": (5, 10)})
    >>> [one.key for one in planned_sets(search, StrategySettings(), seed=7)][:2]
    ['max_exposure=0.6 top_n=5', 'max_exposure=0.6 top_n=10']
    """
    settler = Settler(base, searched_names(search))
    found: dict[str, ParameterSet] = {}

    def add(sets: Iterable[Settled], origin: Origin) -> None:
        for settings, parameters in sets:
            key = key_of(parameters)
            one = ParameterSet(number=len(found), key=key, origin=origin, parameters=parameters, settings=settings)
            found.setdefault(key, one)

    add((settler.settle(point, "search.grid") for point in grid_points(search.grid)), "grid")
    if search.perturb is not None:
        add(perturbed_sets(search.perturb, settler, found.keys(), generator(seed, "perturb")), "perturb")
    if search.random is not None:
        add(random_sets(search.random, settler, found.keys(), generator(seed, "random")), "random")
    return list(found.values())

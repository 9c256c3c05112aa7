"""Sets around a base, on a lattice of whole steps: as many as asked, each once, none of them tried already.

The original added steps to floats, so that 0.035 - 0.005 was another number than 0.03: of its twelve sets eight were
new (equity E.2, H 12). Here a place on the lattice is counted in millionths, which are whole numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from itertools import product
from math import prod

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import PerturbSettings, Span
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.search.sets.grid import MOST_SETS
from tidegate.search.sets.parameter_set import MILLIONTHS, Value, key_of, plain_value
from tidegate.search.sets.space import Settler, number_type, require_searchable

__all__ = ["Settled", "perturbed_sets"]

Settled = tuple[StrategySettings, dict[str, Value]]
"""A whole strategy, and its values of the searched parameters."""

_PLACE = "search.perturb"


def perturbed_sets(
    settings: PerturbSettings, settler: Settler, taken: Set[str], numbers: np.random.Generator
) -> list[Settled]:
    """Choose sets around a base.

    Candidates are the base and everything that lies up to ``reach`` steps away from it in each parameter, within the
    bounds and what the strategy allows, without the sets that are tried already.

    Parameters
    ----------
    settings
        Base, steps, reach and bounds.
    settler
        Makes the strategies.
    taken
        Keys of the sets that are tried already.
    numbers
        Chooses among the candidates.

    Returns
    -------
    list
        Exactly ``count`` of them, in the order of the lattice: the first parameter changes slowest.

    Raises
    ------
    InputError
        If there are fewer candidates, with their number and what takes the others away; or if a name, base, step or
        bound does not fit its parameter.
    """
    lattice = {name: _line(name, settings, settler.base) for name in settings.steps}
    held = [name for name in settings.base if name not in settings.steps]
    fixed = {name: _number(name, _base_of(name, settings, settler.base)) for name in held}
    _require_known(settings)
    size = prod(len(line) for line in lattice.values())
    _require_small(size)
    away: Counter[str] = Counter()
    chosen: list[tuple[int, Settled]] = []
    points = list(product(*lattice.values()))
    for place in numbers.permutation(size).tolist():
        point = {name: _number(name, units) for name, units in zip(lattice, points[place], strict=True)}
        if _is_out_of_bounds(dict(zip(lattice, points[place], strict=True)), settings):
            away["outside the bounds"] += 1
            continue
        try:
            settled = settler.settle({**fixed, **point}, _PLACE)
        except InputError as error:
            away[f"refused by the strategy ({error.found.split(' (')[0]}; {error.expected})"] += 1
            continue
        if key_of(settled[1]) in taken:
            away["in the grid"] += 1
            continue
        chosen.append((place, settled))
        if len(chosen) == settings.count:
            return [settled for _, settled in sorted(chosen, key=lambda one: one[0])]
    raise _too_few(settings.count, size, len(chosen), away)


def _require_small(size: int) -> None:
    if size > MOST_SETS:
        raise InputError(
            found=f"{_PLACE} with a lattice of {size} points",
            expected=f"at most {MOST_SETS}",
            hint="lower reach, or move fewer parameters",
        )


def _is_out_of_bounds(point: Mapping[str, int], settings: PerturbSettings) -> bool:
    return any(_is_outside(units, settings.bounds.get(name)) for name, units in point.items())


def _too_few(count: int, size: int, found: int, away: Counter[str]) -> InputError:
    why = ", ".join(f"{times} {reason}" for reason, times in away.most_common()) or "none is taken away"
    return InputError(
        found=f"{_PLACE} with {found} sets to choose from: a lattice of {size} points, {why}",
        expected=f"{count} sets",
        hint="raise reach, widen the bounds, move another parameter, or ask for fewer",
    )


def _require_known(settings: PerturbSettings) -> None:
    for name, bound in settings.bounds.items():
        if name not in settings.steps:
            raise InputError(
                found=f"{_PLACE}.bounds with {name!r}",
                expected=f"a parameter that is moved: {', '.join(settings.steps)}",
                hint="give it a step, or leave the bound out",
            )
        if bound.step is not None or bound.log:
            raise InputError(
                found=f"{_PLACE}.bounds.{name} with {'log' if bound.log else 'step'}",
                expected="low and high alone",
                hint="the size of a step stands under steps",
            )


def _base_of(name: str, settings: PerturbSettings, base: StrategySettings) -> int:
    """Return where the lattice of a parameter has its middle, in millionths."""
    where = f"{_PLACE}.{'steps' if name in settings.steps else 'base'}"
    require_searchable(name, where)
    if number_type(name) is None:
        raise InputError(found=f"{where} with {name!r}", expected="a number of the strategy", hint="put it in the grid")
    value = settings.base.get(name, getattr(base, name))
    if value is None:
        raise InputError(
            found=f"{name} without a value in the strategy",
            expected="a number to move",
            hint=f"write {_PLACE}.base: {{{name}: ...}}",
        )
    return _units(name, float(value), f"{_PLACE}.base.{name}")


def _line(name: str, settings: PerturbSettings, base: StrategySettings) -> list[int]:
    """Return the values of a parameter, in millionths, ascending."""
    middle, step = _base_of(name, settings, base), _units(name, settings.steps[name], f"{_PLACE}.steps.{name}")
    return [middle + count * step for count in range(-settings.reach, settings.reach + 1)]


def _units(name: str, value: float, place: str) -> int:
    if number_type(name) is int and value != round(value):
        raise InputError(found=f"{place} = {value!r}", expected="a whole number", hint="it counts something")
    plain = plain_value(value, place)
    assert isinstance(plain, float)
    return round(plain * MILLIONTHS)


def _number(name: str, units: int) -> int | float:
    return units // MILLIONTHS if number_type(name) is int else units / MILLIONTHS


def _is_outside(units: int, bound: Span | None) -> bool:
    return bound is not None and not round(bound.low * MILLIONTHS) <= units <= round(bound.high * MILLIONTHS)

"""Sets drawn at random: as many as asked, each once, or an error that says why not."""

from __future__ import annotations

from collections.abc import Iterator, Set
from math import prod
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import DrawSettings
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.search.sets.parameter_set import Value, key_of
from tidegate.search.sets.perturbation import Settled
from tidegate.search.sets.space import Dimension, Settler, dimensions

__all__ = ["drawn_sets", "random_sets"]

_PLACE: Final = "search.random"
_WALKED: Final = 100_000
"""Largest space of counted values that is gone through as a whole, in random order."""
_TRIES: Final = 1000
"""Draws in a row that may come to nothing in a space that is not counted."""


def random_sets(
    settings: DrawSettings, settler: Settler, taken: Set[str], numbers: np.random.Generator
) -> list[Settled]:
    """Draw sets as a recipe asks for them.

    Parameters
    ----------
    settings
        How many, from which space, and how far around the strategy's own values.
    settler
        Makes the strategies.
    taken
        Keys of the sets that are tried already; none of them is drawn.
    numbers
        Decides.

    Returns
    -------
    list
        Exactly ``count`` of them, in the order in which they were drawn.

    Raises
    ------
    InputError
        If the space holds fewer, or what it names does not fit the strategy.
    """
    space = dimensions(settings.space, f"{_PLACE}.space")
    if settings.around is not None:
        space = tuple(_around(one, settings.around, settler.base) for one in space)
    return drawn_sets(space, settings.count, settler, taken, numbers, _PLACE)


def drawn_sets(
    space: tuple[Dimension, ...],
    count: int,
    settler: Settler,
    taken: Set[str],
    numbers: np.random.Generator,
    place: str,
) -> list[Settled]:
    """Draw sets that no key is taken of and the strategy allows.

    A space of counted values is gone through in random order, so that even its last set is found; any other is drawn
    from until too many draws in a row come to nothing. Neither goes on for ever, even where nothing varies (equity
    E.5).

    Raises
    ------
    InputError
        If fewer than ``count`` are found; it says how many, and what became of the other draws.
    """
    found: list[Settled] = []
    seen = set(taken)
    wasted = known = refused = 0
    why = ""
    for parameters in _candidates(space, numbers):
        if len(found) == count or wasted > _TRIES + _WALKED * (_size(space) is not None):
            break
        wasted += 1
        try:
            settled = settler.settle(parameters, place)
        except InputError as error:
            refused, why = refused + 1, f" ({error.found.split(' (')[0]}; {error.expected})"
            continue
        key = key_of(settled[1])
        if key in seen:
            known += 1
            continue
        seen.add(key)
        found.append(settled)
        wasted = 0
    if len(found) < count:
        raise InputError(
            found=f"{place} with {len(found)} sets: {known} draws gave one that is tried already, and the strategy "
            f"refused {refused}{why}",
            expected=f"{count} sets, each once",
            hint="widen the space, or ask for fewer",
        )
    return found


def _size(space: tuple[Dimension, ...]) -> int | None:
    sizes = [one.size for one in space]
    size = None if None in sizes else prod(one for one in sizes if one is not None)
    return size if size is not None and size <= _WALKED else None


def _candidates(space: tuple[Dimension, ...], numbers: np.random.Generator) -> Iterator[dict[str, Value]]:
    """Yield every set of a counted space once, or draws without end."""
    size = _size(space)
    if size is None:
        while True:
            yield {one.name: one.draw(numbers) for one in space}
    for place in numbers.permutation(size).tolist():
        point: dict[str, Value] = {}
        for one in reversed(space):
            place, here = divmod(place, one.size or 1)
            point[one.name] = one.at(here)
        yield {one.name: point[one.name] for one in space}


def _around(one: Dimension, share: float, base: StrategySettings) -> Dimension:
    """Return a range cut to what lies around the strategy's own value; lists of values stay as they are."""
    if one.values:
        return one
    own: Any = getattr(base, one.name)
    if own is None:
        raise InputError(
            found=f"{_PLACE}.around and {one.name} without a value in the strategy",
            expected="a number to draw around",
            hint=f"write strategy.{one.name}, or take it out of the space",
        )
    low, high = sorted((own * (1.0 - share), own * (1.0 + share)))
    cut = one.within(low, high)
    if cut is None:
        raise InputError(
            found=f"{_PLACE}.space.{one.name} from {one.low:g} to {one.high:g}, and {low:g} to {high:g} around {own:g}",
            expected="ranges that share a value",
            hint="widen the span, or raise around",
        )
    return cut

"""The explicit grid: every combination of the listed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Final

from tidegate.core.errors import InputError
from tidegate.search.sets.parameter_set import Value
from tidegate.search.sets.space import listed, require_searchable

__all__ = ["MOST_SETS", "grid_points"]

MOST_SETS: Final = 200_000
"""Most sets of one grid or lattice; more would fill the memory before the first one is tried."""


def grid_points(grid: Mapping[str, tuple[Value, ...]]) -> Iterator[dict[str, Value]]:
    """Yield every combination of the values, the last name turning fastest (equity E.2).

    Raises
    ------
    InputError
        If a name may not be searched, a value does not fit its parameter or stands twice, or there are too many
        combinations.

    Examples
    --------
    >>> [point["top_n"] for point in grid_points({"max_exposure": (0.6, 0.7), "top_n": (5, 10)})]
    [5, 10, 5, 10]
    """
    for name in grid:
        require_searchable(name, "search.grid")
    values = {name: listed(name, given, f"search.grid.{name}") for name, given in grid.items()}
    if (size := prod(len(given) for given in values.values())) > MOST_SETS:
        raise InputError(
            found=f"search.grid with {size} combinations",
            expected=f"at most {MOST_SETS}",
            hint="list fewer values, or draw some of them with search.random",
        )
    return (dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())) if values else iter(())

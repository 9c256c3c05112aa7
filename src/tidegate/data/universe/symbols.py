"""Which symbols of a data set a recipe trades, and which it only measures against."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core.errors import DataError
from tidegate.core.recipe import Recipe, UniverseSettings

__all__ = [
    "EQUAL_WEIGHT",
    "own_references",
    "reference_symbols",
    "symbols_beside",
    "symbols_to_read",
    "traded_symbols",
    "wanted_symbols",
]

EQUAL_WEIGHT = "equal-weight"


def traded_symbols(available: Sequence[str], universe: UniverseSettings) -> tuple[str, ...]:
    """Return the symbols that may be held, ascending.

    Without an explicit list these are all that the data set holds, minus those excluded and minus benchmark and index,
    which are measured against and not traded. With ``first``, only so many of them, in the order of the alphabet.

    Raises
    ------
    DataError
        If a listed symbol is not in the data set, or none is left.

    Examples
    --------
    >>> traded_symbols(["A", "B", "SPY"], UniverseSettings(benchmark="SPY"))
    ('A', 'B')
    >>> traded_symbols(["A", "B", "SPY"], UniverseSettings(benchmark="SPY", first=1))
    ('A',)
    """
    chosen = wanted_symbols(available, universe)
    absent = sorted(set(chosen) - set(available))
    if absent:
        raise DataError(
            found=f"no bars of {', '.join(absent[:10])}",
            expected="every symbol of universe.symbols in the data set",
            hint="list what is there: tidegate catalog --symbols DATASET",
        )
    if not chosen:
        raise DataError(
            found="an empty universe",
            expected="at least one symbol",
            hint="check universe.symbols and universe.exclude",
        )
    return chosen


def wanted_symbols(available: Sequence[str], universe: UniverseSettings) -> tuple[str, ...]:
    """Return the symbols that a recipe would hold, ascending, whether they are there or not.

    Examples
    --------
    >>> wanted_symbols(["A", "B"], UniverseSettings(symbols=["C", "A", "D"], first=2))
    ('A', 'C')
    """
    wanted = set(universe.symbols) or set(available) - set(reference_symbols(universe))
    return tuple(sorted(wanted - set(universe.exclude))[: universe.first])


def symbols_to_read(available: Sequence[str], universe: UniverseSettings) -> tuple[str, ...] | None:
    """Return the symbols of the recipe's own data set whose bars are read, ascending; None means all of them.

    Parameters
    ----------
    available
        All symbols of the data set, so that the first names are the same whatever the dates.
    universe
        From the recipe.

    Examples
    --------
    >>> symbols_to_read(["A", "B", "SPY"], UniverseSettings(benchmark="SPY", first=1))
    ('A', 'SPY')
    """
    if not universe.symbols and universe.first is None:
        return None
    return tuple(sorted({*wanted_symbols(available, universe), *own_references(universe, available)}))


def reference_symbols(universe: UniverseSettings) -> tuple[str, ...]:
    """Return the symbols that are only measured against."""
    names = {universe.benchmark, universe.index} - {EQUAL_WEIGHT, None}
    return tuple(sorted(name for name in names if name))


def own_references(universe: UniverseSettings, available: Sequence[str]) -> tuple[str, ...]:
    """Return the references that a recipe's own data set must hold: all of them, unless another may hold the rest.

    Examples
    --------
    >>> own_references(UniverseSettings(benchmark="SPY", index="SPX"), ["A", "SPX"])
    ('SPX', 'SPY')
    >>> own_references(UniverseSettings(benchmark="SPY", index="SPX", references="funds"), ["A", "SPX"])
    ('SPX',)
    """
    names = reference_symbols(universe)
    return names if universe.references is None else tuple(name for name in names if name in set(available))


def symbols_beside(recipe: Recipe) -> tuple[str, ...]:
    """Return the symbols read beside those that may be chosen: benchmark, index and defensive assets, ascending."""
    defensives = () if recipe.strategy is None else recipe.strategy.defensives
    return tuple(sorted({*reference_symbols(recipe.universe), *defensives}))

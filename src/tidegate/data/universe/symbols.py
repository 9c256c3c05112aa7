"""Which symbols of a data set a recipe trades, and which it only measures against."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core.errors import DataError
from tidegate.core.recipe import Recipe, UniverseSettings

__all__ = ["EQUAL_WEIGHT", "own_references", "reference_symbols", "symbols_beside", "traded_symbols"]

EQUAL_WEIGHT = "equal-weight"


def traded_symbols(available: Sequence[str], universe: UniverseSettings) -> tuple[str, ...]:
    """Return the symbols that may be held, ascending.

    Without an explicit list these are all that the data set holds, minus those excluded and minus benchmark and index,
    which are measured against and not traded.

    Raises
    ------
    DataError
        If a listed symbol is not in the data set, or none is left.

    Examples
    --------
    >>> traded_symbols(["A", "B", "SPY"], UniverseSettings(benchmark="SPY"))
    ('A', 'B')
    """
    absent = sorted(set(universe.symbols) - set(available))
    if absent:
        raise DataError(
            found=f"no bars of {', '.join(absent[:10])}",
            expected="every symbol of universe.symbols in the data set",
            hint="list what is there: tidegate catalog --symbols DATASET",
        )
    wanted = set(universe.symbols) or set(available) - set(reference_symbols(universe))
    chosen = tuple(sorted(wanted - set(universe.exclude)))
    if not chosen:
        raise DataError(
            found="an empty universe",
            expected="at least one symbol",
            hint="check universe.symbols and universe.exclude",
        )
    return chosen


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

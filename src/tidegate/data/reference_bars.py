"""Benchmark, index and defensive assets beside the traded symbols, perhaps from a data set of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, Window
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.catalog import Catalog
from tidegate.data.universe import symbols_beside

__all__ = ["datasets_beside", "on_instants", "with_symbols_beside"]

_DERIVED = "traded_value"
"""The one column that a data set may lack: volume times price stands in."""


def datasets_beside(catalog: Catalog, recipe: Recipe, versions: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Return each data set that holds symbols beside the traded ones, and which; a symbol that neither has is left out.

    The recipe's own data set comes first: the other one is asked for what it does not hold.
    """
    wanted = set(symbols_beside(recipe))
    found = {}
    for dataset in filter(None, (recipe.data.dataset, recipe.universe.references)):
        version = versions.get(f"bars/{dataset}")
        if wanted and version is not None:
            there = wanted & set(catalog.members("bars", dataset, version=version))
            found[dataset] = tuple(sorted(there))
            wanted -= there
    return {dataset: names for dataset, names in found.items() if names}


def with_symbols_beside(
    catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], panel: Panel, *, as_of: Instant
) -> Panel:
    """Return a panel with the symbols that stand beside the traded ones, on its own instants and columns.

    Parameters
    ----------
    panel
        Bars of the recipe's own data set. A reference's bar counts where it closes at one of these instants.

    Raises
    ------
    DataError
        If a symbol has no bar on these instants, or lacks a column that orders need.
    """
    absent = set(symbols_beside(recipe)) - set(panel.symbols)
    parts = [
        _read(catalog, recipe, dataset, versions, symbols, panel, as_of)
        for dataset, names in datasets_beside(catalog, recipe, versions).items()
        if (symbols := tuple(name for name in names if name in absent))
    ]
    left = absent - {symbol for part in parts for symbol in part.symbols}
    if left:
        measured = left <= {recipe.universe.benchmark, recipe.universe.index}
        raise DataError(
            found=f"no bars of {', '.join(sorted(left))}",
            expected="benchmark, index and defensive assets in the data set",
            hint="check universe.benchmark and universe.index; equal-weight needs no symbol"
            if measured
            else "name the data set that holds them under universe.references, or check strategy.defensives",
        )
    return _joined(panel, parts) if parts else panel


def _read(
    catalog: Catalog,
    recipe: Recipe,
    dataset: str,
    versions: Mapping[str, int],
    symbols: Sequence[str],
    panel: Panel,
    as_of: Instant,
) -> Panel:
    window = Window(start=Instant(int(panel.times[0]) - 1), end=Instant(int(panel.times[-1])))
    version = versions[f"bars/{dataset}"]
    try:
        found = catalog.bar_panel(
            dataset, interval=recipe.data.interval, as_of=as_of, version=version, symbols=symbols, window=window
        )
    except DataError:  # not one bar in the window: the caller names who is missing
        return Panel(panel.times, (), {})
    if _DERIVED in panel and _DERIVED not in found and "volume" in found:
        found = found.with_columns({_DERIVED: found["volume"] * found["raw_close"]})
    bought = set(found.symbols) - {recipe.universe.index}
    lacking = sorted(set(panel) - set(found)) if bought else []
    if lacking:
        raise DataError(
            found=f"{', '.join(sorted(bought))} of {dataset!r} without {', '.join(lacking)}",
            expected="the columns of the traded bars, to trade at the same fills",
            hint="ingest them from a source that has these columns",
        )
    laid = {name: on_instants(panel.times, found, found[name]) for name in panel if name in found}
    there = np.isfinite(laid["close"]).any(axis=0)
    return Panel(panel.times, found.symbols, laid).take(tuple(np.array(found.symbols, dtype=object)[there].tolist()))


def on_instants(times: Int64Array, panel: Panel, column: FloatArray) -> FloatArray:
    """Return the rows of a panel's column that close at these instants; NaN where it has none."""
    rows, there = _rows(times, panel.times)
    laid = np.full((len(times), column.shape[1]), np.nan)
    laid[rows[there]] = column[there]
    return laid


def _rows(times: Int64Array, others: Int64Array) -> tuple[Int64Array, Mask]:
    rows = np.searchsorted(times, others)
    inside = rows < len(times)
    there: Mask = inside & (times[np.where(inside, rows, 0)] == others)
    return rows, there


def _joined(panel: Panel, parts: Sequence[Panel]) -> Panel:
    symbols = tuple(sorted({*panel.symbols, *(symbol for part in parts for symbol in part.symbols)}))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    columns = {}
    for name in panel:
        laid = np.full((len(panel.times), len(symbols)), np.nan)
        for one in (panel, *parts):
            if name in one:
                laid[:, [places[symbol] for symbol in one.symbols]] = one[name]
        columns[name] = laid
    return Panel(panel.times, symbols, columns)

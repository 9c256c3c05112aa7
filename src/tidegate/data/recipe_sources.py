"""The slower sources that a recipe uses, at pinned versions: every vintage of them, for the symbols it trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tidegate.core.recipe import DataKind, Recipe
from tidegate.core.time import Instant
from tidegate.data.catalog import Catalog
from tidegate.data.kinds import KIND_TABLES
from tidegate.data.links import ITEM_TABLES, vintages_about

__all__ = ["read_sources"]

_ABOUT_SYMBOLS: Final = frozenset(
    {DataKind.ORDER_BOOKS, DataKind.FUNDING, DataKind.DERIVATIVES, DataKind.ONCHAIN, DataKind.SYMBOL_LIVES}
)


def read_sources(
    catalog: Catalog, recipe: Recipe, versions: Mapping[str, int], symbols: Sequence[str], *, as_of: Instant
) -> dict[str, pl.DataFrame]:
    """Return the rows of every source that a recipe names under ``data.uses``, and the lives of its symbols.

    Nothing limits the number of rows: a source that is cut to its newest rows beside a year of bars is a source that
    models never saw (D-03).

    Returns
    -------
    dict
        Name of the data kind to rows with ``event_time`` and ``known_time``, every vintage known by ``as_of``; with
        ``symbol`` where they are about symbols. Secondary bars are left out: longer bars are made of the primary ones.
    """
    kinds = {kind: dataset for kind, dataset in recipe.data.uses.items() if kind is not DataKind.SECONDARY_BARS}
    if f"symbol_lives/{recipe.data.dataset}" in versions:
        kinds.setdefault(DataKind.SYMBOL_LIVES, recipe.data.dataset)
    return {
        kind.value: _rows(catalog, kind, dataset, versions, symbols, as_of).collect() for kind, dataset in kinds.items()
    }


def _rows(
    catalog: Catalog, kind: DataKind, dataset: str, versions: Mapping[str, int], symbols: Sequence[str], as_of: Instant
) -> pl.LazyFrame:
    table = KIND_TABLES[kind]
    if table in ITEM_TABLES:
        return vintages_about(catalog, table, dataset=dataset, symbols=symbols, as_of=as_of, versions=versions)
    return catalog.revisions(
        table,
        dataset=dataset,
        as_of=as_of,
        version=versions[f"{table}/{dataset}"],
        symbols=symbols if kind in _ABOUT_SYMBOLS else None,
    )

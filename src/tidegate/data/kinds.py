"""Which tables hold the data kinds that a recipe names, and at which versions they stand."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from tidegate.core.errors import CatalogError
from tidegate.core.recipe import DataKind, Recipe
from tidegate.data.catalog import Catalog

__all__ = ["KIND_TABLES", "declared_tables", "linked_tables", "present_versions"]

KIND_TABLES: Final = {
    DataKind.SECONDARY_BARS: "bars",
    DataKind.ORDER_BOOKS: "order_books",
    DataKind.FUNDING: "funding",
    DataKind.DERIVATIVES: "metrics",
    DataKind.ONCHAIN: "metrics",
    DataKind.MACRO: "macro",
    DataKind.EVENTS: "events",
    DataKind.POSTS: "posts",
    DataKind.COMMENTS: "comments",
    DataKind.SYMBOL_LIVES: "symbol_lives",
}
"""Table of the catalog that holds a data kind."""

_LINKED: Final = (DataKind.EVENTS, DataKind.POSTS, DataKind.COMMENTS)
"""Kinds whose symbols stand in the table of links."""


def declared_tables(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return table and data set of everything that a recipe says it reads; bars first, none twice.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> declared_tables(load_recipe("demo"))
    (('bars', 'us-large-caps'), ('macro', 'us-large-caps'))
    """
    data = recipe.data
    pairs = [("bars", dataset) for dataset in _bar_datasets(recipe)]
    if data.cash_rate is not None:
        pairs.append(("macro", data.dataset))
    if recipe.universe.snapshot is not None:
        pairs.append(("universe", recipe.universe.snapshot))
    pairs += [(KIND_TABLES[kind], dataset) for kind, dataset in data.uses.items()]
    return tuple(dict.fromkeys(pairs))


def linked_tables(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return table and data set of what is read where it is there.

    These are links of items, and of the bars' symbols their lives, dividends and splits.
    """
    uses = recipe.data.uses
    pairs = [("entity_links", dataset) for kind, dataset in uses.items() if kind in _LINKED]
    for dataset in _bar_datasets(recipe):
        if DataKind.SYMBOL_LIVES not in uses or dataset != recipe.data.dataset:
            pairs.append(("symbol_lives", dataset))
        pairs.append(("corporate_actions", dataset))
    return tuple(dict.fromkeys(pairs))


def _bar_datasets(recipe: Recipe) -> tuple[str, ...]:
    references = recipe.universe.references
    return (recipe.data.dataset,) if references is None else (recipe.data.dataset, references)


def present_versions(catalog: Catalog, recipe: Recipe) -> dict[str, int]:
    """Return ``table/dataset`` to the version at which a recipe's data stand now; what is not there is left out."""
    found = {}
    for table, dataset in (*declared_tables(recipe), *linked_tables(recipe)):
        with suppress(CatalogError):
            found[f"{table}/{dataset}"] = catalog.version(table, dataset=dataset)
    return found

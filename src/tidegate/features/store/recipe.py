"""A recipe's features, from its data at their present versions to a set on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.features.contract import FeatureContract
from tidegate.features.selection import contract_for
from tidegate.features.store.build import BuiltFeatures, build_stored
from tidegate.features.store.lineage import Origin

__all__ = ["RecipeInputs", "build_recipe_features", "read_recipe_inputs"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RecipeInputs:
    """What a recipe's features are built from.

    Parameters
    ----------
    recipe
        As it stands.
    versions
        ``table/dataset`` to the table version that was read.
    history
        Traded symbols and slower sources.
    contract
        The features that the recipe asks for and its data deliver.
    """

    recipe: Recipe
    versions: Mapping[str, int]
    history: History
    contract: FeatureContract


def read_recipe_inputs(workspace: Workspace, recipe: Recipe) -> RecipeInputs:
    """Read a recipe's data at their present versions, as training does.

    Raises
    ------
    CatalogError, DataError, RecipeError
        If the data are not there or do not carry the recipe.
    """
    catalog = Catalog(workspace)
    versions = pinned_versions(catalog, recipe)
    history = read_recipe_data(catalog, recipe, versions, sources=True).history(recipe.universe.benchmark)
    contract = contract_for(history.bars, recipe.features, tables=history.tables, interval=recipe.data.interval)
    return RecipeInputs(recipe=recipe, versions=versions, history=history, contract=contract)


def build_recipe_features(
    workspace: Workspace, recipe: Recipe, *, progress: Progress = SILENT
) -> tuple[RecipeInputs, BuiltFeatures]:
    """Build the features of a recipe into a folder of the workspace; see :func:`build_stored`.

    Raises
    ------
    CatalogError, DataError, RecipeError
        If the data are not there or do not carry the recipe.
    WorkspaceError
        If another process builds features of the same recipe right now.
    """
    progress.say(f"reading {recipe.data.dataset}")
    inputs = read_recipe_inputs(workspace, recipe)
    origin = Origin(recipe=recipe, versions=inputs.versions)
    return inputs, build_stored(workspace, inputs.history, inputs.contract, origin, progress=progress)

"""Feature sets on disk: built in blocks of rows, found again by lineage, rebuilt where their inputs changed."""

from tidegate.features.store.build import BuiltFeatures, build_stored
from tidegate.features.store.lineage import Origin, lineage_id
from tidegate.features.store.recipe import RecipeInputs, build_recipe_features, read_recipe_inputs
from tidegate.features.store.stored import StoredFeatures, find_stored, stored_sets

__all__ = [
    "BuiltFeatures",
    "Origin",
    "RecipeInputs",
    "StoredFeatures",
    "build_recipe_features",
    "build_stored",
    "find_stored",
    "lineage_id",
    "read_recipe_inputs",
    "stored_sets",
]

"""Features of one's own: as a formula in the recipe, a function of a past view, or a Polars expression."""

from tidegate.features.custom.calls import CALLS
from tidegate.features.custom.decorator import feature
from tidegate.features.custom.own import BAR_COLUMNS, expression_feature, own_features
from tidegate.features.custom.syntax import RANK, read_formula

__all__ = ["BAR_COLUMNS", "CALLS", "RANK", "expression_feature", "feature", "own_features", "read_formula"]

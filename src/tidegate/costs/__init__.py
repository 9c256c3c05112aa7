"""The one cost model: labels, simulator, allocator and execution all ask it."""

from tidegate.costs.model import CostModel, ItemisedCosts
from tidegate.costs.presets import PRESETS, cost_model, resolve_recipe

__all__ = ["PRESETS", "CostModel", "ItemisedCosts", "cost_model", "resolve_recipe"]

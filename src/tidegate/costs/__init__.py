"""The one cost model: labels, simulator, allocator and execution all ask it."""

from tidegate.costs.carry import FundingPayments, Side, carry
from tidegate.costs.model import CostModel, ItemisedCosts
from tidegate.costs.presets import PRESETS, cost_model, pays_funding, resolve_recipe

__all__ = [
    "PRESETS",
    "CostModel",
    "FundingPayments",
    "ItemisedCosts",
    "Side",
    "carry",
    "cost_model",
    "pays_funding",
    "resolve_recipe",
]

"""Costs of the markets that Tidegate knows, and how a recipe departs from them."""

from __future__ import annotations

from typing import Final

from tidegate.core.recipe import CostSettings, Recipe
from tidegate.costs.model import CostModel

__all__ = ["PRESETS", "cost_model", "pays_funding", "resolve_recipe"]

PRESETS: Final[dict[str, CostModel]] = {
    # Liquid US shares at an online broker: 5 bps commission and exchange fees and 5 bps half-spread.
    "us-equity": CostModel(commission_bps=5.0, half_spread_bps=5.0, impact_coefficient=0.5),
    # Shanghai and Shenzhen: 2.5 bps commission of at least 5 CNY, 5 bps stamp tax on sales (since 2023-08-28).
    "a-share": CostModel(
        commission_bps=2.5,
        half_spread_bps=5.0,
        minimum_fee=5.0,
        stamp_tax_sell_bps=5.0,
        impact_coefficient=0.5,
    ),
    # Perpetual futures, taker: 5 bps fee and 3 bps slippage.
    "crypto-perpetual": CostModel(commission_bps=5.0, half_spread_bps=3.0, impact_coefficient=0.5),
    "free": CostModel(),
}
"""Preset name to costs, one way."""

_PERPETUALS: Final = frozenset({"crypto-perpetual"})


def cost_model(settings: CostSettings) -> CostModel:
    """Return a preset with the recipe's changes.

    Examples
    --------
    >>> cost_model(CostSettings(preset="a-share", commission_bps=1.0)).commission_bps
    1.0
    """
    changes = settings.model_dump(exclude={"preset"}, exclude_none=True)
    return PRESETS[settings.preset].model_copy(update=changes)


def pays_funding(settings: CostSettings) -> bool:
    """Return whether positions of a market pay funding while they are held: perpetuals do, shares do not.

    Examples
    --------
    >>> pays_funding(CostSettings(preset="crypto-perpetual")), pays_funding(CostSettings(preset="us-equity"))
    (True, False)
    """
    return settings.preset in _PERPETUALS


def resolve_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe with every cost filled in, as runs store it: a preset that changes later changes no run.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> resolve_recipe(load_recipe("demo")).costs.half_spread_bps
    5.0
    """
    costs = CostSettings(preset=recipe.costs.preset, **cost_model(recipe.costs).model_dump())
    return recipe.model_copy(update={"costs": costs})

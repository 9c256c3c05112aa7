"""Shipped recipes; see :func:`tidegate.core.recipe.shipped_recipes`."""

__all__: list[str] = []

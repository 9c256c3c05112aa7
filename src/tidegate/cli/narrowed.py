"""A recipe made smaller on the command line: fewer names, fewer trials, less time. It is kept, since a run needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from tidegate.core.errors import RecipeError
from tidegate.core.files import write_text
from tidegate.core.recipe import Recipe, TuneSettings
from tidegate.core.workspace import Workspace

__all__ = ["FAST", "Narrowing", "keep_recipe", "narrowed"]


@dataclass(frozen=True, kw_only=True)
class Narrowing:
    """What is asked for on the command line in place of what the recipe says; None leaves the recipe alone."""

    stocks: int | None = None
    trials: int | None = None
    minutes: float | None = None
    inner_folds: int | None = None


FAST: Final = Narrowing(stocks=10, trials=5, minutes=0.5, inner_folds=1)
"""Enough to see the whole path in less than a minute; its figures mean nothing."""


def narrowed(recipe: Recipe, wanted: Narrowing) -> Recipe:
    """Return the recipe with what is asked for; fewer names make it another recipe, with another name.

    Trials and minutes change no name: they are the budget of a search and not what is trained.

    Raises
    ------
    RecipeError
        If the recipe does not say what to tune.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> narrowed(load_recipe("ashare-picker"), Narrowing(stocks=150, trials=10)).name
    'ashare-picker-150'
    """
    tune = _tuned(recipe)
    budget = {"trials": wanted.trials, "minutes": wanted.minutes, "inner_folds": wanted.inner_folds}
    changed: dict[str, Any] = {
        "tune": tune.model_copy(update={name: value for name, value in budget.items() if value is not None})
    }
    if wanted.stocks is not None:
        changed |= {
            "name": f"{recipe.name}-{wanted.stocks}",
            "universe": recipe.universe.model_copy(update={"first": wanted.stocks}),
        }
    return Recipe.model_validate(recipe.model_copy(update=changed).model_dump(mode="python", by_alias=True))


def keep_recipe(workspace: Workspace, recipe: Recipe) -> str:
    """Write a recipe into the workspace, where the next command can name it; return its path."""
    path = workspace.root / "recipes" / f"{recipe.name}.yaml"
    content = recipe.model_dump(mode="json", by_alias=True)
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return str(path)


def _tuned(recipe: Recipe) -> TuneSettings:
    if recipe.tune is None:
        raise RecipeError(
            found=f"recipe {recipe.name!r} without tune",
            expected="what to search, and for how long",
            hint="write tune: {} in the recipe for the defaults, with the model under tune.model",
        )
    return recipe.tune

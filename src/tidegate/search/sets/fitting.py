"""Whether the sets of a search go with the rest of their recipe: its universe, its benchmark and its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from tidegate.core.config import in_words
from tidegate.core.errors import InputError
from tidegate.core.recipe import Recipe
from tidegate.search.sets.parameter_set import ParameterSet

__all__ = ["Fitting"]


class Fitting:
    """Refuses sets that the recipe would refuse, each kind of them looked at once.

    Parameters
    ----------
    recipe
        What every set is put into.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._content: dict[str, Any] = recipe.model_dump(mode="json", by_alias=True)
        self._seen: set[tuple[object, ...]] = set()

    def require(self, sets: Sequence[ParameterSet]) -> None:
        """Refuse the first set that does not fit.

        Raises
        ------
        InputError
            If a set reads a benchmark that is no symbol, names a defensive asset that is chosen by score, or trades the
            scores of a model that is not trained.
        """
        for one in sets:
            settings = one.settings
            kind = (settings.reads_benchmark, settings.defensives, settings.scores)
            if kind not in self._seen:
                self._require(one)
                self._seen.add(kind)

    def _require(self, one: ParameterSet) -> None:
        try:
            Recipe.model_validate({**self._content, "strategy": one.settings.model_dump(mode="json")})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            expected, hint = in_words(first, ".".join(str(part) for part in first["loc"]))
            raise InputError(
                found=f"the set {one.key}, which the recipe does not carry",
                expected=expected,
                hint=first.get("ctx", {}).get("hint", hint),
            ) from None

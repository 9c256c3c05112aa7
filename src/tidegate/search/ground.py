"""What every set of a search is simulated on: markets read once, with the scores of the training run it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from tidegate.core.config import in_words
from tidegate.core.errors import DataError, RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import Recipe
from tidegate.core.recipe_strategy import MOST_DEFENSIVES
from tidegate.core.units import FloatArray, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.engine.figures import bars_per_year
from tidegate.engine.recipe_market import RecipeMarket, read_market
from tidegate.engine.setup import Setup, benchmark_of, prepare_backtest
from tidegate.registry import Run, RunStore

__all__ = ["Ground", "model_of", "recipe_on", "same_closes"]

_SETUPS_HELD: Final = 4
_OF_BASE: Final = ("name", "project", "seed", "costs", "backtest", "search")


class Ground:
    """Markets and scores of a search, read when they are first asked for.

    Parameters
    ----------
    workspace
        Where catalog and runs lie.
    recipe
        Strategy, costs, money and dates of all sets.
    defensives
        Every defensive asset that any set names: none of them is chosen by score, in any set.
    """

    def __init__(self, workspace: Workspace, recipe: Recipe, defensives: tuple[str, ...] = ()) -> None:
        self._catalog, self._store = Catalog(workspace), RunStore(workspace)
        self._recipe = recipe
        self._defensives = tuple(dict.fromkeys((*recipe.trading().defensives, *defensives)))
        if len(self._defensives) > MOST_DEFENSIVES:
            raise RecipeError(
                found=f"{len(self._defensives)} defensive assets in all sets together",
                expected=f"at most {MOST_DEFENSIVES}",
                hint="search over fewer baskets at a time",
            )
        self._markets: dict[str, RecipeMarket] = {}
        self._setups: dict[tuple[str, str], tuple[Setup, FloatArray, float]] = {}

    def setup(self, train_run: str, scores: str) -> Setup:
        """Return the backtest on one model's scores of a training run.

        Raises
        ------
        RunError, DataError, LookAheadError
            If run or scores are not there, the data do not suffice, or a score knew later labels.
        """
        return self._prepared(train_run, scores)[0]

    def benchmark(self, train_run: str, scores: str) -> FloatArray:
        """Return what the recipe's benchmark was worth at the same closes, ``float64 (n_times,)``."""
        return self._prepared(train_run, scores)[1]

    def times(self, train_run: str, scores: str) -> Int64Array:
        """Return the closes of the account, ``int64 (n_times,)``."""
        setup = self.setup(train_run, scores)
        return setup.market.times[setup.start :]

    def bars_per_year(self, train_run: str, scores: str) -> float:
        """Return what figures are annualised by, as a backtest's are."""
        return self._prepared(train_run, scores)[2]

    def _prepared(self, train_run: str, scores: str) -> tuple[Setup, FloatArray, float]:
        key = (train_run, scores)
        if key not in self._setups:
            while len(self._setups) >= _SETUPS_HELD:  # scores are as large as a market: only the latest are kept
                del self._setups[next(iter(self._setups))]
            trained = self._store.get(train_run)
            recipe = recipe_on(self._recipe, trained, scores, self._defensives)
            setup = prepare_backtest(self._catalog, recipe, trained, self._market(recipe, trained))
            per_year = bars_per_year(recipe, setup.market.times[setup.start :])
            self._setups[key] = setup, benchmark_of(setup, recipe)[0], per_year
        return self._setups[key]

    def _market(self, recipe: Recipe, trained: Run) -> RecipeMarket:
        key = fingerprint([recipe.data_fingerprint(), recipe.costs, recipe.backtest, dict(trained.data_versions)])
        if key not in self._markets:
            self._markets.clear()
            self._markets[key] = read_market(self._catalog, recipe, trained.data_versions)
        return self._markets[key]


def recipe_on(base: Recipe, trained: Run, scores: str, defensives: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe that trades a training run's scores as another recipe says.

    Data, universe, features, labels, split and models are those of the training run; name, seed, strategy, costs,
    money, dates and what is searched those of ``base``.

    Parameters
    ----------
    scores
        The model whose scores decide.
    defensives
        In place of those of ``base``, where given.

    Raises
    ------
    RecipeError
        If this version does not know the run's recipe, or the strategy does not go with it.
    """
    changes: dict[str, Any] = {"scores": scores, **({"defensives": defensives} if defensives else {})}
    own: Mapping[str, Any] = {
        **trained.recipe,
        **base.model_dump(mode="json", by_alias=True, include=set(_OF_BASE)),
        "strategy": {**base.trading().model_dump(mode="json", exclude_unset=True), **changes},
    }
    try:
        return Recipe.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in (*first["loc"], *first.get("ctx", {}).get("at", ())))
        raise RecipeError(
            found=f"training run {trained.id} and the strategy of {base.name!r}, which do not go together at {field}",
            expected=in_words(first, field)[0],
            hint="train with this recipe first, or name another run",
        ) from None


def same_closes(first: Int64Array, other: Int64Array, train_run: str) -> None:
    """Refuse a training run whose closes are not those of the others: their curves could not lie side by side."""
    if not np.array_equal(first, other):
        raise DataError(
            found=f"{train_run} with {len(other)} closes in the window, others with {len(first)}",
            expected="the same closes for every set",
            hint="search over training runs on the same bars, or narrow backtest.start and backtest.end",
        )


def model_of(trained: Run, recipe: Recipe) -> str:
    """Return the model that the strategy names, or the run's leading one where it was not trained there."""
    wanted, models = recipe.trading().scores, trained.recipe.get("models", {})
    if models.get(wanted) is not None:
        return wanted
    return str((trained.recipe.get("strategy") or {}).get("scores", wanted))

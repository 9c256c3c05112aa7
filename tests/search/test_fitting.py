"""Sets that the rest of their recipe would refuse are refused before anything is simulated."""

from __future__ import annotations

import pytest

from tidegate.core.errors import InputError
from tidegate.core.recipe import SearchSettings, load_recipe
from tidegate.search.sets.fitting import Fitting
from tidegate.search.sets.plan import planned_sets


def require(recipe_name: str, **grid: tuple[object, ...]) -> None:
    recipe = load_recipe(recipe_name)
    search = SearchSettings.model_validate({"grid": grid})
    Fitting(recipe).require(planned_sets(search, recipe.trading(), seed=7))


def test_sets_that_fit_pass() -> None:
    require("us-rotation", market_filter=(True, False), scores=("ridge", "lightgbm"), defensives=(("SHY",), ("IEF",)))
    require("demo", top_n=(3, 5))


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ({"market_filter": (False, True)}, "a symbol, which the strategy decides by"),
        ({"scores": ("ridge", "xgboost")}, "a model that is trained"),
    ],
)
def test_a_set_that_the_recipe_refuses_is_named(grid: dict[str, tuple[object, ...]], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        require("demo", **grid)

    assert "the set" in caught.value.found
    assert expected in caught.value.expected


def test_a_defensive_asset_is_never_chosen_by_score_as_well() -> None:
    recipe = load_recipe("us-rotation")
    chosen = recipe.model_copy(update={"universe": recipe.universe.model_copy(update={"symbols": ("AAPL", "MSFT")})})
    search = SearchSettings(grid={"defensives": (("SHY",), ("AAPL",))})

    with pytest.raises(InputError, match="defensives=\\[AAPL\\]"):
        Fitting(chosen).require(planned_sets(search, chosen.trading(), seed=7))

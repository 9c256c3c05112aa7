"""What sets are simulated on: the bars are read once, the scores of every run laid over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searched_market import searched_market
from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import load_recipe
from tidegate.core.recipe_strategy import MOST_DEFENSIVES
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.engine.setup import benchmark_of, prepare_backtest
from tidegate.search.ground import Ground, recipe_on, same_closes


@pytest.fixture(scope="module")
def ground() -> Ground:
    market = searched_market()
    return Ground(market.workspace, resolve_recipe(market.recipe))


def test_it_is_the_backtest_of_the_recipe(ground: Ground) -> None:
    market = searched_market()
    recipe, run = resolve_recipe(market.recipe), market.runs[0]
    expected = prepare_backtest(Catalog(market.workspace), recipe, run)

    setup = ground.setup(run.id, "ridge")

    np.testing.assert_array_equal(setup.market.score, expected.market.score)
    np.testing.assert_array_equal(setup.market.close, expected.market.close)
    assert setup.arguments == expected.arguments
    assert (setup.trial.costs, setup.trial.rules) == (expected.trial.costs, expected.trial.rules)
    assert setup.trial.settings == expected.trial.settings
    np.testing.assert_array_equal(ground.benchmark(run.id, "ridge"), benchmark_of(expected, recipe)[0])
    np.testing.assert_array_equal(ground.times(run.id, "ridge"), expected.market.times[expected.start :])
    assert ground.bars_per_year(run.id, "ridge") > 200.0


def test_scores_of_another_run_lie_over_the_same_bars(ground: Ground) -> None:
    first, other = (ground.setup(searched_market().runs[place].id, "ridge") for place in (0, 1))

    assert first.market.close.base is other.market.close.base is not None  # read once
    assert not np.array_equal(first.market.score, other.market.score, equal_nan=True)


def test_nobody_buys_by_score_what_is_a_defensive_of_any_set() -> None:
    market = searched_market()
    names = ground_names = (
        Ground(market.workspace, resolve_recipe(market.recipe)).setup(market.runs[0].id, "ridge").market.symbols[:2]
    )

    setup = Ground(market.workspace, resolve_recipe(market.recipe), names).setup(market.runs[0].id, "ridge")

    assert setup.trial.settings.defensives == ground_names  # type: ignore[union-attr]
    candidates = dict(zip(setup.market.symbols, setup.market.candidate.tolist(), strict=True))
    assert [name for name, may in candidates.items() if not may] == list(names)


def test_too_many_defensives_together_are_refused() -> None:
    market = searched_market()
    with pytest.raises(RecipeError, match="defensive assets in all sets together"):
        Ground(market.workspace, market.recipe, tuple(f"D{number}" for number in range(MOST_DEFENSIVES + 1)))


def test_a_run_that_the_strategy_cannot_trade_is_refused_in_words() -> None:
    market = searched_market()
    run = market.runs[0]
    with pytest.raises(RecipeError, match="do not go together"):
        recipe_on(market.recipe, run, "lightgbm")
    no_recipe = type(run)(**{**vars(run), "recipe": {"name": "old", "layout": 1}})
    with pytest.raises(RecipeError, match="do not go together"):
        recipe_on(market.recipe, no_recipe, "ridge")


def test_strategy_and_money_are_ours_and_the_rest_is_theirs() -> None:
    market = searched_market()
    mixed = recipe_on(load_recipe(market.file), market.runs[1], "ridge")

    assert mixed.labels.horizon_bars == 10
    assert (mixed.name, mixed.seed) == ("searched", 7)
    assert mixed.strategy == market.recipe.strategy
    assert mixed.trading().model_fields_set == market.recipe.trading().model_fields_set
    assert mixed.backtest.initial_cash == 250_000
    assert mixed.search == market.recipe.search


def test_other_closes_are_refused_with_the_name_of_the_run(tmp_path: Path) -> None:
    times = np.arange(5)
    same_closes(times, times.copy(), "run")
    with pytest.raises(DataError, match="train-x with 4 closes in the window, others with 5"):
        same_closes(times, times[:4], "train-x")

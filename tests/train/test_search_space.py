"""Where parameters are searched, and how found ones go back into the settings."""

from __future__ import annotations

import pytest

from tidegate.core.errors import InputError
from tidegate.core.recipe import (
    BacktestSettings,
    CostSettings,
    LightgbmSettings,
    ModelSettings,
    Range,
    Recipe,
    RidgeSettings,
    TuneSettings,
    XgboostSettings,
)
from tidegate.train.search_space import own_parameters, search_space, searchable_names, with_parameters

MODELS = ("ridge", "lightgbm", "xgboost")
EVERY_MODEL = ModelSettings(ridge=RidgeSettings(), lightgbm=LightgbmSettings(), xgboost=XgboostSettings())


def test_the_space_of_xgboost_is_the_published_one() -> None:
    """Equity G.6."""
    space = {one.name: (one.low, one.high, one.log, one.integer) for one in search_space(TuneSettings())}
    assert space == {
        "learning_rate": (0.003, 0.05, True, False),
        "maximum_depth": (3, 8, False, True),
        "minimum_child_weight": (1, 20, False, True),
        "row_fraction": (0.6, 1.0, False, False),
        "feature_fraction": (0.6, 1.0, False, False),
        "l2_penalty": (0.1, 10.0, True, False),
        "l1_penalty": (0.01, 5.0, True, False),
        "minimum_gain": (0.0, 5.0, False, False),
        "trees": (300, 1500, False, True),
    }


@pytest.mark.parametrize("model", MODELS)
def test_the_settings_of_a_model_take_every_corner_of_its_space(model: str) -> None:
    space = search_space(TuneSettings(model=model))
    for corner in ("low", "high"):
        parameters = {one.name: getattr(one, corner) for one in space}
        found = getattr(with_parameters(EVERY_MODEL, model, parameters), model)
        assert {name: getattr(found, name) for name in parameters} == parameters
    assert set(own_parameters(EVERY_MODEL, model, space)) == {one.name for one in space}


def test_a_range_of_the_recipe_takes_the_place_of_the_models_own_or_stands_beside_it() -> None:
    settings = TuneSettings(
        space={
            "maximum_depth": Range(low=2, high=4),
            "positive_weight": Range(low=1.0, high=5.0),
            "l1_penalty": Range(low=0.5, high=0.5),
        }
    )
    space = {one.name: one for one in search_space(settings)}
    assert (space["maximum_depth"].low, space["maximum_depth"].high, space["maximum_depth"].integer) == (2, 4, True)
    assert list(space)[-1] == "positive_weight"
    assert not space["positive_weight"].integer
    assert space["l1_penalty"].low == space["l1_penalty"].high


def test_penalties_in_the_unit_of_a_log_loss_are_not_searched_where_returns_are_learnt() -> None:
    """Against the squares of daily returns a gain of 1 forbids every split, and a trial forecasts nothing."""
    returns = {one.name for one in search_space(TuneSettings(), EVERY_MODEL, binary=False)}
    assert {one.name for one in search_space(TuneSettings(), EVERY_MODEL)} - returns == {"minimum_gain", "l1_penalty"}
    named = TuneSettings(space={"minimum_gain": Range(low=0.0, high=1e-4)})
    assert search_space(named, EVERY_MODEL, binary=False)[-1].name == "minimum_gain"
    ranker = ModelSettings(lightgbm=LightgbmSettings(objective="lambdarank"))
    assert "l1_penalty" in {one.name for one in search_space(TuneSettings(model="lightgbm"), ranker, binary=False)}


def test_an_unknown_name_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(InputError, match="max_depth") as refused:
        search_space(TuneSettings(space={"max_depth": Range(low=2, high=4)}))
    assert "maximum_depth" in refused.value.expected


@pytest.mark.parametrize("model", MODELS)
def test_no_cost_can_ever_be_searched(model: str) -> None:
    """D-06: a search that may choose its own costs chooses the cheapest."""
    elsewhere = set(CostSettings.model_fields) | set(BacktestSettings.model_fields) | set(Recipe.model_fields)
    assert not elsewhere & set(searchable_names(model))
    for name in (*elsewhere, "costs.preset", "round_trip_cost"):
        with pytest.raises(InputError):
            search_space(TuneSettings(model=model, space={name: Range(low=1, high=2)}))
        with pytest.raises(InputError):
            with_parameters(EVERY_MODEL, model, {name: 1.0})


@pytest.mark.parametrize("name", ["maximum_bins", "objective", "early_stopping_rounds"])
def test_what_is_fixed_for_all_trials_is_not_searched(name: str) -> None:
    with pytest.raises(InputError, match=name):
        search_space(TuneSettings(space={name: Range(low=64, high=128)}))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("maximum_depth", 1, 99), ("row_fraction", 0.5, 1.5), ("trees", 10.5, 20)]
)
def test_a_range_that_the_settings_refuse_is_refused_before_anything_is_tried(
    name: str, low: float, high: float
) -> None:
    with pytest.raises(InputError, match=name):
        search_space(TuneSettings(space={name: Range(low=low, high=high)}))


def test_found_parameters_leave_everything_that_was_fixed_as_it_was() -> None:
    """Equity G.11 and H 19: the original's final model lost its bins, its objective and its seed."""
    own = XgboostSettings(maximum_bins=64, objective="lambdarank", early_stopping_rounds=9, positive_weight=2.0)
    models = ModelSettings(xgboost=own, ridge=RidgeSettings(penalty=3.0), refit="with_validation")
    found = with_parameters(models, "xgboost", {"maximum_depth": 4, "minimum_child_weight": 5})
    assert found.xgboost == own.model_copy(update={"maximum_depth": 4, "minimum_child_weight": 5.0})
    assert (found.ridge, found.refit) == (models.ridge, models.refit)
    assert models.xgboost == own


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="maximum_depth"):
        with_parameters(EVERY_MODEL, "xgboost", {"maximum_depth": 400})
    with pytest.raises(InputError, match="no settings for a model 'ridge'"):
        with_parameters(ModelSettings(xgboost=XgboostSettings()), "ridge", {"penalty": 1.0})

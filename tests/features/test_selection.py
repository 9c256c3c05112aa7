from __future__ import annotations

import pytest

from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import FeatureSettings
from tidegate.features import DECLARED_FEATURES, contract_for

EVERYTHING = ("open", "high", "low", "close", "raw_close", "volume", "traded_value")


def test_the_default_groups_are_everything() -> None:
    assert contract_for(EVERYTHING, FeatureSettings()).features == DECLARED_FEATURES


def test_a_feature_that_the_source_cannot_carry_is_absent() -> None:
    names = set(contract_for({"close", "volume"}, FeatureSettings()).names)

    assert {"volume_z_20", "volume_z_20_rank", "log_return_5"} <= names
    assert not names & {"overnight_gap", "intraday_range", "close_location", "traded_value_trend"}


def test_groups_and_exclusions_choose() -> None:
    settings = FeatureSettings(groups=("cross_section",), exclude=("volatility_20_rank",))

    assert contract_for({"close"}, settings).names == (
        "log_return_5_rank",
        "log_return_20_rank",
        "momentum_12_1_rank",
    )


def test_the_order_of_the_recipe_does_not_matter() -> None:
    there, back = (FeatureSettings(groups=groups) for groups in (("return", "trend"), ("trend", "return")))

    assert contract_for(EVERYTHING, there).fingerprint == contract_for(EVERYTHING, back).fingerprint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (FeatureSettings(groups=("retrun",)), "unknown group 'retrun'.*did you mean 'return'"),
        (FeatureSettings(exclude=("log_return_7x",)), "unknown feature 'log_return_7x'"),
    ],
    ids=["group", "feature"],
)
def test_an_unknown_name_is_named(settings: FeatureSettings, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        contract_for(EVERYTHING, settings)


def test_no_feature_left_is_an_error() -> None:
    with pytest.raises(DataError, match="columns close"):
        contract_for({"close"}, FeatureSettings(groups=("volume",)))

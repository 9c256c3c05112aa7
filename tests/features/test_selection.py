from __future__ import annotations

import pytest
from declared import DECLARED_FEATURES

from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import BarInterval
from tidegate.features import FeatureContract, contract_for, declared_contract

EVERYTHING = ("open", "high", "low", "close", "raw_close", "volume", "traded_value")
FIVE_MINUTES = BarInterval("5m")
CRYPTO = FeatureSettings(contract="crypto")


def crypto(settings: FeatureSettings = CRYPTO, tables: tuple[str, ...] = ()) -> FeatureContract:
    return contract_for(EVERYTHING, settings, tables=tables, interval=FIVE_MINUTES)


def test_the_default_is_everything_that_the_bars_carry() -> None:
    contract = contract_for([*EVERYTHING, "benchmark_close"], FeatureSettings())
    carried = [one for one in DECLARED_FEATURES if set(one.requires) <= {*EVERYTHING, "benchmark_close"}]

    assert contract.features == tuple(carried)
    assert len(carried) > 25


def test_a_feature_that_the_source_cannot_carry_is_absent() -> None:
    names = set(contract_for({"close", "raw_close", "volume"}, FeatureSettings()).names)

    assert {"volume_z_20", "volume_z_20_rank", "log_return_5"} <= names
    assert not names & {"overnight_gap", "intraday_range", "close_location", "traded_value_trend"}
    # Without unadjusted closes nobody can tell a split from trading.
    assert not {"volume_z_20", "volume_ratio_5"} & set(contract_for({"close", "volume"}, FeatureSettings()).names)


def test_groups_and_exclusions_choose() -> None:
    settings = FeatureSettings(groups=("cross_section",), exclude=("volatility_20_rank",))
    names = contract_for({"close"}, settings).names

    assert {"log_return_5_rank", "log_return_20_rank", "momentum_12_1_rank"} <= set(names)
    assert "volatility_20_rank" not in names
    assert not {name for name in names if name in ("log_return_5", "volume_z_20_rank")}


def test_the_order_of_the_recipe_does_not_matter() -> None:
    there, back = (FeatureSettings(groups=groups) for groups in (("price", "volume"), ("volume", "price")))

    assert contract_for(EVERYTHING, there).fingerprint == contract_for(EVERYTHING, back).fingerprint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (FeatureSettings(groups=("prise",)), "unknown group 'prise'.*did you mean 'price'"),
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


def test_an_absent_source_leaves_its_features_out() -> None:
    """Crypto D-05: features without a source were constants in training and moved in live."""
    without, with_funding = crypto(), crypto(tables=("funding",))
    more = set(with_funding.names) - set(without.names)

    assert more
    assert {source.table for source in with_funding.sources} == {"funding"}
    assert without.sources == ()
    for feature in with_funding.features:
        if feature.name in more:
            assert any(with_funding.source_of(column) is not None for column in feature.requires)


def test_a_source_that_nothing_reads_is_left_out() -> None:
    """It would count in the fingerprint, and be asked at every instant, for nothing."""
    contract = crypto(FeatureSettings(contract="crypto", groups=("price",)), tables=("funding", "macro"))

    assert contract.sources == ()


def test_masks_come_along_whatever_their_group() -> None:
    declared = declared_contract(CRYPTO, FIVE_MINUTES)
    masked = next(one for one in declared.features if one.mask is not None and one.group != "quality")
    tables = {source.table for source in declared.sources}
    others = [one.name for one in declared.features if one.group == masked.group and one.name != masked.name]
    settings = FeatureSettings(contract="crypto", groups=(masked.group,), exclude=tuple(others))

    contract = crypto(settings, tables=tuple(tables))

    assert set(contract.names) == {masked.name, masked.mask}
    assert contract.names == tuple(name for name in declared.names if name in {masked.name, masked.mask})

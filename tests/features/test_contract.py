from __future__ import annotations

import dataclasses

import pytest

from tidegate.core.errors import InputError
from tidegate.features import DECLARED_FEATURES, Feature, FeatureContract

CONTRACT = FeatureContract(DECLARED_FEATURES)


def test_dimension_names_and_groups_follow_the_order() -> None:
    assert CONTRACT.dimension == len(CONTRACT.names) == len(set(CONTRACT.names))
    assert CONTRACT.groups == ("return", "trend", "volatility", "range", "volume", "cross_section")
    assert CONTRACT.lookback_bars == 253
    assert CONTRACT.requires == ("close", "high", "low", "open", "traded_value", "volume")


def test_the_right_keys_pass() -> None:
    CONTRACT.check_names(list(CONTRACT.names))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([*CONTRACT.names, "moon_phase"], "extra moon_phase"),
        (CONTRACT.names[:-1], f"missing {CONTRACT.names[-1]}"),
        (CONTRACT.names[::-1], "another order"),
        ([*CONTRACT.names, CONTRACT.names[0]], "another order"),
    ],
    ids=["extra", "missing", "reordered", "repeated"],
)
def test_a_vector_with_other_keys_is_refused(keys: list[str], message: str) -> None:
    """Crypto D-26: vectors were padded or cut to fit, so any drift stayed silent."""
    with pytest.raises(InputError, match=message):
        CONTRACT.check_names(keys)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Feature)])
def test_every_part_of_a_declaration_counts_in_the_fingerprint(field: str) -> None:
    other = {"lookback_bars": 99, "requires": ("open",)}.get(field, "other")
    first = dataclasses.replace(DECLARED_FEATURES[0], **{field: other})

    assert FeatureContract((first, *DECLARED_FEATURES[1:])).fingerprint != CONTRACT.fingerprint


def test_the_order_counts_in_the_fingerprint() -> None:
    assert FeatureContract(DECLARED_FEATURES[::-1]).fingerprint != CONTRACT.fingerprint


def test_a_contract_survives_its_document() -> None:
    assert FeatureContract.from_document(CONTRACT.as_document()) == CONTRACT


def test_an_edited_document_is_refused() -> None:
    document = CONTRACT.as_document()
    document["features"][0]["description"] = "something else"

    with pytest.raises(InputError, match="edited"):
        FeatureContract.from_document(document)


@pytest.mark.parametrize("document", [{}, {"features": 3, "fingerprint": ""}, {"features": [{"name": "a"}]}])
def test_what_is_no_contract_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        FeatureContract.from_document(document)


def test_names_are_unique_and_at_least_one() -> None:
    with pytest.raises(InputError, match="more than once"):
        FeatureContract((DECLARED_FEATURES[0], DECLARED_FEATURES[0]))
    with pytest.raises(InputError, match="no feature"):
        FeatureContract(())

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from declared import CONTRACT, DECLARED_FEATURES

from tidegate.core.errors import InputError
from tidegate.core.time import DAY, BarInterval
from tidegate.features import Feature, FeatureContract, FeatureGroup, Newest

RATE = Newest(name="funding", table="funding", columns=(("rate", "rate"),), maximum_age=DAY)
COST = Feature(
    name="cost", group="derivatives", requires=("rate",), lookback_bars=1, description="rate", unit="fraction"
)
WITH_SOURCE = FeatureContract((DECLARED_FEATURES[0], COST), (RATE,))


def test_dimension_names_and_groups_follow_the_order() -> None:
    assert CONTRACT.dimension == len(CONTRACT.names) == len(set(CONTRACT.names))
    assert CONTRACT.groups[:2] == ("price", "volume")
    assert CONTRACT.lookback_bars == 253
    assert {"close", "high", "low", "open", "traded_value", "volume"} <= set(CONTRACT.requires)


def test_groups_come_from_the_contract_alone() -> None:
    """Crypto D-27: an ablation guessed groups from parts of names."""
    misleading = dataclasses.replace(DECLARED_FEATURES[0], name="volume_of_nothing", group="calendar")

    assert FeatureContract((misleading,)).groups == ("calendar",)
    with pytest.raises(InputError, match="group 'retrun'"):
        dataclasses.replace(DECLARED_FEATURES[0], group="retrun")


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


OTHER = {
    "group": FeatureGroup.QUALITY.value,
    "requires": ("open",),
    "lookback_bars": 99,
    "bound": 0.5,
    "mask": DECLARED_FEATURES[1].name,
    "tables": ("posts",),
    "together": True,
}


@pytest.mark.parametrize(
    "field",
    [one.name for one in dataclasses.fields(Feature) if one.name not in {"formula", "across", "neutral"}],
)
def test_every_part_of_a_declaration_counts_in_the_fingerprint(field: str) -> None:
    first = dataclasses.replace(DECLARED_FEATURES[0], **{field: OTHER.get(field, "other")})

    assert FeatureContract((first, *DECLARED_FEATURES[1:]), CONTRACT.sources).fingerprint != CONTRACT.fingerprint


def test_the_order_the_sources_and_the_size_of_the_bars_count_in_the_fingerprint() -> None:
    older = dataclasses.replace(RATE, maximum_age=2 * DAY)
    others = [
        FeatureContract(WITH_SOURCE.features[::-1], (RATE,)),
        FeatureContract(WITH_SOURCE.features, (older,)),
        FeatureContract(WITH_SOURCE.features, ()),
        FeatureContract(WITH_SOURCE.features, (RATE,), BarInterval("5m")),
    ]

    assert len({WITH_SOURCE.fingerprint, *(one.fingerprint for one in others)}) == 5


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from tidegate.features import market_contract; from tidegate.core.time import DAILY;"
        "print(market_contract('us-equity', DAILY).fingerprint)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == CONTRACT.fingerprint


def test_code_does_not_count_since_words_and_hashes_do() -> None:
    first = dataclasses.replace(DECLARED_FEATURES[0], formula=lambda bars: bars.close)

    assert FeatureContract((first, *DECLARED_FEATURES[1:]), CONTRACT.sources).fingerprint == CONTRACT.fingerprint


@pytest.mark.parametrize("contract", [CONTRACT, WITH_SOURCE], ids=["bars", "sources"])
def test_a_contract_survives_its_document(contract: FeatureContract) -> None:
    document = json.loads(json.dumps(contract.as_document()))

    found = FeatureContract.from_document(document, contract)

    assert found == contract
    assert [one.formula for one in found.features] == [one.formula for one in contract.features]


def test_a_document_may_hold_some_of_what_is_declared() -> None:
    some = FeatureContract(DECLARED_FEATURES[3:5])

    assert FeatureContract.from_document(some.as_document(), CONTRACT).names == some.names


@pytest.mark.parametrize("part", ["description", "unit", "requires", "known_as", "implementation"])
def test_an_edited_document_is_refused(part: str) -> None:
    document = json.loads(json.dumps(CONTRACT.as_document()))
    document["features"][0][part] = "something else"

    with pytest.raises(InputError, match="edited"):
        FeatureContract.from_document(document, CONTRACT)


def test_a_document_with_its_keys_in_another_order_is_refused() -> None:
    """Crypto D-26."""
    document = CONTRACT.as_document()

    with pytest.raises(InputError, match="edited"):
        FeatureContract.from_document({**document, "features": document["features"][::-1]}, CONTRACT)
    with pytest.raises(InputError, match="edited"):
        FeatureContract.from_document({**document, "features": document["features"][:-1]}, CONTRACT)


def test_a_formula_that_changed_since_is_noticed() -> None:
    now = dataclasses.replace(DECLARED_FEATURES[0], description="another formula")

    with pytest.raises(InputError, match="changed since"):
        FeatureContract.from_document(
            CONTRACT.as_document(), FeatureContract((now, *DECLARED_FEATURES[1:]), CONTRACT.sources)
        )


def test_a_source_that_changed_since_is_noticed() -> None:
    declared = FeatureContract(WITH_SOURCE.features, (dataclasses.replace(RATE, maximum_age=1),))

    with pytest.raises(InputError, match="changed since"):
        FeatureContract.from_document(WITH_SOURCE.as_document(), declared)


def test_a_feature_that_is_not_declared_any_more_is_named() -> None:
    with pytest.raises(InputError, match=r"cannot be read.*cost"):
        FeatureContract.from_document(WITH_SOURCE.as_document(), CONTRACT)


@pytest.mark.parametrize(
    "document",
    [{}, {"features": 3, "fingerprint": ""}, {"features": [{"name": "a"}]}, {"features": [3], "sources": []}],
)
def test_what_is_no_contract_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        FeatureContract.from_document(document, CONTRACT)


def test_names_are_unique_and_at_least_one() -> None:
    with pytest.raises(InputError, match="more than once"):
        FeatureContract((DECLARED_FEATURES[0], DECLARED_FEATURES[0]))
    with pytest.raises(InputError, match="no feature"):
        FeatureContract(())


def test_a_mask_stands_in_the_contract_and_beside_every_neutral_value() -> None:
    """Crypto D-04, D-15: what was missing became a 0 that nobody could tell from a real one."""
    masked = dataclasses.replace(COST, mask="cost_missing", neutral=0.0)
    with pytest.raises(InputError, match="without their masks"):
        FeatureContract((masked,), (RATE,))
    with pytest.raises(InputError, match="no mask"):
        dataclasses.replace(COST, neutral=0.0)


def test_the_oldest_source_of_a_feature_is_its_age() -> None:
    assert WITH_SOURCE.maximum_age(COST) == DAY
    assert WITH_SOURCE.maximum_age(DECLARED_FEATURES[0]) is None
    assert WITH_SOURCE.tables == ("funding",)
    assert WITH_SOURCE.bar_columns == ("close",)

from __future__ import annotations

from typing import get_args

import pytest

from tidegate.core.recipe import CostSettings, load_recipe
from tidegate.costs import PRESETS, CostModel, cost_model, resolve_recipe

NAMES = get_args(CostSettings.model_fields["preset"].annotation)


def test_every_preset_of_the_recipe_is_there() -> None:
    assert sorted(PRESETS) == sorted(NAMES)


def test_settings_and_model_name_the_same_costs() -> None:
    assert set(CostSettings.model_fields) - {"preset"} == set(CostModel.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_stands_as_it_is(name: str) -> None:
    assert cost_model(CostSettings.model_validate({"preset": name})) == PRESETS[name]


@pytest.mark.parametrize(("field", "value"), [(name, 0.0) for name in CostModel.model_fields])
def test_only_what_is_set_departs_from_it_even_when_set_to_nothing(field: str, value: float) -> None:
    settings = CostSettings.model_validate({"preset": "a-share", field: value})

    assert cost_model(settings).model_dump() == {**PRESETS["a-share"].model_dump(), field: value}
    assert PRESETS["a-share"] == cost_model(CostSettings(preset="a-share"))


@pytest.mark.parametrize("name", NAMES)
def test_a_resolved_recipe_holds_every_cost_and_means_the_same(name: str) -> None:
    settings = CostSettings.model_validate({"preset": name, "half_spread_bps": 7.5})
    resolved = resolve_recipe(load_recipe("demo").model_copy(update={"costs": settings}))

    assert None not in resolved.costs.model_dump().values()
    assert cost_model(resolved.costs) == cost_model(settings)
    assert resolve_recipe(resolved) == resolved


def test_the_presets_cost_what_their_markets_cost() -> None:
    assert PRESETS["us-equity"].round_trip_rate() == pytest.approx(20e-4)
    assert PRESETS["a-share"].round_trip_rate() == pytest.approx(20e-4)
    assert PRESETS["a-share"].minimum_fee == 5.0
    assert PRESETS["crypto-perpetual"].round_trip_rate() == pytest.approx(16e-4)

"""Sets of a search: keys without rounding errors, the grids of the shipped recipes, and what may be searched at all."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe import SearchSettings, StrategySettings, load_recipe
from tidegate.search.sets.parameter_set import ParameterSet, key_of, text_of
from tidegate.search.sets.plan import planned_sets, searched_names
from tidegate.search.sets.space import searchable_names

BASE = StrategySettings(drawdown_tiers=(0.1, 0.2), drawdown_exposures=(0.5, 0.3), dynamic_exposure=True)


def planned(search: dict[str, Any], base: StrategySettings = BASE, seed: int = 7) -> list[ParameterSet]:
    return planned_sets(SearchSettings.model_validate(search), base, seed=seed)


def refused(search: dict[str, Any], base: StrategySettings = BASE) -> InputError:
    with pytest.raises(InputError) as caught:
        planned(search, base)
    return caught.value


def test_a_grid_turns_its_last_name_fastest() -> None:
    """equity E.2: nested loops in the order of the names; the first point is (0.60, 0.045, 0.030)."""
    recipe = load_recipe("us-rotation-30")
    assert recipe.search is not None
    found = planned_sets(recipe.search, recipe.trading(), seed=recipe.seed)[:18]

    wanted = list(product((0.6, 0.7, 0.8), (0.045, 0.05, 0.055), (0.03, 0.04)))
    names = ("max_exposure", "volatility_target", "max_weight")
    assert [tuple(one.parameters[name] for name in names) for one in found] == wanted
    assert [tuple(getattr(one.settings, name) for name in names) for one in found] == wanted
    assert {one.origin for one in found} == {"grid"}
    assert [one.number for one in found] == list(range(18))


@pytest.mark.parametrize(
    ("name", "grid", "perturbed"), [("us-rotation-30", 18, 12), ("us-rotation-v2", 24, 0), ("us-rotation-cagr", 27, 0)]
)
def test_the_shipped_searches_hold_what_the_original_tried(name: str, grid: int, perturbed: int) -> None:
    """equity E.2, E.3, E.4; the model is that of us-rotation, so one training run serves all."""
    recipe, base = load_recipe(name), load_recipe("us-rotation")
    assert recipe.search is not None
    found = planned_sets(recipe.search, recipe.trading(), seed=recipe.seed)

    assert [one.origin for one in found] == ["grid"] * grid + ["perturb"] * perturbed
    assert len({one.key for one in found}) == grid + perturbed
    assert recipe.training_fingerprint() == base.training_fingerprint()
    assert recipe.trading().defensives == ("SHY", "IEF", "GLD", "TLT")
    assert recipe.search.constraints["max_drawdown"].at_most == 0.15
    tiers = (
        ((0.05, 0.09, 0.12), (0.45, 0.3, 0.2)) if name == "us-rotation-v2" else ((0.08, 0.12, 0.15), (0.8, 0.6, 0.4))
    )
    assert (recipe.trading().drawdown_tiers, recipe.trading().drawdown_exposures) == tiers


def test_every_set_names_every_searched_parameter() -> None:
    search = {
        "grid": {"top_n": [5, 10]},
        "perturb": {"count": 2, "steps": {"max_exposure": 0.1}, "base": {"max_exposure": 0.5}},
        "random": {"count": 3, "space": {"weighting": ["equal", "score"], "market_filter": [True, False]}},
    }
    found = planned(search)

    names = ("top_n", "max_exposure", "weighting", "market_filter")
    assert searched_names(SearchSettings.model_validate(search)) == names
    assert all(tuple(one.parameters) == names for one in found)
    assert [one.origin for one in found] == ["grid"] * 2 + ["perturb"] * 2 + ["random"] * 3
    assert [one.number for one in found] == list(range(7))
    for one in found:
        assert one.key == key_of(one.parameters)
        assert one.settings.drawdown_tiers == BASE.drawdown_tiers
        json.dumps(one.parameters)


def test_what_nobody_chose_stays_unchosen() -> None:
    [one] = planned({"grid": {"top_n": [7]}}, StrategySettings(max_weight=0.1))

    assert one.settings.model_fields_set == {"max_weight", "top_n"}


def test_lists_and_words_are_parameters_as_well() -> None:
    grid = {
        "drawdown_tiers": [[0.05, 0.09], [0.1, 0.2]],
        "rebalance": ["weekly", "monthly"],
        "minimum_score": [None, 0],
    }
    found = planned({"grid": grid})

    assert len(found) == 8
    assert found[0].key == "drawdown_tiers=[0.05, 0.09] minimum_score=none rebalance=weekly"
    assert found[-1].settings.minimum_score == 0.0
    assert found[-1].parameters == {"drawdown_tiers": (0.1, 0.2), "rebalance": "monthly", "minimum_score": 0.0}


@given(
    units=st.integers(-2_000_000, 2_000_000),
    others=st.lists(st.integers(-2_000_000, 2_000_000), min_size=1, max_size=6),
)
def test_no_rounding_error_tells_two_values_apart(units: int, others: list[int]) -> None:
    """equity H 12: sums of floats in any order have the key of their value."""
    walked = units / 1e6
    for other in others:
        walked += other / 1e6
    for other in others:
        walked -= other / 1e6

    assert text_of(float(walked)) == text_of(units / 1e6)
    assert float(text_of(units / 1e6)) == units / 1e6
    assert text_of((units + 1) / 1e6) != text_of(units / 1e6)


@pytest.mark.parametrize(
    "name", ["commission_bps", "costs.preset", "backtest.fill", "fill", "data.dataset", "half_spread_bps"]
)
@pytest.mark.parametrize("section", ["grid", "perturb", "random", "optuna"])
def test_costs_fills_and_data_are_never_searched(name: str, section: str) -> None:
    """D-06: where fees are free parameters the cheapest ones win."""
    searches: dict[str, dict[str, Any]] = {
        "grid": {"grid": {name: [1, 2]}},
        "perturb": {"perturb": {"count": 1, "steps": {name: 1.0}}},
        "random": {"random": {"count": 1, "space": {name: [1, 2]}}},
        "optuna": {"optuna": {"space": {name: {"low": 1, "high": 2}}}},
    }

    error = refused(searches[section])

    assert repr(name) in error.found
    assert "cheapest costs would always win" in error.hint


def test_every_field_but_the_old_defects_may_be_searched() -> None:
    assert set(StrategySettings.model_fields) - set(searchable_names()) == {"legacy"}
    assert "--explain-legacy" in refused({"grid": {"legacy": [1]}}).hint
    assert "did you mean 'max_exposure'" in refused({"grid": {"max_exposur": [0.5]}}).hint


@pytest.mark.parametrize(
    ("search", "found", "expected"),
    [
        ({"grid": {"max_exposure": [0.5, 1.5]}}, "search.grid.max_exposure = 1.5", "at most 1"),
        ({"grid": {"top_n": [2.5]}}, "search.grid.top_n = 2.5", "a whole number"),
        ({"grid": {"rebalance": ["dayly"]}}, "search.grid.rebalance = dayly", "one of daily, weekly, monthly"),
        ({"grid": {"max_weight": [0.03, 0.035 - 0.005]}}, "search.grid.max_weight with 0.03 twice", "each value once"),
        ({"grid": {"minimum_score": [1e-7]}}, "search.grid.minimum_score = 1e-07", "six decimals"),
        ({"grid": {"drawdown_tiers": [[0.1]]}}, "search.grid.drawdown_exposures = 1 tiers and 2", "as many"),
        ({"grid": {"top_n": list(range(1, 501)), "retain_top_n": list(range(500))}}, "250000 combinations", "200000"),
        ({"random": {"count": 1, "space": {"rebalance": {"low": 0, "high": 1}}}}, "rebalance as a range", "list"),
        ({"random": {"count": 1, "space": {"top_n": {"low": 0, "high": 9}}}}, "space.top_n.low = 0", "at least 1"),
        ({"random": {"count": 1, "space": {"top_n": {"low": 1.5, "high": 9}}}}, "space.top_n.low = 1.5", "whole"),
        (
            {"random": {"count": 1, "space": {"max_weight": {"low": 0.1, "high": 2}}}},
            "max_weight.high = 2",
            "at most 1",
        ),
        (
            {"random": {"count": 1, "space": {"max_drawdown": {"low": 0.1, "high": 0.12345678}}}},
            "high = 0.12345678",
            "six",
        ),
    ],
)
def test_a_bad_value_names_its_field(search: dict[str, Any], found: str, expected: str) -> None:
    error = refused(search)

    assert found in error.found
    assert expected in error.expected


def test_a_base_finer_than_any_key_is_refused() -> None:
    search = {"grid": {"top_n": [5]}, "random": {"count": 1, "space": {"minimum_score": [0.0, 0.1]}}}

    assert "minimum_score = 1.23e-08" in refused(search, StrategySettings(minimum_score=1.23e-8)).found


def test_planning_costs_less_than_a_millisecond_a_set() -> None:
    from time import process_time

    grid = {"top_n": list(range(1, 41)), "max_exposure": [float(one) for one in np.arange(1, 26) / 25]}
    before = process_time()
    found = planned({"grid": grid})

    assert len(found) == 1000
    assert process_time() - before < 1.0

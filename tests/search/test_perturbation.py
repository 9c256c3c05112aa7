"""Sets around a base: always as many as asked, unique, within bounds, none from the grid; or an error that says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe import SearchSettings, StrategySettings, load_recipe
from tidegate.search.sets.parameter_set import ParameterSet, key_of
from tidegate.search.sets.plan import planned_sets

GRID = {
    "max_exposure": [0.60, 0.70, 0.80],
    "volatility_target": [0.045, 0.050, 0.055],
    "max_weight": [0.030, 0.040],
}
CENTRE = {"max_exposure": 0.70, "volatility_target": 0.050, "max_weight": 0.035}
STEPS = {"max_exposure": 0.05, "volatility_target": 0.005, "max_weight": 0.005}
BASE = load_recipe("us-rotation").trading()


def planned(perturb: dict[str, Any], *, grid: dict[str, Any] = GRID, seed: int = 7) -> list[ParameterSet]:
    search = SearchSettings.model_validate({"grid": grid, "perturb": perturb})
    return planned_sets(search, BASE, seed=seed)


def units(one: ParameterSet) -> tuple[int, ...]:
    return tuple(round(float(one.parameters[name]) * 1e6) for name in CENTRE)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_eighteen_and_twelve(seed: int) -> None:
    """equity I 11, H 12: 18 + 12 unique by integer key, disjoint, within bounds, seedable."""
    bounds = {"max_exposure": {"low": 0.65, "high": 0.75}, "max_weight": {"low": 0.03, "high": 0.04}}
    perturb = {"count": 12, "base": CENTRE, "steps": STEPS, "bounds": bounds}
    found = planned(perturb, seed=seed)

    around = [one for one in found if one.origin == "perturb"]
    assert (len(found), len(around)) == (30, 12)
    assert len({units(one) for one in found}) == 30
    for exposure, target, weight in map(units, around):
        assert exposure in (650_000, 700_000, 750_000)
        assert target in (45_000, 50_000, 55_000)
        assert weight in (30_000, 35_000, 40_000)
    assert [units(one) for one in around] == sorted(units(one) for one in around)
    assert planned(perturb, seed=seed) == found


def test_the_seed_chooses() -> None:
    """equity I 11: seedable."""
    perturb = {"count": 12, "base": CENTRE, "steps": STEPS}

    assert len({tuple(one.key for one in planned(perturb, seed=seed)) for seed in range(8)}) == 8


def test_a_step_below_the_bound_by_rounding_stays_within() -> None:
    """equity E.2: 0.70 - 0.05 is 0.6499999999999999 as a float, below a bound of 0.65; here it is 0.65."""
    bounds = {"max_exposure": {"low": 0.65, "high": 0.65}}
    found = planned({"count": 9, "base": CENTRE, "steps": STEPS, "bounds": bounds})[18:]

    assert {one.settings.max_exposure for one in found} == {0.65}


@given(
    exposure=st.sampled_from([0.6, 0.65, 0.7, 0.8, 0.95, 1.0]),
    target=st.sampled_from([0.045, 0.05, 0.005, 0.0]),
    weight=st.sampled_from([0.03, 0.035, 0.04, 0.005]),
    count=st.integers(1, 30),
    seed=st.integers(0, 50),
)
def test_any_base_gives_what_was_asked_or_says_why(
    exposure: float, target: float, weight: float, count: int, seed: int
) -> None:
    """equity I 11: a base equal to a grid point still gives 12 or raises; never fewer in silence."""
    base = {"max_exposure": exposure, "volatility_target": target, "max_weight": weight}
    bounds = {"max_exposure": {"low": 0.55, "high": 0.9}}
    try:
        found = planned({"count": count, "base": base, "steps": STEPS, "bounds": bounds}, seed=seed)
    except InputError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert f"expected {count} sets" in said
        assert "a lattice of 27 points" in said
        return
    assert [one.origin for one in found] == ["grid"] * 18 + ["perturb"] * count
    assert len({one.key for one in found}) == 18 + count
    assert all(0.55 <= one.settings.max_exposure <= 0.9 for one in found[18:])


def test_a_base_equal_to_a_grid_point_still_gives_twelve() -> None:
    """equity I 11."""
    found = planned({"count": 12, "base": {**CENTRE, "max_weight": 0.03}, "steps": STEPS})

    assert len({one.key for one in found}) == 30


def test_too_few_candidates_say_what_takes_them_away() -> None:
    """equity E.2: the original cut the list in silence."""
    bounds = {"max_exposure": {"low": 0.7, "high": 0.75}}
    base = {**CENTRE, "max_weight": 0.005}  # a step below is 0, which the strategy refuses
    grid = {**GRID, "max_weight": [0.005, 0.01]}

    with pytest.raises(InputError) as caught:
        planned({"count": 12, "base": base, "steps": STEPS, "bounds": bounds}, grid=grid)

    found = caught.value.found
    assert "6 sets to choose from: a lattice of 27 points" in found
    assert "9 outside the bounds" in found
    assert "6 refused by the strategy (search.perturb.max_weight = 0; greater than 0)" in found
    assert "6 in the grid" in found


def test_the_base_itself_is_a_candidate_where_the_grid_lacks_it() -> None:
    found = planned({"count": 3, "base": {"top_n": 30}, "steps": {"top_n": 1}}, grid={"top_n": [10]})

    assert [one.parameters["top_n"] for one in found] == [10, 29, 30, 31]
    assert all(type(one.parameters["top_n"]) is int for one in found)


def test_reach_and_the_strategys_own_value() -> None:
    found = planned({"count": 4, "steps": {"max_exposure": 0.1}, "reach": 2}, grid={"max_exposure": [0.4]})

    assert [one.settings.max_exposure for one in found] == [0.4, 0.2, 0.3, 0.5, 0.6]


def test_a_named_base_that_is_not_moved_is_held() -> None:
    found = planned({"count": 2, "base": {"top_n": 12}, "steps": {"max_exposure": 0.1}}, grid={"max_exposure": [0.4]})

    assert [one.settings.top_n for one in found] == [30, 12, 12]
    assert found[1].key == key_of({"max_exposure": found[1].settings.max_exposure, "top_n": 12})


@pytest.mark.parametrize(
    ("perturb", "found"),
    [
        ({"steps": {"top_n": 0.5}}, "search.perturb.steps.top_n = 0.5"),
        ({"steps": {"top_n": 1}, "base": {"top_n": 9.5}}, "search.perturb.base.top_n = 9.5"),
        ({"steps": {"market_filter": 1}}, "search.perturb.steps with 'market_filter'"),
        ({"steps": {"volatility_window": 1}, "none": "volatility_window"}, "volatility_window without a value"),
        ({"steps": {"max_exposure": 1e-7}}, "search.perturb.steps.max_exposure = 1e-07"),
        ({"steps": {"top_n": 1}, "bounds": {"max_weight": {"low": 0, "high": 1}}}, "bounds with 'max_weight'"),
        ({"steps": {"top_n": 1}, "bounds": {"top_n": {"low": 1, "high": 9, "step": 2}}}, "bounds.top_n with step"),
        ({"steps": {"top_n": 1, "retain_top_n": 1, "market_window": 1}, "reach": 40}, "a lattice of 531441 points"),
    ],
)
def test_what_does_not_fit_is_named(perturb: dict[str, Any], found: str) -> None:
    unset = perturb.get("none")
    base = BASE if unset is None else StrategySettings()
    given_perturb = {"count": 1, **{key: value for key, value in perturb.items() if key != "none"}}
    search = SearchSettings.model_validate({"grid": {"top_n": [5]}, "perturb": given_perturb})

    with pytest.raises(InputError) as caught:
        planned_sets(search, base, seed=1)

    assert found in caught.value.found

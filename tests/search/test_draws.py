"""Random sets: as many as asked, each once, whole numbers whole; or an error, and never a loop without end."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe import SearchSettings, StrategySettings, load_recipe
from tidegate.search.sets.parameter_set import ParameterSet
from tidegate.search.sets.plan import planned_sets

BASE = load_recipe("us-rotation").trading()
MODEL_97: dict[str, dict[str, float]] = {
    "max_weight": {"low": 0.01, "high": 0.12},
    "max_exposure": {"low": 0.25, "high": 0.80},
    "volatility_target": {"low": 0.02, "high": 0.12},
    "max_drawdown": {"low": 0.08, "high": 0.20},
    "top_n": {"low": 3, "high": 25},
    "retain_top_n": {"low": 3, "high": 25},
    "max_turnover": {"low": 0.02, "high": 0.20},
    "market_window": {"low": 50, "high": 260},
}


def drawn(
    space: dict[str, Any], count: int, *, base: StrategySettings = BASE, seed: int = 7, **more: Any
) -> list[ParameterSet]:
    search = {"random": {"count": count, "space": space, **more.pop("random", {})}, **more}
    return planned_sets(SearchSettings.model_validate(search), base, seed=seed)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_eighty_sets_around_a_base(seed: int) -> None:
    """equity E.5: 80 candidates, each parameter within 35 % of its own value and within its range."""
    base = BASE.model_copy(update={"top_n": 20})
    found = drawn(MODEL_97, 80, base=base, seed=seed, random={"around": 0.35})

    assert len({one.key for one in found}) == 80
    for one in found:
        for name, span in MODEL_97.items():
            value, own = float(one.parameters[name]), float(getattr(base, name))  # type: ignore[arg-type]
            assert max(span["low"], 0.65 * own) - 1e-6 <= value <= min(span["high"], 1.35 * own) + 1e-6
        assert type(one.settings.top_n) is int
        assert type(one.settings.market_window) is int
    assert drawn(MODEL_97, 80, base=base, seed=seed, random={"around": 0.35}) == found


def test_the_seed_decides() -> None:
    assert drawn(MODEL_97, 5, seed=1) != drawn(MODEL_97, 5, seed=2)


def test_a_small_space_is_found_whole() -> None:
    space = {
        "top_n": {"low": 1, "high": 50},
        "max_exposure": {"low": 0.1, "high": 1.0, "step": 0.1},
        "market_filter": [True, False],
    }

    found = drawn(space, 1000)

    assert len({one.key for one in found}) == 1000
    assert {one.settings.max_exposure for one in found} == {one / 10 for one in range(1, 11)}


def test_sets_of_the_grid_are_not_drawn_again() -> None:
    found = drawn({"top_n": {"low": 1, "high": 5}}, 3, grid={"top_n": [2, 4]})

    assert sorted(one.settings.top_n for one in found) == [1, 2, 3, 4, 5]
    with pytest.raises(InputError, match="with 3 sets: 2 draws gave one that is tried already"):
        drawn({"top_n": {"low": 1, "high": 5}}, 4, grid={"top_n": [2, 4]})


def test_what_fields_refuse_together_is_drawn_again() -> None:
    """Tiers have to come with as many exposures."""
    space = {
        "drawdown_tiers": [[0.1], [0.05, 0.1]],
        "drawdown_exposures": [[0.5], [0.5, 0.2]],
        "top_n": {"low": 1, "high": 9},
    }

    found = drawn(space, 18)

    assert all(len(one.settings.drawdown_tiers) == len(one.settings.drawdown_exposures) for one in found)
    with pytest.raises(InputError, match=r"with 18 sets: .* refused 18 \(search.random.drawdown_exposures = "):
        drawn(space, 19)


@pytest.mark.parametrize(
    ("space", "random"),
    [
        ({"score_smoothing": {"low": 0.0, "high": 1.0}}, {"around": 0.35}),  # 0 times anything is 0
        ({"max_weight": {"low": 0.5, "high": 0.5}}, {}),
        ({"max_weight": {"low": 0.01, "high": 0.010001, "log": True}}, {}),
        ({"drawdown_tiers": [[0.1]], "max_weight": {"low": 0.1, "high": 0.2}}, {}),
    ],
)
def test_a_space_that_cannot_hold_them_ends_in_an_error(space: dict[str, Any], random: dict[str, Any]) -> None:
    """equity E.5: with nothing to vary the original went on for ever."""
    with pytest.raises(InputError, match=r"search.random with \d sets: .*expected 5 sets, each once"):
        drawn(space, 5, random=random)


@pytest.mark.parametrize(
    ("space", "found"),
    [
        ({"volatility_window": {"low": 5, "high": 60}}, "volatility_window without a value"),
        (
            {"max_exposure": {"low": 0.8, "high": 0.9}},
            "space.max_exposure from 0.8 to 0.9, and 0.26 to 0.54 around 0.4",
        ),
    ],
)
def test_nothing_around_is_refused(space: dict[str, Any], found: str) -> None:
    base = BASE.model_copy(update={"volatility_window": None})
    with pytest.raises(InputError) as caught:
        drawn(space, 2, base=base, random={"around": 0.35})
    assert found in caught.value.found


def test_around_keeps_steps_and_lists() -> None:
    space = {"top_n": {"low": 2, "high": 60, "step": 4}, "market_filter": [True, False]}

    found = drawn(space, 10, random={"around": 0.35})

    assert {one.settings.top_n for one in found} == {22, 26, 30, 34, 38}


def test_whole_numbers_are_drawn_evenly_and_logarithms_too() -> None:
    even = Counter(
        one.settings.top_n
        for one in drawn({"top_n": {"low": 1, "high": 4}, "max_weight": {"low": 0.1, "high": 1.0}}, 2000)
    )
    assert all(420 <= even[number] <= 580 for number in (1, 2, 3, 4))

    weights = [one.settings.max_weight for one in drawn({"max_weight": {"low": 0.001, "high": 1.0, "log": True}}, 2000)]
    assert 600 <= sum(weight < 0.01 for weight in weights) <= 730

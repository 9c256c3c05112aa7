"""Peaks and plateaus, and the tables of pairs of parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import Int64Array
from tidegate.search.plateau import plateau_of
from tidegate.search.sets.parameter_set import ParameterSet, key_of

WEIGHTS = (0.02, 0.03, 0.04, 0.05)
EXPOSURES = (0.5, 0.6, 0.7)


def sets_of(*rows: Mapping[str, Any]) -> list[ParameterSet]:
    return [
        ParameterSet(number=100 + row, key=key_of(one), origin="grid", parameters=one, settings=StrategySettings())
        for row, one in enumerate(rows)
    ]


def grid() -> list[ParameterSet]:
    return sets_of(*({"max_weight": w, "max_exposure": e} for w, e in product(WEIGHTS, EXPOSURES)))


def look(
    sets: list[ParameterSet],
    objective: Callable[[ParameterSet], float],
    *,
    name: str = "cagr",
    feasible: Callable[[ParameterSet], bool] = lambda one: True,
    curves: Int64Array | None = None,
) -> dict[str, Any]:
    values = np.array([objective(one) for one in sets])
    figures = {"cagr": np.zeros(len(sets)), "max_drawdown": np.full(len(sets), 0.1), name: values}
    kept = np.array([feasible(one) for one in sets])
    best = int(np.nanargmin(values) if name == "volatility" else np.nanargmax(values))
    found = plateau_of(sets, figures, kept, best, name, curves=curves)
    json.dumps(found, allow_nan=False)
    return found


def hill(height: float, width: float) -> Callable[[ParameterSet], float]:
    """An objective that falls off on all sides of weight 0.03 and exposure 0.6."""

    def objective(one: ParameterSet) -> float:
        off = abs(float(one.parameters["max_weight"]) - 0.03) / 0.01  # type: ignore[arg-type]
        off += abs(float(one.parameters["max_exposure"]) - 0.6) / 0.1  # type: ignore[arg-type]
        return height * max(0.0, 1.0 - off / width)

    return objective


def test_a_broad_hill_is_a_plateau_and_a_needle_is_a_peak() -> None:
    broad, needle = look(grid(), hill(0.2, 10.0)), look(grid(), hill(0.2, 2.0))
    assert (broad["finding"], broad["best"]) == ("plateau", 104)
    assert broad["share_of_best"] == pytest.approx(0.9)
    assert needle["finding"] == "peak"
    assert needle["share_of_best"] == pytest.approx(0.5)


def test_neighbours_are_one_step_away_along_one_parameter() -> None:
    found = look(grid(), hill(0.2, 10.0))
    steps = [(one["parameter"], one["from"], one["to"]) for one in found["neighbours"]]
    assert steps == [
        ("max_weight", 0.03, 0.02), ("max_weight", 0.03, 0.04), ("max_exposure", 0.6, 0.5), ("max_exposure", 0.6, 0.7),
    ]  # fmt: skip
    assert [one["number"] for one in found["neighbours"]] == [101, 107, 103, 105]
    assert found["neighbours"][0]["objective"] == pytest.approx(0.18)


def test_the_next_set_on_the_line_is_a_neighbour_however_far() -> None:
    """Perturbations lie between the values of a grid, but not on its lines: they take no neighbour away."""
    points = [{"a": a, "b": b} for a, b in product((1, 2, 3), (0.1, 0.2, 0.3))]
    between = [{"a": 2.5, "b": 0.25}, {"a": 1.5, "b": 0.15}]
    found = look(sets_of(*points, *between), lambda one: float(one.parameters == {"a": 2, "b": 0.2}))
    assert len(found["neighbours"]) == 4


def test_rounding_errors_tell_no_values_apart() -> None:
    """Equity E.2: 0.030000000000000002 is 0.03."""
    rows = [{"w": 0.035 - 0.005, "e": 1}, {"w": 0.03, "e": 2}, {"w": 0.03, "e": 0}]
    found = look(sets_of(*rows, {"w": 0.02, "e": 1}), lambda one: float(one.number == 100))
    assert [one["number"] for one in found["neighbours"]] == [103, 101, 102]
    assert found["heatmaps"][0]["x_values"] == [0.02, 0.03]


def test_with_fewer_than_three_neighbours_nothing_is_said() -> None:
    rows = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 3}]
    found = look(sets_of(*rows), lambda one: float(one.number))
    assert found["finding"] == "few_neighbours"
    alone = look(sets_of({"a": 1}), lambda one: 1.0)
    assert (alone["finding"], alone["share_of_best"], alone["heatmaps"]) == ("few_neighbours", None, [])


def test_neighbours_that_break_the_bounds_make_a_peak() -> None:
    def inside(one: ParameterSet) -> bool:
        return one.number in (104, 101)

    assert look(grid(), hill(0.2, 10.0), feasible=inside)["finding"] == "peak"
    assert look(grid(), hill(0.2, 10.0), feasible=lambda one: inside(one) or one.number == 103)["finding"] == "plateau"


def test_a_parameter_that_does_nothing_makes_no_plateau() -> None:
    """Equity I 3: neighbours with the same account say that the parameter is inert, not that the choice is sound."""
    sets = sets_of(*({"a": a, "inert": b} for a, b in product((1, 2, 3), (0.1, 0.2, 0.3, 0.4))))
    curves = np.array([0] * 4 + [1] * 4 + [2] * 4)
    found = look(sets, lambda one: {1: 0.1, 2: 0.2, 3: 0.11}[int(one.parameters["a"])], curves=curves)  # type: ignore[arg-type]
    assert [one["same_account"] for one in found["neighbours"]].count(True) == 1
    assert found["finding"] == "few_neighbours"
    assert found["share_of_best"] == pytest.approx(0.105 / 0.2)


@pytest.mark.parametrize(
    ("best", "beside", "far", "finding"),
    [
        (0.10, 0.09, 0.0, "plateau"),
        (0.10, 0.07, 0.0, "peak"),
        (0.001, -0.004, -0.05, "plateau"),  # no gain worth the name, but neighbours are as good as it
        (0.001, -0.04, -0.05, "peak"),
        (-0.02, -0.025, -0.08, "plateau"),
        (-0.02, -0.06, -0.08, "peak"),
    ],
)
def test_the_rule_holds_whatever_the_sign(best: float, beside: float, far: float, finding: str) -> None:
    near = {101, 103, 105, 107}
    found = look(grid(), lambda one: best if one.number == 104 else beside if one.number in near else far)
    assert (found["best"], found["finding"]) == (104, finding)


def test_where_all_sets_earn_nothing_nothing_is_lost() -> None:
    sets = sets_of(*({"a": a} for a in ("best", "x", "y", "z")))
    assert look(sets, lambda one: 0.0)["share_of_best"] == 1.0


def test_where_small_is_good_more_is_a_loss() -> None:
    near = {101, 103, 105, 107}
    for beside, finding in ((0.115, "plateau"), (0.16, "peak")):
        found = look(
            grid(),
            lambda one, beside=beside: 0.1 if one.number == 104 else beside if one.number in near else 0.2,  # type: ignore[misc]
            name="volatility",
        )
        assert (found["best"], found["finding"]) == (104, finding)


def test_ruined_neighbours_have_lost_everything() -> None:
    """Equity H 7: no figure is not a good one."""
    found = look(grid(), lambda one: 0.2 if one.number == 104 else float("nan"))
    assert (found["finding"], found["share_of_best"]) == ("peak", None)
    assert found["neighbours"][0]["objective"] is None


def test_any_other_word_is_a_neighbour() -> None:
    words = ("cash", "benchmark", "defensive")
    sets = sets_of(*({"risk_off_mode": word, "filter": switch} for word, switch in product(words, (True, False))))
    found = look(sets, lambda one: float(one.number == 102))
    assert [(one["parameter"], one["to"]) for one in found["neighbours"]] == [
        ("risk_off_mode", "cash"), ("risk_off_mode", "defensive"), ("filter", False),
    ]  # fmt: skip
    assert found["heatmaps"] == []


def test_a_heatmap_shows_the_other_parameters_as_the_best_has_them() -> None:
    rows = ({"a": a, "b": b, "c": c} for a, b, c in product((3, 1, 2), (0.2, 0.1), (1, 2)))
    sets = sets_of(*rows)
    found = look(
        sets,
        lambda one: 100.0 * (one.parameters == {"a": 2, "b": 0.1, "c": 2}) + one.number,
        feasible=lambda one: one.parameters["c"] == 1,
    )
    (first, *_) = found["heatmaps"]
    assert [(one["x"], one["y"]) for one in found["heatmaps"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (first["x_values"], first["y_values"], first["best"]) == ([1, 2, 3], [0.1, 0.2], [2, 0.1])
    assert first["others"] == "as_in_the_best"
    assert first["objective"] == [[107.0, 211.0, 103.0], [105.0, 109.0, 101.0]]
    assert first["feasible"] == [[False] * 3] * 2


def test_sets_at_random_are_put_into_bins_with_the_best_of_each() -> None:
    random = np.random.default_rng(3)
    sets = sets_of(
        *({"a": float(a), "b": int(b)} for a, b in zip(random.random(200).round(6), range(200), strict=True))
    )
    found = look(sets, lambda one: float(one.parameters["a"]), feasible=lambda one: one.number % 2 == 0)  # type: ignore[arg-type]
    (only,) = found["heatmaps"]
    assert (len(only["x_values"]), len(only["y_values"]), only["others"]) == (12, 12, "best_of_each_cell")
    assert only["best"][0] == only["x_values"][-1]
    assert only["x_values"] == sorted(only["x_values"])
    shown = [value for row in only["feasible"] for value in row if value is not None]
    assert sum(shown) > 0.6 * len(shown), "sets that keep the bounds come first"
    assert found["finding"] == "few_neighbours"

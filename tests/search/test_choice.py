"""What keeps the bounds, what is best, and what nothing beats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import SearchSettings
from tidegate.core.units import FloatArray
from tidegate.search.choice import closest, judge, merit, pareto_front, ranked

NAN = float("nan")


def settings_of(**given: Any) -> SearchSettings:
    return SearchSettings.model_validate({"grid": {"top_n": [5, 10]}, "feasible_by": "point", **given})


def figures_of(cagr: list[float], max_drawdown: list[float], **more: list[float]) -> dict[str, FloatArray]:
    return {name: np.array(values) for name, values in {"cagr": cagr, "max_drawdown": max_drawdown, **more}.items()}


def test_bounds_are_kept_at_full_precision() -> None:
    """Equity I 10: 15.040 % is more than 15 %, whatever a rounded report says."""
    found = judge(figures_of([0.1] * 4, [0.15, 0.1504, 0.15000000000000002, 0.1499]), settings_of())
    assert found.feasible.tolist() == [True, False, False, True]
    assert found.violations["max_drawdown"] == pytest.approx([0.0, 0.0004, 0.0, -0.0001], abs=1e-12)
    assert found.violations["max_drawdown"][2] > 0.0


def test_a_missing_figure_satisfies_no_bound() -> None:
    """Equity H 7: a run without a drawdown is not one with a drawdown of 0."""
    figures = figures_of([0.1, 0.1, NAN], [NAN, 0.1, 0.1])
    found = judge(figures, settings_of())
    assert found.feasible.tolist() == [False, True, False]
    assert found.violations["max_drawdown"][0] == np.inf
    at_least = judge(figures, settings_of(constraints={"sharpe": {"at_least": -10.0}}))
    assert not at_least.feasible.any(), "a figure that nobody has"
    assert judge(figures, settings_of(constraints={})).feasible.tolist() == [True, True, False]


def test_both_ends_of_a_bound_hold() -> None:
    bounds = {"volatility": {"at_least": 0.05, "at_most": 0.1}}
    figures = figures_of([0.1] * 4, [0.1] * 4, volatility=[0.04, 0.05, 0.1, 0.11])
    found = judge(figures, settings_of(constraints=bounds))
    assert found.feasible.tolist() == [False, True, True, False]
    assert found.violations["volatility"] == pytest.approx([0.01, 0.0, 0.0, 0.01], abs=1e-12)


def test_resampled_histories_are_asked_where_wanted() -> None:
    """Equity J.8: feasible by point and by bootstrap, both told."""
    figures, share = figures_of([0.1] * 5, [0.1, 0.1, 0.2, 0.1, 0.1]), np.array([0.8, 0.799, 0.9, NAN, 1.0])
    found = judge(figures, settings_of(feasible_by="bootstrap"), share)
    assert found.feasible.tolist() == [True, False, False, False, True]
    assert found.feasible_by_point.tolist() == [True, True, False, True, True]
    assert judge(figures, settings_of(), share).feasible.tolist() == [True, True, False, True, True]
    with pytest.raises(InputError, match="no shares of resampled histories"):
        judge(figures, settings_of(feasible_by="bootstrap"))


def test_an_objective_that_nobody_figured_is_refused() -> None:
    with pytest.raises(InputError, match="no figure 'sharpe'"):
        judge(figures_of([0.1], [0.1]), settings_of(objective="sharpe"))


def test_ties_are_broken_in_one_order() -> None:
    """Equity E.8: CAGR, then drawdown, then turnover, then the key."""
    figures = figures_of(
        [0.1, 0.2, 0.2, 0.2, 0.2, 0.2],
        [0.0, 0.3, 0.2, 0.2, 0.2, NAN],
        turnover=[0.0, 0.0, 2.0, 1.0, 1.0, 0.0],
        sharpe=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    )
    assert ranked(figures, list("fedcba"), "sharpe").tolist() == [4, 3, 2, 1, 5, 0]
    assert ranked(figures, list("fedcba"), "cagr").tolist() == [4, 3, 2, 1, 5, 0]


@pytest.mark.parametrize("objective", ["volatility", "max_drawdown", "turnover"])
def test_what_should_be_small_is_made_small(objective: str) -> None:
    figures = figures_of([0.1] * 3, [0.1] * 3) | {objective: np.array([0.3, 0.1, 0.2])}
    assert ranked(figures, list("abc"), objective).tolist() == [1, 2, 0]
    assert merit(figures, objective).tolist() == [-0.3, -0.1, -0.2]


def test_only_those_among_are_ranked() -> None:
    figures = figures_of([0.3, 0.1, 0.2], [0.1] * 3)
    assert ranked(figures, list("abc"), "cagr", np.array([False, True, True])).tolist() == [2, 1]
    assert ranked(figures, list("abc"), "cagr", np.zeros(3, dtype=np.bool_)).tolist() == []


few = st.sampled_from([NAN, -0.1, 0.0, 0.1, 0.2])
"""Values that often meet."""
sets = st.lists(st.tuples(few, few, few, few), min_size=1, max_size=30)


@given(sets, st.randoms(use_true_random=False), st.sampled_from(["cagr", "sharpe", "max_drawdown"]))
def test_the_order_of_the_sets_does_not_matter(rows: list[tuple[float, ...]], random: Any, objective: str) -> None:
    names = ("cagr", "max_drawdown", "turnover", "sharpe")
    keys = [f"set {number:02}" for number in range(len(rows))]
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    straight = {name: np.array([row[place] for row in rows]) for place, name in enumerate(names)}
    mixed = {name: values[shuffled] for name, values in straight.items()}
    mixed_keys = [keys[row] for row in shuffled]
    best = [keys[row] for row in ranked(straight, keys, objective)]
    assert [mixed_keys[row] for row in ranked(mixed, mixed_keys, objective)] == best
    assert sorted(best) == keys


@given(st.lists(st.tuples(few, few), max_size=30))
def test_the_front_is_what_nothing_beats(rows: list[tuple[float, float]]) -> None:
    cagr, depth = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    front = pareto_front(cagr, depth)

    def beaten(row: int) -> bool:
        better = (cagr > cagr[row]) | (depth < depth[row])
        return bool(((cagr >= cagr[row]) & (depth <= depth[row]) & better).any())

    for row in range(len(rows)):
        known = bool(np.isfinite(cagr[row]) and np.isfinite(depth[row]))
        assert front[row] == (known and not beaten(row))


def test_where_nothing_is_feasible_the_nearest_are_told() -> None:
    """Equity E.9: the nearest to the bounds, beside those best by the objective."""
    bounds = {"max_drawdown": {"at_most": 0.1}, "sharpe": {"at_least": 1.0}}
    settings = settings_of(constraints=bounds)
    figures = figures_of([0.1, 0.2, 0.3, 0.4, 0.1], [0.2, 0.11, 0.11, 0.1, NAN], sharpe=[1.0, 1.0, 0.5, 0.5, 2.0])
    judged = judge(figures, settings)
    assert not judged.feasible.any()
    assert closest(judged, figures, list("abcde"), settings).tolist() == [1, 3, 2, 0, 4]


def test_of_sets_within_the_bounds_those_are_nearest_that_keep_them_more_often() -> None:
    """Equity J.8: kept in the one history there was, and seldom in others."""
    settings = SearchSettings(grid={"top_n": (5, 10, 15)})
    figures = {"cagr": np.array([0.3, 0.2, 0.1]), "max_drawdown": np.array([0.14, 0.13, 0.16])}
    shares = np.array([0.4, 0.6, np.nan])

    judged = judge(figures, settings, shares)

    assert closest(judged, figures, list("abc"), settings, shares).tolist() == [1, 0, 2]

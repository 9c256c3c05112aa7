"""Choices of each year see the closes before it and no other."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.recipe_search import SearchSettings
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import DAY, HOUR, moment_of, parse_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.performance import performance
from tidegate.search.sets.parameter_set import ParameterSet
from tidegate.search.yearly import YearlyChoices, yearly_choices

NOON = parse_instant("2018-01-02") + 12 * HOUR


def closes(days: int, step: int = 7) -> Int64Array:
    return np.asarray(NOON + np.arange(0, days, step) * DAY, dtype=np.int64)


def sets_of(count: int) -> dict[int, ParameterSet]:
    return {
        number: ParameterSet(
            number=number, key=f"top_n={number:03}", origin="grid", parameters={"top_n": number},
            settings=StrategySettings(),
        )
        for number in range(count)
    }  # fmt: skip


def curves_of(seed: int, n_times: int, n_sets: int) -> FloatArray:
    moves = np.random.default_rng(seed).normal(0.001, 0.03, (n_times, n_sets))
    moves[0] = 0.0
    return np.asarray(1000.0 * np.exp(np.cumsum(moves, axis=0)), dtype=np.float64)


def choose(
    times: Int64Array, equity: FloatArray, *, pieces: int = 1, benchmark: FloatArray | None = None, **given: Any
) -> YearlyChoices:
    wanted = SearchSettings.model_validate({"grid": {"top_n": [5]}, **given})
    parts = np.array_split(np.arange(equity.shape[1]), pieces)
    stream = ((part.tolist(), equity[:, part]) for part in parts)
    return yearly_choices(times, stream, sets_of(equity.shape[1]), wanted, bars_per_year=52, benchmark=benchmark)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0.05, 0.5))
def test_each_choice_is_the_best_of_what_was_known(seed: int, count: int, limit: float) -> None:
    times = closes(1800)
    equity, bench = curves_of(seed, len(times), count), curves_of(seed + 1, len(times), 1)[:, 0]
    found = choose(times, equity, benchmark=bench, constraints={"max_drawdown": {"at_most": limit}})
    years = np.array([moment_of(int(at)).year for at in times])
    assert [year["year"] for year in found.years] == [2020, 2021, 2022]
    for document in found.years:
        first = int(np.flatnonzero(years == document["year"])[0])
        last = int(np.flatnonzero(years > document["year"])[0]) if (years > document["year"]).any() else len(times) - 1
        known = [performance(times[:first], equity[:first, column], 52) for column in range(count)]
        kept = [column for column in range(count) if known[column].max_drawdown <= limit]
        best = max(kept, key=lambda column: known[column].cagr, default=None)
        assert document["chosen"] == best
        earned = equity[last] / equity[first] - 1
        assert document["fared"]["best_total_return"] == pytest.approx(earned.max())
        assert document["fared"]["best_number"] == int(np.argmax(earned))
        assert document["fared"]["benchmark_total_return"] == pytest.approx(bench[last] / bench[first] - 1)
        if best is not None:
            assert document["known"]["cagr"] == known[best].cagr
            assert document["parameters"] == {"top_n": best}
            assert document["fared"]["total_return"] == pytest.approx(earned[best])
            fared = performance(times[first : last + 1], equity[first : last + 1, best], 52)
            assert document["fared"]["max_drawdown"] == fared.max_drawdown


def test_the_future_changes_no_choice() -> None:
    """Equity E.10: the closes of a year, and of all later ones, say nothing to its choice."""
    times = closes(1800)
    equity = curves_of(5, len(times), 20)
    later = np.array([moment_of(int(at)).date() >= date(2021, 1, 1) for at in times])
    changed = np.where(later[:, None], equity[:, ::-1] * 3.0, equity)
    before, after = choose(times, equity, constraints={}), choose(times, changed, constraints={})
    chosen = [[year["chosen"] for year in found.years] for found in (before, after)]
    assert chosen[0][:2] == chosen[1][:2]
    assert chosen[0][2] != chosen[1][2], "the changed year does reach the choice of the next"


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_pieces_say_what_the_whole_says(seed: int, pieces: int) -> None:
    times = closes(1500)
    equity = np.repeat(curves_of(seed, len(times), 4), 2, axis=1)  # every curve twice: ties go to the smaller key
    whole, parts = choose(times, equity, constraints={}), choose(times, equity, pieces=pieces, constraints={})
    assert whole.years == parts.years
    assert whole.nested == parts.nested
    np.testing.assert_array_equal(whole.equity, parts.equity)


def test_the_years_multiply_to_the_account_that_follows_them() -> None:
    times = closes(1800)
    found = choose(times, curves_of(7, len(times), 9), constraints={})
    assert found.nested is not None
    assert found.nested["figures"]["total_return"] == pytest.approx(
        np.prod([1 + year["fared"]["total_return"] for year in found.years]) - 1
    )
    begins = int(np.flatnonzero(np.isfinite(found.equity))[0])
    assert int(times[begins]) == found.nested["start"] == found.years[0]["start"]
    assert found.equity[begins] == 1000.0
    assert np.isfinite(found.equity[begins:]).all()
    assert [year["end"] for year in found.years[:-1]] == [year["start"] for year in found.years[1:]]
    json.dumps([found.years, found.nested], allow_nan=False)


def test_a_year_without_a_choice_is_spent_in_cash() -> None:
    times = closes(1800)
    equity, bench = curves_of(8, len(times), 3), np.ones(len(times))
    found = choose(times, equity, constraints={"max_drawdown": {"at_most": 0.0}}, benchmark=bench)
    assert [year["chosen"] for year in found.years] == [None] * 3
    assert all(year["known"] is None and year["fared"]["total_return"] is None for year in found.years)
    assert set(found.equity[np.isfinite(found.equity)]) == {1000.0}
    json.dumps([found.years, found.nested], allow_nan=False)


def test_a_choice_that_is_ruined_leaves_nothing() -> None:
    times = closes(1800)
    equity = curves_of(9, len(times), 1)
    at = int(np.flatnonzero(times > parse_instant("2021-06-01"))[0])
    equity[at:] = -5.0
    found = choose(times, equity, constraints={})
    assert [year["chosen"] for year in found.years] == [0, 0, None]
    assert found.years[1]["fared"] == {
        "total_return": None, "max_drawdown": 1.0, "benchmark_total_return": None, "best_total_return": None,
        "best_number": None,
    }  # fmt: skip
    assert found.nested is not None
    assert found.nested["figures"]["max_drawdown"] == 1.0
    assert (found.equity[at:] == 0.0).all()


@pytest.mark.parametrize(("years", "first"), [(0.5, 2019), (1.0, 2019), (2.0, 2020), (2.5, 2021), (4.0, 2022)])
def test_history_before_the_first_choice_is_counted_in_whole_calendar_years(years: float, first: int) -> None:
    """A window from the second of January on has had two years at the turn of the second one."""
    times = closes(1800)
    found = choose(times, curves_of(1, len(times), 2), first_choice_years=years)
    assert found.years[0]["year"] == first


def test_too_short_a_window_has_no_years() -> None:
    times = closes(600)
    found = choose(times, curves_of(1, len(times), 2))
    assert (found.years, found.nested) == ([], None)
    assert np.isnan(found.equity).all()


def test_what_curves_do_not_tell_is_named() -> None:
    times = closes(1800)
    equity = curves_of(1, len(times), 2)
    bounded = choose(times, equity, constraints={"turnover": {"at_most": 5.0}})
    assert bounded.left_out == ("turnover",)
    assert all(year["chosen"] is not None for year in bounded.years)
    assert choose(times, equity, objective="turnover").years == []

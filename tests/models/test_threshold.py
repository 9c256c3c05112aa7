from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import CalibrateSettings
from tidegate.core.time import DAY, HOUR
from tidegate.models.calibration import fit_calibrator
from tidegate.models.threshold import Threshold, choose_threshold, threshold_grid, wilson_lower_bound

PUBLISHED: dict[str, Any] = {"threshold_low": 0.15, "threshold_high": 0.45, "threshold_step": 0.01}


def slice_of(rows: int = 4000, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    random = generator(3, "slice", rows)
    probability = random.beta(2.0, 6.0, size=rows)
    hit = random.random(rows) < np.clip(skill * probability, 0.0, 1.0)
    return probability, hit.astype(np.float64)


def test_the_published_rule_takes_the_highest_recall_among_thresholds_precise_enough() -> None:
    """Equity G.7: thresholds .15 to .44, precision of the target or more, the highest recall, of equals the lowest."""
    probability, outcome = slice_of()
    chosen = choose_threshold(CalibrateSettings(rule="point", target_precision=0.5, **PUBLISHED), probability, outcome)

    passing = []
    for value in [0.15 + 0.01 * place for place in range(30)]:
        called = probability >= value
        if called.sum() and outcome[called].mean() >= 0.5:
            passing.append((-outcome[called].sum() / outcome.sum(), value))
    assert chosen.value == pytest.approx(min(passing)[1])
    assert chosen.recall == pytest.approx(-min(passing)[0])


def test_a_target_out_of_reach_says_so_and_calls_nothing() -> None:
    """Equity H 19, I 16 and G.7: 0.45 was used silently although it missed the floor."""
    probability, outcome = slice_of(skill=0.8)
    for rule in ("point", "wilson"):
        asked = CalibrateSettings(rule=rule, target_precision=0.9, **PUBLISHED)
        found = choose_threshold(asked, probability, outcome)

        assert (found.status, found.value) == ("below_floor", None)
        assert not found.called(np.ones(3)).any()
        assert found.candidate is not None
        assert found.precision is not None
        assert found.precision < 0.9  # how far off the best candidate is
        assert found.calls > 0


def test_few_calls_prove_nothing() -> None:
    """Equity I 16: minimum support. Ten hits in ten calls pass as a point, and not with a hundred calls asked for."""
    probability = np.concatenate([np.full(10, 0.9), np.full(400, 0.2)])
    outcome = np.concatenate([np.ones(10), np.tile([0.0, 0.0, 0.0, 1.0], 100)])

    point = choose_threshold(CalibrateSettings(rule="point"), probability, outcome)
    proven = choose_threshold(CalibrateSettings(rule="wilson"), probability, outcome)
    few = choose_threshold(CalibrateSettings(rule="wilson", minimum_calls=10), probability, outcome)

    assert (point.value, point.calls) == (0.21, 10)
    assert (proven.status, proven.calls) == ("below_floor", 410)  # the candidate has enough calls to be judged
    assert (few.value, few.lower) == (0.21, pytest.approx(0.7225, abs=1e-4))


def test_many_calls_of_few_days_prove_nothing() -> None:
    """Rows of one day rise and fall together: 200 calls on a good day met the floor, and later days broke it."""
    probability, outcome = np.tile([0.9, 0.2], 200), np.tile([1.0, 0.0], 200)
    one_day, many = np.full(400, 5 * DAY), np.repeat(np.arange(20) * DAY + 7 * HOUR, 20)

    found = choose_threshold(CalibrateSettings(), probability, outcome, one_day)
    spread = choose_threshold(CalibrateSettings(), probability, outcome, many)
    before = choose_threshold(CalibrateSettings(minimum_days=0), probability, outcome, one_day)
    point = choose_threshold(CalibrateSettings(rule="point"), probability, outcome, one_day)

    assert (found.status, found.value, found.days, found.minimum_days) == ("below_floor", None, 1, 10)
    assert not found.is_supported
    assert (spread.status, spread.value, spread.days) == ("met", 0.21, 20)
    assert spread.is_supported
    assert (before.status, before.days, before.minimum_days) == ("met", 1, 0)
    assert (point.status, point.days, point.minimum_days, point.minimum_calls) == ("met", 1, 0, 1)


def test_a_day_ends_with_the_instant_at_its_midnight() -> None:
    instants = np.repeat([3 * DAY, 3 * DAY + 1, 4 * DAY], [50, 50, 50])
    found = choose_threshold(CalibrateSettings(minimum_days=2), np.full(150, 0.9), np.ones(150), instants)

    assert (found.status, found.days) == ("met", 2)


def test_the_order_of_rows_and_days_plays_no_part() -> None:
    probability, outcome = slice_of()
    instants = np.repeat(np.arange(40) * DAY, 100)
    order = generator(6, "order").permutation(len(outcome))
    asked = CalibrateSettings(target_precision=0.4)
    found = choose_threshold(asked, probability, outcome, instants)

    assert choose_threshold(asked, probability[order], outcome[order], instants[order]) == found
    assert found.candidate is not None
    assert found.days == len(np.unique(instants[probability >= found.candidate]))


def test_where_days_rule_the_floor_is_hardly_ever_met_by_luck() -> None:
    """Scores that know the days, no threshold that truly keeps 60 %: 34 of 300 slices met it, with 10 days 1."""
    met = {0: 0, 10: 0}
    for number in range(40):
        random = generator(8, "days", number)
        day = random.normal(0.0, 0.9, size=(32, 1))
        own = random.normal(size=(32, 300))
        score = 0.25 * own + 0.35 * day + random.normal(0.0, 0.8, size=(32, 1))
        hit = random.random(own.shape) < 1.0 / (1.0 + np.exp(1.2 - day - 0.25 * own))
        probability = fit_calibrator("isotonic", score.ravel(), hit.ravel().astype(np.float64)).probability(
            score.ravel()
        )
        for least in met:
            asked = CalibrateSettings(minimum_days=least)
            instants = np.repeat(np.arange(32) * DAY, 300)
            found = choose_threshold(asked, probability, hit.ravel().astype(np.float64), instants)
            met[least] += found.status == "met"

    assert met[0] > met[10] == 0


def test_a_threshold_of_a_version_that_did_not_count_days_is_read() -> None:
    found = choose_threshold(CalibrateSettings(rule="point", target_precision=0.4), *slice_of())
    stored = {name: value for name, value in found.as_document().items() if name not in ("days", "minimum_days")}

    read = Threshold.from_document(stored)
    assert (read.days, read.minimum_days, read.value) == (None, None, found.value)
    assert read.is_supported


def test_instants_of_other_rows_are_refused() -> None:
    with pytest.raises(DataError, match="instants"):
        choose_threshold(CalibrateSettings(), np.full(3, 0.5), np.ones(3), np.arange(2))


def test_the_precision_alone_is_not_enough_for_wilson() -> None:
    probability, outcome = np.full(200, 0.7), np.tile([1.0, 1.0, 1.0, 0.0, 0.0], 40)

    assert choose_threshold(CalibrateSettings(rule="point"), probability, outcome).status == "met"
    assert choose_threshold(CalibrateSettings(rule="wilson"), probability, outcome).status == "below_floor"


def test_a_point_estimate_is_a_coin_toss_and_wilson_mostly_keeps_its_promise() -> None:
    """Calibrated probabilities of density ``6 (1 - p)^5``: the calls from *t* up are hits in ``(1 + 6 t) / 7``."""
    random = generator(4, "promise")
    missed: dict[str, list[bool]] = {"point": [], "wilson": []}
    for _ in range(200):
        probability = random.beta(1.0, 6.0, size=4000)
        outcome = (random.random(4000) < probability).astype(np.float64)
        for rule, misses in missed.items():
            asked = CalibrateSettings.model_validate({"rule": rule, "target_precision": 0.4})
            found = choose_threshold(asked, probability, outcome)
            if found.value is not None:
                misses.append((1.0 + 6.0 * found.value) / 7.0 < 0.4)

    assert np.mean(missed["point"]) > 0.35
    assert np.mean(missed["wilson"]) < 0.1
    assert len(missed["wilson"]) > 100


def test_a_candidate_with_too_few_calls_is_shown_only_where_all_have_too_few() -> None:
    probability, outcome = np.full(20, 0.7), np.ones(20)
    found = choose_threshold(CalibrateSettings(rule="wilson"), probability, outcome)

    assert (found.status, found.candidate, found.calls) == ("below_floor", 0.0, 20)


def test_where_no_threshold_calls_anything_the_figures_are_absent() -> None:
    asked = CalibrateSettings(threshold_low=0.5)
    found = choose_threshold(asked, np.full(5, 0.1), np.array([0.0, 1.0, 0.0, 0.0, 0.0]))

    assert (found.status, found.candidate, found.precision, found.lower, found.recall, found.calls) == (
        "below_floor", None, None, None, None, 0,
    )  # fmt: skip
    assert found.base_rate == 0.2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=60),
    st.sampled_from(["point", "wilson"]),
    st.sampled_from([0.3, 0.5, 0.6, 0.75]),
    st.integers(1, 12),
)
def test_the_threshold_is_the_least_that_keeps_the_promise(
    rows: list[tuple[int, bool]], rule: Any, target: float, least: int
) -> None:
    """By brute force over the grid: every lower threshold breaks the rule, and none has a higher recall."""
    probability = np.array([place / 50 for place, _ in rows])
    outcome = np.array([float(hit) for _, hit in rows])
    asked = CalibrateSettings(rule=rule, target_precision=target, minimum_calls=least, threshold_step=0.02)
    keeps = {}
    for place in range(50):
        value = round(0.02 * place, 2)
        called = [hit for one, hit in zip(probability, outcome, strict=True) if one >= value]
        hits, count = sum(called), len(called)
        if rule == "point":
            keeps[value] = count > 0 and hits / count >= target
        else:
            keeps[value] = count >= least and wilson(hits, count) >= target

    found = choose_threshold(asked, probability, outcome)

    passing = [value for value, good in keeps.items() if good]
    assert found.value == (min(passing) if passing else None)
    assert found.status == ("met" if passing else "below_floor")
    if found.value is not None:
        assert found.calls == int((probability >= found.value).sum()) == int(found.called(probability).sum())


def wilson(hits: float, count: int) -> float:
    """Return the lower root of the score equation ``(p - s)^2 = z^2 s (1 - s) / n`` by bisection."""
    share, low, high = hits / count, 0.0, hits / count
    for _ in range(80):
        middle = (low + high) / 2.0
        outside = (share - middle) ** 2 > 1.959963984540054**2 * middle * (1.0 - middle) / count
        low, high = (middle, high) if outside else (low, middle)
    return high


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2000), st.floats(0.0, 1.0))
def test_the_wilson_bound_solves_the_score_equation(calls: int, share: float) -> None:
    hits = round(share * calls)
    bound = float(wilson_lower_bound(np.array([hits]), np.array([calls]))[0])

    assert bound == pytest.approx(wilson(hits, calls), abs=1e-9)
    assert 0.0 <= bound <= hits / calls


def test_no_calls_have_no_bound() -> None:
    assert math.isnan(wilson_lower_bound(np.array([0]), np.array([0]))[0])


@pytest.mark.parametrize(
    ("low", "high", "step", "last", "count"),
    [(0.15, 0.45, 0.01, 0.44, 30), (0.0, 1.0, 0.01, 0.99, 100), (0.1, 0.7, 0.1, 0.6, 6), (0.2, 0.5, 0.07, 0.48, 5)],
)
def test_the_grid_does_not_drift(low: float, high: float, step: float, last: float, count: int) -> None:
    """numpy.arange(0.1, 0.7, 0.1) ends with 0.7000000000000001: a threshold beyond the range that was asked for."""
    grid = threshold_grid(low, high, step)

    assert (len(grid), grid[0], grid[-1]) == (count, low, last)
    assert [len(repr(value)) <= 4 for value in grid.tolist()] == [True] * count


def test_a_threshold_survives_json() -> None:
    found = choose_threshold(CalibrateSettings(rule="point", target_precision=0.4), *slice_of())

    assert Threshold.from_document(json.loads(json.dumps(found.as_document()))) == found


@pytest.mark.parametrize("change", [{"value": None}, {"status": "below_floor"}, {"extra": 1}])
def test_a_document_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    found = choose_threshold(CalibrateSettings(rule="point", target_precision=0.4), *slice_of())
    with pytest.raises(InputError, match="threshold"):
        Threshold.from_document({**found.as_document(), **change})


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [([], []), ([0.1, 0.2], [1.0]), ([0.1, math.nan], [1.0, 0.0]), ([0.1, 1.2], [1.0, 0.0]), ([0.1], [math.nan])],
)
def test_what_cannot_be_judged_is_refused(probability: list[float], outcome: list[float]) -> None:
    """Equity H 16: a row without a label is not a miss."""
    with pytest.raises(DataError):
        choose_threshold(CalibrateSettings(), np.array(probability), np.array(outcome))


def test_a_missing_probability_is_never_called() -> None:
    found = choose_threshold(CalibrateSettings(rule="point", target_precision=0.4), *slice_of())

    assert not found.called(np.array([math.nan]))[0]

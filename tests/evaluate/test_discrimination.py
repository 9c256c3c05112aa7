from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tidegate.core.errors import DataError
from tidegate.core.randomness import generator
from tidegate.evaluate import area_under_roc, average_precision, rank_rows, roc_by_instant, within_date_area

BOTH_CLASSES = st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: len({hit for _, hit in rows}) == 2
)


def columns(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(score) for score, _ in rows]), np.array([float(hit) for _, hit in rows])


@settings(max_examples=80, deadline=None)
@given(BOTH_CLASSES)
def test_the_area_counts_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    score, outcome = columns(rows)
    gaps = score[outcome == 1.0][:, None] - score[outcome == 0.0][None, :]
    expected = ((gaps > 0).sum() + 0.5 * (gaps == 0).sum()) / gaps.size

    assert area_under_roc(score, outcome) == pytest.approx(expected, abs=1e-12)
    assert area_under_roc(score, outcome) == pytest.approx(roc_auc_score(outcome, score), abs=1e-12)
    assert average_precision(score, outcome) == pytest.approx(average_precision_score(outcome, score), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(BOTH_CLASSES, st.sampled_from([np.exp, np.arctan, lambda score: 3.0 * score - 7.0, np.cbrt]))
def test_the_area_depends_on_the_order_alone(
    rows: list[tuple[int, bool]], rising: Callable[[np.ndarray], np.ndarray]
) -> None:
    score, outcome = columns(rows)

    assert area_under_roc(rising(score), outcome) == area_under_roc(score, outcome)
    assert average_precision(rising(score), outcome) == average_precision(score, outcome)


@settings(max_examples=50, deadline=None)
@given(BOTH_CLASSES)
def test_what_is_forecast_the_wrong_way_round_has_the_rest_of_the_area(rows: list[tuple[int, bool]]) -> None:
    score, outcome = columns(rows)
    area, other = area_under_roc(score, outcome), area_under_roc(score, 1.0 - outcome)

    assert area is not None
    assert other == pytest.approx(1.0 - area, abs=1e-12)
    assert area_under_roc(-score, outcome) == pytest.approx(1.0 - area, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3), st.booleans()), min_size=1, max_size=50))
def test_the_area_of_an_instant_is_that_of_its_rows(rows: list[tuple[int, int, bool]]) -> None:
    times, (score, outcome) = np.array([row[0] for row in rows]), columns([row[1:] for row in rows])
    ranked = rank_rows(times, score)
    areas = roc_by_instant(ranked, score, outcome)

    assert ranked.instants.tolist() == sorted(set(times.tolist()))
    for time, area in zip(ranked.instants, areas, strict=True):
        own = area_under_roc(score[times == time], outcome[times == time])
        assert area == pytest.approx(math.nan if own is None else own, abs=1e-12, nan_ok=True)


def test_every_instant_with_both_classes_weighs_the_same() -> None:
    times = np.array([1, 1, 2, 2, 2, 2, 3])
    score = np.array([0.1, 0.9, 0.9, 0.8, 0.7, 0.1, 0.5])
    outcome = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0])

    assert within_date_area(times, score, outcome) == 0.5  # 1 and 0; the third instant has hits alone
    assert within_date_area(times[-1:], score[-1:], outcome[-1:]) is None


def test_knowing_the_date_alone_is_no_skill_within_the_date() -> None:
    """Equity G.5, H 15 and J.7: the date explains most of a label, and the pooled figure takes that for skill."""
    random = generator(1, "dates")
    level = random.normal(size=80)
    times = np.repeat(np.arange(80), 50)
    outcome = (level[times] + random.normal(size=4000) > 0.5).astype(np.float64)
    knows_the_date = level[times]

    pooled, within = area_under_roc(knows_the_date, outcome), within_date_area(times, knows_the_date, outcome)
    assert pooled is not None
    assert pooled > 0.7
    assert within == 0.5


def test_a_random_score_has_an_area_of_one_half() -> None:
    """Equity I 15 and I 14: permuted labels give 0.50 +- 0.01, pooled and within the date."""
    random = generator(2, "random")
    times = np.repeat(np.arange(200), 250)
    truth = (random.random(200)[times] > random.random(50_000)).astype(np.float64)
    permuted = random.permutation(truth)
    score = random.normal(size=50_000)

    assert area_under_roc(score, truth) == pytest.approx(0.5, abs=0.01)
    assert within_date_area(times, score, truth) == pytest.approx(0.5, abs=0.01)
    assert area_under_roc(truth + 0.1 * score, permuted) == pytest.approx(0.5, abs=0.01)
    assert average_precision(score, truth) == pytest.approx(truth.mean(), abs=0.02)


def test_unknown_outcomes_count_for_nothing() -> None:
    """Equity H 16: an unlabelled row is no miss."""
    score, outcome = np.array([0.9, 0.8, 0.7, 0.2]), np.array([math.nan, 1.0, math.nan, 0.0])

    assert area_under_roc(score, outcome) == 1.0
    assert average_precision(score, outcome) == 1.0
    assert within_date_area(np.ones(4, dtype=np.int64), score, outcome) == 1.0
    assert area_under_roc(score, np.full(4, math.nan)) is None
    assert average_precision(score, np.full(4, math.nan)) is None


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_class_alone_has_no_area(outcome: float) -> None:
    score = np.array([0.1, 0.2])

    assert area_under_roc(score, np.full(2, outcome)) is None
    assert average_precision(score, np.full(2, outcome)) == (1.0 if outcome else None)


@pytest.mark.parametrize(
    ("score", "outcome"), [([], []), ([1.0], [1.0, 0.0]), ([math.nan], [1.0]), ([math.inf], [1.0]), ([1.0], [0.5])]
)
def test_rows_that_cannot_be_judged_are_refused(score: list[float], outcome: list[float]) -> None:
    for figure in (area_under_roc, average_precision):
        with pytest.raises(DataError):
            figure(np.array(score), np.array(outcome))

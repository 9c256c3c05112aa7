from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from tidegate.core.errors import DataError
from tidegate.core.randomness import generator
from tidegate.evaluate import best_f_score, call_quality, precision_recall_curve


def forecasts(rows: int, digits: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = generator(9, "calls", rows)
    probability = np.round(random.random(rows), digits)
    return probability, (random.random(rows) < probability).astype(np.float64)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_calls_agree_with_scikit_learn(beta: float) -> None:
    probability, outcome = forecasts(500)
    called = probability > 0.7
    found = call_quality(called, outcome)

    assert found.precision == pytest.approx(precision_score(outcome, called))
    assert found.recall == pytest.approx(recall_score(outcome, called))
    assert found.f_score(beta) == pytest.approx(fbeta_score(outcome, called, beta=beta))


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_the_best_f_score_is_that_of_the_best_threshold(beta: float) -> None:
    score, outcome = forecasts(300, digits=2)
    expected = max(call_quality(score >= one, outcome).f_score(beta) or 0.0 for one in np.unique(score))

    assert best_f_score(score, outcome, beta) == pytest.approx(expected)
    unknown = np.append(outcome, math.nan)
    assert best_f_score(np.append(score, 1.0), unknown, beta) == pytest.approx(expected)
    assert best_f_score(score, np.zeros(300), beta) is None
    with pytest.raises(DataError):
        best_f_score(np.full(300, math.nan), outcome, beta)


def test_without_calls_there_is_no_precision_and_it_is_not_0() -> None:
    nothing = call_quality(np.zeros(3, dtype=bool), np.array([1.0, 0.0, 1.0]))
    no_hits = call_quality(np.ones(2, dtype=bool), np.zeros(2))

    assert (nothing.precision, nothing.recall, nothing.f_score()) == (None, 0.0, None)
    assert (no_hits.precision, no_hits.recall, no_hits.f_score()) == (0.0, None, None)


def test_calls_of_unknown_outcome_count_for_nothing() -> None:
    found = call_quality(np.array([True, True, False]), np.array([1.0, math.nan, 1.0]))

    assert (found.calls, found.hits, found.positives) == (1, 1, 2)


def test_every_point_of_the_curve_is_exact() -> None:
    probability, outcome = forecasts(5000)
    curve = precision_recall_curve(probability, outcome)

    assert len(curve) <= 100
    assert curve[-1][3] == 5000
    for threshold, precision, recall, calls in curve:
        called = probability >= threshold
        assert calls == called.sum()
        assert precision == pytest.approx(outcome[called].mean())
        assert recall == pytest.approx(outcome[called].sum() / outcome.sum())
    assert [row[0] for row in curve] == sorted((row[0] for row in curve), reverse=True)


def test_a_short_curve_holds_every_threshold_once() -> None:
    probability, outcome = forecasts(400, digits=1)

    assert [row[0] for row in precision_recall_curve(probability, outcome)] == sorted(set(probability), reverse=True)


def test_a_thinned_curve_keeps_the_rare_high_end() -> None:
    probability, outcome = forecasts(20_000)
    few = [row for row in precision_recall_curve(probability, outcome) if row[3] <= 100]

    assert len(few) > 20


def test_a_curve_without_hits_or_rows() -> None:
    assert precision_recall_curve(np.array([0.4]), np.array([0.0])) == [(0.4, 0.0, None, 1)]
    assert precision_recall_curve(np.array([math.nan]), np.array([0.0])) == []
    with pytest.raises(DataError):
        precision_recall_curve(np.array([0.4]), np.array([0.3]))

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.evaluate import area_under_roc, expected_calibration_error
from tidegate.models.calibration import Calibrator, fit_calibrator


def overconfident(rows: int, scope: str = "fit") -> tuple[np.ndarray, np.ndarray]:
    """Return scores whose log-odds are twice what they should be, and what came."""
    random = generator(11, "overconfident", scope, rows)
    margin = random.normal(-1.0, 1.0, size=rows)
    outcome = random.random(rows) < 1.0 / (1.0 + np.exp(-margin))
    return 1.0 / (1.0 + np.exp(-2.0 * margin)), outcome.astype(np.float64)


def test_isotonic_agrees_with_scikit_learn_on_its_own_scores() -> None:
    scores, outcomes = overconfident(1500)
    scores = np.round(scores, 2)  # with ties
    theirs = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, outcomes).predict(scores)

    assert fit_calibrator("isotonic", scores, outcomes).probability(scores) == pytest.approx(theirs, abs=1e-12)


def test_platt_agrees_with_scikit_learn_on_platts_targets() -> None:
    """Each row stands for a part of a hit and a part of a miss, as Lin, Lin and Weng 2007 write."""
    scores, outcomes = overconfident(800)
    positives, negatives = outcomes.sum(), (1 - outcomes).sum()
    target = np.where(outcomes == 1.0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    both = np.concatenate([scores, scores])[:, None]
    model.fit(both, np.repeat([1, 0], len(scores)), sample_weight=np.concatenate([target, 1 - target]))

    ours = fit_calibrator("platt", scores, outcomes).probability(scores)
    assert ours == pytest.approx(model.predict_proba(scores[:, None])[:, 1], abs=1e-6)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_calibration_lowers_the_error_on_rows_it_has_not_seen(method: Any) -> None:
    """Crypto 22 and D-52: constants written by hand calibrate nothing, and stored bins were never applied."""
    early, outcomes_then = overconfident(4000)
    calibrator = fit_calibrator(method, np.log(early / (1.0 - early)), outcomes_then)
    scores, outcomes = overconfident(4000, "later")

    before = expected_calibration_error(scores, outcomes)
    after = expected_calibration_error(calibrator.probability(np.log(scores / (1.0 - scores))), outcomes)
    assert before is not None
    assert after is not None
    assert after < 0.03 < before


def test_a_score_between_two_steps_takes_the_lower_one() -> None:
    scores = np.repeat([0.2, 0.8], 200)
    calibrator = fit_calibrator("isotonic", scores, np.repeat([0.0, 1.0], 200))

    assert calibrator.probability(np.array([-5.0, 0.2, 0.79, 0.8, 5.0])).tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_score_that_says_the_opposite_becomes_the_base_rate(method: Any) -> None:
    scores = np.linspace(0.0, 1.0, 400)
    outcomes = (scores < 0.25).astype(np.float64)
    found = fit_calibrator(method, scores, outcomes).probability(scores)

    assert np.ptp(found) == 0.0
    assert found[0] == pytest.approx(0.25, abs=0.01)


def test_platt_stays_finite_where_the_scores_separate_the_classes() -> None:
    scores = np.concatenate([np.linspace(-1.0, -0.5, 300), np.linspace(0.5, 1.0, 300)])
    found = fit_calibrator("platt", scores, (scores > 0.0).astype(np.float64))

    assert math.isfinite(found.slope)
    assert 0.0 < found.probability(np.array([-1.0]))[0] < 0.01
    assert found.probability(np.array([-1e308, 1e308])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("scores", [np.full(300, 0.1), np.linspace(-1e300, 1e300, 300), np.linspace(0, 1e-300, 300)])
@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_scores_of_any_size_give_probabilities(method: Any, scores: np.ndarray) -> None:
    found = fit_calibrator(method, scores, np.tile([0.0, 0.0, 1.0], 100)).probability(scores)

    assert np.all((found >= 0.0) & (found <= 1.0))
    assert found.mean() == pytest.approx(1 / 3, abs=0.01)


def test_none_takes_the_scores_as_they_are() -> None:
    calibrator = fit_calibrator("none", np.array([0.3]), np.array([1.0]))

    assert calibrator.probability(np.array([-0.1, 0.4, 1.5])).tolist() == [0.0, 0.4, 1.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["isotonic", "platt", "none"]), st.integers(1, 3))
def test_a_calibrator_rises_within_0_and_1_and_survives_json(seed: int, method: Any, digits: int) -> None:
    random = generator(seed, "calibrator")
    scores = np.round(random.normal(size=250), digits)
    outcomes = (random.random(250) < 0.4).astype(np.float64)
    outcomes[:2] = 0.0, 1.0
    calibrator = fit_calibrator(method, scores, outcomes)
    there = np.sort(np.concatenate([scores, random.normal(scale=5.0, size=200)]))
    found = calibrator.probability(there)

    assert np.all(np.diff(found) >= 0.0)
    assert np.all((found >= 0.0) & (found <= 1.0))
    read = Calibrator.from_document(json.loads(json.dumps(calibrator.as_document())))
    assert read == calibrator
    assert np.array_equal(read.probability(there), found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_isotonic_never_lowers_the_area_on_its_own_rows(seed: int) -> None:
    """It takes together only what stood in the wrong order, and ties count half."""
    random = generator(seed, "area")
    scores, outcomes = random.normal(size=220), (random.random(220) < 0.3).astype(np.float64)
    outcomes[:2] = 0.0, 1.0
    before = area_under_roc(scores, outcomes)
    after = area_under_roc(fit_calibrator("isotonic", scores, outcomes).probability(scores), outcomes)

    assert before is not None
    assert after is not None
    assert after >= before - 1e-12


@pytest.mark.parametrize("method", ["isotonic", "platt"])
@pytest.mark.parametrize("rows", [np.tile([0.0, 1.0], 99), np.zeros(500), np.ones(500)])
def test_too_few_samples_or_one_class_fit_nothing(method: Any, rows: np.ndarray) -> None:
    """Crypto 23.5: below 200 samples there is no calibration, and no constant stands in for it."""
    with pytest.raises(DataError, match="calibration slice"):
        fit_calibrator(method, np.linspace(0.0, 1.0, len(rows)), rows)


def test_200_samples_are_enough() -> None:
    assert fit_calibrator("isotonic", np.linspace(0.0, 1.0, 200), np.tile([0.0, 1.0], 100)).rows == 200


@pytest.mark.parametrize(("score", "outcome"), [(math.nan, 0.0), (math.inf, 0.0), (0.5, math.nan), (0.5, 0.5)], ids=str)
def test_rows_without_score_or_label_are_refused(score: float, outcome: float) -> None:
    """Equity H 16: what has no label is not a miss."""
    scores, outcomes = np.linspace(0.0, 1.0, 300), np.tile([0.0, 1.0], 150)
    scores[7], outcomes[7] = score, outcome
    with pytest.raises(DataError, match="1 rows"):
        fit_calibrator("isotonic", scores, outcomes)


def test_shapes_must_fit() -> None:
    with pytest.raises(DataError, match="equally long"):
        fit_calibrator("none", np.zeros(3), np.zeros(4))


def test_a_missing_score_has_no_probability_and_an_infinite_one_is_refused() -> None:
    for method in ("isotonic", "platt", "none"):
        calibrator = fit_calibrator(method, *overconfident(300))

        assert np.isnan(calibrator.probability(np.array([math.nan]))).all()
        with pytest.raises(InputError, match="infinite"):
            calibrator.probability(np.array([math.inf]))


@pytest.mark.parametrize(
    "change",
    [
        {"values": [0.2]},
        {"values": [0.9, 0.2], "starts": [0.0, 1.0]},
        {"values": [0.2, 1.2], "starts": [0.0, 1.0]},
        {"starts": [], "values": []},
        {"method": "magic"},
        {"slope": -1.0},
        {"scale": 0.0},
        {"centre": "far"},
        {"rows": None},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_document_that_is_no_rising_map_is_refused(change: dict[str, Any]) -> None:
    document = fit_calibrator("isotonic", *overconfident(300)).as_document()
    with pytest.raises(InputError, match="no calibrator"):
        Calibrator.from_document({**document, **change})


def test_a_document_that_lacks_a_key_is_refused() -> None:
    document = fit_calibrator("platt", *overconfident(300)).as_document()
    del document["starts"]
    with pytest.raises(InputError, match="no calibrator"):
        Calibrator.from_document(document)

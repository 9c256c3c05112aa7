from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
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


def test_isotonic_agrees_with_scikit_learn_on_its_own_scores_between_the_ends() -> None:
    scores, outcomes = overconfident(6000)
    scores = np.round(scores, 2)  # with ties
    theirs = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, outcomes).predict(scores)
    ours = fit_calibrator("isotonic", scores, outcomes).probability(scores)
    between = (ours > ours.min()) & (ours < ours.max())

    assert np.mean(between) > 0.7
    assert ours[between] == pytest.approx(theirs[between], abs=1e-12)
    for end in (ours == ours.min(), ours == ours.max()):
        assert ours[end] == pytest.approx(outcomes[end].mean(), abs=1e-12)


@pytest.mark.parametrize(("rows", "least"), [(200, 50), (1500, 50), (9000, 90)])
@pytest.mark.parametrize("skill", [0.0, 1.0])
def test_the_ends_of_isotonic_have_samples_enough(rows: int, least: int, skill: float) -> None:
    """The best of many names takes the last step: a handful of lucky samples there was printed as a probability."""
    random = generator(13, "ends", rows)
    scores = random.normal(size=rows)
    outcomes = (random.random(rows) < 1.0 / (1.0 + np.exp(1.3 - skill * scores))).astype(np.float64)
    found = fit_calibrator("isotonic", scores, outcomes)
    ours = found.probability(scores)

    assert min(np.sum(ours == found.values[0]), np.sum(ours == found.values[-1])) >= least
    assert np.all(np.diff(found.values) > 0.0)
    assert ours.mean() == pytest.approx(outcomes.mean(), abs=1e-12)
    if skill:
        assert len(found.values) > 2


def test_noise_is_not_printed_as_a_probability() -> None:
    """Scores that say nothing, 22 % hits: the ten best of 1,000 names were told up to 45 %."""
    told = []
    for number in range(40):
        random = generator(14, "noise", number)
        outcomes = (random.random(9000) < 0.22).astype(np.float64)
        found = fit_calibrator("isotonic", random.normal(size=9000), outcomes)
        told.append(np.sort(found.probability(random.normal(size=1000)))[-10:].mean())

    assert np.mean(told) < 0.26  # 0.270 with ends of any size
    assert np.max(told) < 0.38  # 0.407


def test_platt_agrees_with_scikit_learn_on_platts_targets() -> None:
    """Each row stands for a part of a hit and a part of a miss, as Lin, Lin and Weng 2007 write."""
    probability, outcomes = overconfident(800)
    scores = np.log(probability / (1.0 - probability))
    positives, negatives = outcomes.sum(), (1 - outcomes).sum()
    target = np.where(outcomes == 1.0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    both = np.concatenate([scores, scores])[:, None]
    model.fit(both, np.repeat([1, 0], len(scores)), sample_weight=np.concatenate([target, 1 - target]))

    ours = fit_calibrator("platt", scores, outcomes).probability(scores)
    assert ours == pytest.approx(model.predict_proba(scores[:, None])[:, 1], abs=1e-6)


def test_platt_on_probabilities_is_platt_on_their_log_odds() -> None:
    probability, outcomes = overconfident(800)
    log_odds = np.log(probability / (1.0 - probability))
    on_probability, on_log_odds = (fit_calibrator("platt", scores, outcomes) for scores in (probability, log_odds))

    assert (on_probability.on, on_log_odds.on) == ("log_odds", "score")
    assert on_probability.probability(probability) == pytest.approx(on_log_odds.probability(log_odds), abs=1e-9)


def test_platt_leaves_a_probability_that_is_right_as_it_is() -> None:
    """Drawn over the probability itself, a logistic curve bends what was straight."""
    random = generator(12, "right")
    probability = random.beta(2.0, 3.0, size=20_000)
    outcomes = (random.random(len(probability)) < probability).astype(np.float64)
    found = fit_calibrator("platt", probability, outcomes)
    there = np.linspace(0.02, 0.98, 49)

    assert found.probability(there) == pytest.approx(there, abs=0.02)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_one_certain_score_leaves_the_curve_over_the_score(edge: float) -> None:
    probability, outcomes = overconfident(800)
    probability[0] = edge

    assert fit_calibrator("platt", probability, outcomes).on == "score"


def test_platt_on_log_odds_is_finite_and_rises_to_both_ends() -> None:
    found = fit_calibrator("platt", *overconfident(800))
    there = np.array([-3.0, 0.0, 5e-324, 1e-310, 2.3e-308, 1e-300, 1e-20, 0.5, 1.0 - 1e-15, 1.0, 7.0])
    with np.errstate(all="raise", under="ignore"):
        probability = found.probability(there)

    assert np.isfinite(probability).all()
    assert np.all(np.diff(probability) >= 0.0)
    assert probability[0] == probability[1] < 1e-100
    assert probability[-1] == probability[-2] > 0.9999


def test_a_curve_that_was_stored_before_there_was_a_choice_is_over_the_score() -> None:
    probability, outcomes = overconfident(800)
    document = fit_calibrator("platt", 3.0 * probability, outcomes).as_document()
    stored = {name: value for name, value in document.items() if name != "on"}

    assert Calibrator.from_document(stored) == Calibrator.from_document(document)


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
    spread = np.round(random.normal(size=250), digits)
    scores = spread if seed % 2 else 1.0 / (1.0 + np.exp(-spread))
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
    scores, outcomes = random.normal(size=400), (random.random(400) < 0.3).astype(np.float64)
    outcomes[:2] = 0.0, 1.0
    ours = fit_calibrator("isotonic", scores, outcomes).probability(scores)
    between = (ours > ours.min()) & (ours < ours.max())  # the ends are joined for other reasons
    assume(outcomes[between].min(initial=1.0) < outcomes[between].max(initial=0.0))
    before = area_under_roc(scores[between], outcomes[between])
    after = area_under_roc(ours[between], outcomes[between])

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
        {"on": "odds"},
        {"on": "log_odds"},
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

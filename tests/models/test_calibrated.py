"""From models to scores, probabilities and calls: one way for training and for live lists."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.core.recipe import CalibrateSettings, ModelSettings, RidgeSettings
from tidegate.models import (
    ENSEMBLE,
    Ensemble,
    calibrated,
    choose_threshold,
    fit_calibrator,
    make_forecaster,
    scores_of_models,
)

RANDOM = np.random.default_rng(3)
FEATURES = RANDOM.normal(size=(400, 2)).astype(np.float32)
INSTANTS = np.repeat(np.arange(40), 10)
OUTCOME = (FEATURES[:, 0] + RANDOM.normal(size=400) > 0.0).astype(np.float64)


def test_the_ensemble_combines_the_scores_of_its_members() -> None:
    settings = ModelSettings(ridge=RidgeSettings())
    ridge = make_forecaster("ridge", settings, seed=1).fit(FEATURES, OUTCOME)
    other = make_forecaster("ridge", settings, seed=1).fit(FEATURES[:, ::-1].copy(), OUTCOME)
    ensemble = Ensemble(weights={"ridge": 0.25, "other": 0.75}, scale="rank")

    scores = scores_of_models({"ridge": ridge, "other": other}, ensemble, FEATURES, INSTANTS)

    assert list(scores) == ["ridge", "other", ENSEMBLE]
    members = {name: scores[name] for name in ("ridge", "other")}
    np.testing.assert_array_equal(scores[ENSEMBLE], ensemble.combine(members, INSTANTS))
    assert list(scores_of_models({"ridge": ridge}, None, FEATURES, INSTANTS)) == ["ridge"]


@pytest.mark.parametrize(("target", "called"), [(0.55, True), (0.999, False)])
def test_calls_are_those_of_the_threshold(target: float, called: bool) -> None:
    """Equity I 16: below the floor nothing is called, and the probabilities stay."""
    score = FEATURES[:, 0].astype(np.float64)
    calibrator = fit_calibrator("platt", score, OUTCOME)
    probability = calibrator.probability(score)
    threshold = choose_threshold(CalibrateSettings(target_precision=target, minimum_calls=20), probability, OUTCOME)

    said = calibrated(score, calibrator, threshold)

    assert said.score is score
    assert said.called is not None
    np.testing.assert_array_equal(said.probability, probability)
    assert bool(said.called.any()) is called


def test_without_a_calibrator_a_score_is_no_probability() -> None:
    said = calibrated(np.array([0.4]), None, None)

    assert (said.probability, said.called) == (None, None)

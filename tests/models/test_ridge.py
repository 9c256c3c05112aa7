from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import RidgeSettings
from tidegate.models import Ridge, training_rows
from tidegate.models.stored import write_model


def rows(count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = generator(1, "ridge")
    features = random.normal(5.0, [1.0, 10.0, 0.1], (count, 3)).astype(np.float32)
    return features, features @ np.array([1.0, -0.2, 3.0]) + random.normal(size=count)


def test_it_solves_the_penalised_least_squares_problem() -> None:
    """Against an independent solver: least squares on rows extended by the root of the penalty."""
    features, target = rows()
    wide = features.astype(np.float64)
    standard = (wide - wide.mean(axis=0)) / wide.std(axis=0, ddof=1)
    extended = np.vstack([standard, np.sqrt(50.0) * np.eye(3)])
    weights = np.linalg.lstsq(extended, np.concatenate([target - target.mean(), np.zeros(3)]))[0]

    forecast = Ridge(RidgeSettings(penalty=50.0)).fit(features, target).predict(features)

    np.testing.assert_allclose(forecast, target.mean() + standard @ weights, rtol=1e-10)


def test_without_signal_it_forecasts_the_mean() -> None:
    """The original ridge had no intercept."""
    features, target = rows()
    model = Ridge(RidgeSettings(penalty=1e12)).fit(features, target)

    np.testing.assert_allclose(model.predict(features), target.mean(), atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e30])
def test_a_constant_feature_says_nothing(constant: float) -> None:
    """Equity C.8: a deviation of 0 turned the whole column into NaN."""
    features, target = rows()
    with_constant = np.column_stack([features, np.full(len(features), constant, dtype=np.float32)])
    model = Ridge(RidgeSettings()).fit(with_constant, target)

    np.testing.assert_allclose(model.importance()[3], 0.0, atol=1e-12)
    np.testing.assert_allclose(
        model.predict(with_constant),
        Ridge(RidgeSettings()).fit(features, target).predict(features),
        rtol=1e-9,
    )


def test_a_missing_value_counts_as_the_training_mean() -> None:
    features, target = rows()
    model = Ridge(RidgeSettings()).fit(features, target)
    missing, mean = features[:1].copy(), features[:1].copy()
    missing[0, 1], mean[0, 1] = np.nan, features[:, 1].astype(np.float64).mean()

    assert model.predict(missing)[0] == pytest.approx(model.predict(mean)[0], rel=1e-6)


def test_a_feature_that_is_always_missing_says_nothing() -> None:
    features, target = rows()
    features[:, 2] = np.nan
    model = Ridge(RidgeSettings()).fit(features, target)

    assert model.importance()[2] == 0.0
    assert np.isfinite(model.predict(features)).all()


def test_pieces_do_not_change_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    features, target = rows()
    whole = Ridge(RidgeSettings()).fit(features, target).predict(features)
    monkeypatch.setattr(training_rows, "PIECE", 17)

    np.testing.assert_allclose(Ridge(RidgeSettings()).fit(features, target).predict(features), whole, rtol=1e-12)


def test_weights_count_rows() -> None:
    """Equity C.6: a weight says how often a row counts; whole weights are repetitions."""
    features, target = rows()
    features[::7, 0] = np.nan
    weight = np.arange(len(target)) % 4.0
    often = weight.astype(np.int64)
    repeated = Ridge(RidgeSettings()).fit(np.repeat(features, often, axis=0), np.repeat(target, often))
    weighted = Ridge(RidgeSettings()).fit(features, target, weight=weight)

    np.testing.assert_allclose(weighted.predict(features), repeated.predict(features), rtol=1e-10)


def test_rows_of_weight_0_do_not_exist() -> None:
    features, target = rows()
    weight = np.where(np.arange(len(target)) < 200, 1.0, 0.0)
    absurd = features.copy()
    absurd[200:] = 1e9
    model = Ridge(RidgeSettings()).fit(absurd, target, weight=weight)
    without = Ridge(RidgeSettings()).fit(features[:200], target[:200])

    np.testing.assert_allclose(model.predict(features), without.predict(features), rtol=1e-12)


def test_a_missing_value_contributes_nothing() -> None:
    features, target = rows()
    features[3, 1] = np.nan
    model = Ridge(RidgeSettings()).fit(features, target)

    assert model.contributions(features)[3, 1] == 0.0
    np.testing.assert_allclose(model.contributions(features).sum(axis=1), model.predict(features), rtol=1e-12)


def test_a_target_of_0_and_1_is_forecast_on_a_line() -> None:
    features, target = rows()
    features[0] = [50.0, -500.0, 5.0]
    hit = (target > np.median(target)).astype(float)
    model = Ridge(RidgeSettings()).fit(features[1:], hit[1:])

    assert model.predict(features)[0] > 1.0


def test_a_file_that_is_no_ridge_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "ridge", "ridge.json", "{}")

    with pytest.raises(InputError, match="train again"):
        Ridge.load(tmp_path)


def test_an_untrained_ridge_has_nothing_to_say() -> None:
    with pytest.raises(InputError, match="not fitted"):
        Ridge(RidgeSettings()).importance()

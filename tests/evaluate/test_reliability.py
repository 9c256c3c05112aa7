from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from tidegate.core.errors import DataError
from tidegate.core.randomness import generator
from tidegate.evaluate import brier_score, expected_calibration_error, reliability_table


def forecasts(rows: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    random = generator(8, "reliability")
    probability = random.beta(2.0, 5.0, size=rows)
    return probability, (random.random(rows) < probability**1.3).astype(np.float64)


def test_the_table_agrees_with_scikit_learn() -> None:
    probability, outcome = forecasts()
    rate, mean = calibration_curve(outcome, probability, n_bins=10)
    table = reliability_table(probability, outcome)

    assert [row["rate"] for row in table] == pytest.approx(rate)
    assert [row["mean"] for row in table] == pytest.approx(mean)
    assert sum(row["count"] for row in table) == 3000
    assert brier_score(probability, outcome) == pytest.approx(brier_score_loss(outcome, probability))


def test_the_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    probability, outcome = np.array([0.05, 0.05, 0.95, 0.95]), np.array([0.0, 1.0, 1.0, 1.0])

    assert expected_calibration_error(probability, outcome) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


def test_a_bin_without_rows_is_absent_and_1_belongs_to_the_last() -> None:
    table = reliability_table(np.array([0.0, 0.1, 1.0]), np.array([0.0, 1.0, 1.0]))

    assert [(row["low"], row["count"]) for row in table] == [(0.0, 1), (0.1, 1), (0.9, 1)]


def test_perfect_probabilities_have_no_error() -> None:
    outcome = np.array([0.0, 1.0, 1.0])

    assert (brier_score(outcome, outcome), expected_calibration_error(outcome, outcome)) == (0.0, 0.0)


def test_rows_without_probability_or_outcome_are_left_out() -> None:
    probability, outcome = np.array([0.5, math.nan, 0.5]), np.array([1.0, 1.0, math.nan])

    assert brier_score(probability, outcome) == 0.25
    assert [row["count"] for row in reliability_table(probability, outcome)] == [1]


def test_without_a_row_there_is_no_figure() -> None:
    nothing = np.full(3, math.nan)

    assert brier_score(nothing, np.ones(3)) is None
    assert expected_calibration_error(np.full(3, 0.5), nothing) is None
    assert reliability_table(nothing, np.ones(3)) == []


@pytest.mark.parametrize("probability", [[-0.1, 0.5], [0.5, 1.1], [0.5]])
def test_what_is_no_probability_is_refused(probability: list[float]) -> None:
    """Crypto D-52: a score is not a confidence."""
    for figure in (brier_score, expected_calibration_error, reliability_table):
        with pytest.raises(DataError):
            figure(np.array(probability), np.array([0.0, 1.0]))

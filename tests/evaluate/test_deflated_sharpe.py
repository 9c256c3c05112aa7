from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)

YEAR = 250
PUBLISHED = {"sharpe": 2.5 / YEAR**0.5, "bars": 1250, "variance": 0.5 / YEAR}
ODD = {"skewness": -3.0, "kurtosis": 10.0}


@pytest.mark.parametrize(("moments", "expected"), [((0.0, 3.0), 0.982), ((-2.448, 10.164), 0.913)])
def test_published_probabilities(moments: tuple[float, float], expected: float) -> None:
    """Bailey and López de Prado 2012: a hedge fund, 24 months, 0.458 a month."""
    found = probabilistic_sharpe(0.458, bars=24, skewness=moments[0], kurtosis=moments[1])

    assert round(found, 3) == expected


@pytest.mark.parametrize(
    ("trials", "moments", "expected"),
    [(100, ODD, 0.9004), (46, ODD, 0.9505), (88, {"skewness": 0.0, "kurtosis": 3.0}, 0.9505)],
)
def test_published_deflated_ratios(trials: int, moments: dict[str, float], expected: float) -> None:
    """Bailey and López de Prado 2014: 2.5 a year in 1,250 days, variance 1/2 a year; normal returns would allow 88
    trials for the confidence that the odd ones have at 46; equity E.10, H 6."""
    assert round(deflated_sharpe(**PUBLISHED, trials=trials, **moments), 4) == expected


def test_published_benchmark_of_100_trials() -> None:
    assert round(expected_maximum_sharpe(0.5 / YEAR, 100), 4) == 0.1132


@pytest.mark.parametrize(("skewness", "kurtosis", "years"), [(0.0, 3.0, 3.24), (-0.72, 5.78, 4.99)])
def test_published_track_records(skewness: float, kurtosis: float, years: float) -> None:
    """Bailey and López de Prado 2012: monthly, 2 a year against 1."""
    month = 12**-0.5
    bars = minimum_track_record(2 * month, benchmark=month, skewness=skewness, kurtosis=kurtosis)

    assert round(bars / 12, 2) == years


@given(st.floats(0.01, 0.5), st.floats(-0.5, 0.009), st.floats(-2.0, 2.0), st.floats(0.0, 10.0), st.floats(0.6, 0.999))
def test_a_record_of_the_least_length_has_the_confidence(
    sharpe: float, benchmark: float, skewness: float, above: float, confidence: float
) -> None:
    kurtosis = 1.0 + skewness**2 + above + 0.1
    bars = minimum_track_record(
        sharpe, benchmark=benchmark, skewness=skewness, kurtosis=kurtosis, confidence=confidence
    )
    whole = max(math.ceil(bars), 2)

    assert (
        probabilistic_sharpe(sharpe, bars=whole, benchmark=benchmark, skewness=skewness, kurtosis=kurtosis)
        >= confidence - 1e-9
    )


def test_the_expected_best_of_noise_is_what_noise_shows() -> None:
    drawn = generator(3, "best").normal(size=(4000, 200)) * 0.05

    assert expected_maximum_sharpe(0.05**2, 200) == pytest.approx(drawn.max(axis=1).mean(), rel=0.01)


def test_probabilities_are_those_of_noise() -> None:
    """A true ratio of 0: the probability is spread evenly, and that of the best of 50, deflated, leans to no side."""
    random = generator(4, "noise")
    returns = random.standard_t(5, size=(400, 2000))
    moments = sharpe_moments(returns)
    rows = list(zip(moments.sharpe, moments.skewness, moments.kurtosis, strict=True))
    each = [probabilistic_sharpe(one, bars=400, skewness=skew, kurtosis=kurt) for one, skew, kurt in rows]
    best = []
    for start in range(0, 2000, 50):
        part = rows[start : start + 50]
        one, skew, kurt = max(part)
        variance = float(np.var([row[0] for row in part], ddof=1))
        best.append(deflated_sharpe(one, bars=400, trials=50, variance=variance, skewness=skew, kurtosis=kurt))

    assert np.mean(np.array(each) > 0.95) == pytest.approx(0.05, abs=0.02)
    assert 0.35 < np.mean(best) < 0.65


def test_moments_are_those_of_a_package() -> None:
    returns = 0.02 * generator(5, "moments").gamma(2.0, size=(300, 600)) - 0.03
    found = sharpe_moments(returns)

    np.testing.assert_allclose(found.sharpe, returns.mean(axis=0) / returns.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(found.skewness, stats.skew(returns), rtol=1e-9)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(returns, fisher=False), rtol=1e-9)
    assert found.bars == 300


def test_what_never_varies_has_no_ratio() -> None:
    returns = np.column_stack([np.full(9, 0.1), np.zeros(9), np.arange(9.0)])
    found = sharpe_moments(returns)

    for values in (found.sharpe, found.skewness, found.kurtosis):
        assert np.isnan(values).tolist() == [True, True, False]
    with pytest.raises(InputError, match="nan"):
        probabilistic_sharpe(float(found.sharpe[0]), bars=9)


def test_one_trial_was_not_chosen() -> None:
    alone = probabilistic_sharpe(0.1, bars=500, **ODD)

    assert expected_maximum_sharpe(0.3, 1) == 0.0
    assert deflated_sharpe(0.1, bars=500, trials=1, variance=0.0, **ODD) == alone
    assert deflated_sharpe(0.1, bars=500, trials=50, variance=0.0, **ODD) == alone
    assert expected_maximum_sharpe(0.3, 1.01) == 0.0
    assert expected_maximum_sharpe(1.0, 2) == pytest.approx(math.pi**-0.5, rel=0.08)


def test_returns_of_two_values_may_leave_no_doubt() -> None:
    """Skewness -1.5 has a kurtosis of at least 3.25; there the deviation of a ratio of -4/3 is 0."""
    certain = {"bars": 10, "skewness": -1.5, "kurtosis": 3.25}

    assert probabilistic_sharpe(-4 / 3, benchmark=-2.0, **certain) == 1.0
    assert probabilistic_sharpe(-4 / 3, benchmark=0.0, **certain) == 0.0
    assert probabilistic_sharpe(-4 / 3, benchmark=-4 / 3, **certain) == 0.5
    assert minimum_track_record(-4 / 3, benchmark=-2.0, skewness=-1.5, kurtosis=3.25) == 1.0


def test_no_record_is_long_enough_below_the_benchmark() -> None:
    assert minimum_track_record(0.1, benchmark=0.1) == math.inf
    assert minimum_track_record(-0.1) == math.inf


@pytest.mark.parametrize(
    "change",
    [{"bars": 1}, {"sharpe": math.nan}, {"benchmark": math.inf}, {"kurtosis": 0.0}, {"skewness": 3.0}],
    ids=str,
)
def test_numbers_that_no_returns_have_are_refused(change: dict[str, float]) -> None:
    """The excess kurtosis of normal returns, 0, is the usual mistake."""
    wanted = {"sharpe": 0.1, "bars": 100, "benchmark": 0.0, "skewness": 0.0, "kurtosis": 3.0} | change
    with pytest.raises(InputError, match="skewness"):
        probabilistic_sharpe(wanted.pop("sharpe"), **wanted)


@pytest.mark.parametrize(("variance", "trials"), [(-1.0, 5), (math.nan, 5), (1.0, 0.5), (1.0, math.inf)])
def test_trials_that_cannot_be_are_refused(variance: float, trials: float) -> None:
    with pytest.raises(InputError, match="trials"):
        expected_maximum_sharpe(variance, trials)


@pytest.mark.parametrize("confidence", [0.5, 1.0, math.nan])
def test_a_confidence_out_of_bounds_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence"):
        minimum_track_record(0.1, confidence=confidence)


@pytest.mark.parametrize("returns", [np.zeros(5), np.zeros((1, 3)), np.full((5, 1), np.nan)], ids=str)
def test_returns_without_moments_are_refused(returns: np.ndarray) -> None:
    with pytest.raises(InputError, match="returns"):
        sharpe_moments(returns)

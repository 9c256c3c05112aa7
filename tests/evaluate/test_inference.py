from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate import newey_west_mean

SERIES = generator(1, "series").normal(0.1, 1.0, 500)


def test_without_lags_it_is_the_plain_standard_error() -> None:
    mean, error = newey_west_mean(SERIES, 0)

    assert mean == pytest.approx(SERIES.mean())
    assert error == pytest.approx(SERIES.std() / math.sqrt(500))


@given(lags=st.integers(0, 30))
def test_it_is_the_textbook_sum(lags: int) -> None:
    centred = SERIES - SERIES.mean()
    autocovariance = [np.sum(centred[lag:] * centred[: 500 - lag]) / 500 for lag in range(lags + 1)]
    total = autocovariance[0] + 2 * sum((1 - lag / (lags + 1)) * autocovariance[lag] for lag in range(1, lags + 1))

    assert newey_west_mean(SERIES, lags)[1] == pytest.approx(math.sqrt(total / 500))


def test_overlapping_horizons_are_not_counted_as_independent() -> None:
    """Sums over 20 days, one per day: the true error of their mean is about sqrt(20) of the plain one."""
    overlapping = np.convolve(SERIES, np.ones(20), mode="valid")
    plain, robust = (newey_west_mean(overlapping, lags)[1] for lags in (0, 20))

    assert 2.5 < robust / plain < math.sqrt(20)


def test_coverage_of_the_interval_under_overlap() -> None:
    """Among 300 series without a mean, about 5 percent should be called significant, not a third of them."""
    random = generator(2, "coverage")
    verdicts = []
    for _ in range(300):
        values = np.convolve(random.normal(size=1005), np.ones(5), mode="valid")
        verdicts.append(
            [abs(mean / error) > 1.96 for mean, error in (newey_west_mean(values, lags) for lags in (0, 5))]
        )
    plain, robust = np.mean(verdicts, axis=0)

    assert plain > 0.25
    assert robust < 0.12


def test_missing_observations_are_left_out() -> None:
    with_gap = np.insert(SERIES, 100, np.nan)

    assert newey_west_mean(with_gap, 5) == newey_west_mean(SERIES, 5)


@given(values=st.lists(st.floats(-10, 10), max_size=6), lags=st.integers(0, 10))
def test_any_short_series_has_an_answer(values: list[float], lags: int) -> None:
    mean, error = newey_west_mean(np.array(values), lags)

    assert math.isnan(mean) == (not values)
    assert math.isnan(error) == (len(values) < 2)


@pytest.mark.parametrize(("values", "lags"), [(SERIES, -1), (SERIES.reshape(-1, 2), 1)])
def test_what_makes_no_sense_is_refused(values: np.ndarray, lags: int) -> None:
    with pytest.raises(InputError, match="one series"):
        newey_west_mean(values, lags)

"""Windows against plain loops, and the property that everything else rests on: no dependence on the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.features.windows import (
    decaying_mean,
    decaying_sum,
    lagged,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    rolling_sum,
    warm_up,
)

Rolling = Callable[[np.ndarray, int], np.ndarray]
KEEP = 0.9


def decayed_sum(values: np.ndarray, window: int) -> np.ndarray:
    return decaying_sum(values, window, KEEP)


def decayed_mean(values: np.ndarray, window: int) -> np.ndarray:
    return decaying_mean(values, window, KEEP)


def weights(rows: np.ndarray) -> np.ndarray:
    """Return ``KEEP ** age`` of each row, the newest last."""
    return KEEP ** np.arange(len(rows) - 1, -1, -1.0).reshape(-1, 1)


REFERENCES: dict[Rolling, Callable[[np.ndarray], np.ndarray]] = {
    rolling_sum: lambda rows: rows.sum(axis=0),
    rolling_mean: lambda rows: rows.mean(axis=0),
    rolling_max: lambda rows: rows.max(axis=0),
    rolling_min: lambda rows: rows.min(axis=0),
    rolling_std: lambda rows: rows.std(axis=0, ddof=1),
    decayed_sum: lambda rows: (weights(rows) * rows).sum(axis=0),
    decayed_mean: lambda rows: (weights(rows) * rows).sum(axis=0) / weights(rows).sum(),
}
rollings = pytest.mark.parametrize("rolling", REFERENCES, ids=lambda rolling: rolling.__name__)


def market(seed: int, rows: int = 70, gaps: float = 0.05, symbols: int = 3) -> np.ndarray:
    random = generator(seed, "windows")
    values = random.normal(100.0, 1.0, (rows, symbols))
    return np.where(random.random(values.shape) < gaps, np.nan, values)


@rollings
@given(seed=st.integers(0, 10**6), window=st.integers(2, 80))
def test_a_window_is_what_a_plain_loop_computes(rolling: Rolling, seed: int, window: int) -> None:
    values = market(seed, gaps=0.01)
    expected = np.full(values.shape, np.nan)
    for row in range(window - 1, len(values)):
        expected[row] = REFERENCES[rolling](values[row - window + 1 : row + 1])

    np.testing.assert_allclose(rolling(values, window), expected, rtol=1e-12)


@rollings
@given(seed=st.integers(0, 10**6), window=st.integers(1, 40), start=st.integers(0, 60))
def test_a_value_never_depends_on_where_the_history_starts(
    rolling: Rolling, seed: int, window: int, start: int
) -> None:
    values = market(seed)
    whole, cut = rolling(values, window)[start:], rolling(values[start:], window)

    # To the bit, from the first row whose window lies within the cut history.
    assert np.array_equal(whole[window - 1 :], cut[window - 1 :], equal_nan=True)


@rollings
@given(seed=st.integers(0, 10**6), window=st.integers(1, 40), symbols=st.integers(1, 9))
def test_a_value_never_depends_on_the_symbols_beside_it(rolling: Rolling, seed: int, window: int, symbols: int) -> None:
    """NumPy's reductions take another order of operations when there is one symbol alone."""
    values = market(seed, symbols=symbols)
    alone = np.concatenate([rolling(values[:, [place]], window) for place in range(symbols)], axis=1)

    assert np.array_equal(rolling(values, window), alone, equal_nan=True)


def test_a_running_total_would_depend_on_it() -> None:
    """The guarded thing, broken: a cumulative sum remembers in its last bits what it has seen before."""

    def running(values: np.ndarray, window: int) -> np.ndarray:
        total = np.cumsum(values, axis=0)
        return total[window:] - total[:-window]

    values = market(1, gaps=0.0)

    assert not np.array_equal(running(values, 20)[10:], running(values[10:], 20))


@rollings
def test_one_gap_makes_every_window_over_it_missing(rolling: Rolling) -> None:
    """Crypto D-12: a gap yields missing, and never a longer horizon."""
    values = market(3, gaps=0.0)
    values[30, 1] = np.nan

    assert np.flatnonzero(np.isnan(rolling(values, 5)[4:, 1])).tolist() == [26, 27, 28, 29, 30]


@rollings
def test_a_window_longer_than_the_history_is_missing(rolling: Rolling) -> None:
    assert np.isnan(rolling(market(4, rows=6), 7)).all()
    assert rolling(np.empty((0, 3)), 7).shape == (0, 3)


@pytest.mark.parametrize("constant", [0.1, 1e-9, 123456.789])
@pytest.mark.parametrize("window", [2, 3, 20, 60])
def test_a_constant_window_has_no_deviation_at_all(constant: float, window: int) -> None:
    assert (rolling_std(np.full((80, 2), constant), window)[window - 1 :] == 0.0).all()


def test_a_deviation_survives_a_large_mean() -> None:
    values = 1e9 + np.tile([[0.0], [1.0]], (10, 1))

    assert rolling_std(values, 20)[-1, 0] == pytest.approx(np.sqrt(20 / 19 / 4), rel=1e-12)


def test_one_row_has_no_deviation() -> None:
    assert np.isnan(rolling_std(market(5), 1)).all()


@given(seed=st.integers(0, 10**6), keep=st.sampled_from([0.3, 0.8, 13 / 14, 25 / 27]))
def test_a_warmed_up_average_is_near_the_endless_recursion_by_what_it_says(seed: int, keep: float) -> None:
    values = market(seed, rows=400, gaps=0.0)
    endless = values[0].copy()
    for row in values[1:]:
        endless = keep * endless + (1.0 - keep) * row
    window = warm_up(keep, 1e-4)
    older, recent = values[:-window], values[-window:]
    bound = 1e-4 * (
        np.maximum(older.max(axis=0), recent.max(axis=0)) - np.minimum(older.min(axis=0), recent.min(axis=0))
    )

    assert keep**window <= 1e-4 < keep ** (window - 1)
    assert (np.abs(decaying_mean(values, window, keep)[-1] - endless) <= bound).all()


def test_lagged_looks_back_and_never_around() -> None:
    values = np.arange(4.0).reshape(-1, 1)

    assert np.array_equal(lagged(values, 3).ravel(), [np.nan, np.nan, np.nan, 0.0], equal_nan=True)
    assert np.isnan(lagged(values, 9)).all()


@pytest.mark.parametrize("bars", [0, -1])
@pytest.mark.parametrize("rolling", [lagged, *REFERENCES], ids=lambda rolling: rolling.__name__)
def test_the_future_is_no_window(rolling: Rolling, bars: int) -> None:
    with pytest.raises(InputError, match="backward"):
        rolling(market(6), bars)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 1.5, float("nan")])
def test_what_never_forgets_or_never_remembers_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="a share kept"):
        decaying_mean(market(7), 5, share)
    with pytest.raises(InputError, match="a share kept"):
        warm_up(share)
    with pytest.raises(InputError, match="a tolerance"):
        warm_up(0.5, share)

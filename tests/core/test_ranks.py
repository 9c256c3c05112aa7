from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import rankdata

from tidegate.core.ranks import average_ranks

matrices = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    # Few distinct values, so that ties are common; both zeros, infinities and missing values among them.
    elements=st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 2.0, 7.25, np.inf, np.nan]),
)


@given(matrices)
def test_ranks_agree_with_scipy(matrix: np.ndarray) -> None:
    assert np.array_equal(average_ranks(matrix), rankdata(matrix, axis=1, nan_policy="omit"), equal_nan=True)


@given(matrices, st.randoms(use_true_random=False))
def test_ranks_follow_their_symbol_wherever_it_stands(matrix: np.ndarray, random: object) -> None:
    order = list(range(matrix.shape[1]))
    random.shuffle(order)  # type: ignore[attr-defined]

    assert np.array_equal(average_ranks(matrix[:, order]), average_ranks(matrix)[:, order], equal_nan=True)


@given(st.integers(0, 10**6), st.integers(2, 300))
def test_values_that_differ_in_their_last_bits_are_told_apart(seed: int, width: int) -> None:
    """Ranks are found by sorting numbers without their last bits; those decide between equal prices and round-off."""
    random = np.random.default_rng(seed)
    last_bits = random.integers(0, 40, (5, width))
    matrix = random.choice([-1.0, 0.0, 1e-300, 1.1], (5, width))
    matrix = (matrix.view(np.int64) + last_bits).view(np.float64)
    matrix[random.random((5, width)) < 0.1] = -np.nan

    assert np.array_equal(average_ranks(matrix), rankdata(matrix, axis=1, nan_policy="omit"), equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_rank(shape: tuple[int, int]) -> None:
    assert average_ranks(np.empty(shape)).shape == shape

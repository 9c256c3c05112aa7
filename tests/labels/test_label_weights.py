from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe import FillPrice
from tidegate.core.units import FloatArray, Mask
from tidegate.labels import (
    Labels,
    TouchLabels,
    TouchWindow,
    average_uniqueness,
    fixed_exit,
    forward_returns,
    hindsight_touch,
)
from tidegate.testing import synthetic_panel


def by_definition(labels: Labels | TouchLabels, used: Mask) -> FloatArray:
    """Count, for every return of every label, the labels that share it."""
    outcome = labels.gross if isinstance(labels, Labels) else labels.returns
    first = 2 if isinstance(labels, Labels) else 1
    result = np.full(outcome.shape, np.nan)
    sampled = used & ~np.isnan(outcome)
    returns = {row: set(range(row + first, end + 1)) for row, end in enumerate(labels.exits)}
    for row, place in np.argwhere(sampled):
        shares = [
            1.0 / sum(one in returns[other] for other in returns if sampled[other, place]) for one in returns[row]
        ]
        result[row, place] = np.mean(shares)
    return result


@given(bars=st.integers(1, 12), seed=st.integers(0, 100), share=st.floats(0.0, 1.0))
def test_uniqueness_is_the_mean_share_of_the_returns_of_a_label(bars: int, seed: int, share: float) -> None:
    panel = synthetic_panel(seed, 25, 2, gaps=0.2)
    labels = forward_returns(panel, bars, FillPrice.NEXT_CLOSE, 0.0)
    used = np.random.default_rng(seed).random((25, 2)) <= share

    np.testing.assert_allclose(average_uniqueness(labels, used), by_definition(labels, used), rtol=1e-9)


@given(seed=st.integers(0, 100), share=st.floats(0.0, 1.0), wait=st.integers(0, 3))
def test_days_of_a_window_are_shared_until_the_label_is_known(seed: int, share: float, wait: int) -> None:
    panel = synthetic_panel(seed, 25, 2, gaps=0.2)
    used = np.random.default_rng(seed).random((25, 2)) <= share
    for labels in (fixed_exit(panel, sell_within_bars=wait), hindsight_touch(panel, TouchWindow(last_day=3 + wait))):
        np.testing.assert_allclose(average_uniqueness(labels, used), by_definition(labels, used), rtol=1e-9)


def test_labels_that_do_not_overlap_count_whole() -> None:
    labels = forward_returns(synthetic_panel(1, 40, 3), 5, FillPrice.NEXT_CLOSE, 0.0)
    used = np.zeros((40, 3), dtype=bool)
    used[::5] = True

    unique = average_uniqueness(labels, used)

    assert (unique[0:30:5] == 1.0).all()
    assert average_uniqueness(labels, np.ones((40, 3), dtype=bool))[10:20] == pytest.approx(0.2)


def test_samples_that_are_not_used_weigh_on_none() -> None:
    """The test's labels must not tell the training how the data go on."""
    labels = forward_returns(synthetic_panel(1, 40, 3), 5, FillPrice.NEXT_CLOSE, 0.0)
    used = np.zeros((40, 3), dtype=bool)
    used[:20] = True
    shorter = forward_returns(synthetic_panel(1, 40, 3).rows(0, 30), 5, FillPrice.NEXT_CLOSE, 0.0)

    assert np.array_equal(
        average_uniqueness(labels, used)[:20], average_uniqueness(shorter, used[:30])[:20], equal_nan=True
    )


def test_another_shape_is_refused() -> None:
    labels = forward_returns(synthetic_panel(1, 40, 3), 5, FillPrice.NEXT_CLOSE, 0.0)

    with pytest.raises(InputError, match="samples of shape"):
        average_uniqueness(labels, np.ones((3, 40), dtype=bool))

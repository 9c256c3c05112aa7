from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate import holm_adjusted, paired_difference
from tidegate.evaluate.paired import _drawn_means


def autoregressive(count: int, series: int, memory: float, scope: str) -> np.ndarray:
    """Return ``(series, count)`` of ``x_t = memory * x_{t-1} + e_t`` around 0."""
    random = generator(31, scope)
    values = np.empty((series, count))
    values[:, 0] = random.normal(size=series) / math.sqrt(1.0 - memory**2)
    for place in range(1, count):
        values[:, place] = memory * values[:, place - 1] + random.normal(size=series)
    return values


@pytest.mark.parametrize(("count", "block"), [(23, 5), (24, 6), (10, 1), (12, 3)])
def test_a_replicate_is_the_mean_of_its_blocks_on_a_ring(count: int, block: int) -> None:
    values = generator(1, "ring").normal(size=count)
    found = _drawn_means(values, block, seed=9, replicates=50)

    starts = generator(9, "paired blocks", count, block).integers(count, size=(50, count // block + 1))
    for mean, row in zip(found, starts, strict=True):
        places = [(start + step) % count for start in row for step in range(block)][:count]
        assert mean == pytest.approx(values[places].mean(), abs=1e-12)


def test_the_interval_covers_the_truth_though_neighbours_are_alike() -> None:
    """AR(1) with 0.5: 95 % intervals of independent draws cover the mean in some 75 %, blocks of 20 in over 90 %."""
    drawn = autoregressive(400, 300, 0.5, "coverage")
    covered = {}
    for block in (1, 20):
        found = [paired_difference(row + 5.0, np.full(400, 5.0), block=block, seed=1, replicates=300) for row in drawn]
        covered[block] = np.mean(
            [one.low <= 0.0 <= one.high for one in found if one.low is not None and one.high is not None]
        )

    assert covered[1] < 0.85
    assert 0.89 < covered[20] < 0.98


def test_p_values_are_small_for_a_real_difference_and_evenly_spread_without_one() -> None:
    rows = autoregressive(300, 200, 0.3, "p")
    none = np.array([paired_difference(row, np.zeros(300), block=15, seed=2, replicates=200).p_value for row in rows])
    real = paired_difference(rows[0] + 1.0, np.zeros(300), block=15, seed=2)

    assert real.p_value == pytest.approx(1 / 2001)
    assert np.mean(none < 0.1) == pytest.approx(0.1, abs=0.07)
    assert np.median(none) == pytest.approx(0.5, abs=0.12)


def test_what_the_days_did_to_both_plays_no_part() -> None:
    random = generator(3, "days")
    market, own = random.normal(size=250), 0.01 * random.normal(size=250)
    found = paired_difference(market + own + 0.01, market, block=5, seed=3)

    assert found.low is not None
    assert found.low > 0.0


def test_the_order_of_the_two_turns_the_sign_and_nothing_else() -> None:
    one, two = autoregressive(120, 2, 0.2, "order")
    there, back = (paired_difference(*pair, block=6, seed=4) for pair in ((one, two), (two, one)))

    assert there.mean == pytest.approx(-back.mean)
    assert there.p_value == back.p_value
    assert there == paired_difference(one, two, block=6, seed=4)
    assert there.low != paired_difference(one, two, block=6, seed=5).low


def test_instants_without_both_are_left_out() -> None:
    one, two = np.array([1.0, math.nan, 3.0, 4.0]), np.array([0.0, 1.0, math.nan, 1.0])
    found = paired_difference(one, two, block=1, seed=1)

    assert (found.instants, found.mean) == (2, 2.0)
    assert (found.low, found.high, found.p_value) == (None, None, None)  # fewer than 4 blocks
    assert found.as_document()["block"] == 1


@pytest.mark.parametrize(
    ("first", "second", "block"),
    [([1.0], [1.0, 2.0], 1), ([1.0], [1.0], 0), ([], [], 1), ([math.nan], [1.0], 1), ([math.inf], [1.0], 1)],
)
def test_series_that_cannot_be_compared_are_refused(first: list[float], second: list[float], block: int) -> None:
    with pytest.raises(InputError):
        paired_difference(np.array(first), np.array(second), block=block, seed=1)


def test_many_replicates_are_drawn_in_pieces() -> None:
    means = _drawn_means(autoregressive(600, 1, 0.0, "pieces")[0], 1, seed=1, replicates=1000)

    assert np.isfinite(means).all()
    assert len(np.unique(means)) > 990


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_rejects_what_its_steps_reject(p_values: list[float]) -> None:
    adjusted = holm_adjusted(p_values)
    ordered = sorted(range(len(p_values)), key=lambda place: p_values[place])
    rejected = set()
    for step, place in enumerate(ordered):
        if p_values[place] * (len(p_values) - step) > 0.05:
            break
        rejected.add(place)

    assert all(new is not None and old <= new <= 1.0 for old, new in zip(p_values, adjusted, strict=True))
    assert {place for place, value in enumerate(adjusted) if value is not None and value <= 0.05} == rejected


def test_a_test_that_was_not_made_raises_nobodys_p_value() -> None:
    assert holm_adjusted([0.02, None, None]) == [0.02, None, None]
    with pytest.raises(InputError, match="p values"):
        holm_adjusted([1.5])

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate.stationary import draw_stationary, long_run_deviation


def lag_by_lag(values: np.ndarray, block: float) -> float:
    """The variance of Politis and Romano 1994, lemma 1, as it is written."""
    count, stays = len(values), 1.0 - 1.0 / block
    centred = values - values.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, count):
        weight = (1 - lag / count) * stays**lag + lag / count * stays ** (count - lag)
        variance += 2.0 * weight * float(centred[:-lag] @ centred[lag:]) / count
    return variance**0.5


def test_a_block_goes_on_with_the_next_bar_and_ends_with_the_stated_chance() -> None:
    draws = draw_stationary(200, block=8, replicates=500, seed=3)
    follows = np.diff(draws.rows, axis=1) % 200 == 1

    # A jump lands on the next bar by chance in one of 200 cases.
    assert follows.mean() == pytest.approx(1.0 - 1.0 / 8.0 * (1.0 - 1.0 / 200.0), abs=0.004)
    assert (draws.replicates, draws.bars, draws.block, draws.seed) == (500, 200, 8.0, 3)
    assert draws.rows.dtype == np.int32
    # After a jump the next one is as likely as ever: lengths are geometric.
    jumps = ~follows
    assert jumps[:, 1:][jumps[:, :-1]].mean() == pytest.approx(1.0 / 8.0, abs=0.01)


def test_every_bar_is_drawn_equally_often_those_at_the_ends_too() -> None:
    counts = draw_stationary(50, block=10, replicates=4000, seed=1).counts

    assert counts.dtype == np.float32
    assert (counts.sum(axis=1) == 50).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.2)


def test_counts_are_those_of_the_rows() -> None:
    draws = draw_stationary(30, block=4, replicates=130, seed=2)

    assert np.array_equal(draws.counts, [np.bincount(row, minlength=30) for row in draws.rows])
    assert draws.counts is draws.counts


def test_draws_repeat_by_seed_and_differ_by_everything_else() -> None:
    draws = draw_stationary(60, block=5, replicates=70, seed=4)
    others = [
        draw_stationary(60, block=5, replicates=70, seed=5),
        draw_stationary(60, block=6, replicates=70, seed=4),
    ]

    assert np.array_equal(draws.rows, draw_stationary(60, block=5, replicates=70, seed=4).rows)
    assert not any(np.array_equal(draws.rows, other.rows) for other in others)


def test_blocks_of_one_bar_are_drawn_on_their_own() -> None:
    draws = draw_stationary(40, block=1, replicates=2000, seed=6)

    assert (np.diff(draws.rows, axis=1) % 40 == 1).mean() == pytest.approx(1.0 / 40.0, abs=0.005)


@pytest.mark.parametrize(
    ("bars", "block", "replicates"),
    [(0, 1, 10), (10, 0.5, 10), (10, 11, 10), (10, 2, 0), (10, float("nan"), 10), (10, float("inf"), 10)],
)
def test_draws_that_cannot_be_made_are_refused(bars: int, block: float, replicates: int) -> None:
    with pytest.raises(InputError, match="blocks"):
        draw_stationary(bars, block=block, replicates=replicates, seed=1)


@given(st.integers(2, 60), st.floats(1.0, 40.0), st.integers(0, 1000))
def test_the_long_run_deviation_is_that_of_the_formula(bars: int, block: float, seed: int) -> None:
    values = generator(seed, "long run").normal(size=(bars, 2)) + 5.0
    expected = [lag_by_lag(column, block) for column in values.T]

    np.testing.assert_allclose(long_run_deviation(values, block=block), expected, rtol=1e-8, atol=1e-9)


def test_the_long_run_deviation_is_that_of_the_draws() -> None:
    """Neighbours that are alike: the mean of a replicate strays as far as the formula says, further than of noise."""
    noise = generator(8, "alike").normal(size=(309, 1))
    values = np.lib.stride_tricks.sliding_window_view(noise[:, 0], 10).mean(axis=1, keepdims=True)
    draws = draw_stationary(300, block=15, replicates=20_000, seed=8)
    drawn = float((draws.counts @ values / 300).std()) * 300**0.5

    assert long_run_deviation(values, block=15)[0] == pytest.approx(drawn, rel=0.03)
    assert drawn > 1.8 * values.std()
    assert long_run_deviation(values, block=1)[0] == pytest.approx(values.std(), rel=1e-12)


def test_many_columns_are_done_in_pieces() -> None:
    values = generator(9, "pieces").normal(size=(41, 600))
    each = [long_run_deviation(values[:, [place]], block=7)[0] for place in range(0, 600, 37)]

    np.testing.assert_allclose(long_run_deviation(values, block=7)[::37], each, rtol=1e-12)
    assert long_run_deviation(np.full((20, 3), 0.1), block=5).max() < 1e-12

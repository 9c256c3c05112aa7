from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.evaluate import (
    ndcg_over_shuffled,
    rank_ic_by_instant,
    rank_rows,
    top_names,
    top_places,
    turnover_by_instant,
)


def test_the_best_names_are_held_against_their_own_day() -> None:
    """Equity J.7 and H 15: on a day when all rise every list is right."""
    times = np.repeat([1, 2], 4)
    score = np.tile([0.9, 0.8, 0.2, 0.1], 2)
    outcome = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    found = top_names(rank_rows(times, score), outcome, 2)

    assert found.precision.tolist() == [1.0, 0.5]
    assert found.base_rate.tolist() == [1.0, 0.25]
    assert found.mean_precision == 0.75
    assert found.lift == pytest.approx(0.75 / 0.625)


def test_a_day_with_fewer_names_lists_all() -> None:
    found = top_names(rank_rows(np.array([1, 1, 2]), np.array([0.1, 0.2, 0.3])), np.array([0.0, 1.0, 1.0]), 10)

    assert found.precision.tolist() == found.base_rate.tolist() == [0.5, 1.0]


def test_equal_scores_are_ranked_by_symbol_whatever_the_order_of_rows() -> None:
    symbols, outcome = np.array([3, 1, 2]), np.array([0.0, 1.0, 0.0])
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        ranked = rank_rows(np.ones(3, dtype=np.int64), np.ones(3), symbols[order])

        assert top_names(ranked, outcome[order], 1).precision.tolist() == [1.0]


def test_a_listed_name_of_unknown_outcome_keeps_its_place() -> None:
    """Whoever is listed was chosen before anybody knew that it would have no outcome: nobody moves up."""
    ranked = rank_rows(np.ones(3, dtype=np.int64), np.array([0.9, 0.5, 0.1]))
    one, two = (top_names(ranked, np.array([math.nan, 1.0, 0.0]), k) for k in (1, 2))

    assert np.isnan(one.precision).all()
    assert (one.mean_precision, one.mean_base_rate, one.lift) == (None, None, None)
    assert (two.precision.tolist(), two.base_rate.tolist()) == ([1.0], [0.5])


def test_without_hits_there_is_no_lift() -> None:
    found = top_names(rank_rows(np.ones(2, dtype=np.int64), np.array([0.9, 0.5])), np.zeros(2), 1)

    assert (found.mean_precision, found.lift) == (0.0, None)


def test_a_list_of_nobody_is_refused() -> None:
    with pytest.raises(InputError, match="best 0 names"):
        top_places(rank_rows(np.array([1]), np.array([0.5])), 0)


def test_turnover_is_the_new_share_of_the_list() -> None:
    random = generator(5, "turnover")
    times, symbols = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    score = random.normal(size=600)
    found = turnover_by_instant(rank_rows(times, score, symbols), symbols, 7)

    lists = [set(np.argsort(-score[times == time])[:7].tolist()) for time in range(20)]
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx([len(new - old) / 7 for old, new in pairwise(lists)])


def test_turnover_counts_from_the_list_before_and_no_other() -> None:
    symbols = np.array([1, 2, 1])

    assert turnover_by_instant(rank_rows(np.array([1, 2, 3]), np.ones(3), symbols), symbols, 1)[1:].tolist() == [
        1.0,
        1.0,
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3), st.integers(0, 4)), min_size=2, max_size=40),
    st.integers(1, 12),
)
def test_ndcg_agrees_with_scikit_learn_less_the_mean_over_all_orders(rows: list[tuple[int, int, int]], k: int) -> None:
    """Equity C.9: a random ranking scores far above 0, so its mean is taken off."""
    times = np.array([row[0] for row in rows])
    score, gain = np.array([float(row[1]) for row in rows]), np.array([2.0 ** row[2] - 1.0 for row in rows])
    found = ndcg_over_shuffled(times, score, gain, k)

    for time, excess in zip(np.unique(times), found, strict=True):
        own = gain[times == time]
        if not own.any():
            assert math.isnan(excess)
        elif len(own) > 1:
            raw = ndcg_score(own[None], score[times == time][None], k=k)
            by_lot = ndcg_score(own[None], np.zeros((1, len(own))), k=k)  # scikit-learn averages over equal scores
            assert excess == pytest.approx(raw - by_lot, abs=1e-10)


def test_a_random_score_gains_nothing_over_a_shuffle() -> None:
    """Equity C.9: the raw figure of a random ranking of five buckets is far above 0, the excess is not."""
    random = generator(6, "ndcg")
    times = np.repeat(np.arange(300), 40)
    gain = 2.0 ** np.tile(np.arange(40) // 8, 300) - 1.0
    score = random.normal(size=12_000)
    raw = np.mean([ndcg_score(gain[None, :40], score[None, times == time], k=10) for time in range(300)])

    assert raw > 0.25
    assert np.mean(ndcg_over_shuffled(times, score, gain, 10)) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("gain", [[-1.0, 2.0], [math.nan, 1.0], [1.0]])
def test_gains_that_are_none_are_refused(gain: list[float]) -> None:
    with pytest.raises(DataError):
        ndcg_over_shuffled(np.array([1, 1]), np.array([0.1, 0.2]), np.array(gain), 2)


def test_rank_correlation_of_flat_rows_agrees_with_scipy_per_date() -> None:
    """Equity C.10: per date, never pooled."""
    random = generator(7, "flat")
    times = np.sort(random.integers(0, 15, size=300))
    score, outcome = np.round(random.normal(size=(2, 300)), 1)
    outcome[random.random(300) < 0.1] = math.nan
    found = rank_ic_by_instant(times, score, outcome)

    for place, time in enumerate(np.unique(times)):
        rows = (times == time) & ~np.isnan(outcome)
        assert found[place] == pytest.approx(spearmanr(score[rows], outcome[rows]).statistic)

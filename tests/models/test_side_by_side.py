"""Places among the rows of an instant, how rounds are watched, and which rows are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.labels import rank_bucket
from tidegate.models import TrainingRows
from tidegate.models.instants import percent_places, rank_buckets
from tidegate.models.rounds import Watch

outcomes = st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=9), min_size=1, max_size=6)


@given(outcomes, st.integers(2, 7))
def test_buckets_are_those_of_the_label(outcome: list[list[int]], buckets: int) -> None:
    """The rule stands twice, in labels and here: they must not part."""
    beside = np.full((len(outcome), 9), np.nan)
    for row, values in enumerate(outcome):
        beside[row, : len(values)] = values
    present = ~np.isnan(beside)
    instants = np.nonzero(present)[0].astype(np.int64)

    assert np.array_equal(rank_buckets(beside[present], instants, buckets), rank_bucket(beside, buckets)[present])


def test_a_row_alone_stands_in_the_middle() -> None:
    alone = np.arange(3, dtype=np.int64)

    assert percent_places(np.array([5.0, -5.0, 0.0]), alone).tolist() == [0.5, 0.5, 0.5]
    assert rank_buckets(np.array([5.0, -5.0, 0.0]), alone, 4).tolist() == [0.0, 0.0, 0.0]


def test_round_off_is_no_gain() -> None:
    """How many threads add up a metric must not decide which round is best."""
    watch = Watch(3, larger_is_better=False)
    for number, value in enumerate([1.0, 0.5, 0.5 - 1e-16, 0.5 - 2e-16], start=1):
        watch.stops(number, value)

    assert watch.kept(4) == 2


def test_without_patience_all_rounds_are_kept() -> None:
    watch = Watch(None, larger_is_better=True)

    assert [watch.stops(number, -float(number)) for number in (1, 2, 3)] == [False] * 3
    assert watch.kept(3) == 3


@pytest.mark.parametrize(
    ("spoilt", "named"),
    [
        ({"target": np.array([1.0, np.nan, 1.0])}, "missing or infinite"),
        ({"target": np.ones(2)}, "by the same rows"),
        ({"weight": np.ones(2)}, r"weights \(2,\)"),
        ({"weight": np.array([1.0, -1.0, 1.0])}, "negative or all 0"),
        ({"weight": np.array([1.0, np.nan, 1.0])}, "negative or all 0"),
        ({"weight": np.zeros(3)}, "negative or all 0"),
        ({"instants": np.array([1, 2])}, r"instants \(2,\)"),
        ({"instants": np.array([1, 3, 2])}, "instants that fall"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(spoilt: dict[str, Any], named: str) -> None:
    whole = {"features": np.zeros((3, 2), dtype=np.float32), "target": np.ones(3)}

    with pytest.raises(InputError, match=named):
        TrainingRows(**{**whole, **spoilt})

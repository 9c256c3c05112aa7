from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.spans import Spans

pairs = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def spans_of(samples: list[tuple[int, int]]) -> Spans:
    edges = np.array(samples, dtype=np.int64).reshape(-1, 2)
    return Spans(edges[:, 0], edges[:, 1])


@given(st.lists(pairs, max_size=8), st.integers(-2, 20), st.integers(-2, 20))
def test_overlap_means_a_shared_instant(samples: list[tuple[int, int]], start: int, end: int) -> None:
    shared = [bool(set(range(*sample)) & set(range(start, end))) for sample in samples]

    assert spans_of(samples).overlaps(start, end).tolist() == shared


@given(pairs, pairs)
def test_overlap_is_mutual(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert spans_of([one]).overlaps(*other).tolist() == spans_of([other]).overlaps(*one).tolist()


def test_an_empty_or_reversed_stretch_shares_nothing() -> None:
    assert spans_of([(0, 10)]).overlaps(5, 5).tolist() == [False]
    assert spans_of([(0, 10)]).overlaps(6, 5).tolist() == [False]


def test_touching_spans_share_nothing() -> None:
    spans = spans_of([(0, 10), (20, 30)])

    assert spans.overlaps(10, 20).tolist() == [False, False]
    assert spans.overlaps(9, 21).tolist() == [True, True]
    assert len(spans) == 2


@pytest.mark.parametrize("end", [5, 4])
def test_a_span_that_does_not_end_after_it_starts_is_refused(end: int) -> None:
    with pytest.raises(InputError, match="1 spans that do not end after they start, the first at 1"):
        spans_of([(0, 1), (5, end)])


@pytest.mark.parametrize(
    ("start", "end"),
    [(np.array([1, 2]), np.array([3])), (np.array([[1]]), np.array([[2]])), (np.array(1), np.array(2))],
)
def test_ill_matched_arrays_are_refused(start: np.ndarray, end: np.ndarray) -> None:
    with pytest.raises(InputError, match="one-dimensional arrays of equal length"):
        Spans(start, end)

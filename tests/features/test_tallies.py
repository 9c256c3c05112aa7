"""Sums over what comes and goes are exact, whatever else was there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError
from tidegate.features.tallies import LEAST_TERM, Spans, by_group, tally

some_terms = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 10), st.floats(-1e4, 1e4)), max_size=30
)
TIMES = np.arange(-1, 33)


def spans_of(terms: list[tuple[int, int, int, float]]) -> tuple[Spans, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    table = np.array([row[:3] for row in terms], dtype=np.int64).reshape(-1, 3)
    return Spans(table[:, 0], table[:, 1], table[:, 1] + table[:, 2]), np.array([row[3] for row in terms], dtype=float)


@given(terms=some_terms)
def test_a_sum_is_that_of_what_is_there(terms: list[tuple[int, int, int, float]]) -> None:
    spans, values = spans_of(terms)
    found = tally(spans, {"sum": values}, 3).at(TIMES)["sum"]
    for row, time in enumerate(TIMES):
        for symbol in range(3):
            there = [v for s, start, length, v in terms if s == symbol and start <= time < start + length]
            assert found[row, symbol] == pytest.approx(sum(there), abs=len(terms) * LEAST_TERM + 1e-9)


@given(terms=some_terms, cut=st.integers(0, 32))
def test_what_comes_later_and_the_order_change_no_bit(terms: list[tuple[int, int, int, float]], cut: int) -> None:
    spans, values = spans_of(terms)
    group = (np.arange(len(terms)) % 3).astype(np.int64)
    squares = {"squares": lambda sums: np.minimum(sums["sum"] ** 2, 1e5)}
    whole = tally(spans, {"sum": values}, 3).at(TIMES)["sum"], by_group(spans, group, {"sum": values}, squares, 3)
    some = np.flatnonzero(spans.start <= cut)[::-1]
    fewer = Spans(spans.symbol[some], spans.start[some], spans.stop[some])
    past = cut >= TIMES
    np.testing.assert_array_equal(tally(fewer, {"sum": values[some]}, 3).at(TIMES)["sum"][past], whole[0][past])
    regrouped = by_group(fewer, group[some], {"sum": values[some]}, squares, 3).at(TIMES)["squares"]
    np.testing.assert_array_equal(regrouped[past], whole[1].at(TIMES)["squares"][past])


def test_nothing_that_does_not_fit_is_added_up() -> None:
    spans = Spans(np.zeros(9, np.int64), np.zeros(9, np.int64), np.ones(9, np.int64))
    with pytest.raises(DataError, match="more at one instant than sum"):
        tally(spans, {"sum": np.full(9, 1e300)}, 1)

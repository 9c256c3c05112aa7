"""The rule of the purge, which every border in time shares."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.spans import Spans
from tidegate.split import known_within
from tidegate.split.borders import decided_within


@given(
    samples=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), min_size=1, max_size=30),
    start=st.none() | st.integers(0, 60),
    border=st.integers(0, 60),
    embargo=st.integers(0, 10),
)
def test_a_part_holds_who_is_decided_in_it_and_known_before_its_border(
    samples: list[tuple[int, int]], start: int | None, border: int, embargo: int
) -> None:
    """Equity I 14: a label that reaches the border exactly stays, one that reaches over it goes."""
    begins = np.array([at for at, _ in samples])
    spans = Spans(begins, begins + np.array([length for _, length in samples]))
    inside = [at < border and (start is None or at >= start) for at, _ in samples]
    known = [at + length <= border - embargo for at, length in samples]

    assert decided_within(spans, start, border).tolist() == inside
    assert known_within(spans, start, border, embargo).tolist() == [a and b for a, b in zip(inside, known, strict=True)]

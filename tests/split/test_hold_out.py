from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.split import HoldOut, WalkForward, current_fold, splitter_for
from tidegate.testing import check_splitter


def settings(**changes: Any) -> SplitSettings:
    return SplitSettings(**{"scheme": "holdout", "minimum_train_days": 30, **changes})


def growing(seed: int = 1, days: int = 1000) -> tuple[np.ndarray, Spans]:
    """Return a market that lists a name every hundred days: most of its rows are late."""
    times = parse_instant("2015-01-01") + np.arange(days) * DAY + 21 * HOUR
    start = np.repeat(times, 1 + np.arange(days) // 100)
    return times, Spans(start, start + generator(seed, "growing").integers(1, 10, start.size) * DAY)


def test_shares_are_of_time_not_of_rows() -> None:
    """Equity I 15: the dates of the parts are disjoint; 60/20/20 means days."""
    times, spans = growing()
    (fold,) = HoldOut(settings()).split(times, spans)
    assert fold.validation is not None

    assert [fold.validation.start, fold.test_start, fold.test_end] == [times[600], times[800], times[-1] + 1]
    assert len(fold.test) == 200
    assert np.mean(spans.start < fold.validation.start) < 0.4
    assert fold.calibration is None


def test_four_shares_leave_a_calibration_slice() -> None:
    times, spans = growing()
    (fold,) = HoldOut(settings(fractions=(0.5, 0.2, 0.1, 0.2), embargo_days=3)).split(times, spans)
    assert fold.validation is not None
    assert fold.calibration is not None

    assert [fold.validation.start, fold.calibration.start, fold.test_start] == [times[500], times[700], times[800]]
    assert fold.calibration.reaches <= fold.test_start - 3 * DAY
    assert fold.train_reaches is not None
    assert fold.train_reaches <= fold.validation.start - 3 * DAY


def test_the_shipped_suite_passes() -> None:
    check_splitter(HoldOut(settings()).split)
    check_splitter(HoldOut(settings(fractions=(0.4, 0.2, 0.2, 0.2), embargo_days=4)).split)


@given(seed=st.integers(0, 10**6), longest=st.integers(1, 60), embargo=st.integers(0, 9))
def test_no_part_reaches_into_the_next(seed: int, longest: int, embargo: int) -> None:
    random = generator(seed, "hold-out")
    times = np.cumsum(random.integers(HOUR, 6 * DAY, 200))
    start = random.permutation(np.repeat(times, random.integers(0, 4, times.size)))
    spans = Spans(start, start + random.integers(1, longest * DAY, start.size))
    try:
        (fold,) = HoldOut(settings(fractions=(0.4, 0.2, 0.2, 0.2), embargo_days=embargo)).split(times, spans)
    except DataError:
        assume(False)
    assert fold.validation is not None
    assert fold.calibration is not None

    borders = [fold.validation.start, fold.calibration.start, fold.test_start]
    for rows, border in zip((fold.train, fold.validation.rows, fold.calibration.rows), borders, strict=True):
        assert (spans.end[rows] <= border - embargo * DAY).all()
        assert (spans.start[rows] < border).all()
    before = spans.start < fold.test_start
    assert before.sum() == len(fold.fitted) + fold.purged_rows + fold.embargoed_rows


@pytest.mark.parametrize(
    ("changes", "days", "says"),
    [
        ({}, 30, "nothing of which is left for|days of training"),
        ({"minimum_train_days": 700}, 1000, "600 days of training"),
        ({"fractions": (0.98, 0.001, 0.019)}, 1000, "left for validation"),
        ({}, 0, "no time at all"),
    ],
)
def test_what_cannot_be_divided_is_explained(changes: dict[str, Any], days: int, says: str) -> None:
    times, spans = growing(days=days)

    with pytest.raises(DataError, match=says):
        HoldOut(settings(**changes)).split(times, spans)


def test_no_spans_no_split() -> None:
    times, _ = growing()

    with pytest.raises(InputError, match="no spans, no split"):
        HoldOut(settings()).split(times, None)
    with pytest.raises(InputError, match="no spans, no split"):
        current_fold(settings(), times, None)


def test_the_newest_fold_keeps_slices_as_long_as_their_shares() -> None:
    times, spans = growing()
    known = spans.end <= times[-1]
    spans = Spans(spans.start[known], spans.end[known])
    fold = current_fold(settings(fractions=(0.5, 0.2, 0.1, 0.2)), times, spans)
    assert fold.validation is not None
    assert fold.calibration is not None

    assert [fold.test_start - part.start for part in (fold.validation, fold.calibration)] == [
        int(0.2 * (times[-1] - times[0])) + int(0.1 * (times[-1] - times[0])),
        int(0.1 * (times[-1] - times[0])),
    ]
    assert fold.test.tolist() == [len(times) - 1]


def test_a_recipe_names_its_splitter() -> None:
    assert isinstance(splitter_for(settings()), HoldOut)
    assert isinstance(splitter_for(SplitSettings(first_test="2020-01-01")), WalkForward)

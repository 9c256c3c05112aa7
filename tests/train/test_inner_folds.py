"""Folds inside the past of the first test window: nothing that judges was seen by anything that was fitted."""

from __future__ import annotations

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, parse_instant
from tidegate.split import Fold, WalkForward
from tidegate.train.inner_folds import inner_folds

TIMES = parse_instant("2019-01-01") + np.arange(900) * DAY


def fold_of(spans: Spans, *, slices: bool = True) -> Fold:
    lengths = {"validation_months": 4, "calibration_months": 3} if slices else {}
    settings = SplitSettings(first_test=date(2020, 12, 1), test_months=3, minimum_train_days=30, **lengths)
    return WalkForward(settings).split(TIMES, spans)[0]


def labels(*lengths: int) -> Spans:
    """Spans of each day, of lengths that repeat, some irregular."""
    ends = TIMES + np.resize(np.array(lengths), len(TIMES)) * DAY
    return Spans(TIMES, ends)


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=7),
    count=st.integers(1, 6),
    stops_early=st.booleans(),
    embargo_days=st.integers(0, 5),
    slices=st.booleans(),
)
def test_no_label_reaches_from_one_part_into_the_next(
    lengths: list[int], count: int, stops_early: bool, embargo_days: int, slices: bool
) -> None:
    """Equity H 19, D-40: stopping, judging and reporting each have rows of their own."""
    spans = labels(*lengths)
    fold = fold_of(spans, slices=slices)
    found = inner_folds(spans, fold, count, stops_early=stops_early, embargo_days=embargo_days)

    assert [one.number for one in found] == list(range(count))
    for earlier, later in itertools.pairwise(found):
        assert earlier.judged.end <= later.judged.start
        assert set(earlier.train.tolist()) < set(later.train.tolist())  # expanding
    seen = fold.train if fold.validation is None else np.concatenate([fold.train, fold.validation.rows])
    for one in found:
        parts = [one.train, *([] if one.stopping is None else [one.stopping.rows]), one.judged.rows]
        assert all(part.size for part in parts)
        assert (one.stopping is not None) == stops_early
        for before, after in itertools.pairwise(parts):
            assert spans.end[before].max() <= spans.start[after].min()
            assert before.max() < after.min()
        assert spans.end[one.train].max() <= (one.stopping or one.judged).start - embargo_days * DAY
        for part in parts:  # neither calibration nor test
            assert np.isin(part, seen).all()
            assert spans.end[part].max() <= fold.test_start
            if fold.calibration is not None:
                assert spans.end[part].max() <= fold.calibration.start


def test_one_inner_fold_is_judged_on_the_validation_slice() -> None:
    spans = labels(5)
    fold = fold_of(spans)
    (one,) = inner_folds(spans, fold, 1)
    assert fold.validation is not None
    assert np.array_equal(one.judged.rows, fold.validation.rows)
    assert np.array_equal(one.train, fold.train)


def test_without_a_validation_slice_the_end_of_the_training_part_judges() -> None:
    spans = labels(5)
    fold = fold_of(spans, slices=False)
    (one,) = inner_folds(spans, fold, 1)
    assert one.judged.end == fold.test_start
    assert len(one.judged.rows) == pytest.approx(len(fold.train) / 3, abs=6)


@pytest.mark.parametrize("length", [3, 40, 90])
def test_a_fifth_of_what_is_known_stops_the_boosting(length: int) -> None:
    """Long labels are not known for long: a fifth of all instants would leave none of them."""
    spans = labels(length)
    (one,) = inner_folds(spans, fold_of(spans, slices=False), 1, stops_early=True)
    known = spans.end <= one.judged.start

    assert one.stopping is not None
    assert len(one.stopping.rows) == pytest.approx(known.sum() / 5, abs=1)
    assert np.isin(one.stopping.rows, np.flatnonzero(known)).all()


def test_labels_that_are_longer_than_a_block_are_refused_by_name() -> None:
    """Four inner folds of 700 days are judged on 116 days each: no label of 150 days ends within."""
    spans = labels(150)
    with pytest.raises(DataError, match=r"without judged samples; labels last up to 150 days") as refused:
        inner_folds(spans, fold_of(spans, slices=False), 4)
    assert "shorter horizon" in refused.value.hint


def test_too_many_folds_for_so_little_past_are_refused() -> None:
    spans = labels(60)
    with pytest.raises(DataError, match="inner fold") as refused:
        inner_folds(spans, fold_of(spans, slices=False), 20, stops_early=True)
    assert "inner_folds" in refused.value.hint


def test_a_document_says_where_each_part_lies() -> None:
    spans = labels(5)
    document = inner_folds(spans, fold_of(spans), 3, stops_early=True)[1].as_document()
    assert document["fold"] == 1
    assert document["stopping"]["end"] == document["judged"]["start"]
    assert document["train_rows"] > 0

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError, LookAheadError
from tidegate.core.randomness import generator
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, HOUR, Instant, format_instant, parse_instant
from tidegate.split import Fold, WalkForward
from tidegate.testing import check_splitter


def settings(**changes: Any) -> SplitSettings:
    return SplitSettings(**{"first_test": date(2017, 1, 1), "test_months": 6, **changes})


def daily(first: str, last: str, horizon: int = 5) -> tuple[np.ndarray, Spans]:
    """Return decisions at 21:00 of every day and spans to the exit ``horizon`` + 1 days later."""
    times = np.arange(parse_instant(first), parse_instant(last) + 1, DAY) + 21 * HOUR
    return times, Spans(times[: -horizon - 1], times[horizon + 1 :])


def table(folds: Sequence[Fold]) -> list[tuple[object, ...]]:
    return [
        (
            fold.fold,
            *(format_instant(at)[:10] for at in (fold.train_start, fold.train_end, fold.trained_until)),
            *(format_instant(at) for at in (fold.test_start, fold.test_end)),
            *(len(fold.train), len(fold.test), fold.purged_rows, fold.embargoed_rows),
        )
        for fold in folds
    ]


def test_golden_expanding() -> None:
    times, spans = daily("2016-01-01", "2018-02-10")
    folds = WalkForward(settings(embargo_days=2)).split(times, spans)

    # The last decision whose exit is known before the embargo: 2016-12-23 21:00 exits on 2016-12-29 21:00.
    assert table(folds) == [
        (0, "2016-01-01", "2016-12-23", "2016-12-29", "2017-01-01", "2017-07-01", 358, 181, 6, 2),
        (1, "2016-01-01", "2017-06-22", "2017-06-28", "2017-07-01", "2018-01-01", 539, 184, 6, 2),
        (2, "2016-01-01", "2017-12-23", "2017-12-29", "2018-01-01", "2018-07-01", 723, 41, 6, 2),
    ]


def test_golden_rolling() -> None:
    times, spans = daily("2016-01-01", "2018-02-10")
    rolling = settings(train_months=3, minimum_train_days=60)

    assert table(WalkForward(rolling).split(times, spans)) == [
        (0, "2016-10-01", "2016-12-25", "2016-12-31", "2017-01-01", "2017-07-01", 86, 181, 6, 0),
        (1, "2017-04-01", "2017-06-24", "2017-06-30", "2017-07-01", "2018-01-01", 85, 184, 6, 0),
        (2, "2017-10-01", "2017-12-25", "2017-12-31", "2018-01-01", "2018-07-01", 86, 41, 6, 0),
    ]


def test_a_test_row_needs_no_label() -> None:
    times, spans = daily("2016-01-01", "2017-02-10", horizon=20)
    (fold,) = WalkForward(settings()).split(times, spans)

    assert len(times) - len(spans) == 21
    assert fold.test[-1] == len(times) - 1


def test_the_end_of_a_month_is_kept_where_months_differ() -> None:
    times, spans = daily("2015-01-01", "2017-06-01")
    folds = WalkForward(settings(first_test=date(2016, 10, 31), test_months=1)).split(times, spans)

    assert [format_instant(fold.test_start) for fold in folds[:5]] == [
        "2016-10-31",
        "2016-11-30",
        "2016-12-31",
        "2017-01-31",
        "2017-02-28",
    ]


@given(
    seed=st.integers(0, 10**6),
    longest=st.integers(1, 400),
    embargo=st.integers(0, 40),
    train_months=st.one_of(st.none(), st.integers(6, 30)),
    test_months=st.integers(1, 14),
)
def test_no_training_span_touches_the_test_whatever_the_spans(
    seed: int, longest: int, embargo: int, train_months: int | None, test_months: int
) -> None:
    """Crypto D-08 and equity C.7: purges of a fixed count of rows were shorter than the labels."""
    random = generator(seed, "spans")
    times = parse_instant("2015-01-05") + np.cumsum(random.integers(HOUR, 5 * DAY, 500))
    spans = Spans(times[:400], times[:400] + random.integers(1, longest * DAY, 400))
    chosen = settings(embargo_days=embargo, train_months=train_months, test_months=test_months, minimum_train_days=30)
    try:
        folds = WalkForward(chosen).split(times, spans)
    except DataError:
        assume(False)

    for fold in folds:
        limit = fold.test_start - embargo * DAY
        assert (spans.end[fold.train] <= limit).all()
        assert (times[fold.test] >= fold.test_start).all()
        assert fold.trained_until == spans.end[fold.train].max()
        # Nothing is lost without being counted.
        before = (spans.start < fold.test_start) & (spans.start >= _window_start(fold, train_months))
        assert before.sum() == len(fold.train) + fold.purged_rows + fold.embargoed_rows
    tested = np.concatenate([fold.test for fold in folds])
    assert len(np.unique(tested)) == len(tested)


def _window_start(fold: Fold, train_months: int | None) -> int:
    if train_months is None:
        return 0
    start = date.fromisoformat(format_instant(fold.test_start))
    year, month = divmod(start.year * 12 + start.month - 1 - train_months, 12)
    return parse_instant(date(year, month + 1, 1))


def test_the_shipped_suite_passes() -> None:
    check_splitter(WalkForward(settings()).split)
    check_splitter(WalkForward(settings(train_months=12, embargo_days=5, test_months=3)).split)


def by_row_count(times: np.ndarray, spans: Spans | None) -> list[Fold]:
    """The guarded thing, broken: a purge of 12 rows, as if every label had the same length."""
    if spans is None:
        raise InputError(found="none", expected="spans", hint="give them")
    folds = WalkForward(settings()).split(times, spans)
    order = np.argsort(spans.start)
    cut = [order[: np.searchsorted(spans.start[order], fold.test_start) - 12] for fold in folds]
    return [replace(fold, train=train) for fold, train in zip(folds, cut, strict=True)]


def test_the_suite_sees_a_purge_by_row_count() -> None:
    with pytest.raises(AssertionError, match="no training label reaches the test"):
        check_splitter(by_row_count)


def test_the_suite_sees_folds_that_travel_back_in_time() -> None:
    """Crypto D-36: rows sorted by symbol made folds test on a time before their training."""
    with pytest.raises(AssertionError, match="follow each other"):
        check_splitter(lambda times, spans: WalkForward(settings()).split(times, spans)[::-1])


def test_the_suite_sees_a_splitter_that_guesses_spans() -> None:
    def guessing(times: np.ndarray, spans: Spans | None) -> list[Fold]:
        return WalkForward(settings()).split(times, spans or Spans(times[:-1], times[1:]))

    with pytest.raises(AssertionError, match="without spans nothing is split"):
        check_splitter(guessing)


def test_without_spans_there_is_an_explanation() -> None:
    times, _ = daily("2016-01-01", "2018-01-01")

    with pytest.raises(InputError, match=r"labels\.spans"):
        WalkForward(settings()).split(times, None)


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        ({"first_test": date(2030, 1, 1)}, "2016-01-01", "2018-01-01"),
        ({"first_test": date(2016, 2, 1), "minimum_train_days": 5000}, "2016-01-01", "2018-01-01"),
    ],
    ids=["after the data", "too little history"],
)
def test_no_fold_says_what_is_missing(changes: dict[str, Any], first: str, last: str) -> None:
    times, spans = daily(first, last)

    with pytest.raises(DataError, match=r"2016-01-01.*to 2018-01-01.*minimum_train_days"):
        WalkForward(settings(**changes)).split(times, spans)


def test_no_data_at_all() -> None:
    nothing = np.empty(0, dtype=np.int64)

    with pytest.raises(DataError, match="no time at all"):
        WalkForward(settings()).split(nothing, Spans(nothing, nothing))


def test_early_windows_without_enough_history_are_left_out() -> None:
    times, spans = daily("2016-06-01", "2018-12-31")
    folds = WalkForward(settings()).split(times, spans)

    assert [(fold.fold, format_instant(fold.test_start)) for fold in folds] == [
        (0, "2017-07-01"),
        (1, "2018-01-01"),
        (2, "2018-07-01"),
    ]


def test_a_fold_that_knows_its_test_cannot_exist() -> None:
    times, spans = daily("2016-01-01", "2018-01-01")
    fold = WalkForward(settings()).split(times, spans)[0]

    with pytest.raises(LookAheadError, match="purge"):
        replace(fold, trained_until=Instant(fold.test_start + 1))

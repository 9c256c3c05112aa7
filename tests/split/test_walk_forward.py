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
from tidegate.split import Fold, WalkForward, current_fold
from tidegate.split.borders import require_apart
from tidegate.split.walk_forward import months_before
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
    check_splitter(WalkForward(settings(validation_months=6, calibration_months=4, embargo_days=2)).split)
    check_splitter(
        WalkForward(
            settings(test_months=12, train_days=600, validation_days=90, calibration_days=90, minimum_train_days=100)
        ).split
    )


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


def broken(**changes: Any) -> Any:
    """A splitter whose folds are changed behind their guard."""

    def split(times: np.ndarray, spans: Spans | None) -> list[Fold]:
        folds = WalkForward(settings(validation_months=6, calibration_months=4)).split(times, spans)
        for fold in folds:
            for name, change in changes.items():
                object.__setattr__(fold, name, change(fold))
        return folds

    return split


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({"validation": lambda fold: replace(fold.validation, rows=fold.validation.rows[:0])}, "no empty slice"),
        ({"validation": lambda fold: replace(fold.validation, end=fold.validation.start)}, "lies in its window"),
        ({"calibration": lambda fold: replace(fold.calibration, reaches=fold.test_start)}, "how far its labels reach"),
        ({"validation": lambda fold: replace(fold.validation, rows=fold.train)}, "no sample lies in two parts"),
        ({"trained_until": lambda fold: fold.train_reaches}, "trained_until is the last label end"),
        (
            {"train": lambda fold: np.append(fold.train, fold.calibration.rows), "calibration": lambda _: None},
            "no label reaches into the slice behind it",
        ),
    ],
)
def test_the_suite_sees_broken_slices(changes: dict[str, Any], promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        check_splitter(broken(**changes))


def test_the_suite_sees_a_splitter_that_counts_rows_in_their_order() -> None:
    """Crypto D-36: what a fold holds has to follow time, not where a row stands."""

    def by_order(times: np.ndarray, spans: Spans | None) -> list[Fold]:
        folds = WalkForward(settings()).split(times, spans)
        for fold in folds:
            object.__setattr__(fold, "train", fold.train[: len(fold.train) // 2])
            object.__setattr__(fold, "trained_until", Instant(int(spans.end[fold.train].max()) if spans else 0))
        return folds

    with pytest.raises(AssertionError, match="order of the samples"):
        check_splitter(by_order)


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


def parts(fold: Fold, spans: Spans) -> list[tuple[str, str, str]]:
    """Return first and last decision and last label end of each part that is fitted."""
    slices = (part.rows for part in (fold.validation, fold.calibration) if part is not None)
    return [
        (
            format_instant(spans.start[rows].min())[:10],
            format_instant(spans.start[rows].max())[:10],
            format_instant(spans.end[rows].max())[:10],
        )
        for rows in (fold.train, *slices)
    ]


def test_golden_slices() -> None:
    """Equity I 16: calibration is disjoint from tuning and test; crypto 20.4: disjoint blocks with a purge."""
    times, spans = daily("2015-01-01", "2018-02-10")
    sliced = settings(validation_months=3, calibration_months=2, embargo_days=1)
    fold = WalkForward(sliced).split(times, spans)[0]

    # Decisions at 21:00 with exits six days later; each border leaves a day of embargo in front of it.
    assert parts(fold, spans) == [
        ("2015-01-01", "2016-07-24", "2016-07-30"),
        ("2016-08-01", "2016-10-24", "2016-10-30"),
        ("2016-11-01", "2016-12-24", "2016-12-30"),
    ]
    assert (fold.purged_rows, fold.embargoed_rows) == (18, 3)
    assert format_instant(fold.trained_until)[:10] == "2016-12-30"
    assert fold.validation is not None
    assert fold.calibration is not None
    assert format_instant(fold.validation.start) == "2016-08-01"
    assert fold.validation.end == fold.calibration.start
    assert fold.calibration.end == fold.test_start
    assert len(fold.fitted) + 21 == np.sum(spans.start < fold.test_start)


def test_golden_days() -> None:
    """Crypto 19.2: 180 days of training, 14 of validation, 14 of test, a step of 14."""
    times, spans = daily("2016-01-01", "2017-02-10", horizon=0)
    chosen = SplitSettings(
        first_test=date(2017, 1, 1), test_days=14, train_days=194, validation_days=14, minimum_train_days=90,
        minimum_folds=3,
    )  # fmt: skip
    folds = WalkForward(chosen).split(times, spans)

    assert [format_instant(fold.test_start) for fold in folds] == ["2017-01-01", "2017-01-15", "2017-01-29"]
    assert parts(folds[0], spans) == [
        ("2016-06-21", "2016-12-16", "2016-12-17"),
        ("2016-12-18", "2016-12-30", "2016-12-31"),
    ]
    assert [len(fold.train) for fold in folds] == [179, 179, 179]


def test_slices_in_months_before_windows_in_days() -> None:
    times, spans = daily("2015-01-01", "2017-06-01")
    chosen = SplitSettings(
        first_test=date(2017, 1, 1), test_days=30, validation_months=2, calibration_days=10, train_months=12,
    )  # fmt: skip
    fold = WalkForward(chosen.model_copy(update={"minimum_train_days": 100})).split(times, spans)[1]

    assert fold.validation is not None
    assert fold.calibration is not None
    starts = (fold.train_start, fold.validation.start, fold.calibration.start, fold.test_start)
    assert [format_instant(at)[:10] for at in starts] == ["2016-01-31", "2016-11-20", "2017-01-21", "2017-01-31"]


@given(
    seed=st.integers(0, 10**6),
    kept=st.integers(200, 500),
    chosen=st.sampled_from(
        [
            {},
            {"validation_days": 60, "calibration_months": 2},
            {"train_days": 300, "validation_months": 2, "embargo_days": 9},
            {"train_months": 8},
        ]
    ),
)
def test_more_data_only_add_folds(seed: int, kept: int, chosen: dict[str, Any]) -> None:
    """Equity I 15: the folds of a prefix are those of the whole, row by row."""
    random = generator(seed, "prefix")
    times = parse_instant("2015-01-05") + np.cumsum(random.integers(HOUR, 5 * DAY, 500))
    start = np.repeat(times, 2)
    spans = Spans(start, start + random.integers(1, 40 * DAY, start.size))
    splitter = WalkForward(settings(test_months=2, minimum_train_days=60, **chosen))
    known = spans.start < times[kept - 1]
    try:
        whole = splitter.split(times, spans)
        early = splitter.split(times[:kept], Spans(spans.start[known], spans.end[known]))
    except DataError:
        assume(False)

    finished = [fold for fold in early if fold.test_end <= times[kept - 1]]
    assert len(finished) >= len(early) - 1
    for fold, later in zip(finished, whole, strict=False):
        assert fold.as_document() == later.as_document()
        for name in ("train", "test", "fitted"):
            assert getattr(fold, name).tolist() == getattr(later, name).tolist()


def by_hand(spans: Spans, start: int | None, border: int, embargo: int) -> list[int]:
    return [
        row
        for row, (begin, end) in enumerate(zip(spans.start.tolist(), spans.end.tolist(), strict=True))
        if (start is None or begin >= start) and begin < border and end <= border - embargo
    ]


@given(
    seed=st.integers(0, 10**6),
    longest=st.integers(1, 60),
    embargo=st.integers(0, 10),
    validation=st.integers(0, 4),
    calibration=st.integers(0, 4),
    train=st.one_of(st.none(), st.integers(14, 24)),
)
def test_every_part_is_what_a_plain_loop_takes(
    seed: int, longest: int, embargo: int, validation: int, calibration: int, train: int | None
) -> None:
    random = generator(seed, "parts")
    times = parse_instant("2015-01-05") + np.cumsum(random.integers(HOUR, 9 * DAY, 300))
    start = random.permutation(np.repeat(times, random.integers(0, 3, times.size)))
    spans = Spans(start, start + random.integers(1, longest * DAY, start.size))
    chosen = settings(
        embargo_days=embargo, train_months=train, validation_months=validation, calibration_months=calibration,
        minimum_train_days=10,
    )  # fmt: skip
    try:
        folds = WalkForward(chosen).split(times, spans)
    except DataError:
        assume(False)

    for fold in folds:
        first = date.fromisoformat(format_instant(fold.test_start))
        borders = [None if train is None else months_before(first, train)]
        present = [(fold.validation, validation + calibration), (fold.calibration, calibration)]
        borders += [months_before(first, months) for part, months in present if part is not None]
        rows = [fold.train, *(part.rows for part, _ in present if part is not None)]
        assert [part is not None for part, _ in present] == [validation > 0, calibration > 0]
        for start_of, end_of, found in zip(borders, [*borders[1:], fold.test_start], rows, strict=True):
            assert end_of is not None
            assert found.tolist() == by_hand(spans, start_of, end_of, embargo * DAY)
        window = (spans.start < fold.test_start) & (spans.start >= (borders[0] or 0))
        assert window.sum() == len(fold.fitted) + fold.purged_rows + fold.embargoed_rows


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"minimum_folds": 4}, "3 folds"),
        ({"validation_days": 3}, "3 windows without a row for validation"),
        ({"calibration_days": 3}, "3 windows without a row for calibration"),
        ({"train_days": 5, "validation_days": 5}, "3 windows without a row for training"),
        ({"minimum_train_days": 400, "validation_months": 3}, "1 windows without 400 days"),
    ],
)
def test_too_few_folds_say_what_fell_out(changes: dict[str, Any], says: str) -> None:
    times, spans = daily("2016-01-01", "2018-02-10")

    with pytest.raises(DataError, match=says):
        WalkForward(settings(**{"minimum_folds": 3, **changes})).split(times, spans)


def test_times_that_run_backwards_are_refused() -> None:
    """Crypto D-36: the rows of a table sorted by symbol are no axis of time."""
    times, spans = daily("2016-01-01", "2018-02-10")

    with pytest.raises(InputError, match="run backwards"):
        WalkForward(settings()).split(np.concatenate([times, times]), spans)
    with pytest.raises(InputError, match="shape"):
        WalkForward(settings()).split(np.stack([times, times]), spans)


def test_a_hold_out_recipe_is_no_walk_forward() -> None:
    with pytest.raises(InputError, match="first test day"):
        WalkForward(SplitSettings(scheme="holdout"))


def test_the_newest_fold_learns_all_that_is_known() -> None:
    times, spans = daily("2015-01-01", "2018-02-10")
    sliced = settings(validation_months=3, calibration_months=2, train_months=24)
    fold = current_fold(sliced, times, spans)

    assert times[fold.test].tolist() == [times[-1]]
    assert parts(fold, spans) == [
        ("2016-02-10", "2017-09-03", "2017-09-09"),
        ("2017-09-10", "2017-12-03", "2017-12-09"),
        ("2017-12-10", "2018-02-04", "2018-02-10"),
    ]
    assert fold.trained_until == times[-1]


@pytest.mark.parametrize("changes", [{"validation_days": 4}, {"calibration_days": 4}, {"train_days": 4}])
def test_no_newest_fold_says_which_part_is_empty(changes: dict[str, Any]) -> None:
    times, spans = daily("2016-01-01", "2018-01-01")

    name = {"train": "training"}.get(next(iter(changes)).split("_")[0], next(iter(changes)).split("_")[0])
    with pytest.raises(DataError, match=f"none is left for {name}"):
        current_fold(settings(**changes), times, spans)
    with pytest.raises(DataError, match="no time at all"):
        current_fold(settings(), times[:0], spans)


def test_a_fold_that_knows_its_test_cannot_exist() -> None:
    times, spans = daily("2016-01-01", "2018-01-01")
    fold = WalkForward(settings()).split(times, spans)[0]

    with pytest.raises(LookAheadError, match="purge"):
        replace(fold, trained_until=Instant(fold.test_start + 1))


def test_the_guard_holds_each_part_against_the_one_behind_it() -> None:
    """Equity H 15: whatever put them there, samples that share time with the next part are seen."""
    times, spans = daily("2015-01-01", "2018-02-10")
    fold = WalkForward(settings(validation_months=3, calibration_months=2)).split(times, spans)[0]
    assert fold.validation is not None
    assert fold.calibration is not None
    late = np.flatnonzero((spans.start < fold.test_start) & (spans.end > fold.test_start))

    require_apart(fold, spans)
    for changes, says in (
        ({"train": np.append(fold.train, fold.validation.rows[:3])}, "3 of .* training samples .* of the validation"),
        (
            {"calibration": replace(fold.calibration, rows=late)},
            "5 of 6 calibration samples .* the test",
        ),
        ({"validation": None, "train": fold.calibration.rows}, "training samples .* of the calibration"),
    ):
        with pytest.raises(LookAheadError, match=says):
            require_apart(replace(fold, **changes), spans)


def test_every_test_comes_horizon_and_a_session_after_the_last_training() -> None:
    """Equity I 14: last training decision + horizon + 1 sessions lie at or before every decision that is scored."""
    horizon = 5
    times, spans = daily("2015-01-01", "2018-02-10", horizon=horizon)

    for fold in WalkForward(settings(validation_months=3)).split(times, spans):
        for rows in (fold.fitted, fold.train):
            last = int(np.searchsorted(times, spans.start[rows].max()))
            assert times[last + horizon + 1] <= times[fold.test].min()


def test_tables_of_days_put_together_in_any_way_give_the_same_folds() -> None:
    """Equity H 14: row numbers that begin anew each day made the original fail; here instants alone count."""
    times, spans = daily("2015-01-01", "2018-02-10")
    by_day = Spans(np.repeat(spans.start, 3), np.repeat(spans.end, 3))
    by_code = Spans(np.tile(spans.start, 3), np.tile(spans.end, 3))

    for one, other in zip(*(WalkForward(settings()).split(times, table) for table in (by_day, by_code)), strict=True):
        assert one.as_document() == other.as_document()
        assert sorted(by_day.start[one.train]) == sorted(by_code.start[other.train])


def test_folds_are_places_in_the_whole_so_windows_reach_back_over_borders() -> None:
    """Equity H 22: splitting before building features cost the first 19 rows of each part their windows."""
    times, spans = daily("2015-01-01", "2018-02-10")
    mean = np.convolve(np.arange(len(times), dtype=float), np.full(20, 1 / 20), "valid")
    feature = np.concatenate([np.full(19, np.nan), mean])

    for fold in WalkForward(settings(validation_months=3)).split(times, spans):
        assert fold.validation is not None
        assert not np.isnan(feature[fold.test]).any()
        assert not np.isnan(feature[fold.validation.rows]).any()

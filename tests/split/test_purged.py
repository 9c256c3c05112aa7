from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError, LookAheadError
from tidegate.core.randomness import generator
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, HOUR
from tidegate.split import CombinatorialPurged, PurgedKFold, overlapping
from tidegate.split.groups import TimeGroups


def panel(seed: int, *, instants: int = 40, symbols: int = 4, longest: int = 30, shuffled: bool = True) -> Spans:
    """Return samples of irregular instants, of some symbols at each, with labels of mixed lengths."""
    random = generator(seed, "panel")
    times = np.cumsum(random.integers(1, 20, instants))
    start = np.repeat(times, random.integers(1, symbols + 1, instants))
    end = start + random.integers(1, longest + 1, start.size)
    order = random.permutation(start.size) if shuffled else np.arange(start.size)
    return Spans(start[order], end[order])


def by_hand(spans: Spans, tested: np.ndarray, embargo: int) -> list[int]:
    """Every sample outside the test held against every sample inside it."""
    inside = set(tested.tolist())
    start, end = spans.start.tolist(), spans.end.tolist()
    return [
        row
        for row in range(len(spans))
        if row not in inside
        if all(end[row] <= start[one] or start[row] >= end[one] + embargo for one in inside)
    ]


def possible(make: Any) -> list[Any]:
    try:
        return list(make())
    except DataError:
        assume(False)
        raise


SHAPES = st.sampled_from([(2, 1), (3, 1), (5, 1), (5, 2), (6, 3), (4, 3)])


@given(
    seed=st.integers(0, 10**6),
    shape=SHAPES,
    longest=st.integers(1, 120),
    symbols=st.integers(1, 6),
    embargo=st.integers(0, 60),
)
def test_training_is_what_comparing_every_pair_leaves(
    seed: int, shape: tuple[int, int], longest: int, symbols: int, embargo: int
) -> None:
    """Crypto D-08: the purge follows the labels; no more and no less than they ask for is left out."""
    spans = panel(seed, longest=longest, symbols=symbols)
    cross = CombinatorialPurged(*shape, spans=spans, embargo=embargo)

    for train, test in possible(lambda: cross.split(np.zeros(len(spans)))):
        assert sorted(train.tolist()) == by_hand(spans, test, embargo)
        one, other = (Spans(spans.start[side], spans.end[side]) for side in (train, test))
        assert not overlapping(one, other, embargo=embargo).any()


@given(seed=st.integers(0, 10**6), shape=SHAPES, symbols=st.integers(1, 30))
def test_an_instant_is_never_cut_and_every_sample_tested_as_often_as_promised(
    seed: int, shape: tuple[int, int], symbols: int
) -> None:
    """Crypto D-36: all symbols of an instant lie on one side."""
    spans = panel(seed, instants=12, symbols=symbols, longest=3)
    cross = CombinatorialPurged(*shape, spans=spans, embargo=0)
    splits = possible(cross.splits)

    assert len(splits) == cross.get_n_splits() == comb(*shape)
    tested = np.zeros(len(spans), dtype=int)
    for split in splits:
        rows = split.test.indices()
        tested[rows] += 1
        assert not np.isin(spans.start[np.setdiff1d(np.arange(len(spans)), rows)], spans.start[rows]).any()
        assert len(rows) == len(split.test)
        assert len(split.train.indices()) == len(split.train)
    assert (tested == comb(shape[0] - 1, shape[1] - 1)).all()


@given(seed=st.integers(0, 10**6), shape=SHAPES)
def test_the_order_of_rows_does_not_matter(seed: int, shape: tuple[int, int]) -> None:
    """Crypto D-36: a table sorted by symbol gives the same sides as one sorted by time."""
    sorted_spans = panel(seed, longest=40, shuffled=False)
    order = generator(seed, "order").permutation(len(sorted_spans))
    shuffled = Spans(sorted_spans.start[order], sorted_spans.end[order])

    one, other = (
        possible(CombinatorialPurged(*shape, spans=spans, embargo=5).split) for spans in (sorted_spans, shuffled)
    )
    for sides, again in zip(one, other, strict=True):
        for rows, found in zip(sides, again, strict=True):
            assert sorted(order[found].tolist()) == sorted(rows.tolist())


@given(seed=st.integers(0, 10**6), shape=SHAPES)
def test_every_path_walks_once_through_the_whole_history(seed: int, shape: tuple[int, int]) -> None:
    """López de Prado 2018, section 12.4: phi = C(N - 1, k - 1) paths, each out of sample."""
    cross = CombinatorialPurged(*shape, spans=panel(seed, longest=2), embargo=0)
    splits = possible(cross.splits)
    paths = cross.paths()

    assert paths.shape == (comb(shape[0] - 1, shape[1] - 1), shape[0])
    used = set()
    for path in paths:
        rows = np.concatenate(
            [
                split.test.order[slice(*split.test.ranges[split.groups.index(group)])]
                for group, split in enumerate(splits[number] for number in path)
            ]
        )
        assert sorted(rows.tolist()) == list(range(len(cross.spans)))
        used |= {(int(number), group) for group, number in enumerate(path)}
    assert len(used) == paths.size == comb(*shape) * shape[1]


def test_the_paths_of_the_book() -> None:
    """López de Prado 2018, figure 12.1 and 12.2: six groups, two tested, 15 splits, 5 paths."""
    starts = np.arange(60)
    cross = CombinatorialPurged(6, 2, spans=Spans(starts, starts + 1), embargo=0)

    pairs = list(combinations(range(1, 7), 2))
    named = [[f"G{group + 1},S{number + 1}" for group, number in enumerate(path)] for path in cross.paths()]
    assert [split.groups for split in cross.splits()] == [(one - 1, other - 1) for one, other in pairs]
    assert named[0] == ["G1,S1", "G2,S1", "G3,S2", "G4,S3", "G5,S4", "G6,S5"]
    assert named[1] == ["G1,S2", "G2,S6", "G3,S6", "G4,S7", "G5,S8", "G6,S9"]


def test_golden_folds() -> None:
    starts = np.arange(12)
    folds = PurgedKFold(3, spans=Spans(starts, starts + 2), embargo=1)

    assert [(split.train.indices().tolist(), split.test.indices().tolist()) for split in folds.splits()] == [
        ([6, 7, 8, 9, 10, 11], [0, 1, 2, 3]),
        ([0, 1, 2, 10, 11], [4, 5, 6, 7]),
        ([0, 1, 2, 3, 4, 5, 6], [8, 9, 10, 11]),
    ]


def test_a_long_label_reaches_past_the_test_group_behind_it() -> None:
    """Mixed horizons: of two neighbouring test groups the earlier one may have the later end."""
    starts = np.arange(40)
    ends = starts + 1
    ends[5] = 35
    split = next(CombinatorialPurged(4, 2, spans=Spans(starts, ends), embargo=0).splits())

    assert split.groups == (0, 1)
    assert split.train.indices().tolist() == [35, 36, 37, 38, 39]


def test_rows_are_offered_as_ranges() -> None:
    starts = np.arange(1000, dtype=np.int64)
    spans = Spans(starts, starts + 1 + np.arange(1000) % 7)
    split = list(PurgedKFold(4, spans=spans, embargo=10).splits())[2]

    assert split.test.ranges == ((500, 750),)
    assert split.train.ranges[0] == (0, 494)
    assert split.train.ranges[1][1] == 1000
    (tail,) = split.train.tails
    assert tail.tolist() == [row for row in range(494, 500) if row + 1 + row % 7 <= 500]


def test_instants_so_full_that_equal_groups_coincide() -> None:
    starts = np.repeat([0, 1, 2, 3], [1, 100, 1, 1])
    groups = TimeGroups.of(Spans(starts, starts + 1), 4, 0)

    assert groups.bounds == (0, 1, 101, 102, 103)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"spans": None}, "no spans, no split"),
        ({"n_groups": 1, "n_test_groups": 1}, "1 test groups out of 1"),
        ({"n_groups": 3, "n_test_groups": 3}, "3 test groups out of 3"),
        ({"n_groups": 3, "n_test_groups": 0}, "0 test groups"),
        ({"n_groups": 61}, "at least 61 instants"),
        ({"embargo": -1}, "an embargo of -1"),
        ({"embargo": 2**63}, "an embargo of"),
        ({"spans": Spans(np.empty(0, np.int64), np.empty(0, np.int64))}, "0 samples at 0 instants"),
    ],
)
def test_what_makes_no_split_is_explained(changes: dict[str, Any], says: str) -> None:
    starts = np.arange(60)
    wished = {"n_groups": 6, "n_test_groups": 1, "spans": Spans(starts, starts + 1), "embargo": 0, **changes}

    with pytest.raises(InputError, match=says):
        CombinatorialPurged(wished.pop("n_groups"), wished.pop("n_test_groups"), **wished)


def test_without_spans_k_fold_splits_nothing() -> None:
    with pytest.raises(InputError, match="no spans, no split"):
        PurgedKFold(5, spans=None, embargo=0)


def test_rows_and_spans_have_to_be_as_many() -> None:
    starts = np.arange(60)

    with pytest.raises(InputError, match="59 rows to split, and 60 label spans"):
        next(PurgedKFold(5, spans=Spans(starts, starts + 1), embargo=0).split([0] * 59))


def test_an_embargo_that_leaves_nothing_is_refused() -> None:
    starts = np.arange(60)

    with pytest.raises(DataError, match="nothing to train on beside the test groups 0"):
        next(PurgedKFold(5, spans=Spans(starts, starts + 1), embargo=100).splits())


def test_labels_that_grew_since_are_noticed() -> None:
    """The guard: spans changed behind the splitter's back would leak into the test."""
    starts = np.arange(60) * DAY
    spans = Spans(starts, starts + DAY)
    folds = PurgedKFold(3, spans=spans, embargo=0)
    spans.end[0] += 30 * DAY

    with pytest.raises(LookAheadError, match="1 of 40 training samples"):
        list(folds.split(np.zeros(60)))


def test_the_embargo_of_the_specification() -> None:
    """Crypto 19.2: one bar and the horizon after every test block, with labels of several horizons."""
    bar, horizons = HOUR, np.array([1, 4, 24])
    starts = np.repeat(np.arange(2000) * bar, 3)
    spans = Spans(starts, starts + np.tile(horizons, 2000) * bar)
    embargo = bar + 24 * bar
    for train, test in PurgedKFold(5, spans=spans, embargo=embargo).split():
        reach, first = spans.end[test].max(), spans.start[test].min()
        later = spans.start[train] > first
        assert (spans.start[train][later] >= reach + embargo).all()
        assert (spans.end[train][~later] <= first).all()

"""45 combinatorial purged splits of a million overlapping labels: as ranges of rows and as indices, against a loop."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from tidegate.core.spans import Spans
from tidegate.split import CombinatorialPurged

ROWS, GROUPS, TESTED, LONGEST = 1_000_000, 10, 2, 200
EMBARGO = ROWS // 100
EDGES = np.linspace(0, ROWS, GROUPS + 1).astype(np.int64)


@pytest.fixture(scope="module")
def spans() -> Spans:
    """Label *i* begins at *i* and ends 2 to 201 later, none after the end."""
    start = np.arange(ROWS, dtype=np.int64)
    last = np.minimum(start + np.random.default_rng(5).integers(1, LONGEST + 1, ROWS), ROWS - 1)
    return Spans(start, last + 1)


def splitter(spans: Spans) -> CombinatorialPurged:
    return CombinatorialPurged(GROUPS, TESTED, spans=spans, embargo=EMBARGO)


def as_ranges(cross: CombinatorialPurged) -> list[Any]:
    return list(cross.splits())


def as_indices(cross: CombinatorialPurged) -> int:
    return sum(len(split.train.indices()) for split in cross.splits())


def as_scikit_learn_asks(cross: CombinatorialPurged) -> int:
    return sum(len(train) for train, _ in cross.split())


def by_hand(spans: Spans) -> list[tuple[list[tuple[int, int]], list[np.ndarray]]]:
    """What the least work is: row *i* begins at *i*, labels of neighbouring groups are known to end in order."""
    reach = np.maximum.reduceat(spans.end, EDGES[:-1])
    after = np.minimum(np.maximum(np.searchsorted(spans.start, reach), EDGES[1:]) + EMBARGO, ROWS)
    tails = [np.empty(0, dtype=np.int64)]
    for edge in EDGES[1:-1]:
        low = edge - LONGEST
        tails.append(np.flatnonzero(spans.end[low:edge] <= edge) + low)
    splits = []
    for chosen in combinations(range(GROUPS), TESTED):
        free, ranges, survivors = 0, [], []
        for group in chosen:
            if EDGES[group] > free:
                low = max(EDGES[group] - LONGEST, free)
                ranges.append((free, low))
                survivors.append(tails[group][tails[group] >= low])
            free = max(free, EDGES[group + 1] if group + 1 in chosen else after[group])
        if free < ROWS:
            ranges.append((free, ROWS))
        splits.append((ranges, survivors))
    return splits


def by_masks(spans: Spans) -> list[np.ndarray]:
    """Every sample held against the reach of every test block: slow, and plain."""
    splits = []
    for chosen in combinations(range(GROUPS), TESTED):
        keep = np.ones(ROWS, dtype=np.bool_)
        for group in chosen:
            low, high = EDGES[group], EDGES[group + 1]
            reach = spans.end[low:high].max()
            keep[low:high] = False
            keep &= (spans.end <= spans.start[low]) | (spans.start >= reach + EMBARGO)
        splits.append(np.flatnonzero(keep))
    return splits


def test_all_say_the_same(spans: Spans) -> None:
    splits = as_ranges(splitter(spans))
    counts = [len(split.train) for split in splits]

    for split, rows in zip(splits, by_masks(spans), strict=True):
        np.testing.assert_array_equal(split.train.indices(), rows)
    assert [sum(high - low for low, high in one) + sum(map(len, tails)) for one, tails in by_hand(spans)] == counts
    assert sum(len(split.test) for split in splits) == 45 * 2 * ROWS // 10
    assert (sum(counts), as_scikit_learn_asks(splitter(spans))) == (35_259_624, 35_259_624)
    assert all(low < high for split in splits for low, high in split.train.ranges)
    assert all(before[1] <= behind[0] for split in splits for before, behind in pairwise(split.train.ranges))


def test_ranges_by_tidegate(benchmark: Any, spans: Spans) -> None:
    benchmark.pedantic(as_ranges, (splitter(spans),), rounds=30, warmup_rounds=3)


def test_ranges_by_hand(benchmark: Any, spans: Spans) -> None:
    benchmark.pedantic(by_hand, (spans,), rounds=30, warmup_rounds=3)


def test_ordering_the_labels_by_tidegate(benchmark: Any, spans: Spans) -> None:
    """Once for a set of labels, in front of the splits: order, groups, longest label."""
    benchmark.pedantic(splitter, (spans,), rounds=15, warmup_rounds=3)


def test_indices_by_tidegate(benchmark: Any, spans: Spans) -> None:
    benchmark.pedantic(as_indices, (splitter(spans),), rounds=7, warmup_rounds=2)


def test_guarded_indices_by_tidegate(benchmark: Any, spans: Spans) -> None:
    """As scikit-learn asks for them: training and test, held against the spans once more."""
    benchmark.pedantic(as_scikit_learn_asks, (splitter(spans),), rounds=7, warmup_rounds=2)


def test_indices_by_masks(benchmark: Any, spans: Spans) -> None:
    benchmark.pedantic(by_masks, (spans,), rounds=2)

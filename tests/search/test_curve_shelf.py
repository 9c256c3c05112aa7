"""Curves on the disk: whoever wrote them in whatever files, they are read in the order that is asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from curves_made_up import curves, file_of, shelf_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import RunError
from tidegate.search.shelf import CurveFile, CurveShelf

KEYS = tuple("abcdefghij")
ARRAYS = ("times", "equity", "benchmark", "counts", "orders", "traded", "traded_in_training")


def equal(one: CurveFile, other: CurveFile) -> bool:
    alike = (np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in ARRAYS)
    return one.keys == other.keys and all(alike)


@settings(max_examples=15)
@given(order=st.permutations(range(10)), cuts=st.sets(st.integers(1, 9)), piece=st.integers(1, 12))
def test_pieces_follow_the_question_and_not_the_files(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: set[int], piece: int
) -> None:
    """Whoever did the work, in whatever order: the same pieces, to the bit."""
    equity, bench = curves(10, bars=30)
    edges = [0, *sorted(cuts), 10]
    files = [order[low:high] for low, high in pairwise(edges)]
    shelf = shelf_of(tmp_path_factory.mktemp("shelf"), KEYS, equity, bench, pieces=files)
    whole = file_of(KEYS, equity, bench)

    read = list(CurveShelf(shelf.folder, piece=piece).read(KEYS[2:]))

    expected = [whole.only(range(low, min(low + piece, 10))) for low in range(2, 10, piece)]
    assert [equal(one, other) for one, other in zip(read, expected, strict=True)] == [True] * len(expected)


def test_sets_of_another_benchmark_are_a_piece_of_their_own(tmp_path: Path) -> None:
    equity, bench = curves(3, bars=20)
    shelf = CurveShelf(tmp_path)
    for column, level in ((0, 1.0), (1, 2.0), (2, 2.0)):
        shelf.put(file_of(KEYS[column], equity[:, [column]], level * bench))

    read = list(shelf.read(KEYS[:3]))

    assert [one.keys for one in read] == [("a",), ("b", "c")]
    np.testing.assert_array_equal(read[1].benchmark, 2.0 * bench)


def test_the_same_works_again_replace_their_file(tmp_path: Path) -> None:
    equity, bench = curves(2, bars=20)
    shelf = shelf_of(tmp_path, KEYS[:2], equity, bench, pieces=[[0, 1]])
    assert next(shelf.read(["a"])).equity[-1, 0] == equity[-1, 0]
    shelf.put(file_of(KEYS[:2], equity + 1.0, bench))

    (read,) = shelf.read(["b", "a"])

    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(read.equity, equity[:, ::-1] + 1.0)


def test_a_missing_curve_is_named_and_a_damaged_file_holds_none(tmp_path: Path) -> None:
    equity, bench = curves(2, bars=20)
    shelf = shelf_of(tmp_path, KEYS[:2], equity, bench, pieces=[[0], [1]])
    with pytest.raises(RunError, match="1 of 3 sets"):
        list(shelf.read(["a", "b", "c"]))

    damaged = min(tmp_path.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(RunError, match="1 of 2 sets"):
        list(shelf.read(["a", "b"]))


def test_a_file_whose_curves_alone_are_damaged_is_named(tmp_path: Path) -> None:
    equity, bench = curves(1, bars=200)
    shelf = shelf_of(tmp_path, KEYS[:1], equity, bench, pieces=[[0]])
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    at = content.index(equity.tobytes()[:64]) + 100
    content[at] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"cannot be read.*BadZipFile") as caught:
        list(shelf.read(["a"]))

    assert path.name in caught.value.found


def test_clearing_leaves_nothing_to_read(tmp_path: Path) -> None:
    equity, bench = curves(1, bars=20)
    shelf = shelf_of(tmp_path, KEYS[:1], equity, bench, pieces=[[0]])
    list(shelf.read(["a"]))

    shelf.clear()

    with pytest.raises(RunError, match="1 of 1 sets"):
        list(shelf.read(["a"]))

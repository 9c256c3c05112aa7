"""What everything gave lies in files; what comes later is laid beside it, whatever its axes and blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from planted_pipelines import log_return, market

from tidegate.audit import Depth, FindingKind, audit_lookahead
from tidegate.audit.differences import Manner, Rows, Tally, is_last_bits, unequal
from tidegate.audit.reference import store_reference
from tidegate.core.errors import InputError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.pipeline import Stage, StageKind


def block(start: int, stop: int, keys: tuple[str, ...] = ("a", "b"), dtype: str = "f4") -> Stage:
    times = np.arange(start, stop, dtype=np.int64)
    values = np.arange(start * 6, stop * 6, dtype=dtype).reshape(-1, 3, 2)[:, :, : len(keys)]
    return Stage(kind=StageKind.FEATURES, times=times, symbols=("X", "Y", "Z"), keys=keys, values=values)


def test_blocks_are_put_together_in_one_file_per_stage(tmp_path: Path) -> None:
    labels = replace(block(0, 9, ("a", "b")), kind=StageKind.LABELS, ends=np.arange(9) + 1)
    stored = store_reference([block(0, 4), labels, block(4, 5), block(5, 9)], tmp_path)
    features, kept = stored.stages

    assert features.shape == (9, 3, 2)
    assert np.array_equal(features.values(), block(0, 9).values)
    assert features.values().dtype == np.float32
    assert kept.ends.tolist() == list(range(1, 10))
    assert stored.place_of(labels) == 1
    assert stored.place_of(block(0, 1, ("c", "d"))) is None


@pytest.mark.parametrize(
    "second", [block(3, 6), block(0, 2), block(4, 6, dtype="f8"), replace(block(4, 6), symbols=("X", "Y", "W"))]
)
def test_blocks_that_do_not_follow_each_other_are_refused(second: Stage, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="blocks of features"):
        store_reference([block(0, 4), second], tmp_path)


def test_a_stage_without_rows_is_kept(tmp_path: Path) -> None:
    stored = store_reference([block(0, 0)], tmp_path)

    assert stored.stages[0].values().shape == (0, 3, 2)


@dataclass(frozen=True)
class Chosen:
    """Gives some symbols and keys only: those that have traded by then, or those that trade most over all."""

    by_the_whole: bool

    def run(self, history: History) -> Iterator[Stage]:
        volume = np.nan_to_num(history.bars["volume"])
        places = np.flatnonzero(volume.sum(axis=0) > 0.0)
        if self.by_the_whole:
            places = np.sort(np.argsort(volume[-40:].sum(axis=0))[:2])
        values = log_return(history)[:, places]
        keys = ("return", "square") if len(history.bars.times) > 100 or not self.by_the_whole else ("return",)
        yield Stage(
            kind=StageKind.FEATURES,
            times=history.bars.times,
            symbols=tuple(history.bars.symbols[place] for place in places),
            keys=keys,
            values=np.stack([values, values**2], axis=2)[:, :, : len(keys)],
        )


def listed_late(history: History) -> History:
    columns = {name: column.copy() for name, column in history.bars.columns.items()}
    for column in columns.values():
        column[:90, 2] = np.nan
    return History(history.bars.with_columns(columns))


def test_a_symbol_that_comes_later_is_no_difference_but_a_future_universe_is() -> None:
    """Who belongs is decided by what was known (spec 8)."""
    honest, leaking = (
        audit_lookahead(
            Chosen(by_the_whole=flag), listed_late(market(150)), subject="axes", depth=Depth(prefixes=8), workers=0
        )
        for flag in (False, True)
    )

    assert honest.verdict is Verdict.PASSED
    assert {one.kind for one in leaking.findings} == {FindingKind.VANISHED, FindingKind.POISONED}
    assert {one.key for one in leaking.findings} == {"return", "square"}


def tally(left: list[float], right: list[float], bound: float | None = None) -> dict[Manner, int]:
    found = Tally()
    values = [np.array(side, dtype=np.float64).reshape(-1, 1, 1) for side in (left, right)]
    times = np.arange(len(left), dtype=np.int64)
    rows = Rows(stage="features", symbols=("X",), keys=("a",), times=times, reference=values[0], anew=values[1])
    found.compare(rows, None if bound is None else np.array([bound]))
    assert found.cells == len(left)
    return {one.manner: one.cells for one in found}


def test_differences_are_told_by_their_manner() -> None:
    nan = float("nan")
    near = 1.0 + 4 * np.finfo(float).eps

    assert tally([1.0, nan, 0.0], [1.0, nan, -0.0]) == {}
    assert tally([1.0, 2.0, nan, 5.0], [near, nan, 3.0, 6.0]) == {
        Manner.LAST_BITS: 1,
        Manner.GONE: 1,
        Manner.NEW: 1,
        Manner.CHANGED: 1,
    }
    assert tally([1.0, 2.0, nan], [1.05, 2.2, 1.0], bound=0.1) == {Manner.CHANGED: 1, Manner.NEW: 1}


def test_last_bits_are_relative_and_know_their_type() -> None:
    one = np.array([1.0, 1e-30, 0.0, np.inf])

    assert is_last_bits(one, one * (1 + 2**-51)).tolist() == [True, True, True, False]
    assert is_last_bits(one, one + 1e-12).tolist() == [False, False, False, False]
    assert is_last_bits(np.float32(1.0), np.float32(1.0 + 2**-22)).all()
    assert unequal(np.array([np.inf, -np.inf]), np.array([np.inf, np.inf])).tolist() == [False, True]

"""Labels see the future, but only up to the end that they declare."""

from __future__ import annotations

import numpy as np

from tidegate.audit.differences import Difference, Manner, Rows, Tally, unequal
from tidegate.audit.reference import ReferenceStage, Values
from tidegate.audit.result import END
from tidegate.core.pipeline import Stage
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["check_ends", "compare_labels"]


def compare_labels(
    block: Stage, stage: ReferenceStage, truth: Values, as_of: int, is_poisoned: bool, tally: Tally
) -> Mask:
    """Compare labels computed without the true future with those computed with it.

    Where the future is deleted, a label that is there must have ended and be the same, and one that has ended must be
    there. Where it is garbage, only those that have ended are looked at: the others may say anything.

    Returns
    -------
    seen
        ``bool (n,)``: which rows of the reference the block has.
    """
    places = np.searchsorted(stage.times, block.times)
    inside = np.minimum(places, max(len(stage.times) - 1, 0))
    found = (stage.times[inside] == block.times) if len(stage.times) else np.zeros(len(block.times), dtype=np.bool_)
    seen = np.zeros(len(stage.times), dtype=np.bool_)
    seen[places[found]] = True
    assert block.ends is not None
    anew, ends, times = block.values[found], block.ends[found], block.times[found]
    if block.keys != stage.declared.keys or block.symbols != stage.declared.symbols:
        tally.row_is(Manner.NEW, block.kind.value, times)
        return seen
    known, true_ends = np.asarray(truth[places[found]]), stage.ends[places[found]]
    _compare_values(block, (known, true_ends), (anew, ends), times, as_of, is_poisoned, tally, stage.spreads)
    if not is_poisoned and not found.all():
        early = block.ends[~found] > as_of
        tally.row_is(Manner.EARLY, block.kind.value, block.times[~found][early & _any(block.values[~found])])
    return seen


def check_ends(stage: ReferenceStage, last: int, tally: Tally) -> None:
    """See that no label of the whole history is there before its end: a tail filled with zeros looks like one."""
    late = np.flatnonzero(stage.ends > last)
    if len(late):
        _note_early(stage.declared, np.asarray(stage.values()[late]), stage.times[late], tally)


def _compare_values(
    block: Stage,
    truth: tuple[Values, Int64Array],
    anew: tuple[Values, Int64Array],
    times: Int64Array,
    as_of: int,
    is_poisoned: bool,
    tally: Tally,
    spreads: FloatArray,
) -> None:
    (left, left_ends), (right, right_ends) = truth, anew
    there, here = ~np.isnan(left), ~np.isnan(right)
    ended = there & (left_ends <= as_of)[:, None, None]
    ended_anew = here & (right_ends <= as_of)[:, None, None]
    tally.cells += int((ended | here).sum())
    rows = Rows(
        stage=block.kind.value,
        symbols=block.symbols,
        keys=block.keys,
        times=times,
        reference=left,
        anew=right,
        spreads=spreads,
    )
    looked_at = ended | ended_anew if is_poisoned else ended | here
    tally.note(rows, slice(None), looked_at & unequal(left, right))
    if not is_poisoned:
        late = right_ends > as_of
        _note_early(block, right[late], times[late], tally)
    both = (looked_at & there & here).any(axis=(1, 2)) & (left_ends != right_ends)
    for row in np.flatnonzero(both)[:1]:
        tally.add(
            Difference(
                stage=block.kind.value,
                key=END,
                manner=Manner.CHANGED,
                symbol=None,
                at=int(times[row]),
                with_future=float(left_ends[row]),
                without_future=float(right_ends[row]),
                cells=int(both.sum()),
            )
        )


def _note_early(declared: Stage, values: Values, times: Int64Array, tally: Tally) -> None:
    early = ~np.isnan(values)
    for place in np.flatnonzero(early.any(axis=(0, 1))):
        row, symbol = np.unravel_index(int(np.argmax(early[:, :, place])), early.shape[:2])
        tally.add(
            Difference(
                stage=declared.kind.value,
                key=declared.keys[place],
                manner=Manner.EARLY,
                symbol=declared.symbols[symbol],
                at=int(times[row]),
                with_future=float("nan"),
                without_future=float(values[row, symbol, place]),
                cells=int(early[:, :, place].sum()),
            )
        )


def _any(values: Values) -> Mask:
    return np.asarray((~np.isnan(values)).any(axis=(1, 2)))

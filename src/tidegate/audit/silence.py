"""What a pipeline says after its slower sources fell silent: values that are too old must be dropped."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tidegate.audit.differences import Difference, Manner, Tally
from tidegate.audit.reference import Reference
from tidegate.core.history import History, rows_until
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.units import Int64Array

__all__ = ["compare_silenced", "silenced"]


def silenced(history: History, as_of: int) -> History:
    """Return all bars, and of the other sources only what was known at an instant of what had happened by then."""
    import polars as pl

    instant = pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
    tables = {name: rows_until(rows, as_of) for name, rows in history.tables.items()}
    tables = {
        name: rows.filter(pl.col("event_time") <= instant) if "event_time" in rows.columns else rows
        for name, rows in tables.items()
    }
    return History(history.bars, tables)


def compare_silenced(
    stages: Iterable[Stage], reference: Reference, as_of: int, times: Int64Array, tally: Tally
) -> tuple[str, ...]:
    """See that values are missing, or neutral and flagged, once their sources are older than they may be.

    A value that looks back over several bars may hold an old one that much longer.

    Returns
    -------
    unseen
        Keys with a maximum age that the bars after the instant do not reach.
    """
    asked = {key for stage in reference.stages for key in stage.declared.maximum_ages}
    looked_at: set[str] = set()
    for block in stages:
        place = reference.place_of(block)
        if place is None or block.kind is StageKind.LABELS:
            continue
        declared = reference.stages[place].declared
        for column, key in enumerate(block.keys):
            if key in declared.maximum_ages:
                first = _first_due(times, as_of + declared.maximum_ages[key], declared.lookback_bars.get(key, 1))
                if first is not None and _compare_key(block, declared, column, first, tally):
                    looked_at.add(key)
    return tuple(sorted(asked - looked_at))


def _first_due(times: Int64Array, too_old_after: int, lookback: int) -> int | None:
    place = int(np.searchsorted(times, too_old_after, side="right")) + lookback - 1
    return int(times[place]) if place < len(times) else None


def _compare_key(block: Stage, declared: Stage, column: int, first: int, tally: Tally) -> bool:
    start = int(np.searchsorted(block.times, first))
    values, key = block.values[start:, :, column], block.keys[column]
    if not values.size:
        return False
    tally.cells += values.size
    neutral = declared.neutrals.get(key)
    wrong = ~np.isnan(values) if neutral is None else ~(np.isnan(values) | (values == neutral))
    _note(block, key, start, values, wrong, np.nan if neutral is None else neutral, tally)
    mask = declared.masks.get(key)
    if mask in block.keys:
        flags = block.values[start:, :, block.keys.index(mask)]
        _note(block, mask, start, flags, flags != 1.0, 1.0, tally)
    return True


def _note(
    block: Stage, key: str, start: int, values: np.ndarray, wrong: np.ndarray, expected: float, tally: Tally
) -> None:
    if not wrong.any():
        return
    row, symbol = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    tally.add(
        Difference(
            stage=block.kind.value,
            key=key,
            manner=Manner.STALE,
            symbol=block.symbols[symbol],
            at=int(block.times[start + row]),
            with_future=float(values[row, symbol]),
            without_future=float(expected),
            cells=int(wrong.sum()),
        )
    )

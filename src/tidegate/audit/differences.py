"""What differs between two evaluations of the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.audit.reference import Values
from tidegate.audit.result import WHOLE_ROW
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["Difference", "Manner", "Rows", "Tally", "is_last_bits", "unequal"]

_LAST_BITS: Final = 128.0
"""Units in the last place that products and sums in another order make, at most, of a value or of its column's spread.

A sum of large terms that nearly cancel has the round-off of its terms, hence the spread.
"""
_ROWS_AT_ONCE: Final = 2048


class Manner(StrEnum):
    """How two evaluations of one value differ."""

    CHANGED = "changed"
    LAST_BITS = "last_bits"
    GONE = "gone"
    NEW = "new"
    EARLY = "early"
    STALE = "stale"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first of the values of one key that differ in one manner, and their count.

    ``of_spread`` is its size as a share of the standard deviation of the key; ``key_exists`` tells whether what was
    computed anew has the key at all.
    """

    stage: str
    key: str
    manner: Manner
    symbol: str | None
    at: int
    with_future: float
    without_future: float
    cells: int
    of_spread: float = math.nan
    key_exists: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """The same rows twice: as the reference has them and as they were computed anew, on the same axes.

    ``spreads`` holds the standard deviation of each key over the reference, zero where it is not known; ``absent`` the
    keys that were not computed anew at all.
    """

    stage: str
    symbols: tuple[str, ...]
    keys: tuple[str, ...]
    times: Int64Array
    reference: Values
    anew: Values
    spreads: FloatArray | None = None
    absent: frozenset[str] = frozenset()


class Tally:
    """Collects differences: the first of each key and manner, and counts."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, Manner], Difference] = {}
        self.cells = 0

    def __iter__(self) -> Any:
        return iter(self._found.values())

    def add(self, difference: Difference) -> None:
        """Count a difference; of two that are alike the earlier row stays."""
        key = (difference.stage, difference.key, difference.manner)
        before = self._found.get(key)
        if before is None:
            self._found[key] = difference
            return
        first = before if before.at <= difference.at else difference
        self._found[key] = replace(first, cells=before.cells + difference.cells)

    def compare(self, rows: Rows, bounds: Values | None = None) -> None:
        """Compare every value; what differs by no more than the bound of its key is equal."""
        for start in range(0, len(rows.times), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            left, right = np.asarray(rows.reference[part]), np.asarray(rows.anew[part])
            self.cells += left.size
            if same_bytes(left, right):
                continue
            differs = unequal(left, right)
            if bounds is not None:
                with np.errstate(invalid="ignore"):
                    differs &= ~(np.abs(left.astype(np.float64) - right) <= bounds)
            self.note(rows, part, differs)

    def note(self, rows: Rows, part: slice, differs: Mask) -> None:
        """Count the values that differ, by key and manner."""
        if not differs.any():
            return
        left, right = np.asarray(rows.reference[part]), np.asarray(rows.anew[part])
        gone, new = differs & np.isnan(right), differs & np.isnan(left)
        both = differs & ~gone & ~new
        spreads = np.zeros(len(rows.keys)) if rows.spreads is None else rows.spreads
        small = both & is_last_bits(left, right, spreads)
        manners = {Manner.GONE: gone, Manner.NEW: new, Manner.LAST_BITS: small, Manner.CHANGED: both & ~small}
        for manner, where in manners.items():
            for place in np.flatnonzero(where.any(axis=(0, 1))):
                row, symbol = np.unravel_index(int(np.argmax(where[:, :, place])), where.shape[:2])
                values = float(left[row, symbol, place]), float(right[row, symbol, place])
                self.add(
                    Difference(
                        stage=rows.stage,
                        key=rows.keys[place],
                        manner=manner,
                        symbol=rows.symbols[symbol],
                        at=int(rows.times[part][row]),
                        with_future=values[0],
                        without_future=values[1],
                        cells=int(where[:, :, place].sum()),
                        of_spread=_share(*values, float(spreads[place])),
                        key_exists=rows.keys[place] not in rows.absent,
                    )
                )

    def row_is(self, manner: Manner, stage: str, times: Int64Array, example: float = math.nan) -> None:
        """Count whole rows that only one of two evaluations has."""
        if not len(times):
            return
        is_new = manner is Manner.NEW
        self.add(
            Difference(
                stage=stage,
                key=WHOLE_ROW,
                manner=manner,
                symbol=None,
                at=int(times[0]),
                with_future=math.nan if is_new else example,
                without_future=example if is_new else math.nan,
                cells=len(times),
            )
        )


def unequal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Mask:
    """Return where two arrays differ; two missing values are equal."""
    differs: Mask = (left != right) & ~(np.isnan(left) & np.isnan(right))
    return differs


def is_last_bits(left: npt.NDArray[Any], right: npt.NDArray[Any], spreads: FloatArray | float = 0.0) -> Mask:
    """Return where values differ by units in the last place only, of the larger of them or of the spread of their key.

    Parameters
    ----------
    spreads
        One number, or one per key on the last axis.
    """
    kind = np.promote_types(left.dtype, right.dtype)
    precision = np.finfo(kind if kind.kind == "f" else np.float64).eps
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(left.astype(np.float64) - right)
        size = np.maximum(np.maximum(np.abs(left), np.abs(right)), spreads)
        near: Mask = gap <= _LAST_BITS * precision * size
    finite: Mask = np.isfinite(gap)
    return near & finite


def _share(left: float, right: float, spread: float) -> float:
    return abs(left - right) / spread if spread > 0.0 and math.isfinite(left - right) else math.nan


def same_bytes(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> bool:
    """Whether two arrays are the same to the bit, missing values included."""
    if left.dtype != right.dtype:
        return False
    kind = f"u{left.dtype.itemsize}"
    return bool(np.array_equal(np.ascontiguousarray(left).view(kind), np.ascontiguousarray(right).view(kind)))

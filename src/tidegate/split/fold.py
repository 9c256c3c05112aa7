"""One fold in time: training, the two slices that tuning and calibration look at, and the test behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.core.errors import LookAheadError
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import Int64Array

__all__ = ["Fold", "Slice"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice:
    """Samples kept between training and test.

    Parameters
    ----------
    rows
        ``int64``, positions of the samples in the spans.
    start, end
        The window ``[start, end)`` of their decision instants; the border behind it, ``end``, is where the next part
        begins.
    reaches
        Last instant that one of their labels reached, at most ``end``.
    decided_until
        Their last decision instant; None where it was not noted.
    """

    rows: Int64Array
    start: Instant
    end: Instant
    reaches: Instant
    decided_until: Instant | None = None

    def as_document(self) -> dict[str, int]:
        """Return the slice as plain values: instants in microseconds UTC and a count of rows."""
        return {
            "start": int(self.start),
            "end": int(self.end),
            "reaches": int(self.reaches),
            "rows": len(self.rows),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Fold:
    """One training window and the test window after it, with what lies between them.

    Parameters
    ----------
    fold
        Number, from 0.
    train
        ``int64``, positions of the training samples in the spans.
    test
        ``int64``, positions of the test rows in the times.
    train_start, train_end
        First and last decision instant of the training samples.
    test_start, test_end
        The test window ``[test_start, test_end)``.
    trained_until
        Last instant that a label reached which anything fitted has seen: training, validation or calibration.
    purged_rows
        Samples left out because their label reaches over the border behind them.
    embargoed_rows
        Further samples left out because their label ends within the embargo before it.
    validation, calibration
        Slices between training and test, in this order; None where the split has none.
    train_reaches
        Last instant that a label of training itself reached; None takes ``trained_until``.
    embargo
        Microseconds that were kept free in front of every border.

    Raises
    ------
    LookAheadError
        If a label reaches over the border behind it: from training into validation, from there into calibration, or
        into the test window.
    """

    fold: int
    train: Int64Array
    test: Int64Array
    train_start: Instant
    train_end: Instant
    test_start: Instant
    test_end: Instant
    trained_until: Instant
    purged_rows: int
    embargoed_rows: int
    validation: Slice | None = None
    calibration: Slice | None = None
    train_reaches: Instant | None = None
    embargo: int = 0

    def __post_init__(self) -> None:
        reached = self.trained_until if self.train_reaches is None else self.train_reaches
        for name, part in (("validation", self.validation), ("calibration", self.calibration)):
            if part is not None:
                self._require(reached, part.start, f"its {name} starts")
                reached = part.reaches
        self._require(max(reached, self.trained_until), self.test_start, "its test starts")

    def _require(self, reached: Instant, border: Instant, what: str) -> None:
        if reached > border:
            raise LookAheadError(
                found=f"fold {self.fold} trained on labels until {format_instant(reached)}",
                expected=f"none after {what} at {format_instant(border)}",
                hint="purge samples by their label spans",
            )

    @property
    def fitted(self) -> Int64Array:
        """``int64`` positions of every sample that something fitted has seen, in ascending order."""
        parts = [self.train, *(part.rows for part in (self.validation, self.calibration) if part is not None)]
        together: Int64Array = np.sort(np.concatenate(parts))
        return together

    def as_document(self) -> dict[str, Any]:
        """Return the fold as plain values: instants in microseconds UTC and counts of rows."""
        slices = {"validation": self.validation, "calibration": self.calibration}
        return {
            "fold": self.fold,
            "train_start": int(self.train_start),
            "train_end": int(self.train_end),
            "test_start": int(self.test_start),
            "test_end": int(self.test_end),
            "trained_until": int(self.trained_until),
            "train_rows": len(self.train),
            "test_rows": len(self.test),
            "purged_rows": self.purged_rows,
            "embargoed_rows": self.embargoed_rows,
            **{name: part.as_document() for name, part in slices.items() if part is not None},
        }

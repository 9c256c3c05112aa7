"""Label spans: the stretch of time from which a label was made.

Purging and embargo work on these spans, never on row counts: a row count is not a length of time once bars are
irregular or many symbols share an instant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Int64Array, Mask

__all__ = ["Spans"]


@dataclass(frozen=True, eq=False)
class Spans:
    """Half-open spans ``[start, end)`` of *n* samples.

    Parameters
    ----------
    start, end
        ``int64`` arrays of shape ``(n,)``, instants in microseconds UTC, ``end > start``. ``start`` is the decision
        instant of the sample, ``end`` the first instant at which its label is known.

    Raises
    ------
    InputError
        If the shapes differ or a span is empty or reversed.

    Examples
    --------
    >>> spans = Spans(np.array([0, 5]), np.array([10, 15]))
    >>> spans.overlaps(10, 20).tolist()
    [False, True]
    """

    start: Int64Array
    end: Int64Array

    def __post_init__(self) -> None:
        if self.start.ndim != 1 or self.start.shape != self.end.shape:
            raise InputError(
                found=f"span starts {self.start.shape} and ends {self.end.shape}",
                expected="two one-dimensional arrays of equal length",
                hint="give one start and one end per sample",
            )
        reversed_spans = np.flatnonzero(self.end <= self.start)
        if reversed_spans.size:
            raise InputError(
                found=f"{reversed_spans.size} spans that do not end after they start, the first at {reversed_spans[0]}",
                expected="end > start",
                hint="a label needs at least one bar after its decision",
            )

    def __len__(self) -> int:
        return int(self.start.size)

    def overlaps(self, start: int, end: int) -> Mask:
        """Return, per sample, whether its span shares any instant with ``[start, end)``."""
        return (self.start < end) & (self.end > start) & (start < end)

"""Falls of an equity curve, one by one: where each began, how deep it went, and how long it took to come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.core.time import Instant, format_instant
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["DrawdownPeriod", "drawdown_periods"]


@dataclass(frozen=True, kw_only=True)
class DrawdownPeriod:
    """One fall below a peak.

    Parameters
    ----------
    peak, trough, recovered
        Instants of the last close at the peak, of the lowest, and of the first that reaches the peak again; the last is
        None where the curve ends before.
    depth
        Fall from peak to trough, a fraction above 0.
    sessions, sessions_to_trough
        Rows from the peak to the recovery, or to the end of the curve; and to the trough.
    """

    peak: Instant
    trough: Instant
    recovered: Instant | None
    depth: float
    sessions: int
    sessions_to_trough: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the instants as the dates of their sessions."""
        return {
            "peak": _day(self.peak),
            "trough": _day(self.trough),
            "recovered": None if self.recovered is None else _day(self.recovered),
            "depth": self.depth,
            "sessions": self.sessions,
            "sessions_to_trough": self.sessions_to_trough,
        }


def drawdown_periods(times: Int64Array, equity: FloatArray, least: float = 0.0) -> list[DrawdownPeriod]:
    """Return every fall below an earlier peak, in order of time.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending instants.
    equity
        ``float64 (n,)`` positive values at those instants.
    least
        Falls that go no deeper are left out.

    Examples
    --------
    >>> equity = np.array([100.0, 120.0, 90.0, 96.0, 120.0, 128.0, 112.0])
    >>> [(fall.depth, fall.sessions, fall.recovered) for fall in drawdown_periods(np.arange(7), equity)]
    [(0.25, 3, 4), (0.125, 1, None)]
    """
    below = equity < np.maximum.accumulate(equity)
    edges = np.diff(np.concatenate([[False], below, [False]]).astype(np.int8))
    periods = []
    for first, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        peak, trough = first - 1, first + int(np.argmin(equity[first:end]))
        depth = float(1.0 - equity[trough] / equity[peak])
        if depth > least:
            is_over = end < len(equity)
            periods.append(
                DrawdownPeriod(
                    peak=Instant(int(times[peak])),
                    trough=Instant(int(times[trough])),
                    recovered=Instant(int(times[end])) if is_over else None,
                    depth=depth,
                    sessions=(end if is_over else len(equity) - 1) - peak,
                    sessions_to_trough=trough - peak,
                )
            )
    return periods


def _day(at: Instant) -> str:
    """Return the date of a session: one that closes at midnight belongs to the day that ends there."""
    return format_instant(Instant(at - 1))[:10]

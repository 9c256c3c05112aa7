"""Budgets of a study: time and memory that are kept, not noted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from tidegate.core.clock import elapsed_seconds
from tidegate.core.environment import resident_bytes
from tidegate.core.errors import InputError
from tidegate.core.recipe import TuneSettings
from tidegate.train.objective import StudyRows

__all__ = ["Budget", "StoppedBy", "estimated_bytes"]

_GIB: Final = 2**30
_BYTES_PER_CELL: Final = {"ridge": 0.0, "lightgbm": 2.0, "xgboost": 2.0}
"""A bin of each cell, and as much again for what gathers them."""
_BYTES_PER_ROW: Final = 96
"""Target, weight, gradients, margins and forecasts of a row."""
_FIXED: Final = 64 * 2**20
"""Histograms, trees and what a library keeps for itself."""


class StoppedBy(StrEnum):
    """Why a study ended."""

    TRIALS = "trials"
    MINUTES = "minutes"
    MEMORY = "memory"


class Budget:
    """What is left of the time and the memory that a study may use.

    Time counts from ``began`` in this process, preparation included, after what the trials of earlier, interrupted
    processes took.

    Parameters
    ----------
    settings
        ``minutes`` and ``memory_gib``.
    began
        Reading of :func:`tidegate.core.clock.elapsed_seconds` from which time counts.
    spent_before
        Seconds that finished trials of earlier processes took.
    """

    def __init__(self, settings: TuneSettings, *, began: float, spent_before: float = 0.0) -> None:
        self.seconds = settings.minutes * 60.0
        self.memory_gib = settings.memory_gib
        self._began = began - spent_before
        self.peak_bytes = 0

    @property
    def spent(self) -> float:
        """Seconds used so far."""
        return elapsed_seconds() - self._began

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(self.seconds - self.spent, 0.0)

    def overrun(self) -> StoppedBy | None:
        """Return which budget is used up, if one is."""
        if self.left <= 0.0:
            return StoppedBy.MINUTES
        self.peak_bytes = max(self.peak_bytes, resident_bytes())
        return StoppedBy.MEMORY if self.peak_bytes > self.memory_gib * _GIB else None

    def refuses(self, earlier: Sequence[float]) -> bool:
        """Return whether a further trial would likely end too late: one that takes the median of the earlier ones.

        The first one begins while any time is left: nobody knows how long it takes.
        """
        ordered = sorted(earlier)
        middle = len(ordered) // 2
        median = 0.0 if not ordered else (ordered[middle] + ordered[(len(ordered) - 1) // 2]) / 2.0
        return self.left <= 0.0 or median > self.left

    def require_memory(self, needed: int) -> None:
        """Refuse a study that would need more memory than it may have, before it begins.

        Parameters
        ----------
        needed
            Bytes beyond what the process holds already.

        Raises
        ------
        InputError
            If both together are more than the budget.
        """
        held = resident_bytes()
        if held + needed > self.memory_gib * _GIB:
            parts = f"{needed / _GIB:.2f} for its folds beside the {held / _GIB:.2f} that are held"
            raise InputError(
                found=f"a study that needs about {(held + needed) / _GIB:.2f} GiB: {parts}",
                expected=f"at most the {self.memory_gib:g} of tune.memory_gib",
                hint="raise tune.memory_gib, lower tune.inner_folds, or begin with fewer symbols: universe.first",
            )

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "minutes": self.seconds / 60.0,
            "minutes_used": self.spent / 60.0,
            "memory_gib": self.memory_gib,
            "memory_gib_seen": self.peak_bytes / _GIB,
        }


def estimated_bytes(model: str, folds: Sequence[StudyRows]) -> int:
    """Return about how much memory the folds of a study take once they are binned; all of them are held at once.

    ``sum over folds of rows * (features * bytes per cell + bytes per row)``, and what a library keeps for itself.
    Features themselves are read in pieces and not counted.
    """
    cell = _BYTES_PER_CELL[model]
    total = float(_FIXED)
    for fold in folds:
        fitted = len(fold.train) + (0 if fold.stopping is None else len(fold.stopping))
        width = fold.train.features.shape[1]
        total += fitted * (width * cell + _BYTES_PER_ROW) + len(fold.judged) * _BYTES_PER_ROW
    return int(total)

"""The best set so far, while a search is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from tidegate.core.recipe import SearchSettings
from tidegate.core.units import FloatArray
from tidegate.search.choice import judge, ranked
from tidegate.search.runner.manifest import Manifest
from tidegate.search.runner.states import State

__all__ = ["Best", "columns_of"]


class Best:
    """Follows a manifest and remembers the best figure among the sets that keep the bounds in the history that was."""

    def __init__(self, settings: SearchSettings, manifest: Manifest) -> None:
        self._settings = settings.model_copy(update={"feasible_by": "point"})
        self._manifest = manifest
        self._open: list[str] = []
        self._known = 0
        self._best: Mapping[str, float | None] | None = None

    def objective(self) -> float | None:
        """Return the best objective so far; None while no set keeps the bounds."""
        known = self._manifest.entries
        self._open += islice(known, self._known, None)
        self._known = len(known)
        fresh = [key for key in self._open if known[key].state is State.SUCCESS]
        self._open = [key for key in self._open if known[key].state is not State.SUCCESS]
        rivals = [known[key].last.figures for key in fresh] + ([] if self._best is None else [self._best])
        if fresh:
            figures = columns_of(rivals, self._settings)
            order = ranked(
                figures,
                [str(number) for number in range(len(rivals))],
                self._settings.objective,
                among=judge(figures, self._settings).feasible,
            )
            self._best = rivals[int(order[0])] if order.size else self._best
        return None if self._best is None else self._best.get(self._settings.objective)


def columns_of(rows: Sequence[Mapping[str, float | None]], settings: SearchSettings) -> dict[str, FloatArray]:
    """Return what sets are judged by as columns, ``float64 (n_sets,)``; NaN where a set has no such figure."""
    names = dict.fromkeys((settings.objective, *settings.constraints, "cagr", "max_drawdown", "turnover"))
    return {
        name: np.array([np.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64)
        for name in names
    }

"""How often a set would have kept the bounds in resampled histories of the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tidegate.core.recipe import SearchSettings
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.resampled import Resampled, resampled_figures
from tidegate.evaluate.stationary import draw_stationary
from tidegate.search.choice import judge, ranked
from tidegate.search.gathered import Gathered
from tidegate.search.parts import Part
from tidegate.search.shelf import CurveFile, CurveShelf

__all__ = ["History"]

_ALWAYS: Final = 200
"""Up to so many sets all are resampled; of more, the best first, until enough of them keep the bounds."""
_AT_FIRST: Final = 64
_YEAR: Final = 365.25 * DAY


class History:
    """Resampled histories of the training part: the same ones for every set.

    Parameters
    ----------
    shelf
        Holds the curves.
    gathered
        What is known of the sets.
    settings
        Bounds, blocks and number of histories.
    seed
        Decides the draws.
    """

    def __init__(self, shelf: CurveShelf, gathered: Gathered, settings: SearchSettings, seed: int) -> None:
        self._shelf, self._gathered, self._settings = shelf, gathered, settings
        training = gathered.parts[0]
        self._training: Part = training
        self._draws = draw_stationary(
            training.bars, block=settings.block_bars, replicates=settings.replicates, seed=seed
        )
        times = gathered.times[training.rows]
        self._years = float(times[-1] - times[0]) / _YEAR

    def shares_kept(self) -> FloatArray:
        """Return the share of histories in which each set keeps all bounds, ``float64 (n_sets,)``; NaN where not asked.

        Bounds on figures other than growth and drawdown are not resampled: the history that was decides on them.
        """
        keys, training = self._gathered.keys, self._gathered.figures["training"]
        shares = np.full(len(keys), np.nan)
        if len(keys) <= _ALWAYS:
            self._fill(shares, np.arange(len(keys)))
            return shares
        by_point = judge(training, self._settings.model_copy(update={"feasible_by": "point"})).feasible
        order = ranked(training, keys, self._settings.objective, among=by_point)
        begin, some = 0, max(_AT_FIRST, self._settings.top)
        while begin < len(order):
            self._fill(shares, order[begin : begin + some])
            begin, some = begin + some, 2 * some  # few passes over the files, even where none keeps the bounds
            kept = int(np.sum(shares >= self._settings.probability))
            if self._settings.feasible_by == "point" or kept >= self._settings.top:
                break
        return shares

    def intervals(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return where growth and drawdown of some sets lie in 95 of 100 histories, by row."""
        found: dict[int, dict[str, Any]] = {}
        for columns, resampled in self._resampled(np.array(rows, dtype=np.int64)):
            ends = {name: resampled.interval(name) for name in ("cagr", "max_drawdown")}
            for place, row in enumerate(columns.tolist()):
                found[row] = {name: [float(low[place]), float(high[place])] for name, (low, high) in ends.items()}
        return found

    def _fill(self, shares: FloatArray, rows: Int64Array) -> None:
        bounds = {str(name): bound for name, bound in self._settings.constraints.items()}
        for columns, resampled in self._resampled(rows):
            shares[columns] = resampled.share_within(bounds)

    def _resampled(self, rows: Int64Array) -> list[tuple[Int64Array, Resampled]]:
        place: Mapping[str, int] = {self._gathered.keys[row]: row for row in rows.tolist()}
        return [
            (np.array([place[key] for key in file.keys], dtype=np.int64), self._of(file))
            for file in self._shelf.read(list(place))
        ]

    def _of(self, file: CurveFile) -> Resampled:
        equity = np.maximum(file.equity[self._training.rows], 0.0)
        before, after = equity[:-1], equity[1:]
        # What was ruined stays so: from there on every bar takes all that there is.
        returns = np.divide(after, before, out=np.zeros_like(after), where=before > 0.0) - 1.0
        return resampled_figures(returns, self._draws, self._years)

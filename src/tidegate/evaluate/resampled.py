"""What equity curves would have done in resampled histories: growth and deepest fall, and how sure bounds are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import Bound
from tidegate.core.units import Float32Array, FloatArray

__all__ = ["RESAMPLED_FIGURES", "Draws", "Resampled", "resampled_figures"]

RESAMPLED_FIGURES: Final = ("cagr", "max_drawdown")
"""Figures that are looked at in resampled histories."""
_AT_ONCE: Final = 128


class Draws(Protocol):
    """Resampled histories."""

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """``int32 (n_replicates, n_bars)``: which bar comes when."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Resampled:
    """Figures of each set in each resampled history; NaN for a set without a return in every bar.

    Parameters
    ----------
    cagr, max_drawdown
        ``float32 (n_replicates, n_sets)``, fractions.
    """

    cagr: Float32Array
    max_drawdown: Float32Array

    def share_within(self, constraints: Mapping[str, Bound]) -> FloatArray:
        """Return in which share of the histories each set keeps all bounds together, ``float64 (n_sets,)``.

        Only bounds of :data:`RESAMPLED_FIGURES` are looked at; without any of them the share is 1. Bounds are compared
        at the precision of the figures, so that a fall of exactly 0.15 is within 0.15. NaN for a set without figures.
        """
        kept = np.ones(self.cagr.shape, dtype=np.bool_)
        for name in RESAMPLED_FIGURES:
            bound = constraints.get(name)
            if bound is not None and bound.at_least is not None:
                kept &= getattr(self, name) >= np.float32(bound.at_least)
            if bound is not None and bound.at_most is not None:
                kept &= getattr(self, name) <= np.float32(bound.at_most)
        return np.where(np.isnan(self.cagr[0]), np.nan, kept.mean(axis=0))

    def interval(self, name: Literal["cagr", "max_drawdown"], share: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Return the ends that hold this share of the histories, as much beyond one as beyond the other.

        Source: Efron 1979, https://doi.org/10.1214/aos/1176344552 (percentiles).

        Returns
        -------
        FloatArray, FloatArray
            ``float64 (n_sets,)``: low and high end.
        """
        values: Float32Array = getattr(self, name)
        tail = (1.0 - share) / 2.0
        low, high = np.quantile(values.astype(np.float64), [tail, 1.0 - tail], axis=0)
        return low, high


def resampled_figures(returns: FloatArray, draws: Draws, years: float) -> Resampled:
    """Return growth per year and largest fall of each curve, had history come in another order.

    Source: Politis and Romano 1994, https://doi.org/10.1080/01621459.1994.10476870 (where the draws are stationary).

    Parameters
    ----------
    returns
        ``float64 (n_bars, n_sets)``: simple returns per bar; what loses all or more stays at 0.
    draws
        Which bars each history is made of, as many as there are.
    years
        How long the bars last, in years of 365.25 days.

    Raises
    ------
    InputError
        If the draws are not of these bars, or there is no time.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> draws = SimpleNamespace(rows=np.array([[0, 1], [1, 1]], dtype=np.int32))
    >>> found = resampled_figures(np.array([[0.5], [-0.5]]), draws, 1.0)
    >>> found.cagr[:, 0].tolist(), found.max_drawdown[:, 0].tolist()
    ([-0.25, -0.75], [0.5, 0.75])
    """
    from tidegate.evaluate.resampled_walk import walk_histories  # here, since numba is slow to import

    rows = _checked(returns, draws, years)
    histories, sets = len(rows), returns.shape[1]
    found = Resampled(
        cagr=np.empty((histories, sets), dtype=np.float32), max_drawdown=np.empty((histories, sets), dtype=np.float32)
    )
    for first in range(0, sets, _AT_ONCE):
        columns = slice(first, min(first + _AT_ONCE, sets))
        growth = np.ascontiguousarray(np.maximum(1.0 + returns[:, columns], 0.0))
        level, below, deepest = np.empty((3, growth.shape[1]))
        ends = np.empty((histories, growth.shape[1]))
        depth = np.empty((histories, growth.shape[1]), dtype=np.float32)
        walk_histories(growth, rows, level, below, deepest, ends, depth)
        unknown = ~np.isfinite(growth).all(axis=0)
        found.cagr[:, columns] = np.where(unknown, np.nan, ends ** (1.0 / years) - 1.0)
        found.max_drawdown[:, columns] = np.where(unknown, np.nan, depth)
    return found


def _checked(returns: FloatArray, draws: Draws, years: float) -> npt.NDArray[np.int32]:
    """Return the rows of the draws: compiled code reads them without looking whether they are there."""
    rows = np.ascontiguousarray(draws.rows, dtype=np.int32)
    fits = returns.ndim == rows.ndim == 2 and rows.size > 0 and rows.shape[1] == len(returns)
    if not fits or not years > 0.0 or rows.min() < 0 or rows.max() >= len(returns):
        raise InputError(
            found=f"draws of shape {rows.shape} for returns of shape {returns.shape} over {years} years",
            expected="rows of the returns, one for each bar of each history, over some time",
            hint="draw from as many bars as there are returns",
        )
    return rows

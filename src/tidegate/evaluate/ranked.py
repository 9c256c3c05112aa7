"""Forecasts in flat rows, put in order instant by instant: what every figure of a ranking starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["RankedRows", "check_rows", "mean_of_known", "rank_rows"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RankedRows:
    """Rows in order of their instant, those of one instant from the best score to the worst.

    Parameters
    ----------
    order
        ``int64 (n,)``: the row at each place of the order.
    starts
        ``int64 (n_instants,)``: place of the best row of each instant.
    instants
        ``int64 (n_instants,)``, ascending.
    """

    order: Int64Array
    starts: Int64Array
    instants: Int64Array

    @property
    def sizes(self) -> Int64Array:
        """How many rows each instant has, ``int64 (n_instants,)``, at least 1."""
        return np.diff(self.starts, append=len(self.order))

    def places(self) -> Int64Array:
        """Return the place of each ordered row within its instant, from 0, ``int64 (n,)``."""
        return np.arange(len(self.order)) - np.repeat(self.starts, self.sizes)

    def sums(self, values: FloatArray | Int64Array | Mask) -> FloatArray:
        """Return the sum over each instant of values in this order, ``float64 (n_instants,)``."""
        return np.add.reduceat(values, self.starts, dtype=np.float64)


def rank_rows(times: Int64Array, score: FloatArray, symbols: Int64Array | None = None) -> RankedRows:
    """Put rows in order: by instant, then from the best score down; equal scores by the code of their symbol.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants, in any order.
    score
        ``float64 (n,)``, finite.
    symbols
        ``int64 (n,)``; None leaves equal scores in the order of the rows.

    Examples
    --------
    >>> ranked = rank_rows(np.array([2, 1, 1]), np.array([0.5, 0.1, 0.9]))
    >>> ranked.order.tolist(), ranked.starts.tolist(), ranked.instants.tolist()
    ([2, 1, 0], [0, 2], [1, 2])
    """
    keys = (-score, times) if symbols is None else (symbols, -score, times)
    order = np.lexsort(keys)
    ordered = times[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1) != 0)
    return RankedRows(order=order, starts=starts, instants=ordered[starts])


def mean_of_known(values: FloatArray) -> float | None:
    """Return the mean of what is known, NaN left out; None where nothing is, or the mean is not finite.

    Examples
    --------
    >>> mean_of_known(np.array([1.0, np.nan, 2.0])), mean_of_known(np.array([np.nan]))
    (1.5, None)
    """
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if known.size else np.nan
    return mean if np.isfinite(mean) else None


def check_rows(score: FloatArray, outcome: FloatArray, *others: FloatArray | Int64Array | Mask) -> None:
    """Refuse rows that no figure can be computed of.

    Parameters
    ----------
    score
        ``float64 (n,)``.
    outcome
        ``float64 (n,)``: 0, 1, or NaN where nobody knows.
    others
        Further columns of the same rows.

    Raises
    ------
    DataError
        If there is no row, shapes differ, a score is not finite or an outcome neither 0, 1 nor NaN.
    """
    if score.ndim != 1 or not score.size or any(column.shape != score.shape for column in (outcome, *others)):
        shapes = ", ".join(str(column.shape) for column in (score, outcome, *others))
        raise DataError(
            found=f"columns of the shapes {shapes}",
            expected="columns of equal length with at least one row",
            hint="cut all of them by the same rows, and leave out models without a forecast",
        )
    unusable = int(np.sum(~np.isfinite(score) | ~((outcome == 0.0) | (outcome == 1.0) | np.isnan(outcome))))
    if unusable:
        raise DataError(
            found=f"{unusable} rows without a finite score, or with an outcome that is neither 0 nor 1",
            expected="a score in every row, and outcomes that are 0, 1 or NaN for unknown",
            hint="leave out rows that were not scored",
        )

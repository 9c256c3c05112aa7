"""The bars of some symbols, with what several formulas share computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.windows import lagged, rolling_mean

__all__ = ["Bars", "ratio"]


class Bars:
    """Panel columns as the formulas read them: contiguous, prices positive or missing.

    Parameters
    ----------
    columns
        Name to ``float64 (n_times, n_symbols)``; row *t* is what was known at the close of bar *t*.

    Examples
    --------
    >>> bars = Bars({"close": np.array([[1.0], [0.0], [4.0]])})
    >>> bars.close.ravel().tolist()
    [1.0, nan, 4.0]
    """

    def __init__(self, columns: Mapping[str, FloatArray]) -> None:
        self._columns = columns
        self._averages: dict[int, FloatArray] = {}

    def price(self, name: str) -> FloatArray:
        """Return a price column; what is not a positive number is missing."""
        column = np.ascontiguousarray(self._columns[name])
        return np.where((column > 0.0) & np.isfinite(column), column, np.nan)

    def amount(self, name: str) -> FloatArray:
        """Return a volume or value column; negative and infinite entries are missing, 0 is a number."""
        column = np.ascontiguousarray(self._columns[name])
        return np.where((column >= 0.0) & np.isfinite(column), column, np.nan)

    @cached_property
    def close(self) -> FloatArray:
        """Adjusted closing price."""
        return self.price("close")

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the adjusted close."""
        return np.log(self.close)

    @cached_property
    def returns(self) -> FloatArray:
        """Log return over one bar."""
        return self.log_return(1)

    def log_return(self, bars: int) -> FloatArray:
        """Return the log return of the close over a number of bars."""
        return self.log_close - lagged(self.log_close, bars)

    def average(self, window: int) -> FloatArray:
        """Return the simple moving average of the close."""
        if window not in self._averages:
            self._averages[window] = rolling_mean(self.close, window)
        return self._averages[window]


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; where the denominator is 0 the quotient is missing, never infinite."""
    return numerator / np.where(denominator == 0.0, np.nan, denominator)

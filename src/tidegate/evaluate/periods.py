"""Returns by calendar month and year, and the Sharpe ratio of a moving window."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["monthly_returns", "period_returns", "rolling_sharpe", "yearly_returns"]

_UNITS: Final = {"year": "datetime64[Y]", "month": "datetime64[M]"}
_FIRST_YEAR: Final = 1970
_MONTHS: Final = 12


def period_returns(
    times: Int64Array, equity: FloatArray, unit: Literal["year", "month"]
) -> tuple[Int64Array, FloatArray]:
    """Return the simple return of each calendar period.

    A period runs from the last row of the one before, the first one from the first row, so that the returns compound
    to that of the whole curve. A row belongs to the day that ends with or contains its instant, UTC.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending instants, n >= 1.
    equity
        ``float64 (n,)`` positive values at those instants.

    Returns
    -------
    Int64Array, FloatArray
        ``(n_periods,)``: years or months since 1970, and the returns.
    """
    days = ((times - 1) // DAY).astype("datetime64[D]")
    period = days.astype(_UNITS[unit]).astype(np.int64)
    last = np.flatnonzero(np.append(np.diff(period) != 0, True))
    before = equity[np.concatenate([[0], last[:-1]])]
    return period[last], equity[last] / before - 1.0


def yearly_returns(times: Int64Array, equity: FloatArray) -> list[dict[str, float | int]]:
    """Return ``year`` and ``return`` of each calendar year; see :func:`period_returns`.

    Examples
    --------
    >>> times = np.array(["2020-12-30", "2021-06-30", "2021-12-31"], dtype="datetime64[us]").astype(np.int64)
    >>> yearly_returns(times + 1, np.array([100.0, 90.0, 110.0]))[1]["year"]
    2021
    """
    period, returns = period_returns(times, equity, "year")
    return [
        {"year": _FIRST_YEAR + year, "return": one} for year, one in zip(period.tolist(), returns.tolist(), strict=True)
    ]


def monthly_returns(times: Int64Array, equity: FloatArray) -> list[dict[str, float | int]]:
    """Return ``year``, ``month`` and ``return`` of each calendar month; see :func:`period_returns`."""
    period, returns = period_returns(times, equity, "month")
    return [
        {"year": _FIRST_YEAR + month // _MONTHS, "month": month % _MONTHS + 1, "return": one}
        for month, one in zip(period.tolist(), returns.tolist(), strict=True)
    ]


def rolling_sharpe(values: FloatArray, window: int, per_year: float) -> FloatArray:
    """Return mean over sample deviation of the last ``window`` simple returns, annualised; NaN where they are equal.

    Parameters
    ----------
    values
        ``float64 (n,)``.
    window
        Returns that each ratio looks back on, at least 2.
    per_year
        Returns of a year.

    Returns
    -------
    FloatArray
        ``float64 (n - window,)``: element *i* belongs to ``values[i + window]``; empty where ``n <= window``.

    Examples
    --------
    >>> rolling_sharpe(np.array([1.0, 1.1, 1.1, 1.21]), 2, 2.0).round(6).tolist()
    [1.0, 1.0]
    """
    if len(values) <= window:
        return np.zeros(0)
    returns = np.lib.stride_tricks.sliding_window_view(values[1:] / values[:-1] - 1.0, window)
    deviation = returns.std(axis=1, ddof=1)
    known = deviation > 0.0
    ratio = np.where(known, returns.mean(axis=1) / np.where(known, deviation, 1.0), np.nan)
    return np.asarray(ratio * per_year**0.5, dtype=np.float64)

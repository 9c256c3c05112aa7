"""Performance of equity curves: plain definitions, unrounded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.inference import newey_west_mean

__all__ = [
    "Excess",
    "Performance",
    "drawdown",
    "excess_over",
    "falls",
    "growth_per_year",
    "performance",
    "simple_returns",
]

_DAYS_PER_YEAR = 365.25
_EXCESS_LAGS = 4


@dataclass(frozen=True, kw_only=True)
class Performance:
    """One equity curve in numbers; fractions, not percent.

    ``cagr = (E_T / E_0) ** (365.25 / days) - 1``; ``volatility`` and ``sharpe`` from simple returns per bar with the
    sample deviation, annualised by the bars per year, the risk-free rate taken as 0; ``max_drawdown`` on closes.
    """

    cagr: float
    volatility: float
    sharpe: float | None
    max_drawdown: float
    drawdown_start: Instant
    drawdown_end: Instant
    total_return: float
    years: float
    start: Instant
    end: Instant

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Excess:
    """Weekly log return of a strategy minus that of its benchmark.

    ``annual_log_excess`` is the mean per year; ``t_statistic`` uses a Newey-West standard error over four lags.
    """

    annual_log_excess: float
    standard_error: float
    t_statistic: float | None
    weeks: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def performance(times: Int64Array, equity: FloatArray, bars_per_year: float) -> Performance:
    """Return the figures of one equity curve.

    Parameters
    ----------
    times
        ``int64 (n,)`` ascending instants, n >= 2.
    equity
        ``float64 (n,)`` positive values at those instants.
    bars_per_year
        252 for exchange sessions, 365 for daily bars around the clock.

    Raises
    ------
    InputError
        If there are fewer than two values or one is not positive.

    Examples
    --------
    >>> year = np.array([0, 31_557_600_000_000])
    >>> round(performance(year, np.array([100.0, 110.0]), 252).cagr, 12)
    0.1
    """
    if len(equity) < 2 or not (equity > 0.0).all():
        raise InputError(
            found=f"{len(equity)} values of equity, the least {equity.min() if len(equity) else 'none'}",
            expected="at least two, all positive",
            hint="a book that is worth nothing has no growth rate",
        )
    days = (times[-1] - times[0]) / DAY
    growth = float(equity[-1] / equity[0])
    returns = simple_returns(equity)
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    depth, start, end = drawdown(equity)
    return Performance(
        cagr=growth_per_year(growth, days),
        volatility=deviation * bars_per_year**0.5,
        sharpe=float(returns.mean()) / deviation * bars_per_year**0.5 if deviation > 0.0 else None,
        max_drawdown=depth,
        drawdown_start=Instant(int(times[start])),
        drawdown_end=Instant(int(times[end])),
        total_return=growth - 1.0,
        years=float(days / _DAYS_PER_YEAR),
        start=Instant(int(times[0])),
        end=Instant(int(times[-1])),
    )


def growth_per_year(growth: float, days: float) -> float:
    """Return what a growth over so many days is in a year of 365.25 days, a fraction.

    Examples
    --------
    >>> round(growth_per_year(1.21, 730.5), 12)
    0.1
    """
    return float(growth ** (_DAYS_PER_YEAR / days) - 1.0)


def simple_returns(curves: FloatArray) -> FloatArray:
    """Return the simple returns along the last axis, one fewer than the values.

    Examples
    --------
    >>> simple_returns(np.array([1.0, 1.5, 0.75])).tolist()
    [0.5, -0.5]
    """
    return np.asarray(curves[..., 1:] / curves[..., :-1] - 1.0, dtype=np.float64)


def falls(curves: FloatArray) -> FloatArray:
    """Return along the last axis how far each value lies below the highest up to it, a fraction.

    Examples
    --------
    >>> falls(np.array([1.0, 2.0, 1.5, 3.0])).tolist()
    [0.0, 0.0, 0.25, 0.0]
    """
    return np.asarray(1.0 - curves / np.maximum.accumulate(curves, axis=-1), dtype=np.float64)


def drawdown(equity: FloatArray) -> tuple[float, int, int]:
    """Return the largest fall from a peak as a fraction, with the rows of peak and trough.

    Examples
    --------
    >>> drawdown(np.array([1.0, 2.0, 1.5, 3.0]))
    (0.25, 1, 2)
    """
    depth = falls(equity)
    trough = int(np.argmax(depth))
    peak = trough - int(np.argmax(equity[trough::-1]))  # the last close at the top: while it is flat nothing falls
    return float(depth[trough]), peak, trough


def excess_over(times: Int64Array, equity: FloatArray, benchmark: FloatArray, new_week: Mask) -> Excess | None:
    """Return how much a strategy earned above its benchmark, and how sure that is.

    The weeks cover the whole span, a part of one at either end included, so that they add up to the difference of the
    two total log returns and the excess has the sign of the difference of the growth.

    Parameters
    ----------
    times
        ``int64 (n,)`` instants.
    equity, benchmark
        ``float64 (n,)`` at those instants.
    new_week
        ``bool (n,)``: rows that open a week; a week ends at the row before the next one opens.

    Returns
    -------
    Excess or None
        None with fewer than 10 weeks: too little to say anything.
    """
    ends = np.unique([0, *np.flatnonzero(new_week[1:]), len(times) - 1])
    weekly = np.diff(np.log(equity[ends])) - np.diff(np.log(benchmark[ends]))
    if len(weekly) < 10:
        return None
    mean, error = newey_west_mean(weekly, _EXCESS_LAGS)
    per_year = len(weekly) / ((times[-1] - times[0]) / DAY / _DAYS_PER_YEAR)
    return Excess(
        annual_log_excess=float(mean * per_year),
        standard_error=float(error * per_year),
        t_statistic=mean / error if error > 0.0 else None,
        weeks=len(weekly),
    )

"""Figures of many equity curves at once: what parameter sets are judged by."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.performance import falls, growth_per_year, simple_returns

__all__ = ["CURVE_FIGURES", "curve_figures"]

CURVE_FIGURES: Final = (
    "cagr",
    "total_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "excess_cagr",
    "excess_sharpe",
)
"""What an equity curve alone tells of a parameter set."""
_AT_ONCE: Final = 64
_ROUND_OFF: Final = 1e-12


def curve_figures(
    times: Int64Array,
    equity: FloatArray,
    bars_per_year: float,
    benchmark: FloatArray | None = None,
    *,
    names: Collection[str] = CURVE_FIGURES,
) -> dict[str, FloatArray]:
    """Return the figures of each curve, fractions and not percent, with the bits of each curve alone.

    With simple returns ``r`` per bar, those of the benchmark ``b``, sample deviations ``s`` and ``B`` bars per year:

    - ``cagr = (E_T / E_0) ** (365.25 / days) - 1``, ``total_return = E_T / E_0 - 1``
    - ``volatility = s(r) * sqrt(B)``, ``sharpe = mean(r) / s(r) * sqrt(B)``, the risk-free rate taken as 0
    - ``sortino = mean(r) / sqrt(mean(min(r, 0) ** 2)) * sqrt(B)``, over all bars
    - ``max_drawdown`` on closes, ``calmar = cagr / max_drawdown``
    - ``excess_cagr = cagr`` minus that of the benchmark, ``excess_sharpe = mean(r - b) / s(r - b) * sqrt(B)``

    Source: Sortino and Price 1994, https://doi.org/10.3905/joi.3.3.59 (about 0); the others as in ``performance``.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` ascending instants, n_times >= 2.
    equity
        ``float64 (n_times, n_sets)``, one curve per column.
    bars_per_year
        252 for exchange sessions, 365 for daily bars around the clock.
    benchmark
        ``float64 (n_times,)`` or None.
    names
        Which of :data:`CURVE_FIGURES` are wanted: CAGR and drawdown alone take half the time of all.

    Returns
    -------
    dict of str to FloatArray
        What is wanted by name, ``float64 (n_sets,)``. NaN, never 0, for ratios whose denominator is 0 or mere round-off
        (an account that only earns interest has no Sharpe ratio), and for a curve with a value that is not a number. A
        curve that reaches 0 is ruined: its drawdown is 1, and it has no other figure.

    Raises
    ------
    InputError
        If there are fewer than two instants, or the shapes do not fit.

    Examples
    --------
    >>> curve_figures(np.array([0, 31_557_600_000_000]), np.array([[1.0], [1.5]]), 252, names=["cagr"])["cagr"].tolist()
    [0.5]
    """
    _require_fit(times, equity, benchmark)
    bench = benchmark if benchmark is not None and _is_sound(benchmark[None, :])[0] else None
    days = float(times[-1] - times[0]) / DAY
    found = {name: np.full(equity.shape[1], np.nan) for name in names}
    for first in range(0, equity.shape[1], _AT_ONCE):
        columns = slice(first, first + _AT_ONCE)
        batch = _Curves(np.ascontiguousarray(equity[:, columns].T), days, bars_per_year, bench)
        for name in names:
            found[name][columns] = batch.figure(name)
    return found


def _require_fit(times: Int64Array, equity: FloatArray, benchmark: FloatArray | None) -> None:
    fits = equity.ndim == 2 and len(equity) == len(times) and (benchmark is None or benchmark.shape == times.shape)
    if len(times) < 2 or not fits or times[-1] <= times[0]:
        shape = None if benchmark is None else benchmark.shape
        raise InputError(
            found=f"{len(times)} instants, equity of shape {equity.shape}, a benchmark of shape {shape}",
            expected="at least two instants that ascend, and one row of equity and of the benchmark for each",
            hint="take a longer window",
        )


def _is_sound(curves: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(((curves > 0.0) & np.isfinite(curves)).all(axis=1))


class _Curves:
    """Curves, one per row: along rows, sums have the bits of a curve alone. Each part is worked out once."""

    def __init__(self, curves: FloatArray, days: float, bars_per_year: float, bench: FloatArray | None) -> None:
        self.sound = _is_sound(curves)
        self.ruined = (curves <= 0.0).any(axis=1)
        self.curves = curves if self.sound.all() else curves[self.sound]
        self.days, self.bench, self.annual = days, bench, bars_per_year**0.5

    def figure(self, name: str) -> FloatArray:
        """Return a figure of every curve, NaN for those that are not sound."""
        found = np.full(len(self.sound), np.nan)
        values = _FORMULAS[name](self)
        found[self.sound] = np.where(np.isfinite(values), values, np.nan)
        if name == "max_drawdown":
            found[self.ruined] = 1.0
        return found

    @cached_property
    def returns(self) -> FloatArray:
        return simple_returns(self.curves)

    @cached_property
    def mean(self) -> FloatArray:
        return np.asarray(self.returns.mean(axis=1), dtype=np.float64)

    @cached_property
    def deviation(self) -> FloatArray:
        return _deviation(self.returns)

    @cached_property
    def depth(self) -> FloatArray:
        return np.asarray(falls(self.curves).max(axis=1), dtype=np.float64)

    @cached_property
    def growth(self) -> FloatArray:
        return np.asarray(self.curves[:, -1] / self.curves[:, 0], dtype=np.float64)

    @cached_property
    def cagr(self) -> FloatArray:
        return _yearly(self.growth, self.days)

    def sortino(self) -> FloatArray:
        downside = np.sqrt(np.mean(np.minimum(self.returns, 0.0) ** 2, axis=1))
        return np.asarray(_ratio(self.mean, downside) * self.annual, dtype=np.float64)

    def excess_cagr(self) -> FloatArray:
        if self.bench is None:
            return np.full(len(self.curves), np.nan)
        return np.asarray(self.cagr - _yearly(self.bench[-1:] / self.bench[:1], self.days), dtype=np.float64)

    def excess_sharpe(self) -> FloatArray:
        if self.bench is None:
            return np.full(len(self.curves), np.nan)
        excess = self.returns - simple_returns(self.bench)
        return np.asarray(_ratio(excess.mean(axis=1), _deviation(excess)) * self.annual, dtype=np.float64)


_FORMULAS: Final[dict[str, Callable[[_Curves], FloatArray]]] = {
    "cagr": lambda curves: curves.cagr,
    "total_return": lambda curves: curves.growth - 1.0,
    "volatility": lambda curves: curves.deviation * curves.annual,
    "sharpe": lambda curves: _ratio(curves.mean, curves.deviation) * curves.annual,
    "sortino": _Curves.sortino,
    "calmar": lambda curves: _ratio(curves.cagr, curves.depth),
    "max_drawdown": lambda curves: curves.depth,
    "excess_cagr": _Curves.excess_cagr,
    "excess_sharpe": _Curves.excess_sharpe,
}


def _yearly(growth: FloatArray, days: float) -> FloatArray:
    with np.errstate(over="ignore"):  # a few days that tripled: what no number holds is no figure
        return np.array([growth_per_year(one, days) for one in growth])


def _deviation(returns: FloatArray) -> FloatArray:
    if returns.shape[1] < 2:
        return np.zeros(len(returns))
    return np.asarray(returns.std(axis=1, ddof=1), dtype=np.float64)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    known = below > _ROUND_OFF
    return np.where(known, above / np.where(known, below, 1.0), np.nan)

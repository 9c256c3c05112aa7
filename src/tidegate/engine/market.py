"""What the simulated market knows of each bar: fill prices, marks, and what impact is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice
from tidegate.core.units import FloatArray, Mask
from tidegate.features import windows

__all__ = ["Market", "carried_forward"]

_IMPACT_WINDOW = 20


@dataclass(frozen=True, eq=False)
class Market:
    """Matrices ``(n_times, n_symbols)`` of one panel.

    Parameters
    ----------
    fill
        Price at which an order of this bar fills; NaN where it cannot: no bar, or no volume where the source has it.
    mark
        Last known close, carried forward through gaps; NaN before the first.
    volatility, daily_value
        Standard deviation of the last 20 returns and mean of the last 20 traded values, known at this bar's close and
        carried forward; of a name with too little history the worst of all names, since trading it is not free; None
        where the source has no volume.
    """

    fill: FloatArray
    mark: FloatArray
    volatility: FloatArray | None
    daily_value: FloatArray | None

    @classmethod
    def of(cls, panel: Panel, fill: FillPrice) -> Market:
        """Read a panel's columns."""
        price = panel[fill.column]
        if "volume" not in panel:
            return cls(fill=price, mark=carried_forward(panel["close"]), volatility=None, daily_value=None)
        open_for_trade: Mask = panel["volume"] > 0.0
        return cls(
            fill=np.where(open_for_trade, price, np.nan),
            mark=carried_forward(panel["close"]),
            volatility=_worst_if_unknown(_volatility(panel["close"]), np.fmax),
            daily_value=_worst_if_unknown(windows.rolling_mean(_traded_value(panel), _IMPACT_WINDOW), np.fmin),
        )

    def rows(self, start: int, stop: int) -> Market:
        """Return the rows ``start`` to ``stop`` (exclusive) over the same memory."""
        return Market(
            fill=self.fill[start:stop],
            mark=self.mark[start:stop],
            volatility=None if self.volatility is None else self.volatility[start:stop],
            daily_value=None if self.daily_value is None else self.daily_value[start:stop],
        )


def carried_forward(values: FloatArray) -> FloatArray:
    """Return each column with gaps filled by the last value before them."""
    rows = np.where(np.isfinite(values), np.arange(len(values))[:, None], -1)
    last = np.maximum.accumulate(rows, axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, filled, np.nan)


def _worst_if_unknown(values: FloatArray, worst: np.ufunc) -> FloatArray:
    known = carried_forward(values)
    return np.where(np.isfinite(known), known, worst.reduce(known, axis=1)[:, None])


def _volatility(close: FloatArray) -> FloatArray:
    returns = np.full_like(close, np.nan)
    returns[1:] = close[1:] / close[:-1] - 1.0
    return windows.rolling_std(returns, _IMPACT_WINDOW)


def _traded_value(panel: Panel) -> FloatArray:
    if "traded_value" in panel:
        return panel["traded_value"]
    return panel["volume"] * panel["raw_close"]

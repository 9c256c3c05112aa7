"""The cost model as compiled code: the formulas of :class:`~tidegate.costs.model.CostModel`, one order at a time."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from tidegate.core.compiled import compiled
from tidegate.core.units import BASIS_POINT, FloatArray

__all__ = ["COSTS", "itemise_batch", "itemise_order"]

COSTS: Final = np.dtype(
    [
        ("commission_bps", np.float64),
        ("half_spread_bps", np.float64),
        ("minimum_fee", np.float64),
        ("stamp_tax_sell_bps", np.float64),
        ("impact_coefficient", np.float64),
    ],
    align=True,
)
"""Rates of one market, one way."""

_BASIS_POINT = float(BASIS_POINT)
_IMPACT_FLOOR = 0.5 * _BASIS_POINT


@compiled
def itemise_order(
    costs: Any, notional: float, volatility: float, daily_value: float
) -> tuple[float, float, float, float]:
    """Return commission, half-spread, impact and stamp tax of one trade in currency; NaN means unknown."""
    size = abs(notional)
    if not size > 0.0:
        return 0.0, 0.0, 0.0, 0.0
    commission = max(size * costs.commission_bps * _BASIS_POINT, costs.minimum_fee)
    half_spread = size * costs.half_spread_bps * _BASIS_POINT
    impact = 0.0
    if costs.impact_coefficient != 0.0 and math.isfinite(volatility) and daily_value > 0.0:
        rate = costs.impact_coefficient * volatility * math.sqrt(size / daily_value)
        impact = size * max(rate, _IMPACT_FLOOR)
    stamp_tax = size * costs.stamp_tax_sell_bps * _BASIS_POINT if notional < 0.0 else 0.0
    return commission, half_spread, impact, stamp_tax


@compiled
def itemise_batch(
    costs: Any, notional: FloatArray, volatility: FloatArray, daily_value: FloatArray, items: FloatArray
) -> None:
    """Write the four items of each trade into the rows of ``items``, ``float64 (4, n)``."""
    for k in range(len(notional)):
        items[0, k], items[1, k], items[2, k], items[3, k] = itemise_order(
            costs[0], notional[k], volatility[k], daily_value[k]
        )

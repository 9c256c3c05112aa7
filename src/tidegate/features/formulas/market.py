"""What the whole market does, told to each of its members: mean returns, breadth, and who stands at a price limit.

Means are taken over the members that have a value at that instant, and sums in one fixed order, so that a row is the
same to the bit alone and within a history.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, FeatureGroup
from tidegate.features.formulas import daily, price_limit_state
from tidegate.features.formulas.daily import flag
from tidegate.features.inputs import Inputs, Row, ratio

__all__ = ["FEATURES", "LIMIT_FEATURES", "mean_across"]


def mean_across(values: FloatArray) -> FloatArray:
    """Return the mean of each row at every place of it; missing values do not count, and a row of them is missing.

    The sum is a tree of additions of columns: halves are added to each other until one column is left. That order
    depends on the number of symbols and on nothing else.

    Parameters
    ----------
    values
        ``float64 (n_times, n_symbols)``.

    Examples
    --------
    >>> mean_across(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])).tolist()
    [[2.0, 2.0, 2.0], [nan, nan, nan]]
    """
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0)
    width = values.shape[1]
    while width > 1:
        half = (width + 1) // 2
        total[:, : width - half] += total[:, half:width]
        width = half
    count: FloatArray = np.add.reduce(there, axis=1, keepdims=True, dtype=np.float64)
    return np.broadcast_to(ratio(total[:, :1], count), values.shape)


def _of_members(values: FloatArray, _: Row) -> FloatArray:
    return mean_across(values)


def _mean_of(base: Feature, name: str, description: str, unit: str) -> Feature:
    return Feature(
        name=name,
        group=FeatureGroup.CROSS_SECTION.value,
        requires=base.requires,
        lookback_bars=base.lookback_bars,
        description=f"{description}: {base.description}",
        unit=unit,
        formula=base.formula,
        across=_of_members,
    )


def _market_return(span: int) -> Feature:
    base = next(feature for feature in daily.FEATURES if feature.name == f"log_return_{span}")
    return _mean_of(base, f"market_return_{span}", "mean over the members that have one at t, of", "log")


def _rose(bars: Inputs) -> FloatArray:
    return flag(bars.returns, np.zeros(bars.shape))


def _above_average(bars: Inputs) -> FloatArray:
    return flag(bars.close, bars.average(20))


def _share_at_limit(base: Feature) -> Feature:
    return _mean_of(base, f"market_{base.name}", "share of the members whose limit is known, of", "fraction")


FEATURES: Final[tuple[Feature, ...]] = (
    *(_market_return(span) for span in (1, 5, 20)),
    Feature(
        name="market_breadth_1",
        group=FeatureGroup.CROSS_SECTION.value,
        requires=("close",),
        lookback_bars=2,
        description="share of the members with a close at t and t-1 that rose",
        unit="fraction",
        formula=_rose,
        across=_of_members,
    ),
    Feature(
        name="market_breadth_20",
        group=FeatureGroup.CROSS_SECTION.value,
        requires=("close",),
        lookback_bars=20,
        description="share of the members with 20 closes up to t whose close is above their mean",
        unit="fraction",
        formula=_above_average,
        across=_of_members,
    ),
)
"""Declarations in contract order, for any market of shares."""

LIMIT_FEATURES: Final[tuple[Feature, ...]] = tuple(
    _share_at_limit(feature)
    for feature in price_limit_state.FEATURES
    if feature.name in ("at_limit_up", "at_limit_down")
)
"""For markets with price limits."""

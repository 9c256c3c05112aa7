"""How volume goes with the price: whether a share rises or falls on the days when most of it changes hands.

Volume is counted in shares of one adjustment, so that a split is no burst of trading. Every value is a share or a
correlation: none says how large the company is (equity H 18).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, FeatureGroup
from tidegate.features.formulas.daily import adjusted_volume, flag
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.windows import rolling_mean, rolling_std, rolling_sum

__all__ = ["FEATURES"]

_MONTH: Final = 20


def _correlation(bars: Inputs) -> FloatArray:
    volume = adjusted_volume(bars)
    together = rolling_mean(bars.returns * volume, _MONTH)
    apart = rolling_mean(bars.returns, _MONTH) * rolling_mean(volume, _MONTH)
    # Means divide by n, deviations by n - 1.
    covariance = (together - apart) * (_MONTH / (_MONTH - 1.0))
    return np.clip(ratio(covariance, rolling_std(bars.returns, _MONTH) * rolling_std(volume, _MONTH)), -1.0, 1.0)


def _rising_share(bars: Inputs) -> FloatArray:
    volume = adjusted_volume(bars)
    rose = flag(bars.returns, np.zeros(bars.shape))
    return ratio(rolling_sum(volume * rose, _MONTH), rolling_sum(np.where(np.isnan(rose), np.nan, volume), _MONTH))


def _money_flow(bars: Inputs) -> FloatArray:
    high, low, volume = bars.price("high"), bars.price("low"), adjusted_volume(bars)
    middle = (high + low) / 2.0
    place = ratio(bars.close - middle, (high - low) / 2.0)
    place = np.where(high == low, 0.0, place)
    return ratio(rolling_sum(place * volume, _MONTH), rolling_sum(np.where(np.isnan(place), np.nan, volume), _MONTH))


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        name="price_volume_correlation_20",
        group=FeatureGroup.VOLUME.value,
        requires=("close", "raw_close", "volume"),
        lookback_bars=_MONTH + 1,
        description="correlation of one-bar log returns and volume over 20 bars, in shares of one adjustment; missing "
        "where either stood still",
        unit="correlation",
        formula=_correlation,
    ),
    Feature(
        name="rising_volume_share_20",
        group=FeatureGroup.VOLUME.value,
        requires=("close", "raw_close", "volume"),
        lookback_bars=_MONTH + 1,
        description="share of the volume of 20 bars that traded on bars whose close rose, in shares of one adjustment",
        unit="fraction",
        formula=_rising_share,
    ),
    Feature(
        name="money_flow_20",
        group=FeatureGroup.VOLUME.value,
        requires=("close", "high", "low", "raw_close", "volume"),
        lookback_bars=_MONTH,
        description="mean over 20 bars, weighted by volume, of where the close stands between low (-1) and high (1); "
        "0 for a bar without a range (Chaikin)",
        unit="fraction",
        formula=_money_flow,
    ),
)
"""Declarations in contract order."""

"""US shares, daily: features of price and volume, of the economy where its series are read, and ranks."""

from __future__ import annotations

from typing import Final

from tidegate.core.time import BarInterval
from tidegate.features.contract import FeatureContract
from tidegate.features.formulas import daily, macro
from tidegate.features.formulas.cross_section import ranks_of

__all__ = ["contract"]

_RANKED: Final = ("log_return_5", "log_return_20", "momentum_12_1", "volatility_20", "volume_z_20")


def contract(interval: BarInterval) -> FeatureContract:
    """Return the contract for bars of a size."""
    features = (*daily.FEATURES, *macro.FEATURES, *ranks_of(daily.FEATURES, _RANKED))
    return FeatureContract(features, macro.SOURCES, interval)

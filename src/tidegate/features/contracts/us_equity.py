"""US shares, daily."""

from __future__ import annotations

from tidegate.core.time import BarInterval
from tidegate.features.contract import FeatureContract
from tidegate.features.formulas.cross_section import RANKED_FEATURES
from tidegate.features.formulas.daily import PRICE_FEATURES

__all__ = ["contract"]


def contract(interval: BarInterval) -> FeatureContract:
    """Return the contract for bars of a size."""
    return FeatureContract(PRICE_FEATURES + RANKED_FEATURES, (), interval)

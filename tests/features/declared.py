"""Everything that the daily contract of US shares declares, for tests of the builder."""

from __future__ import annotations

from tidegate.core.time import BarInterval
from tidegate.features import FeatureContract, market_contract

__all__ = ["CONTRACT", "DECLARED_FEATURES"]

CONTRACT: FeatureContract = market_contract("us-equity", BarInterval("1d"))
DECLARED_FEATURES = CONTRACT.features

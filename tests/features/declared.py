"""Everything that the daily contract of US shares declares, and what plain bars deliver of it."""

from __future__ import annotations

from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import BarInterval
from tidegate.features import FeatureContract, contract_for, market_contract

__all__ = ["CONTRACT", "DECLARED_FEATURES", "OF_BARS"]

CONTRACT: FeatureContract = market_contract("us-equity", BarInterval("1d"))
DECLARED_FEATURES = CONTRACT.features
OF_BARS: FeatureContract = contract_for(
    ("open", "high", "low", "close", "raw_close", "volume", "traded_value"), FeatureSettings()
)

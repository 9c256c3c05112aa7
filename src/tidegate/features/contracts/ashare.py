"""A-shares, daily: scale-free features of price and volume, price limits, the market, the industry, and ranks.

What earlier trainers fed on and this leaves out: price levels, the adjustment factor and market values, by which trees
memorise the share (equity H 18); and columns that only some files have, whose absence tells the date (equity H 16). A
column that the source does not deliver is absent from the contract as a whole.
"""

from __future__ import annotations

from typing import Final

from tidegate.core.time import BarInterval
from tidegate.features.contract import FeatureContract
from tidegate.features.formulas import daily, industry, market, price_limit_state, volume_price
from tidegate.features.formulas.cross_section import ranks_of

__all__ = ["contract"]

_LONG: Final = frozenset(
    {
        "log_return_120",
        "log_return_252",
        "momentum_12_1",
        "average_bias_120",
        "average_bias_200",
        "above_average_200",
        "average_50_above_200",
        "distance_to_high_252",
    }
)
"""Left out: shares are listed, suspended and forgotten faster than these have a value."""
_RANKED: Final = ("log_return_5", "log_return_20", "volatility_20", "volume_z_20", "volume_ratio_5")


def contract(interval: BarInterval) -> FeatureContract:
    """Return the contract for bars of a size; price limits are those of sessions, so shorter bars go without."""
    own = tuple(feature for feature in daily.FEATURES if feature.name not in _LONG)
    limits = (*price_limit_state.FEATURES, *market.LIMIT_FEATURES) if interval.is_session else ()
    across = (*market.FEATURES, *industry.FEATURES, *ranks_of(own, _RANKED))
    return FeatureContract((*own, *volume_price.FEATURES, *limits, *across), industry.SOURCES, interval)

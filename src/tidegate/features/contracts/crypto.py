"""Crypto perpetuals on bars of five minutes: the 61 keys of earlier systems by meaning, and what they lacked."""

from __future__ import annotations

from tidegate.core.time import BarInterval
from tidegate.features.contract import FeatureContract
from tidegate.features.formulas import (
    calendar,
    derivatives,
    events,
    intraday,
    macro,
    multi_timeframe,
    order_book,
    quality,
    technical,
    text_statistics,
)

__all__ = ["contract"]


def contract(interval: BarInterval) -> FeatureContract:
    """Return the contract for bars of a size."""
    rooms = (intraday, order_book, derivatives, events, text_statistics, macro, technical, calendar, quality)
    features = [feature for room in rooms for feature in room.FEATURES]
    sources = [source for room in rooms for source in getattr(room, "SOURCES", ())]
    return FeatureContract((*features, *multi_timeframe.features(interval)), tuple(sources), interval)

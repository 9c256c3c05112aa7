"""How far the inputs of a decision can be trusted: how fresh each source is, and how many bars are missing."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.time import HOUR
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.formulas.masked import masked, missing_flag
from tidegate.features.inputs import Inputs, by_the_clock
from tidegate.features.windows import rolling_mean

__all__ = ["FEATURES"]

_DAY_OF_BARS: Final = 288
_AGES: Final = (
    ("order_book", "order_book_age", "of the newest real book"),
    ("funding", "funding_age", "of the newest funding rate"),
    ("onchain", "onchain_flow_z_age", "of the newest on-chain flow"),
    ("derivatives", "basis_rate_age", "of the newest basis rate"),
    ("events", "event_age", "since the newest event was known"),
    ("posts", "post_age", "since the newest post was known"),
    ("comments", "comment_age", "since the newest comment was known"),
    ("macro", "macro_vix_age", "of the newest VIX"),
)


def _hours(age: str) -> Formula:
    return lambda bars: bars.column(age) / HOUR


def _missing_share(bars: Inputs) -> FloatArray:
    return rolling_mean(np.isnan(bars.close).astype(np.float64), _DAY_OF_BARS)


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        name="missing_bars_24h",
        group="quality",
        requires=("close",),
        lookback_bars=_DAY_OF_BARS,
        description=f"share of the last {_DAY_OF_BARS} bars that have no close",
        unit="fraction",
        formula=by_the_clock(_missing_share, _DAY_OF_BARS),
    ),
    *(
        masked(
            f"{source}_hours_old",
            (age,),
            _hours(age),
            mask=f"{source}_absent_flag",
            group="quality",
            unit="hours",
            description=f"hours {words}",
        )
        for source, age, words in _AGES
    ),
    *(
        missing_flag(
            f"{source}_absent_flag",
            (age,),
            _hours(age),
            group="quality",
            about="nothing of it is known or young enough",
        )
        for source, age, _ in _AGES
    ),
)
"""Declarations in contract order; a source that a recipe does not use leaves its features out."""

"""The top of the order book, as it was really seen; made-up books count as missing and are told apart (D-17)."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.time import MINUTE
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature
from tidegate.features.formulas.masked import column, masked, missing_flag
from tidegate.features.inputs import Inputs
from tidegate.features.sources import Newest, Source

__all__ = ["FEATURES", "SOURCES"]

_AGE: Final = 15 * MINUTE

SOURCES: Final[tuple[Source, ...]] = (
    Newest(
        name="order_book",
        table="order_books",
        columns=(("order_book_imbalance", "imbalance"), ("order_book_spread_bps", "spread_bps")),
        where=(("synthetic", False),),
        maximum_age=_AGE,
    ),
    Newest(
        name="synthetic_order_book",
        table="order_books",
        columns=(("synthetic_order_book_spread_bps", "spread_bps"),),
        where=(("synthetic", True),),
        maximum_age=_AGE,
    ),
)
"""Real books, and those that were made of bars."""


def _spread(bars: Inputs) -> FloatArray:
    return bars.amount("order_book_spread_bps")


def _is_synthetic(bars: Inputs) -> FloatArray:
    made_up, seen = bars.column("synthetic_order_book_age"), bars.column("order_book_age")
    return (~np.isnan(made_up) & np.isnan(seen)).astype(np.float64)


FEATURES: Final[tuple[Feature, ...]] = (
    masked(
        "order_book_imbalance",
        ("order_book_imbalance",),
        column("order_book_imbalance"),
        mask="order_book_missing_flag",
        group="microstructure",
        unit="fraction",
        description="(bid size - ask size) / (bid size + ask size) of the newest known real book, "
        "at most 15 minutes old",
        known_as="orderbook_imbalance",
    ),
    masked(
        "order_book_spread_bps",
        ("order_book_spread_bps",),
        _spread,
        mask="order_book_spread_missing_flag",
        group="microstructure",
        unit="bps",
        description="(ask - bid) / mid price of the newest known real book, at most 15 minutes old",
        known_as="spread_bps",
    ),
    missing_flag(
        "order_book_missing_flag",
        ("order_book_imbalance",),
        column("order_book_imbalance"),
        group="microstructure",
        about="no real book is known",
        known_as="orderbook_missing_flag",
    ),
    missing_flag(
        "order_book_spread_missing_flag",
        ("order_book_spread_bps",),
        _spread,
        group="microstructure",
        about="no spread of a real book is known",
    ),
    Feature(
        name="order_book_synthetic_flag",
        group="quality",
        requires=("order_book_age", "synthetic_order_book_age"),
        lookback_bars=1,
        description="1 where a book that was made of bars stands and no real one, else 0",
        unit="flag",
        formula=_is_synthetic,
    ),
)
"""Declarations in contract order."""

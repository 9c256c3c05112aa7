"""What the clock says: time of the day, day of the week, time to the next hour at which funding is settled.

All of it is known years ahead, so that it is there whether a symbol traded or not. A pair of sine and cosine puts
midnight beside midnight, and Sunday beside Monday.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.core.time import DAY, HOUR
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.contract import Feature, Formula
from tidegate.features.inputs import Inputs

__all__ = ["FEATURES"]

_WEEK: Final = 7 * DAY
_FIRST_MONDAY: Final = 4 * DAY
_SETTLEMENT: Final = 8 * HOUR


def _share(times: Int64Array, period: int) -> FloatArray:
    """Return how much of a period has passed, in ``[0, 1)``; integers until the end, so that no instant is too late."""
    return (times % period) / period


def _everywhere(value: Callable[[Int64Array], FloatArray]) -> Formula:
    def known(bars: Inputs) -> FloatArray:
        return np.broadcast_to(value(bars.times)[:, np.newaxis], bars.shape)

    return known


def _declared(name: str, value: Callable[[Int64Array], FloatArray], unit: str, description: str) -> Feature:
    return Feature(
        name=name,
        group="calendar",
        requires=("close",),
        lookback_bars=1,
        description=description,
        unit=unit,
        formula=_everywhere(value),
    )


FEATURES: Final[tuple[Feature, ...]] = (
    _declared(
        "day_sine",
        lambda times: np.sin(2.0 * np.pi * _share(times, DAY)),
        "sine",
        "sin(2 pi * share of the UTC day that has passed at t)",
    ),
    _declared(
        "day_cosine",
        lambda times: np.cos(2.0 * np.pi * _share(times, DAY)),
        "cosine",
        "cos(2 pi * share of the UTC day that has passed at t)",
    ),
    _declared(
        "week_sine",
        lambda times: np.sin(2.0 * np.pi * _share(times - _FIRST_MONDAY, _WEEK)),
        "sine",
        "sin(2 pi * share of the UTC week, from Monday, that has passed at t)",
    ),
    _declared(
        "week_cosine",
        lambda times: np.cos(2.0 * np.pi * _share(times - _FIRST_MONDAY, _WEEK)),
        "cosine",
        "cos(2 pi * share of the UTC week, from Monday, that has passed at t)",
    ),
    _declared(
        "settlement_left",
        lambda times: 1.0 - _share(times, _SETTLEMENT),
        "fraction",
        "share of the eight hours to the next 00:00, 08:00 or 16:00 UTC that is left at t, 1 at these instants "
        "themselves; markets that settle funding more often settle then, too",
    ),
)
"""Declarations in contract order."""

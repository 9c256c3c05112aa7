"""Where an A-share stood against its price limits: a share at its limit cannot be bought, or sold, at will.

The rule and its sources are those of :mod:`tidegate.data.price_limits`. Limits hold for prices as they were traded.
Who is under special treatment comes from ``symbol_lives``; without it every share counts as untreated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.core.units import FloatArray, Mask
from tidegate.data.price_limits import CARRIED_SESSIONS, LIMIT_PERCENT, at_limit_down, at_limit_up, limits_of
from tidegate.features.contract import Feature, FeatureGroup, Formula
from tidegate.features.inputs import Inputs
from tidegate.features.windows import lagged

__all__ = ["FEATURES"]

_LONGEST: Final = 5
_UP, _DOWN = 0, 1
_TREATED: Final = "; without symbol_lives no share counts as under special treatment"
_LIMITS: Final = ("close", LIMIT_PERCENT, "raw_close")


def _limits(bars: Inputs) -> FloatArray:
    """Return upper and lower limits, ``float64 (2, n, n_symbols)``."""

    def compute() -> FloatArray:
        close, raw = bars.close, bars.price("raw_close")
        return np.stack(limits_of(np.where(np.isnan(raw), np.nan, close), raw, bars.price(LIMIT_PERCENT), bars.times))

    return bars.once("price limits", compute)


def _reached(price: str, side: int) -> Formula:
    reached: Callable[[FloatArray, FloatArray], Mask] = at_limit_up if side == _UP else at_limit_down

    def formula(bars: Inputs) -> FloatArray:
        limit, raw = _limits(bars)[side], bars.price("raw_close")
        traded = raw if price == "close" else bars.price(price) * raw / bars.close
        known = ~np.isnan(limit) & ~np.isnan(traded)
        return np.where(known, reached(traded, limit).astype(np.float64), np.nan)

    return formula


_CLOSED_AT_LIMIT_UP: Final = _reached("close", _UP)


def _streak(bars: Inputs) -> FloatArray:
    at_limit = _CLOSED_AT_LIMIT_UP(bars)
    known = np.nan_to_num(at_limit)  # an unknown limit ends a streak
    streak = known
    for _ in range(_LONGEST - 1):
        streak = known * (1.0 + np.nan_to_num(lagged(streak, 1)))
    return np.where(np.isnan(at_limit), np.nan, streak)


def _declared(
    name: str, formula: Formula, description: str, *, price: str = "close", sessions: int = 1, unit: str = "flag"
) -> Feature:
    return Feature(
        name=name,
        group=FeatureGroup.PRICE.value,
        requires=tuple(sorted({*_LIMITS, price})),
        lookback_bars=CARRIED_SESSIONS + sessions,
        description=f"{description}; missing while the limit of session t is unknown",
        unit=unit,
        formula=formula,
    )


FEATURES: Final[tuple[Feature, ...]] = (
    _declared("at_limit_up", _CLOSED_AT_LIMIT_UP, f"1 if the close is at the upper price limit, else 0{_TREATED}"),
    _declared(
        "at_limit_down", _reached("close", _DOWN), f"1 if the close is at the lower price limit, else 0{_TREATED}"
    ),
    _declared(
        "touched_limit_up", _reached("high", _UP), "1 if the high is at the upper price limit, else 0", price="high"
    ),
    _declared(
        "touched_limit_down", _reached("low", _DOWN), "1 if the low is at the lower price limit, else 0", price="low"
    ),
    _declared(
        "opened_at_limit_up", _reached("open", _UP), "1 if the open is at the upper price limit, else 0", price="open"
    ),
    _declared(
        "opened_at_limit_down",
        _reached("open", _DOWN),
        "1 if the open is at the lower price limit, else 0",
        price="open",
    ),
    _declared(
        "limit_up_streak",
        _streak,
        f"consecutive sessions up to t that closed at a known upper price limit, at most {_LONGEST}",
        sessions=_LONGEST,
        unit="sessions",
    ),
)
"""Declarations in contract order."""

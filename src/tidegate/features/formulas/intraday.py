"""Returns, volatility and volume of bars shorter than a day, for a market that never closes.

Each quantity has one definition here, for training and online use alike; earlier systems had three of them (D-02). Bars
are counted by the clock: a bar that is not there makes missing what would have looked at it, and no horizon longer
(D-12).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.inputs import Inputs, by_the_clock
from tidegate.features.windows import lagged, rolling_mean, rolling_std

__all__ = ["FEATURES", "simple_return", "volatility"]

_HORIZONS: Final = (1, 3, 12, 48, 96, 288)
_STEPS: Final = ((1, 3), (3, 12), (12, 48))
_TERMS: Final = ((3, 12), (12, 48), (48, 288))
_USUAL: Final = 12
_LEAST_DEVIATION: Final = 1e-6


def simple_return(bars: Inputs, horizon: int) -> FloatArray:
    """Return ``close[t] / close[t - horizon] - 1``, ``float64 (n, n_symbols)``."""
    return bars.once(("simple_return", horizon), lambda: bars.close / lagged(bars.close, horizon) - 1.0)


def volatility(bars: Inputs, window: int) -> FloatArray:
    """Return the sample standard deviation of the last ``window`` one-bar log returns, the present bar's included."""
    return bars.once(("volatility", window), lambda: rolling_std(bars.returns, window))


def _log_volume(bars: Inputs) -> FloatArray:
    return np.log1p(bars.amount("volume"))


def _volume_z(bars: Inputs) -> FloatArray:
    volume = bars.amount("volume")
    usual, deviation = lagged(rolling_mean(volume, _USUAL), 1), lagged(rolling_std(volume, _USUAL), 1)
    return (volume - usual) / np.maximum(deviation, _LEAST_DEVIATION)


def _volume_impact(bars: Inputs) -> FloatArray:
    return np.abs(simple_return(bars, 1)) / np.sqrt(np.maximum(bars.amount("volume"), 1.0))


def _declared(
    name: str,
    known_as: str,
    formula: Formula,
    *,
    lookback: int,
    unit: str,
    description: str,
    requires: tuple[str, ...] = ("close",),
) -> Feature:
    return Feature(
        name=name,
        group="volume" if "volume" in requires else "price",
        requires=requires,
        lookback_bars=lookback,
        description=description,
        unit=unit,
        known_as=known_as,
        formula=by_the_clock(formula, lookback),
    )


def _return(horizon: int) -> Feature:
    return _declared(
        f"return_{horizon}",
        f"ret_{horizon}",
        lambda bars: simple_return(bars, horizon),
        lookback=horizon + 1,
        unit="fraction",
        description=f"close[t] / close[t-{horizon}] - 1",
    )


def _volatility(window: int) -> Feature:
    return _declared(
        f"volatility_{window}",
        f"vol_{window}",
        lambda bars: volatility(bars, window),
        lookback=window + 1,
        unit="log",
        description=f"sample standard deviation of the last {window} one-bar log returns, not annualised",
    )


def _acceleration(short: int, long: int) -> Feature:
    return _declared(
        f"return_acceleration_{short}_{long}",
        f"ret_accel_{short}_{long}",
        lambda bars: simple_return(bars, short) - simple_return(bars, long),
        lookback=long + 1,
        unit="fraction",
        description=f"return over {short} bars less return over {long} bars",
    )


def _term(short: int, long: int) -> Feature:
    return _declared(
        f"volatility_term_{short}_{long}",
        f"vol_term_{short}_{long}",
        lambda bars: volatility(bars, short) - volatility(bars, long),
        lookback=long + 1,
        unit="log",
        description=f"volatility of {short} bars less volatility of {long} bars",
    )


FEATURES: Final[tuple[Feature, ...]] = (
    *(_return(horizon) for horizon in _HORIZONS),
    *(_volatility(window) for window in _HORIZONS[1:]),
    *(_acceleration(short, long) for short, long in _STEPS),
    *(_term(short, long) for short, long in _TERMS),
    _declared(
        "log_volume",
        "log_volume",
        _log_volume,
        lookback=1,
        unit="log",
        description="ln(1 + volume[t])",
        requires=("volume",),
    ),
    _declared(
        f"volume_z_{_USUAL}",
        "vol_z",
        _volume_z,
        lookback=_USUAL + 1,
        unit="deviations",
        description=f"(volume[t] - mean) / max(sample deviation, {_LEAST_DEVIATION}) over the {_USUAL} bars before t",
        requires=("volume",),
    ),
    _declared(
        "volume_impact",
        "volume_impact",
        _volume_impact,
        lookback=2,
        unit="fraction",
        description="|close[t] / close[t-1] - 1| / sqrt(max(volume[t], 1))",
        requires=("close", "volume"),
    ),
)
"""Declarations in contract order: the keys of earlier systems, each with the name that it was known as."""

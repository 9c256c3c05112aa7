"""The same features on longer bars: what a quarter of an hour, an hour and four hours looked like when they closed.

Only closed bars count. A bar of an hour that is still open says at 10:05 something else than at 10:55, and an audit
of its final value would call that a leak.
"""

from __future__ import annotations

from typing import Final

from tidegate.core.time import BarInterval
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature
from tidegate.features.formulas import intraday, technical
from tidegate.features.frames import frame_lookback
from tidegate.features.inputs import Inputs, where_rows_suffice

__all__ = ["FRAMES", "features", "on_frame"]

FRAMES: Final = (BarInterval("15m"), BarInterval("1h"), BarInterval("4h"))
"""Sizes of the longer bars."""
_CHOSEN: Final = (
    "return_1",
    "return_3",
    "return_12",
    "volatility_12",
    "average_bias_30",
    "relative_strength_14",
    "macd_histogram",
    "average_true_range_14",
    "bollinger_position_20",
)


def features(interval: BarInterval) -> tuple[Feature, ...]:
    """Return the declarations for bars of a size, in contract order: those of each longer bar that they make up.

    Examples
    --------
    >>> [feature.name for feature in features(BarInterval("1h"))][:2]
    ['return_1_4h', 'return_3_4h']
    >>> features(BarInterval("7m")), features(BarInterval("1d"))
    ((), ())
    """
    known = {feature.name: feature for feature in (*intraday.FEATURES, *technical.FEATURES)}
    frames = [frame for frame in FRAMES if _is_made_of(frame, interval)]
    return tuple(on_frame(known[name], interval, frame) for frame in frames for name in _CHOSEN)


def on_frame(base: Feature, interval: BarInterval, frame: BarInterval) -> Feature:
    """Return a feature of prices and volume as it stood on the newest longer bar that was closed.

    Parameters
    ----------
    base
        The feature, on bars of any size.
    interval
        Size of the bars that there are.
    frame
        Size of the longer bars.

    Raises
    ------
    InputError
        If the bars do not divide the longer ones.
    """
    formula, lookback = base.formula, frame_lookback(interval, frame, base.lookback_bars)
    assert formula is not None

    def seen(bars: Inputs) -> FloatArray:
        longer = bars.frame(frame)
        return bars.spread(longer, formula(longer), only_wanted=True)

    return Feature(
        name=f"{base.name}_{frame}",
        group=base.group,
        requires=base.requires,
        lookback_bars=lookback,
        description=f"on the newest closed bar of {frame}: {base.description}",
        unit=base.unit,
        formula=where_rows_suffice(seen, lookback),
    )


def _is_made_of(frame: BarInterval, interval: BarInterval) -> bool:
    return frame.microseconds > interval.microseconds and frame.microseconds % interval.microseconds == 0

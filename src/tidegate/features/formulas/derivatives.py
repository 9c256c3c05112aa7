"""What perpetuals and chains tell: funding, positioning, basis, open interest and flow, each with its flag.

Nothing is filled: a value is the newest that was known and is young enough (D-14, D-16). Where there is none the
feature is neutral 0 and its flag 1; no scale ever sees a placeholder (D-15). An on-chain flow is that one metric and
never a change of open interest or a product of prices (D-13).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.time import DAY, HOUR, MINUTE
from tidegate.core.units import FloatArray
from tidegate.data.metrics import DERIVATIVES, METRICS, Scale
from tidegate.features.contract import Feature
from tidegate.features.formulas.masked import column, masked, missing_flag, scaled
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.sources import Newest, Source
from tidegate.features.trails import Change, RobustScore

__all__ = ["FEATURES", "SOURCES"]

_FUNDING_AGE: Final = 9 * HOUR
"""A period of eight hours, and one of grace."""
_FLOW: Final = "net_inflow"
_BACK: Final = 12
_SCALES: Final = {
    Scale.LOG_RATIO: ("tanh(ln max(x, 1e-9))", "fraction"),
    Scale.BASIS: ("tanh(25 x)", "fraction"),
    Scale.ANNUAL_BASIS: ("tanh(5 x)", "fraction"),
}


def _newest(metric: str, table: str = "derivatives") -> Newest:
    return Newest(
        name=metric,
        table=table,
        columns=((metric, "value"),),
        where=(("metric", metric),),
        maximum_age=METRICS[metric].maximum_age,
    )


SOURCES: Final[tuple[Source, ...]] = (
    Newest(name="funding", table="funding", columns=(("funding_rate", "rate"),), maximum_age=_FUNDING_AGE),
    RobustScore(
        name="onchain_flow_z",
        table="onchain",
        column="value",
        where=(("metric", _FLOW),),
        window=90,
        least=30,
        reach=120 * DAY,
        maximum_age=METRICS[_FLOW].maximum_age,
    ),
    *(_newest(metric) for metric in DERIVATIVES),
    Change(
        name="open_interest_change",
        table="derivatives",
        column="value",
        where=(("metric", "open_interest"),),
        back=_BACK,
        reach=_BACK * 5 * MINUTE + 15 * MINUTE,
        maximum_age=METRICS["open_interest"].maximum_age,
        logarithm=True,
    ),
    _newest("taker_buy_volume"),
    _newest("taker_sell_volume"),
)
"""What the features read; ages and scales of metrics are those of the dictionary of metrics."""


def _taker_imbalance(bars: Inputs) -> FloatArray:
    bought, sold = bars.amount("taker_buy_volume"), bars.amount("taker_sell_volume")
    # Two metrics of one answer: the volumes of different stretches of time are not set against each other.
    together = bars.column("taker_buy_volume_age") == bars.column("taker_sell_volume_age")
    return np.where(together, ratio(bought - sold, bought + sold), np.nan)


def _indicator(metric: str) -> tuple[Feature, Feature]:
    spec = METRICS[metric]
    words, unit = _SCALES[spec.scale]
    flag = f"{metric}_missing_flag"
    value = scaled(metric, spec.scaled)
    return (
        masked(
            metric,
            (metric,),
            value,
            mask=flag,
            group="derivatives",
            unit=unit,
            description=f"{words} of the newest known x, not over {spec.maximum_age // MINUTE} min old: {spec.about}",
            known_as=f"deriv_{metric}",
        ),
        missing_flag(
            flag, (metric,), value, group="derivatives", about=f"no {metric} is known", known_as=f"deriv_{flag}"
        ),
    )


_TAKEN: Final = ("taker_buy_volume", "taker_buy_volume_age", "taker_sell_volume", "taker_sell_volume_age")
_INDICATORS: Final = tuple(_indicator(metric) for metric in DERIVATIVES)

FEATURES: Final[tuple[Feature, ...]] = (
    masked(
        "funding_rate",
        ("funding_rate",),
        column("funding_rate"),
        mask="funding_missing_flag",
        group="derivatives",
        unit="fraction",
        description="newest known rate per period, at most 9 hours old",
        known_as="funding_rate",
    ),
    masked(
        "onchain_flow_z",
        ("onchain_flow_z",),
        column("onchain_flow_z"),
        mask="onchain_missing_flag",
        group="on_chain",
        unit="deviations",
        description="(newest known net_inflow - median) / (1.4826 median absolute deviation) of the 90 before it, "
        "within [-10, 10]",
        known_as="onchain_norm",
    ),
    *(feature for feature, _ in _INDICATORS),
    masked(
        "open_interest_change",
        ("open_interest_change",),
        column("open_interest_change"),
        mask="open_interest_change_missing_flag",
        group="derivatives",
        unit="log",
        description=f"ln of the newest known open interest less that of {_BACK} observations before",
    ),
    masked(
        "taker_imbalance",
        _TAKEN,
        _taker_imbalance,
        mask="taker_imbalance_missing_flag",
        group="derivatives",
        unit="fraction",
        description="(bought - sold) / (bought + sold) of the newest known volumes of takers, both of one time",
    ),
    missing_flag(
        "funding_missing_flag",
        ("funding_rate",),
        column("funding_rate"),
        group="derivatives",
        about="no funding rate is known",
        known_as="funding_missing_flag",
    ),
    missing_flag(
        "onchain_missing_flag",
        ("onchain_flow_z",),
        column("onchain_flow_z"),
        group="on_chain",
        about="no flow is known, or too little before it",
        known_as="onchain_missing_flag",
    ),
    *(flag for _, flag in _INDICATORS),
    missing_flag(
        "open_interest_change_missing_flag",
        ("open_interest_change",),
        column("open_interest_change"),
        group="derivatives",
        about="no change of open interest is known",
    ),
    missing_flag(
        "taker_imbalance_missing_flag",
        _TAKEN,
        _taker_imbalance,
        group="derivatives",
        about="no volumes of takers are known",
    ),
)
"""Declarations in contract order."""

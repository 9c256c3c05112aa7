"""The dictionary of metrics: one place for name, unit, largest age and scale, used by ingest, audit and features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import DAY, HOUR, MINUTE
from tidegate.core.units import FloatArray

__all__ = ["DERIVATIVES", "METRICS", "MetricFamily", "MetricSpec", "Scale", "metric_spec"]


class MetricFamily(StrEnum):
    """What a metric is about; readiness is judged by family."""

    DERIVATIVES = "derivatives"
    ON_CHAIN = "on_chain"
    VALUATION = "valuation"
    LIMITS = "limits"


class Scale(StrEnum):
    """How a metric becomes a feature."""

    NONE = "none"
    LOG_RATIO = "log_ratio"
    """``tanh(ln x)``: 0 where both sides are equal."""
    BASIS = "basis"
    """``tanh(25 x)``."""
    ANNUAL_BASIS = "annual_basis"
    """``tanh(5 x)``."""


_LEAST_RATIO: Final = 1e-9
_SCALED: Final[dict[Scale, Callable[[FloatArray], FloatArray]]] = {
    Scale.NONE: lambda value: value,
    Scale.LOG_RATIO: lambda value: np.tanh(np.log(np.maximum(value, _LEAST_RATIO))),
    Scale.BASIS: lambda value: np.tanh(value * 25.0),
    Scale.ANNUAL_BASIS: lambda value: np.tanh(value * 5.0),
}


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One metric.

    Parameters
    ----------
    maximum_age
        Microseconds since its event after which a value counts as missing.
    """

    name: str
    unit: str
    family: MetricFamily
    maximum_age: int
    about: str
    scale: Scale = Scale.NONE

    def normalise(self, value: pl.Expr) -> pl.Expr:
        """Return the metric as a feature: null and NaN give the neutral 0, which the caller's mask tells apart.

        The scale is applied to what is there and never to a placeholder: ``tanh(ln 1e-9)`` of a missing ratio would
        be -1, the extreme short side.

        Examples
        --------
        >>> ratio = METRICS["taker_buy_sell_ratio"].normalise(pl.col("x"))
        >>> pl.DataFrame({"x": [1.0, None]}).select(ratio).to_series().to_list()
        [0.0, 0.0]
        """

        def scaled(values: pl.Series) -> pl.Series:
            return pl.Series(values.name, self.scaled(values.cast(pl.Float64).fill_null(np.nan).to_numpy()))

        return value.map_batches(scaled, return_dtype=pl.Float64, is_elementwise=True).fill_nan(None).fill_null(0.0)

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return the metric on the scale of a feature, ``float64``; NaN stays NaN.

        Examples
        --------
        >>> METRICS["taker_buy_sell_ratio"].scaled(np.array([1.0, np.nan])).tolist()
        [0.0, nan]
        """
        return _SCALED[self.scale](np.ascontiguousarray(values, dtype=np.float64))


_FIVE_MINUTES_LATE: Final = 15 * MINUTE
_ONE_SESSION: Final = 12 * HOUR


def _ratio(name: str, about: str) -> MetricSpec:
    return MetricSpec(
        name=name, unit="ratio", family=MetricFamily.DERIVATIVES, maximum_age=_FIVE_MINUTES_LATE,
        about=about, scale=Scale.LOG_RATIO,
    )  # fmt: skip


def _amount(name: str, unit: str, about: str) -> MetricSpec:
    return MetricSpec(
        name=name, unit=unit, family=MetricFamily.DERIVATIVES, maximum_age=_FIVE_MINUTES_LATE, about=about
    )


def _flow(name: str, about: str) -> MetricSpec:
    # Told once a day and often only a day after: within one day of its event the newest value is mostly not known yet.
    return MetricSpec(name=name, unit="USD", family=MetricFamily.ON_CHAIN, maximum_age=3 * DAY, about=about)


def _daily(name: str, unit: str, family: MetricFamily, about: str) -> MetricSpec:
    return MetricSpec(name=name, unit=unit, family=family, maximum_age=10 * DAY, about=about)


def _limit(name: str, about: str) -> MetricSpec:
    # A limit is told in the morning and holds for that session alone.
    return MetricSpec(name=name, unit="currency", family=MetricFamily.LIMITS, maximum_age=_ONE_SESSION, about=about)


def _valuation(name: str, unit: str, about: str) -> MetricSpec:
    return _daily(name, unit, MetricFamily.VALUATION, about)


DERIVATIVES: Final = (
    "long_short_ratio_global_accounts",
    "long_short_ratio_top_accounts",
    "long_short_ratio_top_positions",
    "taker_buy_sell_ratio",
    "basis_rate",
    "annualized_basis_rate",
)
"""The six indicators of perpetuals, in the order of the feature contract."""

METRICS: Final = {
    spec.name: spec
    for spec in (
        _ratio("long_short_ratio_global_accounts", "accounts net long per account net short, all traders"),
        _ratio("long_short_ratio_top_accounts", "the same among the largest traders"),
        _ratio("long_short_ratio_top_positions", "long per short position size of the largest traders"),
        _ratio("taker_buy_sell_ratio", "volume bought per volume sold by takers"),
        MetricSpec(name="basis_rate", unit="fraction", family=MetricFamily.DERIVATIVES, scale=Scale.BASIS,
                   maximum_age=_FIVE_MINUTES_LATE, about="(perpetual - index) / index"),
        MetricSpec(name="annualized_basis_rate", unit="fraction per year", family=MetricFamily.DERIVATIVES,
                   scale=Scale.ANNUAL_BASIS, maximum_age=_FIVE_MINUTES_LATE,
                   about="as the venue delivers it, and missing where it does not"),
        _amount("open_interest", "coins", "open contracts"),
        _amount("open_interest_value", "USD", "open contracts in currency"),
        MetricSpec(name="open_interest_delta", unit="coins", family=MetricFamily.DERIVATIVES,
                   maximum_age=_FIVE_MINUTES_LATE, about="change of open_interest; not an on-chain flow"),
        _amount("taker_buy_volume", "coins", "volume bought by takers"),
        _amount("taker_sell_volume", "coins", "volume sold by takers"),
        MetricSpec(name="mark_price", unit="currency", family=MetricFamily.DERIVATIVES, maximum_age=2 * HOUR,
                   about="price by which a venue marks positions"),
        _flow("net_inflow", "coins moved onto exchanges minus those moved off"),
        _flow("exchange_netflow", "the same as some sources name it; never averaged with net_inflow"),
        _flow("netflow", "net flow of a chain"),
        _limit("limit_up", "highest price of the session"),
        _limit("limit_down", "lowest price of the session"),
        _valuation("turnover_rate", "percent", "volume / shares that may be traded"),
        _valuation("turnover_rate_f", "percent", "volume / shares in free float"),
        _valuation("volume_ratio", "ratio", "volume / mean volume of the five sessions before"),
        _valuation("pe", "ratio", "market value / profit of the last year; missing at a loss"),
        _valuation("pe_ttm", "ratio", "market value / profit of the last four quarters; missing at a loss"),
        _valuation("pb", "ratio", "market value / net assets"),
        _valuation("ps", "ratio", "market value / revenue of the last year"),
        _valuation("ps_ttm", "ratio", "market value / revenue of the last four quarters"),
        _valuation("dv_ratio", "percent", "dividends of the last year / price"),
        _valuation("dv_ttm", "percent", "dividends of the last twelve months / price"),
        _valuation("total_share", "shares", "all shares"),
        _valuation("float_share", "shares", "shares that may be traded"),
        _valuation("free_share", "shares", "shares in free float"),
        _valuation("total_mv", "currency", "market value of all shares"),
        _valuation("circ_mv", "currency", "market value of the shares that may be traded"),
    )
}  # fmt: skip


def metric_spec(name: str) -> MetricSpec:
    """Return a metric of the dictionary.

    Raises
    ------
    DataError
        If there is none of that name: an unknown metric would have neither unit nor age.
    """
    if name not in METRICS:
        raise DataError(
            found=f"metric {name!r}",
            expected=f"one of {', '.join(METRICS)}",
            hint="rename it, or add it to tidegate.data.metrics",
        )
    return METRICS[name]

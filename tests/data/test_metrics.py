"""The dictionary of metrics."""

from __future__ import annotations

import math

import polars as pl
import pytest

from tidegate.core.errors import DataError
from tidegate.core.time import DAY
from tidegate.data.metrics import DERIVATIVES, METRICS, metric_spec


@pytest.mark.parametrize("name", METRICS)
def test_a_missing_value_is_neutral_and_not_an_extreme(name: str) -> None:
    """D-15: the scale never sees a placeholder; tanh(ln 1e-9) would have said "extremely short"."""
    values = pl.DataFrame({"x": [None, math.nan]}, schema={"x": pl.Float64})
    assert values.select(METRICS[name].normalise(pl.col("x"))).to_series().to_list() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "value", "scaled"),
    [
        ("long_short_ratio_global_accounts", 2.0, math.tanh(math.log(2.0))),
        ("taker_buy_sell_ratio", 0.0, math.tanh(math.log(1e-9))),
        ("basis_rate", 0.01, math.tanh(0.25)),
        ("annualized_basis_rate", 0.1, math.tanh(0.5)),
        ("open_interest", 123.0, 123.0),
    ],
)
def test_scales_by_hand(name: str, value: float, scaled: float) -> None:
    found = pl.DataFrame({"x": [value]}).select(METRICS[name].normalise(pl.col("x"))).item()
    assert found == pytest.approx(scaled, rel=1e-12)


def test_open_interest_is_no_flow_on_a_chain() -> None:
    """D-13: a change of open interest has its own name and family; nothing stands in for on-chain flow."""
    assert METRICS["open_interest_delta"].family != METRICS["net_inflow"].family
    assert set(DERIVATIVES) <= set(METRICS)


def test_every_metric_grows_old() -> None:
    """D-16: no value is carried for ever."""
    assert all(0 < spec.maximum_age < 366 * 86_400_000_000 for spec in METRICS.values())
    assert all(spec.unit and spec.about for spec in METRICS.values())


@pytest.mark.parametrize("name", ["net_inflow", "exchange_netflow", "netflow"])
def test_a_daily_flow_outlives_the_day_until_it_is_told(name: str) -> None:
    assert METRICS[name].maximum_age == 3 * DAY


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(DataError, match="metric 'net_flow'"):
        metric_spec("net_flow")

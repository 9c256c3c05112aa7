from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tidegate.costs import PRESETS, CostModel

sizes = st.floats(0.01, 1e9)
rates = st.floats(0.0, 100.0)
models = st.builds(
    CostModel,
    commission_bps=rates,
    half_spread_bps=rates,
    minimum_fee=st.floats(0.0, 10.0),
    stamp_tax_sell_bps=rates,
    impact_coefficient=st.floats(0.0, 2.0),
)
markets = st.fixed_dictionaries({"volatility": st.floats(0.0, 0.2), "daily_value": st.floats(1.0, 1e12)})


def total(model: CostModel, notional: float, **market: float) -> float:
    return float(
        model.itemise(np.array([notional]), **{name: np.array([value]) for name, value in market.items()}).total[0]
    )


def impact(model: CostModel, notional: float, **market: float) -> float:
    return float(
        model.itemise(np.array([notional]), **{name: np.array([value]) for name, value in market.items()}).impact[0]
    )


def test_costs_are_itemised_and_add_up() -> None:
    model = CostModel(commission_bps=10, half_spread_bps=2, minimum_fee=5, stamp_tax_sell_bps=5, impact_coefficient=0.5)
    costs = model.itemise(
        np.array([10_000.0, -10_000.0]), volatility=np.full(2, 0.02), daily_value=np.full(2, 1_000_000.0)
    )

    assert costs.commission == pytest.approx([10.0, 10.0])
    assert costs.half_spread == pytest.approx([2.0, 2.0])
    assert costs.impact == pytest.approx([10.0, 10.0])  # 0.5 x 0.02 x sqrt(0.01) = 10 bps
    assert costs.stamp_tax == pytest.approx([0.0, 5.0])
    assert costs.total == pytest.approx([22.0, 27.0])


def test_a_round_trip_at_ten_basis_points_costs_twenty() -> None:
    """Test I.9 of the equity rules: 10 bps one way on a round trip of everything costs 20 bps."""
    model = CostModel(commission_bps=4, half_spread_bps=6)

    assert total(model, 1_000_000.0) + total(model, -1_000_000.0) == pytest.approx(2_000.0)
    assert model.round_trip_rate() == pytest.approx(0.002)


def test_without_costs_nothing_is_paid() -> None:
    assert total(PRESETS["free"], -1e6, volatility=0.02, daily_value=1e6) == 0.0
    assert PRESETS["free"].round_trip_rate() == 0.0


def test_a_small_order_pays_the_minimum_fee_once() -> None:
    model = CostModel(commission_bps=2.5, minimum_fee=5.0)

    assert total(model, 100.0) == total(model, -100.0) == 5.0
    assert total(model, 20_000.0) == pytest.approx(5.0)
    assert total(model, 40_000.0) == pytest.approx(10.0)


@given(models, markets)
def test_no_trade_costs_nothing(model: CostModel, market: dict[str, float]) -> None:
    assert total(model, 0.0, **market) == total(model, -0.0, **market) == 0.0


@given(models, sizes, markets)
def test_only_sales_pay_stamp_tax(model: CostModel, size: float, market: dict[str, float]) -> None:
    difference = total(model, -size, **market) - total(model, size, **market)

    assert difference == pytest.approx(size * model.stamp_tax_sell_bps * 1e-4, rel=1e-6, abs=1e-9 * size)
    bought = model.itemise(np.array([size]))
    assert bought.stamp_tax[0] == 0.0


@given(models, sizes, sizes, st.sampled_from([1.0, -1.0]), markets)
def test_more_never_costs_less(
    model: CostModel, one: float, other: float, side: float, market: dict[str, float]
) -> None:
    small, large = sorted([one, other])

    assert total(model, side * small, **market) <= total(model, side * large, **market) * (1 + 1e-12)


@given(models, st.lists(st.floats(-1e9, 1e9), max_size=5), markets)
def test_nothing_is_ever_negative_and_a_batch_is_its_parts(
    model: CostModel, notionals: list[float], market: dict[str, float]
) -> None:
    shape = len(notionals)
    batch = model.itemise(np.array(notionals), **{name: np.full(shape, value) for name, value in market.items()})

    for part in (batch.commission, batch.half_spread, batch.impact, batch.stamp_tax):
        assert part.shape == (shape,)
        assert (part >= 0.0).all()
    assert batch.total.tolist() == [total(model, notional, **market) for notional in notionals]


@given(sizes, st.floats(0.0, 0.2), st.floats(1.0, 1e12), st.floats(0.01, 2.0))
def test_impact_follows_the_square_root_of_participation(
    size: float, volatility: float, daily_value: float, coefficient: float
) -> None:
    model = CostModel(impact_coefficient=coefficient)
    rate = max(coefficient * volatility * math.sqrt(size / daily_value), 0.5e-4)

    assert impact(model, size, volatility=volatility, daily_value=daily_value) == pytest.approx(size * rate)


def test_four_times_the_order_has_twice_the_rate() -> None:
    model = CostModel(impact_coefficient=1.0)
    market = {"volatility": 0.02, "daily_value": 1e8}

    assert impact(model, 4e6, **market) / 4e6 == pytest.approx(2.0 * impact(model, 1e6, **market) / 1e6)


def test_impact_has_a_floor_where_it_applies() -> None:
    model = CostModel(impact_coefficient=0.5)

    assert impact(model, 1.0, volatility=0.01, daily_value=1e12) == pytest.approx(0.5e-4)
    assert impact(model, 1.0, volatility=0.0, daily_value=1e12) == pytest.approx(0.5e-4)
    assert impact(CostModel(), 1.0, volatility=0.01, daily_value=1e12) == 0.0


@pytest.mark.parametrize(
    "market",
    [
        {},
        {"volatility": 0.02},
        {"daily_value": 1e6},
        {"volatility": math.nan, "daily_value": 1e6},
        {"volatility": 0.02, "daily_value": math.nan},
        {"volatility": 0.02, "daily_value": 0.0},
    ],
)
def test_what_is_not_known_has_no_impact(market: dict[str, float]) -> None:
    assert impact(CostModel(impact_coefficient=0.5), 1e6, **market) == 0.0


@given(sizes, st.floats(0.001, 0.2), st.floats(1.0, 1e12), st.floats(1e-6, 1e6))
def test_the_unit_of_account_does_not_matter(size: float, volatility: float, value: float, scale: float) -> None:
    """In the crypto original the impact fell with the volume in coins, so it differed by coin for no reason (17.3)."""
    model = CostModel(commission_bps=5, half_spread_bps=3, impact_coefficient=0.5)
    here = total(model, size, volatility=volatility, daily_value=value) / size
    there = total(model, size * scale, volatility=volatility, daily_value=value * scale) / (size * scale)

    assert there == pytest.approx(here)


def test_a_longer_horizon_does_not_cost_more() -> None:
    """D-31: cost multipliers by horizon. Nothing here knows of a horizon, and none may be set."""
    words = [*CostModel.model_fields, *CostModel.itemise.__annotations__, *CostModel.round_trip_rate.__annotations__]

    assert not [word for word in words if "horizon" in word or "bars" in word]
    with pytest.raises(ValidationError, match="Extra inputs"):
        CostModel(horizon_bars=5)  # type: ignore[call-arg]


def test_costs_raise_the_price_of_a_sale_as_of_a_purchase() -> None:
    """D-07: a cost subtracted from a signed return rewards the short side; here both sides pay."""
    model = PRESETS["crypto-perpetual"]

    assert total(model, -1e4) == total(model, 1e4) == pytest.approx(8.0)


def test_rates_of_one_way_and_round_trip() -> None:
    model = CostModel(commission_bps=1, half_spread_bps=2, stamp_tax_sell_bps=5)

    assert model.round_trip_rate() == pytest.approx((total(model, 1e4) + total(model, -1e4)) / 1e4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"commission_bps": -1.0},
        {"half_spread_bps": 10_001.0},
        {"minimum_fee": -0.01},
        {"impact_coefficient": -0.1},
        {"stamp_tax_sell_bps": math.nan},
    ],
)
def test_costs_that_would_pay_the_trader_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CostModel(**wrong)

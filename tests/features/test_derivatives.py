"""Funding, positioning, open interest and flow: the newest that was known, or neutral and flagged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from catalog_rows import at, built, instants, rows_of

from tidegate.core.time import MINUTE
from tidegate.data.metrics import DERIVATIVES, METRICS
from tidegate.features.formulas import derivatives


def metric(name: str, hours: float, value: float | None, delay: float = 0.0, **more: Any) -> dict[str, Any]:
    known = at(hours + delay)
    return {"symbol": "A", "metric": name, "event_time": at(hours), "known_time": known, "value": value, **more}


def said(tables: dict[str, pl.DataFrame], *hours: float) -> dict[str, list[float]]:
    return built(derivatives.FEATURES, derivatives.SOURCES, tables, instants(*hours))


def test_the_indicators_by_hand() -> None:
    """Spec 4.3."""
    values = dict(zip(DERIVATIVES, (1.5, 0.5, 1.0, 2.0, 0.002, -0.1), strict=True))
    rows = rows_of("metrics", *(metric(name, 0, value) for name, value in values.items()))
    found = said({"derivatives": rows}, 0)
    expected = [math.tanh(math.log(value)) for value in (1.5, 0.5, 1.0, 2.0)] + [math.tanh(0.05), math.tanh(-0.5)]
    assert [found[name][0] for name in DERIVATIVES] == pytest.approx(expected, rel=1e-6)
    assert [found[f"{name}_missing_flag"] for name in DERIVATIVES] == [[0]] * 6


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_missing_ratio_is_neutral_and_flagged(value: float | None) -> None:
    """D-15: it became tanh(ln 1e-9) = -1, the extreme short side."""
    found = said({"derivatives": rows_of("metrics", metric("taker_buy_sell_ratio", 0, value))}, 0)
    assert (found["taker_buy_sell_ratio"], found["taker_buy_sell_ratio_missing_flag"]) == ([0], [1])


def test_an_old_value_is_missing_and_nothing_is_filled_backward() -> None:
    """D-14, D-16: ages are those of the dictionary of metrics."""
    rows = rows_of("metrics", metric("basis_rate", 1, 0.002))
    found = said({"derivatives": rows}, 0.9, 1, 1.25, 1.26)
    assert found["basis_rate_missing_flag"] == [1, 0, 0, 1]
    assert [value == 0 for value in found["basis_rate"]] == [True, False, False, True]
    ages = {source.name: source.maximum_age for source in derivatives.SOURCES}
    assert all(ages[name] == METRICS[name].maximum_age == 15 * MINUTE for name in DERIVATIVES)


def test_funding_stands_for_nine_hours() -> None:
    rows = rows_of("funding", {"symbol": "A", "known_time": at(0), "rate": 1e-4})
    found = said({"funding": rows}, -1, 0, 9, 9.1)
    assert found["funding_rate"] == pytest.approx([0, 1e-4, 1e-4, 0])
    assert found["funding_missing_flag"] == [1, 0, 0, 1]


def test_a_flow_is_that_metric_and_no_other() -> None:
    """D-13, spec 12.2: changes of open interest and other flows were averaged under its name."""
    flows = [metric("net_inflow", -24 * day, float(day % 7)) for day in range(1, 60)]
    others = [metric(name, -1, 1e9) for name in ("exchange_netflow", "netflow", "open_interest_delta")]
    before = np.array([day % 7 for day in range(1, 60)], dtype=float)
    found = said({"onchain": rows_of("metrics", *flows, *others, metric("net_inflow", 0, 30.0))}, 0, 72, 73)
    middle = np.median(before)
    expected = (30.0 - middle) / (1.4826 * np.median(np.abs(before - middle)))
    assert found["onchain_flow_z"] == pytest.approx([min(expected, 10.0)] * 2 + [0], rel=1e-6)
    assert found["onchain_missing_flag"] == [0, 0, 1]


def test_a_daily_flow_that_is_told_a_day_late_is_there_until_the_next() -> None:
    """D-16: a day after its event it is only just known, and it stands until the next is told."""
    flows = [metric("net_inflow", 24 * day, float(day % 7), delay=24) for day in range(60)]
    found = said({"onchain": rows_of("metrics", *flows)}, *(24 * 50 + hour for hour in range(24)))
    assert found["onchain_missing_flag"] == [0] * 24


def test_a_flow_without_enough_before_it_is_missing() -> None:
    rows = rows_of("metrics", *(metric("net_inflow", -24 * day, float(day)) for day in range(29)))
    assert said({"onchain": rows}, 0)["onchain_missing_flag"] == [1]


def test_open_interest_is_compared_with_an_hour_before() -> None:
    rows = [metric("open_interest", step / 12, 100.0 * 1.01**step) for step in range(13)]
    found = said({"derivatives": rows_of("metrics", *rows)}, 11 / 12, 1, 1.3)
    assert found["open_interest_change"] == pytest.approx([0, 12 * math.log(1.01), 0], rel=1e-6)
    assert found["open_interest_change_missing_flag"] == [1, 0, 1]


def test_a_hole_makes_no_longer_change() -> None:
    """D-12."""
    rows = [metric("open_interest", step / 12, 100.0) for step in range(20) if not 4 < step < 10]
    found = said({"derivatives": rows_of("metrics", *rows)}, 19 / 12)
    assert found["open_interest_change_missing_flag"] == [1]


def test_volumes_of_takers_are_of_one_time() -> None:
    rows = [
        metric("taker_buy_volume", 0, 30.0), metric("taker_sell_volume", 0, 10.0),
        metric("taker_buy_volume", 1 / 12, 99.0), metric("taker_sell_volume", 1 / 12, 33.0, delay=1 / 60),
        metric("taker_buy_volume", 1, 0.0), metric("taker_sell_volume", 1, 0.0),
    ]  # fmt: skip
    found = said({"derivatives": rows_of("metrics", *rows)}, 0, 1 / 12, 6 / 60, 1)
    assert found["taker_imbalance"] == [0.5, 0, 0.5, 0]
    assert found["taker_imbalance_missing_flag"] == [0, 1, 0, 1]


def test_what_is_not_there_is_absent_and_not_constant() -> None:
    """D-05: the training matrix held zeros for all of it, flagged as present."""
    assert set(said({"funding": rows_of("funding")}, 0)) == {"funding_rate", "funding_missing_flag"}
    empty = said({name: rows_of("metrics") for name in ("derivatives", "onchain")} | {"funding": rows_of("funding")}, 0)
    assert set(empty) == {feature.name for feature in derivatives.FEATURES}
    assert all(values == [float(name.endswith("_flag"))] for name, values in empty.items())


def test_the_keys_of_the_original_are_known() -> None:
    known = {feature.known_as for feature in derivatives.FEATURES}
    assert {"funding_rate", "onchain_norm", "funding_missing_flag", "onchain_missing_flag"} <= known
    assert {f"deriv_{name}" for name in DERIVATIVES} | {f"deriv_{name}_missing_flag" for name in DERIVATIVES} <= known

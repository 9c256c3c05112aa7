"""Numbers of the economy, each by the vintage that was known."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from catalog_rows import at, built, instants, rows_of

from tidegate.features.formulas import macro


def value(series: str, day: float, number: float, delay_days: float = 1.0, **more: Any) -> dict[str, Any]:
    known = at(24 * (day + delay_days))
    return {"series": series, "event_time": at(24 * day), "known_time": known, "value": number, **more}


def said(*rows: dict[str, Any], days: tuple[float, ...]) -> dict[str, list[float]]:
    return built(
        macro.FEATURES, macro.SOURCES, {"macro": rows_of("macro", *rows)}, instants(*(24 * day for day in days))
    )


def test_levels_are_fractions() -> None:
    """D-18: there was no number in it, only headlines about releases."""
    rows = [value(name, 0, 4.0) for name in ("VIX_CLOSE", "DGS10", "DFF")] + [value("DGS2", 0, 5.0)]
    found = said(*rows, days=(0.9, 1, 10, 10.1))
    for name in ("macro_vix", "macro_treasury_10y", "macro_fed_funds"):
        assert found[name] == pytest.approx([0, 0.04, 0.04, 0])
        assert found[f"{name}_missing_flag"] == [1, 0, 0, 1]
    assert found["macro_term_spread"] == pytest.approx([0, -0.01, -0.01, 0])
    assert found["macro_dollar_change_5_missing_flag"] == [1, 1, 1, 1]


def test_changes_are_between_observations() -> None:
    rows = [value("VIX_CLOSE", day, 10.0 * 1.1**day) for day in range(21)]
    rows += [value("DGS10", day, 1.0 + day / 10) for day in range(21)]
    found = said(*rows, days=(5, 6, 21))
    up = math.log(1.1)
    assert found["macro_vix_change_5"] == pytest.approx([0, 5 * up, 5 * up], rel=1e-6)
    assert found["macro_vix_change_20"] == pytest.approx([0, 0, 20 * up], rel=1e-6)
    assert found["macro_treasury_10y_change_5"] == pytest.approx([0, 0.005, 0.005], rel=1e-6)
    assert found["macro_treasury_10y_change_20"] == pytest.approx([0, 0, 0.02], rel=1e-6)


def test_a_restated_value_counts_from_when_it_was_restated() -> None:
    """D-10: the first print of a statistic is what was known; later vintages were not."""
    rows = [value("CPIAUCSL", 30 * month, 100.0 + month, delay_days=12) for month in range(13)]
    rows.append(value("CPIAUCSL", 0, 90.0, delay_days=390))
    rows.append(value("CPIAUCSL", 360, 115.0, delay_days=25))
    found = said(*rows, days=(371, 372, 384.9, 385, 400))
    expected = [0, math.log(1.12), math.log(1.12), math.log(1.15), math.log(115 / 90)]
    assert found["macro_cpi_change_12"] == pytest.approx(expected, rel=1e-6)


def test_a_hole_makes_no_longer_change() -> None:
    """D-12."""
    rows = [value("VIX_CLOSE", day, 10.0) for day in (0, 1, 2, 30, 31, 32)]
    assert said(*rows, days=(33,))["macro_vix_change_5_missing_flag"] == [1]


def test_a_monthly_value_outlives_a_cautious_delay() -> None:
    """What counts as known ninety days after its month stands until the next one does."""
    rows = [value("PAYEMS", 30 * month, 100.0 + month, delay_days=90) for month in range(5)]
    found = said(*rows, days=(179, 180, 209, 245.1))
    assert found["macro_payrolls_change_3_missing_flag"] == [1, 0, 0, 1]


def test_every_feature_has_its_flag_and_none_is_of_one_market() -> None:
    values = [feature for feature in macro.FEATURES if feature.mask is not None]
    assert {feature.mask for feature in values} == {one.name for one in macro.FEATURES if one.unit == "flag"}
    assert all(feature.group == "macro" and feature.name.startswith("macro_") for feature in macro.FEATURES)
    assert {source.table for source in macro.SOURCES} == {"macro"}


def test_it_is_everyones() -> None:
    rows: pl.DataFrame = rows_of("macro", value("VIX_CLOSE", 0, 20.0))
    found = built(macro.FEATURES, macro.SOURCES, {"macro": rows}, instants(24), ("A", "B"))
    assert found["macro_vix"] == [pytest.approx([0.2, 0.2])]

"""The clock as a feature: by hand at known instants, known whether anything trades or not."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from five_minutes import built, market, same
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.time import parse_instant
from tidegate.features.formulas.calendar import FEATURES

HALF = math.sqrt(0.5)


def at(moment: str) -> list[float]:
    times = np.array([parse_instant(moment)], dtype=np.int64)
    return built(Panel(times, ("A",), {"close": np.array([[1.0]])}), FEATURES)[0, 0].tolist()


@pytest.mark.parametrize(
    ("moment", "day", "week_passed", "left"),
    [
        ("2025-03-03T00:00:00Z", (0.0, 1.0), 0.0, 1.0),  # a Monday
        ("2025-03-03T06:00:00Z", (1.0, 0.0), 0.25, 0.25),
        ("2025-03-05T12:00:00Z", (0.0, -1.0), 2.5, 0.5),
        ("2025-03-06T15:00:00Z", (-HALF, -HALF), 3.625, 0.125),
        ("2025-03-07T16:00:00Z", (-math.sqrt(0.75), -0.5), 4 + 2 / 3, 1.0),
        ("2025-03-09T23:55:00Z", (math.sin(-math.tau / 288), math.cos(math.tau / 288)), 7 - 1 / 288, 1 / 96),
        ("1969-12-31T18:00:00Z", (-1.0, 0.0), 2.75, 0.75),  # a Wednesday before the epoch
    ],
)
def test_known_instants(moment: str, day: tuple[float, float], week_passed: float, left: float) -> None:
    angle = math.tau * week_passed / 7.0

    assert at(moment) == pytest.approx([*day, math.sin(angle), math.cos(angle), left], abs=1e-7)


@given(instant=st.integers(0, 4 * 10**15))
def test_any_instant_agrees_with_the_standard_library(instant: int) -> None:
    moment = datetime.fromtimestamp(instant // 10**6, tz=UTC)
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + instant % 10**6 / 1e6
    days = moment.weekday() + seconds / 86_400
    values = built(Panel(np.array([instant]), ("A",), {"close": np.array([[1.0]])}), FEATURES)[0, 0]
    expected = [f(math.tau * share) for share in (seconds / 86_400, days / 7) for f in (math.sin, math.cos)]

    assert values.tolist() == pytest.approx([*expected, 1.0 - seconds % 28_800 / 28_800], abs=1e-6)


def test_midnight_lies_beside_midnight_and_sunday_beside_monday() -> None:
    before, after = at("2025-03-09T23:59:59Z"), at("2025-03-10T00:00:01Z")

    assert before[:4] == pytest.approx(after[:4], abs=2e-4)


def test_the_clock_is_known_where_nothing_trades_and_for_every_symbol_alike() -> None:
    panel = market(1, 300, 3)
    silent = panel.with_columns({"close": np.full(panel.shape, np.nan)})
    values = built(panel, FEATURES)

    assert same(built(silent, FEATURES), values)
    assert not np.isnan(values).any()
    assert same(values[:, 0], values[:, 2])


@given(start=st.integers(0, 299), rows=st.integers(1, 40))
def test_a_value_is_the_same_to_the_bit_whatever_rows_it_is_built_with(start: int, rows: int) -> None:
    panel = market(2, 300, 2)
    stop = min(start + rows, 300)

    assert same(built(panel, FEATURES, start, stop), built(panel, FEATURES)[start:stop])


def test_nothing_but_the_row_itself_is_read() -> None:
    assert {feature.lookback_bars for feature in FEATURES} == {1}
    assert {feature.group for feature in FEATURES} == {"calendar"}

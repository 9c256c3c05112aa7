"""Charts about hits: they show what was recorded, and leave a hole where nothing was."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from hit_run import curve, fold_row, market, reliability, shares
from hypothesis import given
from hypothesis import strategies as some

from tidegate.models import Threshold
from tidegate.report import ColourScheme, Language
from tidegate.report.calibration_charts import slice_bins
from tidegate.report.charts import Brush
from tidegate.report.fold_charts import boundary_chart, fold_chart, gaps_of
from tidegate.report.hit_figures import Estimate, FoldCalibration
from tidegate.report.interval_charts import add_estimates
from tidegate.report.pick_calendar import calendar_chart
from tidegate.report.pick_days import PickDay
from tidegate.report.run_files import read_folds
from tidegate.report.stability_charts import agreement, spread_chart
from tidegate.report.theme import palette

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
THRESHOLD = Threshold(
    status="met", value=0.5, candidate=0.5, rule="point", target_precision=0.6, minimum_calls=1, rows=1, positives=1,
    base_rate=0.2, precision=0.6, lower=0.5, recall=0.1, calls=10,
)  # fmt: skip


def drawn(figure: str) -> list[dict[str, Any]]:
    return list(json.loads(figure)["data"])


def day(text: str, net: float | None, names: str = "a +1.0%, b –") -> PickDay:
    return PickDay(day=text, picks=2, traded=2, known=2, hits=1, base_rate=0.2, net_return=net, names=names)


def test_a_figure_that_is_missing_leaves_its_place_empty() -> None:
    figure = BRUSH.figure()

    add_estimates(
        figure, BRUSH, [Estimate(0.5, 0.4, 0.7), Estimate(None), Estimate(0.6)], name="x", role="first",
        spec="decimal2", names=["a", "b", "c"],
    )  # fmt: skip

    trace = json.loads(figure.to_json())["data"][0]
    assert trace["x"] == [0.0, 2.0]
    assert trace["error_y"]["array"] == pytest.approx([0.2, 0.0])
    assert trace["error_y"]["arrayminus"] == pytest.approx([0.1, 0.0])
    assert trace["text"] == ["a: 0.50 [0.40 – 0.70]", "c: 0.60"]


def test_reliability_on_the_slice_follows_from_its_curve() -> None:
    """Precision at two neighbouring thresholds tells how often the forecasts between them came true."""
    slice_ = market(0.8, "2021-01-01", "2021-07-01")
    slice_.probability[:] = slice_.probability.round(2)
    calibrated = FoldCalibration(
        fold=0, method="platt", start=0, end=1, threshold=THRESHOLD,
        curve=tuple((row[0], row[1], row[2], int(row[3])) for row in curve(slice_)),
    )  # fmt: skip

    found = {one.low: one for one in slice_bins([calibrated])}

    for truth in reliability(slice_):
        assert found[truth["low"]].count == truth["count"]
        assert found[truth["low"]].rate == pytest.approx(truth["rate"])
        assert found[truth["low"]].mean == pytest.approx(truth["mean"])


def test_every_day_has_its_own_cell_and_a_gap_stays_a_gap() -> None:
    days = [day("2023-12-29", 0.01), day("2024-01-02", None), day("2024-01-03", -0.02)]

    heat = drawn(calendar_chart(BRUSH, days, 2).figure)[0]

    cells = np.array(heat["z"], dtype=object)
    assert sorted(value for value in cells.ravel() if value is not None) == [-0.02, 0.01]
    assert cells.shape == (11, 54)
    assert cells[date(2023, 12, 29).weekday()].tolist().count(0.01) == 1
    assert "b –" in heat["text"][6 + date(2024, 1, 3).weekday()][0]


def test_coins_that_trade_on_weekends_have_rows_for_them() -> None:
    heat = drawn(calendar_chart(BRUSH, [day("2024-01-06", 0.01), day("2024-01-07", 0.02)], 2).figure)[0]

    assert len(heat["z"]) == 7


@given(some.integers(2, 6), some.integers(0, 100))
def test_equal_folds_agree_wholly(folds: int, seed: int) -> None:
    one = shares(1, seed)[0]

    assert agreement([one] * folds) == (1.0,) * (folds - 1)


def test_folds_without_an_order_agree_on_nothing() -> None:
    assert agreement([{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.1}]) == (None,)
    assert agreement([{"a": 0.9, "b": 0.1}, {"b": 0.9, "a": 0.1}]) == (-1.0,)


def test_whiskers_reach_from_the_least_to_the_largest_fold() -> None:
    folds = [{"a": 0.6, "b": 0.4}, {"a": 0.8, "b": 0.2}]

    bars = drawn(spread_chart(BRUSH, "ridge", "first", {"a": 0.7, "b": 0.3}, folds, wide=True).figure)[0]

    assert bars["error_x"]["array"] == pytest.approx([0.1, 0.1])
    assert bars["error_x"]["arrayminus"] == pytest.approx([0.1, 0.1])


def test_every_border_of_a_fold_has_its_gap() -> None:
    """Training, validation, calibration and test are kept apart in time (equity H 14)."""
    fold = read_folds([fold_row(0)], "folds.json")[0]

    assert [(name, round(days)) for name, _, days in gaps_of(fold)] == [
        ("validation", 9),
        ("calibration", 2),
        ("test", 2),
    ]


def test_the_timeline_shows_the_slices() -> None:
    folds = read_folds([fold_row(0), fold_row(1)], "folds.json")

    names = [trace["name"] for trace in drawn(fold_chart(BRUSH, folds).figure)]
    enlarged = {trace["name"]: trace for trace in drawn(boundary_chart(BRUSH, folds).figure)}

    assert names == ["Training", "Validation slice", "Calibration slice", "Test", "Purge gap"]
    assert enlarged["Purged: nothing used"]["x"] == [2.0, 2.0]
    assert "Training" not in enlarged

"""Charts: thinning keeps what matters, axes are round, figures carry what they promise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.core.time import DAY
from tidegate.report import ColourScheme, Language
from tidegate.report.charts import DAILY_POINTS, Brush, bar_gap, decimated, growth_ticks, iso_days
from tidegate.report.fold_charts import boundary_chart, fold_chart
from tidegate.report.run_figures import Fold
from tidegate.report.theme import palette

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
FOLD = Fold(
    fold=0, train_start=0, train_end=1000 * DAY, trained_until=1007 * DAY, test_start=1009 * DAY, test_end=1374 * DAY,
    train_rows=700, test_rows=250, purged_rows=5, embargoed_rows=2,
)  # fmt: skip


def drawn(figure: str) -> list[dict[str, Any]]:
    return list(json.loads(figure)["data"])


def test_a_short_series_is_drawn_whole() -> None:
    times = np.arange(DAILY_POINTS) * DAY

    assert decimated(times, np.ones(DAILY_POINTS))[0].size == DAILY_POINTS


@given(some.integers(DAILY_POINTS + 1, DAILY_POINTS + 900), some.integers(0, 1000))
def test_a_thinned_drawdown_keeps_its_depth_and_its_end(count: int, seed: int) -> None:
    times, values = np.arange(count) * DAY, -np.random.default_rng(seed).random(count)

    when, lowest = decimated(times, values, lowest=True)

    assert lowest.min() == values.min()
    assert when[-1] == times[-1]
    assert when.size < count / 6


@given(some.floats(0.05, 1.0), some.floats(1.01, 200.0))
def test_growth_ticks_are_few_and_inside(low: float, high: float) -> None:
    places, labels = growth_ticks(np.array([low, 1.0, high]))

    assert 2 <= len(places) <= 20
    assert all(place > 0 for place in places)
    assert len(set(labels)) == len(labels)


def test_a_close_at_midnight_belongs_to_the_day_before() -> None:
    assert iso_days([DAY, DAY + 21 * 3_600_000_000]) == ["1970-01-01", "1970-01-02"]


def test_one_bar_is_no_wall() -> None:
    assert bar_gap(1) > 0.9
    assert bar_gap(30) == pytest.approx(0.35)


def test_the_purge_gap_is_marked_in_days() -> None:
    marks = drawn(fold_chart(BRUSH, [FOLD]).figure)[-1]

    assert marks["text"] == ["9 d"]


def test_the_enlarged_gap_adds_up() -> None:
    spans = {trace["name"]: trace for trace in drawn(boundary_chart(BRUSH, [FOLD]).figure)}

    assert spans["Purged: last labels run out"]["x"] == [7.0]
    assert spans["Purged: nothing used"]["x"] == [2.0]
    assert spans["Test"]["base"] == [0.0]

"""How fresh the sources of a decision are, and how many of its bars are missing."""

from __future__ import annotations

import numpy as np
import pytest
from catalog_rows import at, built, instants, rows_of

from tidegate.core.panel import Panel
from tidegate.core.time import MINUTE, BarInterval
from tidegate.features import FeatureContract, build_features
from tidegate.features.formulas import derivatives, events, macro, order_book, quality

SHARE = next(feature for feature in quality.FEATURES if feature.name == "missing_bars_24h")


def test_freshness_is_told_in_hours() -> None:
    tables = {
        "funding": rows_of("funding", {"symbol": "A", "known_time": at(0), "rate": 1e-4}),
        "events": rows_of("events", {"symbol": "A", "event_id": "a", "known_time": at(-1), "event_time": at(-9)}),
    }
    found = built(quality.FEATURES, (*derivatives.SOURCES, *events.SOURCES), tables, instants(-2, 2, 10))
    assert found["funding_hours_old"] == [0, 2, 0]
    assert found["funding_absent_flag"] == [1, 0, 1]
    assert found["events_hours_old"] == [0, 3, 11]
    assert found["events_absent_flag"] == [1, 0, 0]
    assert "posts_hours_old" not in found


def test_every_age_is_one_that_a_source_delivers() -> None:
    rooms = (order_book, derivatives, events, macro)
    delivered = {column for room in rooms for source in room.SOURCES for column in source.produces}
    assert {name for feature in quality.FEATURES for name in feature.requires} - {"close"} <= delivered


@pytest.mark.parametrize("left_out", [False, True])
def test_missing_bars_are_counted(left_out: bool) -> None:
    """A bar without a close and one without a row are both missing (D-12)."""
    times = at(0) + np.arange(600, dtype=np.int64) * 5 * MINUTE
    close = np.ones((600, 1))
    gone = np.arange(300, 372)
    close[gone] = np.nan
    keep = np.setdiff1d(np.arange(600), gone) if left_out else np.arange(600)
    panel = Panel(times[keep], ("A",), {"close": close[keep]})
    share = build_features(panel, FeatureContract((SHARE,), (), BarInterval("5m"))).values[:, 0, 0]
    at_row = dict(zip(keep.tolist(), share.tolist(), strict=True))
    assert np.isnan(at_row[286])
    assert at_row[287] == 0.0
    assert at_row[299] == 0.0
    assert at_row[400] == pytest.approx(0.25)
    assert at_row[599] == pytest.approx((372 - 312) / 288)

"""An online row from the last bars and the young rows of the tables equals the row of the whole history."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import DAY, HOUR, MINUTE, BarInterval
from tidegate.data.tables import MOMENT
from tidegate.features import FeatureBuilder, FeatureContract, build_features, contract_for, market_contract
from tidegate.features.recent import recent_history
from tidegate.testing import synthetic_panel

STEP = 5 * MINUTE
FIRST = 5_700_000 * STEP
FIVE_MINUTES = BarInterval("5m")


def moments(*instants: int) -> pl.Series:
    return pl.Series(instants, dtype=pl.Int64).cast(MOMENT)


def posts() -> pl.DataFrame:
    """Two posts: one of long ago that is read again today, one of today."""
    old, young = FIRST + HOUR, FIRST + 12 * DAY
    return pl.DataFrame(
        {
            "symbol": ["S0000"] * 3,
            "post_id": ["old", "old", "young"],
            "event_time": moments(old, old, young),
            "known_time": moments(old, young - HOUR, young),
            "recorded_time": moments(old, young - HOUR, young),
            "observed_time": moments(old, young - HOUR, young),
            "author_id": ["a", "a", "b"],
            "text": ["x", "x", "y"],
            "title": ["x", "x", "y"],
            "sentiment": [0.1, 0.9, 0.5],
            "followers": [1.0, 2.0, 3.0],
            "engagement": [1.0, 2.0, 3.0],
            "synthetic": [False] * 3,
        }
    )


def funding() -> pl.DataFrame:
    times = np.arange(FIRST, FIRST + 13 * DAY, 8 * HOUR)
    return pl.DataFrame(
        {
            "symbol": "S0000",
            "event_time": pl.Series(times).cast(MOMENT),
            "known_time": pl.Series(times).cast(MOMENT),
            "rate": np.linspace(0.0, 1.0, len(times)),
        }
    )


@pytest.fixture(scope="module")
def history() -> History:
    times = FIRST + STEP * np.arange(1, 12 * 288 + 60)
    return History(synthetic_panel(5, len(times), 2, times=times), {"posts": posts(), "funding": funding()})


def contract_of(history: History) -> FeatureContract:
    settings = FeatureSettings(contract="crypto", exclude=())
    whole = contract_for(history.bars, settings, tables=history.tables, interval=FIVE_MINUTES)
    short = tuple(one for one in whole.features if one.lookback_bars <= 300)
    return FeatureContract(short, whole.sources, whole.interval)


def test_what_is_left_out_can_matter_to_nothing(history: History) -> None:
    contract = contract_of(history)
    recent = recent_history(history, contract)

    last = len(recent.bars.times) - 1
    newest = FeatureBuilder(recent, contract).rows(last, last + 1)[0]

    assert len(recent.bars.times) == contract.lookback_bars
    assert recent.tables["funding"].height < 10 < history.tables["funding"].height
    np.testing.assert_array_equal(newest, build_features(history, contract).values[-1])


def test_an_item_with_a_young_vintage_keeps_its_old_ones(history: History) -> None:
    """Cut by rows, a post of long ago would look like one of an hour ago."""
    assert recent_history(history, contract_of(history)).tables["posts"]["post_id"].to_list() == ["old", "old", "young"]


def test_a_flag_is_no_presence() -> None:
    """The row before a listing has flags and the calendar; nobody could have traded on them."""
    times = FIRST + STEP * np.arange(1, 400)
    bars = synthetic_panel(5, len(times), 2, times=times)
    columns = {name: column.copy() for name, column in bars.columns.items()}
    for column in columns.values():
        column[:300, 1] = np.nan
    listed_late = History(Panel(bars.times, bars.symbols, columns), {"funding": funding()})
    contract = contract_for(
        listed_late.bars, FeatureSettings(contract="crypto"), tables=listed_late.tables, interval=FIVE_MINUTES
    )

    present = build_features(listed_late, contract).present()

    assert not present[:300, 1].any()
    assert present[301:, 1].all()
    assert {"funding_missing_flag"} <= set(contract.names) <= set(market_contract("crypto", FIVE_MINUTES).names)

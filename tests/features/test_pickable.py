"""Who can be picked: one rule for tests and live lists, so that nobody is tested who is never bought."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import DataKind, FeatureSettings
from tidegate.core.time import moment_of
from tidegate.core.units import Mask
from tidegate.features import MEMBER, FeatureMatrix, build_features, contract_for, pickable
from tidegate.testing import synthetic_panel

ROW, SYMBOL = 35, 2
SETTINGS = FeatureSettings(groups=("price",), exclude=())


def market() -> Panel:
    return synthetic_panel(3, 40, 4)


def found(panel: Panel, tables: dict[DataKind, pl.DataFrame] | None = None, *, rows: slice = slice(None)) -> Mask:
    history = History(panel, tables or {})
    features = build_features(history, contract_for(market(), SETTINGS))
    cut = FeatureMatrix(features.times[rows], features.symbols, features.contract, features.values[rows])
    return pickable(history, cut)


def changed(name: str, value: float) -> Panel:
    column = market()[name].copy() if name in market() else np.ones(market().shape)
    column[ROW, SYMBOL] = value
    return market().with_columns({name: column})


@pytest.mark.parametrize(("name", "value"), [("volume", 0.0), ("close", np.nan), (MEMBER, 0.0)])
def test_who_did_not_trade_or_does_not_belong_is_left_out(name: str, value: float) -> None:
    everyone, without = found(market()), found(changed(name, value))

    assert everyone[ROW, SYMBOL]
    assert not without[ROW, SYMBOL]
    without[ROW, SYMBOL] = True
    if name != "close":  # which later features look at
        np.testing.assert_array_equal(without, everyone)


def test_an_unknown_volume_says_nothing() -> None:
    np.testing.assert_array_equal(found(changed("volume", np.nan)), found(market()))


def test_who_is_known_to_be_suspended_is_left_out_from_then_on() -> None:
    panel = market()
    announced = moment_of(int(panel.times[ROW]))
    lives = pl.DataFrame(
        {
            "symbol": [panel.symbols[SYMBOL]],
            "change": ["suspended"],
            "detail": pl.Series([None], dtype=pl.String),
            "event_time": [announced],
            "known_time": [announced],
            "recorded_time": [datetime(2030, 1, 1, tzinfo=UTC)],
        }
    )

    without = found(panel, {DataKind.SYMBOL_LIVES: lives})

    np.testing.assert_array_equal(without[:ROW], found(panel)[:ROW])
    assert not without[ROW:, SYMBOL].any()
    assert without[ROW:].any()


def test_the_newest_rows_alone_give_the_same_answer() -> None:
    panel = changed("volume", 0.0)

    np.testing.assert_array_equal(found(panel, rows=slice(ROW, None)), found(panel)[ROW:])

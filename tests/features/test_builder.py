"""Time flows one way through the builder: batch = online, and nothing after a row changes that row."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from declared import DECLARED_FEATURES
from declared import OF_BARS as CONTRACT
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.randomness import generator
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import Instant
from tidegate.features import (
    Feature,
    FeatureBuilder,
    FeatureContract,
    FeatureMatrix,
    build_features,
    builder,
    contract_for,
    features_at,
)
from tidegate.features.inputs import Inputs, Row
from tidegate.testing import synthetic_panel

ROWS = 290

seeds = st.integers(0, 10**6)
rows = st.integers(0, ROWS - 1)


def market(seed: int) -> Panel:
    return synthetic_panel(seed, ROWS, 5, gaps=0.01)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return np.array_equal(left, right, equal_nan=True)


def garbled_after(panel: Panel, row: int, seed: int) -> Panel:
    """Return the panel with every later value replaced by nonsense, gaps and infinities included."""
    random = generator(seed, "garble")
    nonsense = {}
    for name, column in panel.columns.items():
        changed = column.copy()
        changed[row + 1 :] = random.choice([np.nan, -1.0, 0.0, 1e12, np.inf, 3.7], changed[row + 1 :].shape)
        nonsense[name] = changed
    return Panel(panel.times, panel.symbols, nonsense)


@given(seed=seeds, row=rows)
def test_deleting_the_future_changes_nothing_before_it(seed: int, row: int) -> None:
    """Equity I.15: features for date t are unchanged if rows > t are deleted."""
    panel = market(seed)
    whole = build_features(panel, CONTRACT).values

    assert same(whole[: row + 1], build_features(panel.rows(0, row + 1), CONTRACT).values)


@given(seed=seeds, row=rows)
def test_garbling_the_future_changes_nothing_before_it(seed: int, row: int) -> None:
    panel = market(seed)
    whole = build_features(panel, CONTRACT).values

    assert same(whole[: row + 1], build_features(garbled_after(panel, row, seed), CONTRACT).values[: row + 1])


def test_a_feature_that_looks_ahead_is_seen() -> None:
    """The guarded thing, broken: with a centred window the truncation test must fail."""
    centred = dataclasses.replace(CONTRACT.features[0], formula=lambda bars: np.roll(bars.log_return(5), -2, axis=0))
    contract = FeatureContract((centred, *CONTRACT.features[1:]))
    panel = market(1)
    whole = build_features(panel, contract).values

    assert not same(whole[:200], build_features(panel.rows(0, 200), contract).values)


@given(seed=seeds, row=rows)
def test_online_equals_batch_to_the_bit(seed: int, row: int) -> None:
    """Crypto D-02: training, online use and the matrix had three definitions of the same feature."""
    panel = market(seed)
    view = PastView(panel, Instant(int(panel.times[row])))

    assert same(features_at(view, CONTRACT), build_features(panel, CONTRACT).values[row])


def test_online_needs_no_more_than_the_lookback() -> None:
    panel = market(2)
    recent = panel.rows(ROWS - CONTRACT.lookback_bars, ROWS)
    now = Instant(int(panel.times[-1]))

    assert same(features_at(PastView(recent, now), CONTRACT), features_at(PastView(panel, now), CONTRACT))


def test_the_lookback_is_not_longer_than_needed() -> None:
    """The guarded thing, broken: one row less, and a feature of a full history is missing."""
    panel = synthetic_panel(2, ROWS, 5)
    now = Instant(int(panel.times[-1]))
    short = panel.rows(ROWS - CONTRACT.lookback_bars + 1, ROWS)

    assert not np.isnan(features_at(PastView(panel, now), CONTRACT)).any()
    assert np.isnan(features_at(PastView(short, now), CONTRACT)).any()


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market(4)
    whole = build_features(panel, CONTRACT).values
    monkeypatch.setattr(builder, "_CELLS_PER_BLOCK", 2 * 400)
    monkeypatch.setattr(builder, "_ROWS_PER_BLOCK", 7)

    assert same(whole, build_features(panel, CONTRACT).values)


def test_the_memory_order_of_a_column_does_not_show() -> None:
    panel = market(5)
    columns = {name: np.asfortranarray(column) for name, column in panel.columns.items()}
    turned = build_features(Panel(panel.times, panel.symbols, columns), CONTRACT)

    assert same(turned.values, build_features(panel, CONTRACT).values)


def test_a_gap_yields_missing_and_never_a_longer_horizon() -> None:
    panel = synthetic_panel(6, 40, 1)
    close = panel["close"].copy()
    close[30] = np.nan
    matrix = build_features(panel.with_columns({"close": close}), CONTRACT)

    assert np.flatnonzero(np.isnan(matrix.column("log_return_1")[1:, 0])).tolist() == [29, 30]
    assert np.flatnonzero(np.isnan(matrix.column("log_return_5")[5:, 0])).tolist() == [25, 30]


def test_a_missing_column_is_named() -> None:
    panel = market(7)
    bare = Panel(panel.times, panel.symbols, {"close": panel["close"]})

    with pytest.raises(DataError, match=r"high, low, open,.* traded_value, volume"):
        build_features(bare, CONTRACT)
    with pytest.raises(DataError, match="no column"):
        features_at(PastView(bare, Instant(int(bare.times[-1]))), CONTRACT)


def test_no_bar_yet_is_an_error() -> None:
    panel = market(8)

    with pytest.raises(DataError, match="no bar"):
        features_at(PastView(panel, Instant(int(panel.times[0]) - 1)), CONTRACT)


def test_the_matrix_is_frozen_and_of_one_shape() -> None:
    panel = market(9)
    matrix = build_features(panel, CONTRACT)

    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0, 0, 0] = 1.0
    with pytest.raises(InputError, match="float32"):
        FeatureMatrix(panel.times, panel.symbols, CONTRACT, matrix.values[:, :, :-1])
    with pytest.raises(InputError, match="no feature 'moon_phase'"):
        matrix.column("moon_phase")


def test_presence_needs_one_feature() -> None:
    panel = synthetic_panel(10, 3, 2)
    returns = tuple(one for one in DECLARED_FEATURES if one.name in {"log_return_1", "log_return_5"})

    assert build_features(panel, FeatureContract(returns)).present().tolist() == [
        [False, False],
        [True, True],
        [True, True],
    ]


def test_the_fingerprint_sees_every_value_and_no_other_difference() -> None:
    panel = market(11)
    close = panel["close"].copy()
    close[100, 2] *= 1.0001
    first = build_features(panel, CONTRACT).fingerprint()

    assert build_features(panel, CONTRACT).fingerprint() == first
    assert build_features(panel.with_columns({"close": close}), CONTRACT).fingerprint() != first


def test_a_missing_value_is_a_mask_and_not_a_number() -> None:
    panel = synthetic_panel(3, 30, 4, gaps=0.2)
    matrix = build_features(panel, contract_for(panel, FeatureSettings(groups=("price",))))
    mask = matrix.mask("log_return_1")
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, ~np.isnan(matrix.column("log_return_1")))
    assert not mask.all()
    assert mask.any()


def declared(**parts: object) -> Feature:
    plain = {"name": "plain", "group": "price", "requires": ("close",), "lookback_bars": 1, "unit": "number"}
    return Feature(**{**plain, "description": "of a test", **parts})


def test_a_feature_that_must_see_all_symbols_gets_them_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def looking(bars: Inputs) -> np.ndarray:
        seen.append(bars.symbols)
        return bars.close

    monkeypatch.setattr(builder, "_CELLS_PER_BLOCK", 1)
    panel = synthetic_panel(1, 30, 4)
    apart, together = declared(formula=looking), declared(name="whole", formula=looking, together=True)

    build_features(panel, FeatureContract((apart,)))
    assert sorted(seen) == [(symbol,) for symbol in panel.symbols]
    seen.clear()
    build_features(panel, FeatureContract((together,)))
    assert seen == [panel.symbols]


def test_ranks_are_among_members_and_strangers_have_none() -> None:
    """A name that joins tomorrow must not shift today's ranks."""
    panel = synthetic_panel(1, 30, 4)
    member = np.ones(panel.shape)
    member[:20, 0] = 0.0

    def counted(values: np.ndarray, row: Row) -> np.ndarray:
        return np.broadcast_to(np.sum(~np.isnan(values), axis=1, keepdims=True), values.shape).astype(np.float64)

    contract = FeatureContract((declared(formula=lambda bars: bars.close, across=counted),))
    built = build_features(panel.with_columns({"member": member}), contract).column("plain")

    assert np.isnan(built[:20, 0]).all()
    assert built[:20, 1:].tolist() == [[3.0] * 3] * 20
    assert built[20:].tolist() == [[4.0] * 4] * 10


def test_what_is_missing_is_neutral_and_flagged() -> None:
    """Crypto D-04, D-15: the value is 0 where it is missing, and the mask says so."""
    panel = synthetic_panel(3, 30, 4, gaps=0.2)
    flag = declared(name="gone", unit="flag", formula=lambda bars: np.isnan(bars.close).astype(np.float64))
    value = declared(formula=lambda bars: bars.close, mask="gone", neutral=0.0)
    matrix = build_features(panel, FeatureContract((value, flag)))
    absent = np.isnan(panel["close"])

    assert absent.any()
    assert (matrix.column("plain")[absent] == 0.0).all()
    assert np.array_equal(matrix.column("gone"), absent.astype(np.float32))


def test_an_infinite_value_is_missing() -> None:
    panel = synthetic_panel(3, 5, 2)
    huge = declared(formula=lambda bars: np.where(bars.close > 0.0, 1e300, np.inf))

    assert np.isnan(build_features(panel, FeatureContract((huge,))).values).all()


def test_a_feature_without_its_formula_and_rows_that_are_not_there_are_refused() -> None:
    panel = synthetic_panel(3, 5, 2)

    with pytest.raises(DataError, match="plain without its formula"):
        build_features(panel, FeatureContract((declared(),)))
    with pytest.raises(DataError, match="no rows of 'posts'"):
        FeatureBuilder(History(panel), FeatureContract((declared(tables=("posts",)),)))


def test_rows_of_any_stretch_are_those_of_the_whole() -> None:
    panel = market(12)
    whole, built = build_features(panel, CONTRACT).values, FeatureBuilder(History(panel), CONTRACT)

    for start, stop in ((0, 1), (1, 40), (250, 252), (289, 290)):
        assert same(built.rows(start, stop), whole[start:stop])

"""The contract of A-shares on markets with gaps, listings, suspensions and limits: nothing of the future enters."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from share_markets import CODES, INDUSTRIES, built, garbled_after, same, share_market

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.randomness import generator
from tidegate.core.recipe import FeatureSettings, load_recipe
from tidegate.core.time import DAILY, BarInterval, Instant
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ingest_ohlcv
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.features import Feature, FeatureBuilder, FeatureContract, contract_for, features_at, market_contract

CONTRACT = market_contract("ashare", DAILY)
SETTINGS = FeatureSettings(contract="ashare")
ROWS = 120

seeds = st.integers(0, 10**6)
rows = st.integers(0, ROWS - 1)


@given(seed=seeds, row=rows)
@settings(max_examples=25)
def test_neither_deleting_nor_garbling_the_future_changes_the_past(seed: int, row: int) -> None:
    """Crypto D-01: truncation and poison each find leaks that the other misses. Equity I.15."""
    history = share_market(seed)
    whole = built(history, CONTRACT)
    until = history.until(int(history.bars.times[row]))

    assert same(built(until, CONTRACT), whole[: row + 1])
    assert same(built(garbled_after(history, row, seed), CONTRACT)[: row + 1], whole[: row + 1])


@given(seed=seeds, row=rows)
@settings(max_examples=25)
def test_online_equals_batch_to_the_bit(seed: int, row: int) -> None:
    """Crypto D-02: training, online use and the matrix had three definitions of the same feature."""
    history = share_market(seed)
    view = PastView(history, Instant(int(history.bars.times[row])))

    assert same(features_at(view, CONTRACT), built(history, CONTRACT)[row])


@given(seed=seeds)
@settings(max_examples=10)
def test_online_needs_no_more_than_the_lookback(seed: int) -> None:
    history = share_market(seed)

    assert same(built(history.last_rows(CONTRACT.lookback_bars), CONTRACT)[-1], built(history, CONTRACT)[-1])


@given(seed=seeds, row=rows)
@settings(max_examples=10)
def test_a_split_cuts_no_window(seed: int, row: int) -> None:
    """Equity H 22: features were made within each part, so that its first twenty rows lacked their windows."""
    history = share_market(seed)

    assert same(FeatureBuilder(history, CONTRACT).rows(row, ROWS), built(history, CONTRACT)[row:])


@pytest.mark.parametrize("code", CODES)
def test_a_lone_share_has_features(code: str) -> None:
    history = share_market(5, symbols=(code,), gaps=0.0)
    values, row = built(history, CONTRACT), ROWS - 1

    assert same(features_at(PastView(history, Instant(int(history.bars.times[row]))), CONTRACT), values[row])
    assert not np.isnan(values[:, :, CONTRACT.names.index("log_return_5")]).all()
    assert np.isnan(values[:, :, CONTRACT.names.index("log_return_5_rank")]).all()


def test_a_feature_that_looks_ahead_is_seen() -> None:
    """The guarded thing, broken: a market mean of tomorrow."""
    places = {feature.name: place for place, feature in enumerate(CONTRACT.features)}
    honest = CONTRACT.features[places["market_return_1"]]

    def tomorrow(values: np.ndarray, row: object) -> np.ndarray:
        assert honest.across is not None
        return np.roll(honest.across(values, row), -1, axis=0)  # type: ignore[arg-type]

    leaking = FeatureContract((dataclasses.replace(honest, across=tomorrow),))
    history = share_market(1)

    assert not same(built(history.until(int(history.bars.times[60])), leaking), built(history, leaking)[:61])


def test_a_share_is_computed_from_its_own_rows() -> None:
    """Equity H 21: returns were shifted across shares. Only what is declared across shares may see the others."""
    history, symbol = share_market(7), 2
    own = FeatureContract(tuple(feature for feature in CONTRACT.features if feature.across is None))
    others = {name: column.copy() for name, column in history.bars.columns.items()}
    for name, column in others.items():
        column[:, np.arange(column.shape[1]) != symbol] *= 1.0 if name == "member" else 1.7
    changed = History(Panel(history.bars.times, history.bars.symbols, others), history.tables)

    assert same(built(changed, own)[:, symbol], built(history, own)[:, symbol])


def test_no_column_tells_which_share_it_is() -> None:
    """Equity H 18: with adj_factor, price levels and market values as features, trees memorise shares.

    A share whose prices are ten times as high, adjusted by another factor, and that trades ten times as much, looks
    the same. Limits are cents of the price, and left out here.
    """
    history = share_market(8)
    scaled = {
        name: column * 8.0 if name not in ("member", "limit_percent", "raw_close", "volume") else column
        for name, column in history.bars.columns.items()
    }
    scaled["volume"] = history.bars["volume"] * 16.0
    contract = FeatureContract(
        tuple(feature for feature in CONTRACT.features if "limit_percent" not in feature.requires), CONTRACT.sources
    )
    before = built(history, contract)
    after = built(History(Panel(history.bars.times, history.bars.symbols, scaled), history.tables), contract)

    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)
    assert {"industry", "limit_percent", "close", "raw_close"}.isdisjoint(CONTRACT.names)


def test_an_ex_date_moves_no_feature_of_prices() -> None:
    """Equity H 17: momentum and averages on raw prices broke at 19,865 ex-rights events."""
    history = share_market(9, gaps=0.0)
    halved = history.bars["raw_close"].copy()
    halved[60:] /= 2.0
    quiet = tuple(feature for feature in CONTRACT.features if "raw_close" not in feature.requires)
    contract = FeatureContract(quiet, CONTRACT.sources)

    assert same(
        built(History(history.bars.with_columns({"raw_close": halved}), history.tables), contract),
        built(history, contract),
    )


def test_a_column_is_there_on_every_session_or_not_at_all() -> None:
    """Equity H 16: ten files had six more columns, and their being missing told the rows without a label."""
    everything = set(CONTRACT.bar_columns)
    whole = contract_for(everything, SETTINGS, tables=("symbol_lives",))
    bare = contract_for({"close"}, SETTINGS)
    without_lives = contract_for(everything, SETTINGS)

    assert whole.names == CONTRACT.names
    assert [name for name in whole.names if "industry" in name] == [
        name for name in whole.names if name not in without_lives.names
    ]
    assert {"log_return_5", "market_return_1", "market_breadth_20", "log_return_5_rank"} <= set(bare.names)
    assert all(set(feature.requires) <= {"close"} for feature in bare.features)


def test_shorter_bars_have_no_limits_of_sessions() -> None:
    assert not [name for name in market_contract("ashare", BarInterval("1h")).names if "limit" in name]


@pytest.mark.parametrize(
    "earlier", ["ma_bias_5", "ma_bias_10", "ma_bias_20", "ret_5", "ret_10", "vol_10", "volume_ratio", "rsi"]
)
def test_the_columns_of_the_earlier_trainer_are_there_without_levels(earlier: str) -> None:
    """Equity G.4."""
    assert earlier in {feature.known_as for feature in CONTRACT.features}


@pytest.mark.parametrize("feature", CONTRACT.features, ids=CONTRACT.names)
def test_every_feature_has_values_in_such_a_market(feature: Feature) -> None:
    """Otherwise the properties above would hold of nothing."""
    values = np.stack([built(share_market(seed), CONTRACT) for seed in (1, 2)])[..., CONTRACT.names.index(feature.name)]

    assert np.unique(values[~np.isnan(values)]).size > 1
    assert len(INDUSTRIES) > 1


def test_sixty_thousand_pairs_of_real_instants_and_shares_are_the_same_online(real_data: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "work")
    ingest_ohlcv(workspace, real_data / "ashare_daily.parquet", OhlcvSettings.model_validate(PRESETS["tushare-daily"]))
    recipe, catalog = load_recipe("ashare-picker"), Catalog(workspace)
    history = read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe), sources=True).history("equal-weight")
    contract = contract_for(history.bars, recipe.features, tables=history.tables)
    builder, random = FeatureBuilder(history, contract), generator(1, "pairs")
    whole = builder.rows(0, len(history.bars.times))

    assert {"at_limit_up", "market_breadth_1", "log_return_5_rank"} <= set(contract.names)
    for row in random.choice(len(whole), 12, replace=False):
        view = PastView(history, Instant(int(history.bars.times[row])))
        assert same(features_at(view, contract), whole[row])

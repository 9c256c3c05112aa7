"""The daily contract of US shares on markets with gaps, listings and suspensions: nothing of the future enters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from share_markets import built, garbled_after, same, share_market

from tidegate.core.history import History
from tidegate.core.past_view import PastView
from tidegate.core.randomness import generator
from tidegate.core.recipe import FeatureSettings, load_recipe
from tidegate.core.time import DAILY, Instant
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ingest_ohlcv
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.features import FeatureBuilder, contract_for, features_at, market_contract

BARS = ("benchmark_close", "close", "high", "low", "open", "raw_close", "traded_value", "volume")
CONTRACT = contract_for(BARS, FeatureSettings())
NAMES = ("AAA", "BBB", "CCC", "DDD")
ROWS = 300

seeds = st.integers(0, 10**6)
rows = st.integers(200, ROWS - 1)


def market(seed: int, gaps: float = 0.003) -> History:
    return share_market(seed, ROWS, symbols=NAMES, gaps=gaps)


@given(seed=seeds, row=rows)
@settings(max_examples=25)
def test_neither_deleting_nor_garbling_the_future_changes_the_past(seed: int, row: int) -> None:
    """Crypto D-01: truncation and poison each find leaks that the other misses. Equity I.15."""
    history = market(seed)
    whole = built(history, CONTRACT)

    assert same(built(history.until(int(history.bars.times[row])), CONTRACT), whole[: row + 1])
    assert same(built(garbled_after(history, row, seed), CONTRACT)[: row + 1], whole[: row + 1])


@given(seed=seeds, row=rows)
@settings(max_examples=25)
def test_online_equals_batch_to_the_bit(seed: int, row: int) -> None:
    """Crypto D-02: training, online use and the matrix had three definitions of the same feature."""
    history = market(seed)
    view = PastView(history, Instant(int(history.bars.times[row])))

    assert same(features_at(view, CONTRACT), built(history, CONTRACT)[row])
    assert same(built(view.history().last_rows(CONTRACT.lookback_bars), CONTRACT)[-1], features_at(view, CONTRACT))


def test_a_lone_share_has_features_and_no_rank() -> None:
    history = share_market(5, ROWS, symbols=("AAA",), gaps=0.0)
    values = built(history, CONTRACT)

    assert not np.isnan(values[:, :, CONTRACT.names.index("log_return_5")]).all()
    assert np.isnan(values[:, :, CONTRACT.names.index("log_return_5_rank")]).all()


@pytest.mark.parametrize("name", CONTRACT.names)
def test_every_feature_has_values_in_such_a_market(name: str) -> None:
    values = np.stack([built(market(seed, gaps=0.0), CONTRACT) for seed in (1, 2)])[..., CONTRACT.names.index(name)]

    assert np.unique(values[~np.isnan(values)]).size > 1


def test_everything_of_the_bars_is_there_and_in_one_order() -> None:
    """Crypto D-26: keys in another order, or fewer, are another contract."""
    declared = market_contract("us-equity", DAILY)

    assert CONTRACT.names == tuple(name for name in declared.names if name in CONTRACT.names)
    assert CONTRACT.groups == ("price", "volume", "cross_section")
    assert CONTRACT.lookback_bars == 253
    assert declared.bar_columns == BARS


def test_the_economy_joins_where_its_series_are_read() -> None:
    with_macro = contract_for(BARS, FeatureSettings(), tables=("macro",))

    assert set(CONTRACT.names) < set(with_macro.names)
    assert with_macro.groups == ("price", "volume", "macro", "cross_section")
    assert {source.table for source in with_macro.sources} == {"macro"}


def test_without_a_benchmark_nothing_is_measured_against_one() -> None:
    names = contract_for(set(BARS) - {"benchmark_close"}, FeatureSettings()).names

    assert set(CONTRACT.names) - set(names) == {"return_over_benchmark_20", "return_over_benchmark_60"}


def test_ten_thousand_pairs_of_real_instants_and_shares_are_the_same_online(real_data: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "work")
    ingest_ohlcv(workspace, real_data / "us_equity_daily.parquet", OhlcvSettings.model_validate(PRESETS["yahoo-daily"]))
    # Features need the stocks and SPY; without a strategy nobody asks for the funds that it flees to.
    recipe, catalog = load_recipe("us-rotation").model_copy(update={"strategy": None}), Catalog(workspace)
    data = read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe), sources=True)
    history = data.history(recipe.universe.benchmark)
    contract = contract_for(history.bars, recipe.features, tables=history.tables)
    builder, random = FeatureBuilder(history, contract), generator(1, "pairs")
    whole = builder.rows(0, len(history.bars.times))

    assert "return_over_benchmark_20" in contract.names
    assert not np.isnan(whole[-1]).all(axis=1).any()
    for row in random.choice(len(whole), 32, replace=False):
        view = PastView(history, Instant(int(history.bars.times[row])))
        assert same(features_at(view, contract), whole[row])

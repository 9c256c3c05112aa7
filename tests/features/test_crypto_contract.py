"""The crypto contract as a whole: the keys of earlier systems, online as in batch, and no future in any of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from five_minutes import INTERVAL, broken_market, garbled_after, market, same
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.randomness import generator
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import BarInterval, Instant
from tidegate.features import FeatureBuilder, build_features, contract_for, features_at, market_contract
from tidegate.features.formulas import calendar, intraday, multi_timeframe, technical

DERIVATIVES = (
    "long_short_ratio_global_accounts",
    "long_short_ratio_top_accounts",
    "long_short_ratio_top_positions",
    "taker_buy_sell_ratio",
    "basis_rate",
    "annualized_basis_rate",
)
EARLIER_KEYS = (
    *(feature.known_as for feature in intraday.FEATURES),
    *("orderbook_imbalance", "funding_rate", "onchain_norm"),
    *(f"deriv_{name}" for name in DERIVATIVES),
    "event_decay",
    *("orderbook_missing_flag", "funding_missing_flag", "onchain_missing_flag"),
    *(f"deriv_{name}_missing_flag" for name in DERIVATIVES),
    *("source_tier_weight", "source_confidence", "social_post_sentiment", "social_comment_sentiment"),
    *("social_engagement_norm", "social_influence_norm", "social_event_ratio", "social_buzz"),
    *("event_velocity_1h", "event_velocity_6h", "event_disagreement", "source_diversity", "cross_source_consensus"),
    *("comment_skew", "event_lag_bucket_0_1h", "event_lag_bucket_1_6h", "event_lag_bucket_6_24h", "event_density"),
    *("sentiment_abs", "social_comment_rate", "event_importance_mean", "novelty_confidence_blend"),
)
NUMERIC = (intraday.FEATURES, technical.FEATURES, calendar.FEATURES, multi_timeframe.features(INTERVAL))
COLUMNS = ("open", "high", "low", "close", "volume", "traded_value")
CONTRACT = contract_for(COLUMNS, FeatureSettings(contract="crypto"), interval=INTERVAL)
"""Everything that can be said from bars alone."""
# The longest lookback is forty days of four-hour bars; a context of it is there from this row on.
SETTLED = 12_000
seeds = st.integers(0, 10**6)


def test_every_key_of_earlier_systems_is_there_by_meaning() -> None:
    """Crypto spec 12.3: the 61 base keys; D-04: the online path filled 35 of them, the others with zeros."""
    known_as = Counter(feature.known_as for feature in market_contract("crypto", INTERVAL).features)

    assert len(set(EARLIER_KEYS)) == 61
    assert {key: known_as[key] for key in EARLIER_KEYS} == dict.fromkeys(EARLIER_KEYS, 1)


def test_what_the_bars_tell_is_in_the_contract() -> None:
    assert set(CONTRACT.names) >= {feature.name for room in NUMERIC for feature in room}
    assert CONTRACT.requires == ("close", "high", "low", "volume")
    assert CONTRACT.dimension >= 60


@pytest.mark.parametrize("interval", ["1m", "15m", "1h", "4h", "1d"])
def test_other_bars_have_a_contract_too(interval: str) -> None:
    contract = market_contract("crypto", BarInterval(interval))

    assert set(contract.names) >= {feature.name for room in NUMERIC[:3] for feature in room}


def test_no_feature_is_a_price_level_or_a_filler() -> None:
    """Crypto D-01: 351 columns mixed four returns by arbitrary integers. Another currency moves nothing."""
    panel = market(1, 600, 2)
    prices = {name: panel[name] * 2.0**12 for name in ("open", "high", "low", "close")}

    values = build_features(panel, CONTRACT).values
    assert same(build_features(panel.with_columns(prices), CONTRACT).values, values)
    assert all(feature.description and feature.unit for feature in CONTRACT.features)


@given(seed=seeds, row=st.integers(0, 899))
def test_online_equals_batch_to_the_bit(seed: int, row: int) -> None:
    """Crypto D-02, D-04: one builder, for training and online use."""
    panel = broken_market(seed, 900)
    row = min(row, len(panel.times) - 1)
    view = PastView(panel, Instant(int(panel.times[row])))

    assert same(features_at(view, CONTRACT), build_features(panel, CONTRACT).values[row])


@given(seed=seeds, row=st.integers(0, 899))
def test_neither_deleting_nor_garbling_the_future_changes_what_came_before(seed: int, row: int) -> None:
    panel = broken_market(seed, 900)
    row = min(row, len(panel.times) - 1)
    whole = build_features(panel, CONTRACT).values[: row + 1]

    assert same(build_features(panel.rows(0, row + 1), CONTRACT).values, whole)
    assert same(build_features(garbled_after(panel, row, seed), CONTRACT).values[: row + 1], whole)


@settings(max_examples=4)
@given(seed=seeds)
def test_the_longest_lookback_is_no_different(seed: int) -> None:
    panel = market(seed, SETTLED + 300, 3, start=seed % 50)
    builder = FeatureBuilder(History(panel), CONTRACT)
    whole = build_features(panel, CONTRACT).values
    row = SETTLED + seed % 300
    lookback = panel.rows(row + 1 - CONTRACT.lookback_bars, row + 1)

    assert not np.isnan(whole[row]).any()
    assert same(builder.rows(row, row + 1)[0], whole[row])
    assert same(build_features(lookback, CONTRACT).values[-1], whole[row])
    assert same(build_features(garbled_after(panel, row, seed), CONTRACT).values[row], whole[row])


@given(seed=seeds)
def test_every_value_is_a_float32_that_is_finite_or_missing(seed: int) -> None:
    panel = garbled_after(market(seed, 700), 300, seed)
    values = build_features(panel, CONTRACT).values

    assert values.dtype == np.float32
    assert not np.isinf(values).any()
    assert not np.isnan(values[290]).all()


def perpetuals(folder: Path) -> Panel:
    """Return the real five-minute perpetuals, stamped with their closes (D-09: the files stamp the open)."""
    bars = pl.read_parquet(folder / "crypto_perp_5m_2025.parquet")
    closes = bars["ts"].dt.epoch("us").to_numpy() + INTERVAL.microseconds
    times = np.arange(closes.min(), closes.max() + 1, INTERVAL.microseconds, dtype=np.int64)
    symbols = tuple(bars["symbol"].unique().sort())
    place = np.array([symbols.index(symbol) for symbol in bars["symbol"]])
    columns = {}
    for name in ("open", "high", "low", "close", "volume"):
        columns[name] = np.full((len(times), len(symbols)), np.nan)
        columns[name][np.searchsorted(times, closes), place] = bars[name].to_numpy()
    return Panel(times, symbols, columns)


@pytest.mark.slow
def test_ten_thousand_real_rows_online_equal_the_batch_to_the_bit(real_data: Path) -> None:
    """Seven coins, one of which is listed half a year later, at 1,430 instants of 2025."""
    panel = perpetuals(real_data)
    builder = FeatureBuilder(History(panel), CONTRACT)
    rows = np.sort(generator(11, "instants").choice(len(panel.times), 1_430, replace=False))
    kept = dict.fromkeys(rows.tolist())
    for first, block in builder.blocks():
        kept |= {row: block[row - first].copy() for row in rows[(rows >= first) & (rows < first + len(block))].tolist()}
    different = [row for row, batch in kept.items() if not same(builder.rows(row, row + 1)[0], batch)]
    found = np.stack([kept[row] for row in rows.tolist()])

    assert len(panel.symbols) * len(rows) >= 10_000
    assert not different
    assert not np.isinf(found).any()
    # The newest coin is missing before its listing, and nothing else is once the longest lookback has passed.
    assert np.isnan(found[rows < 30_000][:, panel.symbols.index("HYPE"), CONTRACT.names.index("return_1")]).all()
    assert not np.isnan(np.delete(found[rows > SETTLED], panel.symbols.index("HYPE"), axis=1)).any()

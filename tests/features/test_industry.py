from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from share_markets import built, same, share_market

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAY
from tidegate.data.tables import MOMENT
from tidegate.features import FeatureContract, build_features
from tidegate.features.formulas.industry import FEATURES, SOURCES, industry_means

CONTRACT = FeatureContract(FEATURES, SOURCES)
NOW = 20_000 * DAY


def told(*rows: tuple[str, str, int, int]) -> pl.DataFrame:
    """Return industries as symbol, industry, and days ago of event and of knowledge, among other changes."""
    frame = pl.DataFrame(
        [(symbol, "industry", detail, NOW - event * DAY, NOW - known * DAY) for symbol, detail, event, known in rows],
        schema=["symbol", "change", "detail", "event_time", "known_time"],
        orient="row",
    )
    others = frame.with_columns(pl.lit("renamed").alias("change"), pl.lit("another name").alias("detail"))
    return pl.concat([others, frame]).with_columns(pl.col("event_time", "known_time").cast(pl.Int64).cast(MOMENT))


def market(close: list[list[float]], lives: pl.DataFrame) -> History:
    values = np.array(close)
    times = NOW - np.arange(len(values) - 1, -1, -1, dtype=np.int64) * DAY
    return History(Panel(times, tuple("ABCDE"[: values.shape[1]]), {"close": values}), {"symbol_lives": lives})


def test_a_table_by_hand() -> None:
    e = np.e
    lives = told(*((symbol, "banks", 900, 900) for symbol in "ABC"), ("D", "liquor", 900, 900))
    matrix = build_features(market([[1.0] * 5, [e, e**3, np.nan, e, e]], lives), CONTRACT)

    assert matrix.column("industry_return_1")[1, :3].tolist() == [2.0, 2.0, 2.0]  # told to the suspended one, too
    assert matrix.column("return_over_industry_1")[1, :2].tolist() == [-1.0, 1.0]
    assert np.isnan(matrix.column("return_over_industry_1")[1, 2:]).all()
    assert np.isnan(matrix.column("industry_return_1")[1, 3:]).all()  # alone in its industry; in none that is known


def test_an_industry_counts_from_when_it_was_known() -> None:
    """Sources tell the industries of today; yesterday's row does not know them."""
    lives = told(("A", "banks", 900, 1), ("B", "banks", 900, 900))
    values = build_features(market([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], lives), CONTRACT).column("industry_return_1")

    assert np.isnan(values[0]).all()
    assert not np.isnan(values[1:]).any()
    assert np.isnan(build_features(market([[1.0, 1.0], [2.0, 2.0]], told(("B", "banks", 9, 9))), CONTRACT).values).all()


def test_a_change_of_industry_holds_from_its_day_and_a_late_word_on_an_older_one_does_not() -> None:
    e = np.e
    lives = told(*((symbol, "banks", 900, 900) for symbol in "ABC"), ("C", "liquor", 1, 1), ("D", "liquor", 9, 9),
                 ("C", "banks", 500, 0))  # fmt: skip
    means = build_features(market([[1.0] * 4, [e, e, e**3, e], [e**2, e**2, e**6, e**4]], lives), CONTRACT).column(
        "industry_return_1"
    )

    assert means[1, 2:].tolist() == [2.0, 2.0]
    np.testing.assert_allclose(means[2], [1.0, 1.0, 3.0, 3.0])


def test_an_industry_too_old_to_count_is_missing() -> None:
    oldest = SOURCES[0].maximum_age // DAY
    for age, known in ((oldest, True), (oldest + 1, False)):
        lives = told(*((symbol, "banks", age, 5) for symbol in "AB"))
        values = build_features(market([[1.0, 1.0], [2.0, 2.0]], lives), CONTRACT).column("industry_return_1")
        assert np.isfinite(values[1]).all() == known


def test_without_the_table_nothing_is_assumed() -> None:
    bars = market([[1.0], [2.0]], told(("A", "banks", 9, 9))).bars

    with pytest.raises(DataError, match="no rows of 'symbol_lives'"):
        build_features(History(bars), CONTRACT)


@given(seed=st.integers(0, 10**6), row=st.integers(0, 7))
def test_a_mean_is_the_same_to_the_bit_alone_and_whatever_the_industries_are_called(seed: int, row: int) -> None:
    random = generator(seed, "industry")
    values = np.where(random.random((8, 40)) < 0.2, np.nan, random.normal(0.0, 1.0, (8, 40)))
    industry = np.where(random.random((8, 40)) < 0.1, np.nan, random.integers(0, 5, (8, 40)).astype(float))
    whole = industry_means(values, industry)

    assert same(industry_means(values[row : row + 1], industry[row : row + 1])[0], whole[row])
    assert same(industry_means(np.asfortranarray(values), np.asfortranarray(7.0 - industry)), whole)
    for place in np.flatnonzero(~np.isnan(whole[row])):
        others = values[row, industry[row] == industry[row, place]]
        assert whole[row, place] == pytest.approx(np.nanmean(others), rel=1e-12, abs=1e-15)
        assert np.sum(~np.isnan(others)) >= 2


def test_only_members_are_in_the_mean() -> None:
    history = share_market(4)
    everyone = History(
        Panel(history.bars.times, history.bars.symbols, {"close": history.bars["close"]}), history.tables
    )
    out = history.bars["member"] == 0.0

    assert np.isnan(built(history, CONTRACT)[out]).all()
    assert not np.isnan(built(everyone, CONTRACT)[out]).all()

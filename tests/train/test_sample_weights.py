"""How much training samples count, and that nothing behind the training part says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from ashare_market import ashare_history, ashare_recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.weights import MARKET_VALUE, sample_weights

SESSIONS, SHARES, TRAINED = 150, 8, 100


def with_market_value(history: History) -> History:
    shares = np.geomspace(1e6, 1e9, history.bars.shape[1])
    return History(history.bars.with_columns({MARKET_VALUE: history.bars["raw_close"] * shares}))


@pytest.fixture(scope="module")
def history() -> History:
    return with_market_value(ashare_history(9, sessions=SESSIONS, shares=SHARES, gaps=0.03))


@pytest.fixture(scope="module")
def data(history: History) -> Dataset:
    return assemble(history, ashare_recipe())


def samples_of(data: Dataset, until: int = TRAINED) -> tuple[Int64Array, Int64Array]:
    """Return the samples whose labels are known by a row."""
    return data.samples(np.flatnonzero(data.labels.ends <= data.times[until]), data.trainable)


def weigh(data: Dataset, history: History, samples: tuple[Int64Array, Int64Array], **weights: Any) -> FloatArray:
    found = sample_weights(data, history, ashare_recipe(weights=weights), *samples)
    assert found is not None
    return found


def t(size: FloatArray) -> FloatArray:
    return 1.0 + np.log1p(np.maximum(size, 0.0))


def recent_traded(history: History, samples: tuple[Int64Array, Int64Array], window: int) -> FloatArray:
    """Return mean raw close times volume of the last bars, sample by sample."""
    traded = history.bars["raw_close"] * history.bars["volume"]
    recent = [traded[max(row - window + 1, 0) : row + 1, place] for row, place in zip(*samples, strict=True)]
    return np.array([one[~np.isnan(one)].mean() if not np.isnan(one).all() else np.nan for one in recent])


def test_without_a_wish_all_count_alike(data: Dataset, history: History) -> None:
    assert sample_weights(data, history, ashare_recipe(), *samples_of(data)) is None
    nothing = np.zeros(0, dtype=np.int64)
    assert sample_weights(data, history, ashare_recipe(weights={"uniqueness": True}), nothing, nothing) is None


@pytest.mark.parametrize("window", [1, 5, 20])
def test_every_scheme_by_hand(data: Dataset, history: History, window: int) -> None:
    """Equity C.6: t(x) = 1 + log1p(max(x, 0)); mix and product of market value and traded value."""
    samples = samples_of(data)
    value, traded = t(history.bars[MARKET_VALUE][samples]), t(recent_traded(history, samples, window))
    for one in (value, traded):
        one[np.isnan(one)] = np.nanmean(one)
    expected = {
        "market_cap": value,
        "dollar_volume": traded,
        "mix": 0.3 * value + 0.7 * traded,
        "product": value * traded,
    }
    for scheme, one in expected.items():
        found = weigh(data, history, samples, scheme=scheme, alpha=0.3, dollar_volume_window=window)
        np.testing.assert_allclose(found, one / one.mean(), rtol=1e-9)


def test_volume_times_raw_close_stands_in_for_the_traded_value(data: Dataset, history: History) -> None:
    bars = history.bars
    plain = History(Panel(bars.times, bars.symbols, {name: bars[name] for name in bars if name != "traded_value"}))
    samples = samples_of(data)

    np.testing.assert_allclose(weigh(data, plain, samples, scheme="dollar_volume"),
                               weigh(data, history, samples, scheme="dollar_volume"))  # fmt: skip


def test_the_mean_is_one_over_the_training_samples_alone(data: Dataset, history: History) -> None:
    """Equity C.6: weights were divided by the mean of the whole data set, the future included."""
    for asked in EVERY:
        for until in (60, TRAINED):
            assert weigh(data, history, samples_of(data, until), **asked).mean() == pytest.approx(1.0)


EVERY: list[dict[str, Any]] = [
    {"scheme": "dollar_volume"},
    {"scheme": "mix", "dollar_volume_window": 5},
    {"uniqueness": True},
    {"half_life_days": 30},
    {"scheme": "product", "uniqueness": True, "half_life_days": 60},
]


def poisoned(history: History, row: int, seed: int) -> History:
    """Return the history with garbage in every column after a row."""
    random = np.random.default_rng(seed)
    columns = {}
    for name, column in history.bars.columns.items():
        garbage = np.exp(random.uniform(-20.0, 40.0, (len(column) - row - 1, column.shape[1])))
        garbage[random.random(garbage.shape) < 0.2] = np.nan
        columns[name] = np.concatenate([column[: row + 1], garbage])
    return History(Panel(history.bars.times, history.bars.symbols, columns))


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), until=st.integers(70, TRAINED))
@pytest.mark.parametrize("asked", EVERY, ids=str)
def test_nothing_behind_the_training_part_changes_a_weight(
    data: Dataset, history: History, asked: dict[str, Any], seed: int, until: int
) -> None:
    """Equity C.6 and I 15: deleted or replaced by garbage, later rows leave every weight as it was, to the bit."""
    samples = samples_of(data, until)
    expected = weigh(data, history, samples, **asked)
    for other in (poisoned(history, until, seed), history.until(int(data.times[until]))):
        made = assemble(other, ashare_recipe())
        assert all(np.array_equal(*pair) for pair in zip(samples, samples_of(made, until), strict=True))
        assert np.array_equal(weigh(made, other, samples, **asked), expected)


def test_samples_of_the_test_would_change_the_weights_if_they_were_let_in(data: Dataset, history: History) -> None:
    """The guarded thing, broken: a mean, an overlap and an age over all samples are other weights."""
    few, all_of_them = samples_of(data, 80), samples_of(data)
    for asked in EVERY:
        leaking = weigh(data, history, all_of_them, **asked)[: len(few[0])]
        assert not np.allclose(leaking, weigh(data, history, few, **asked), rtol=1e-6)


def test_the_newest_count_most_and_half_of_it_a_half_life_ago(data: Dataset, history: History) -> None:
    rows, symbols = samples_of(data)
    found = weigh(data, history, (rows, symbols), half_life_days=20)
    days = (data.times[rows[-1]] - data.times[rows]) / DAY

    np.testing.assert_allclose(found / found[-1], 0.5 ** (days / 20.0))


def test_uniqueness_is_that_of_the_labels_that_are_forecast(data: Dataset, history: History) -> None:
    """A trade that may last ten rows overlaps with more than a return over one."""
    rows, symbols = samples_of(data)
    lonely = np.isin(rows, rows.min() + np.arange(0, 200, 10))
    chosen = rows[lonely], symbols[lonely]
    apart = sample_weights(data, history, ashare_recipe(weights={"uniqueness": True}), *chosen)
    dense = sample_weights(data, history, ashare_recipe(weights={"uniqueness": True}), rows, symbols)

    assert apart is not None
    assert dense is not None
    np.testing.assert_allclose(apart, 1.0)
    assert dense[rows == rows.min()].mean() > dense[rows == 50].mean(), "nothing overlaps with the first from before"


def test_today_s_market_value_is_never_that_of_the_past(data: Dataset, history: History) -> None:
    """Equity C.6: without a history of market values the current one was used for all of it."""
    bars = history.bars
    without = History(Panel(bars.times, bars.symbols, {name: bars[name] for name in bars if name != MARKET_VALUE}))

    for scheme in ("market_cap", "mix", "product"):
        with pytest.raises(DataError, match="which shares have risen since"):
            weigh(data, without, samples_of(data), scheme=scheme)


def test_market_values_of_a_source_count_from_when_they_were_known(data: Dataset, history: History) -> None:
    bars = history.bars
    own = Panel(bars.times, bars.symbols, {name: bars[name] for name in bars if name != MARKET_VALUE})
    rows, places = np.nonzero(~np.isnan(bars["close"]))
    event = pl.Series(bars.times[rows]).cast(MOMENT)
    table = pl.DataFrame(
        {
            "symbol": pl.Series(bars.symbols).gather(places),
            "event_time": event,
            "known_time": event,
            "metric": pl.repeat("total_mv", len(rows), eager=True),
            "value": bars[MARKET_VALUE][rows, places],
        }
    )
    late = table.with_columns(pl.col("known_time") + pl.duration(days=3))
    samples = samples_of(data)
    found = {
        name: weigh(data, History(own, {"valuation": one}), samples, scheme="market_cap")
        for name, one in {"at once": table, "late": late}.items()
    }
    known = ~np.isnan(bars[MARKET_VALUE][samples])

    np.testing.assert_allclose(found["at once"][known] / found["at once"][known].mean(),
                               (lambda one: one / one.mean())(t(bars[MARKET_VALUE][samples][known])))  # fmt: skip
    assert not np.allclose(found["late"], found["at once"])


def test_bars_without_volume_cannot_be_weighed_by_it(data: Dataset, history: History) -> None:
    bars = history.bars
    without = History(Panel(bars.times, bars.symbols, {"close": bars["close"]}))
    unknown = History(bars.with_columns({"traded_value": np.full(bars.shape, np.nan)}))

    with pytest.raises(DataError, match="without volume"):
        weigh(data, without, samples_of(data), scheme="dollar_volume")
    with pytest.raises(DataError, match="no traded value at any training sample"):
        weigh(data, unknown, samples_of(data), scheme="dollar_volume")

"""Garbage after an instant: everything different, the past untouched to the bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.audit import poisoned
from tidegate.audit.cut import Cutter
from tidegate.core.history import History
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR
from tidegate.core.units import Int64Array
from tidegate.data.tables import MOMENT
from tidegate.testing import sample_history, synthetic_panel

SEEDS = st.integers(0, 2**31)


def crowded(seed: int, n_times: int = 60) -> History:
    """Bars and tables with vintages, counts read later, announcements and texts."""
    random = generator(seed, "crowded")
    bars = sample_history(seed % 1000, n_times, 3).bars.with_columns({"member": np.ones((n_times, 3))})
    count = 80
    events = bars.times[0] + random.integers(0, n_times * DAY, count)
    known = events + random.integers(0, 9 * DAY, count)
    shared = {"event_time": moments(events), "known_time": moments(known)}
    macro = pl.DataFrame({"series": "rate", **shared, "value": random.normal(size=count), "revised": True})
    posts = pl.DataFrame(
        {
            "symbol": random.choice(list(bars.symbols), count),
            "post_id": [str(one) for one in range(count)],
            **shared,
            "observed_time": moments(known + random.integers(0, 20 * DAY, count)),
            "likes": random.random(count) * 100,
            "sentiment": random.uniform(-1.0, 1.0, count),
            "text": random.choice(["up", "down", "flat"], count),
            "tier": random.integers(1, 6, count),
        }
    )
    return History(bars, {"macro": macro, "posts": posts.sort("symbol", "event_time")})


def moments(instants: Int64Array) -> pl.Series:
    return pl.Series(instants).cast(MOMENT)


def is_same(left: History, right: History) -> bool:
    columns = all(np.array_equal(left.bars[name], right.bars[name], equal_nan=True) for name in left.bars)
    tables = all(rows.equals(right.tables[name], null_equal=True) for name, rows in left.tables.items())
    return columns and tables and np.array_equal(left.bars.times, right.bars.times)


@given(seed=SEEDS, share=st.floats(0.0, 1.0), bars=st.one_of(st.none(), st.integers(1, 10)))
def test_the_past_is_untouched_to_the_bit(seed: int, share: float, bars: int | None) -> None:
    history = crowded(seed)
    as_of = int(history.bars.times[0] + share * (history.bars.times[-1] - history.bars.times[0])) + seed % (2 * HOUR)

    garbage = poisoned(history, as_of, seed=seed, bars=bars)

    assert is_same(garbage.until(as_of), history.until(as_of))


def test_everything_later_differs() -> None:
    history = crowded(3)
    as_of, cut = int(history.bars.times[30]), 31
    garbage = poisoned(history, as_of, seed=7)

    for name in set(history.bars) - {"member"}:
        true, false = history.bars[name][cut:], garbage.bars[name][cut:]
        assert (true == false).mean() < 0.05, name
    assert (garbage.bars["member"][cut:] == 0.0).any()
    later = pl.col("known_time") > pl.lit(as_of).cast(MOMENT)
    for name, column in (("macro", "value"), ("posts", "sentiment")):
        true, false = (one.tables[name].filter(later)[column].to_list() for one in (history, garbage))
        assert not set(true) & set(false)


@given(seed=SEEDS)
def test_garbage_is_plausible(seed: int) -> None:
    history = History(synthetic_panel(seed % 1000, 80, 3, gaps=0.05))
    bars = poisoned(history, int(history.bars.times[20]), seed=seed).bars.rows(21, 80)
    there = ~np.isnan(bars["close"])

    assert (bars["low"][there] <= np.minimum(bars["open"], bars["close"])[there]).all()
    assert (bars["high"][there] >= np.maximum(bars["open"], bars["close"])[there]).all()
    assert (bars["low"][there] > 0.0).all()
    assert (bars["volume"][there] >= 0.0).all()


def test_garbage_has_missing_bars_and_bars_without_volume() -> None:
    history = History(synthetic_panel(5, 400, 4))
    bars = poisoned(history, int(history.bars.times[20]), seed=3).bars.rows(21, 400)

    assert np.isnan(bars["close"]).any()
    assert (bars["volume"] == 0.0).any()
    assert np.nanmax(bars["volume"]) > 100.0 * np.nanmedian(bars["volume"])


def test_some_rows_are_gone_some_are_new_and_some_restate_the_past() -> None:
    history = crowded(3)
    as_of = int(history.bars.times[30])
    instant = pl.lit(as_of).cast(MOMENT)
    true, false = (
        one.tables["macro"].filter(pl.col("known_time") > instant)
        for one in (history, poisoned(history, as_of, seed=7))
    )
    times = ["event_time", "known_time"]

    assert true.join(false, on=times, how="anti").height > 0
    news = false.join(true, on=times, how="anti")
    assert news.height > 0
    known = history.tables["macro"].filter(pl.col("known_time") <= instant)
    assert news.join(known, on="event_time", how="semi").height > 0


def test_counts_that_were_read_later_are_other_ones() -> None:
    """Likes that a crawler saw days later are no past."""
    history = crowded(3)
    as_of = int(history.bars.times[30])
    instant = pl.lit(as_of).cast(MOMENT)
    unread = (pl.col("known_time") <= instant) & (pl.col("observed_time") > instant)
    true, false = (
        one.tables["posts"].filter(unread)["likes"].to_list() for one in (history, poisoned(history, as_of, seed=7))
    )

    assert len(true) == len(false) > 3
    assert not set(true) & set(false)


def test_the_seed_decides() -> None:
    history = crowded(3)
    as_of = int(history.bars.times[30])

    assert is_same(poisoned(history, as_of, seed=1), poisoned(history, as_of, seed=1))
    assert not is_same(poisoned(history, as_of, seed=1), poisoned(history, as_of, seed=2))


@given(seed=SEEDS, share=st.floats(0.0, 1.0), rows=st.one_of(st.none(), st.integers(1, 40)))
def test_the_fast_cut_equals_the_plain_one(seed: int, share: float, rows: int | None) -> None:
    history = crowded(seed)
    ordered = {name: table.sort("known_time") for name, table in history.tables.items()}
    as_of = int(history.bars.times[0] + share * (history.bars.times[-1] - history.bars.times[0]))

    for one in (history, History(history.bars, ordered)):
        plain = one.until(as_of) if rows is None else one.until(as_of).last_rows(rows)
        assert is_same(Cutter(one).until(as_of, rows=rows), plain)


@pytest.mark.parametrize("in_order", [True, False])
def test_a_cut_may_reach_back_so_far_and_no_farther(in_order: bool) -> None:
    history = crowded(3)
    rows = history.tables["macro"].sort("known_time") if in_order else history.tables["macro"]
    as_of = int(history.bars.times[30])

    cut = Cutter(History(history.bars, {"macro": rows})).until(as_of, reach={"macro": 5 * DAY}).tables["macro"]

    known = rows["known_time"].dt.epoch("us")
    assert cut.equals(rows.filter((known <= as_of) & (known >= as_of - 5 * DAY)))


def test_a_cut_is_a_copy() -> None:
    history = sample_history()
    column = Cutter(history).until(int(history.bars.times[9])).bars["close"]

    while isinstance(column.base, np.ndarray):
        column = column.base
    assert len(column) == 10

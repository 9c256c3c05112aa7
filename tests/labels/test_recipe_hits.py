"""Targets that are 0 or 1, from what a recipe says to what is forecast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, LabelSettings
from tidegate.core.time import DAILY
from tidegate.core.units import FloatArray
from tidegate.data.price_limits import LIMIT_PERCENT, limit_percent, limit_prices
from tidegate.labels import (
    NEVER,
    LabelSet,
    TouchLabels,
    TouchWindow,
    among_best,
    build_labels,
    fixed_exit,
    hindsight_touch,
)
from tidegate.testing import synthetic_panel

NAN = math.nan
NAMES = ("300750.SZ", "600000.SH", "600519.SH")


def market(seed: int = 3, gaps: float = 0.05) -> Panel:
    made = synthetic_panel(seed, 80, 3, gaps=gaps)
    return Panel(made.times, NAMES, {**made.columns, LIMIT_PERCENT: limit_percent(NAMES, made.times)})


def labelled(panel: Panel, **settings: Any) -> LabelSet:
    asked = LabelSettings.model_validate({"target": "hit", **settings})
    return build_labels(panel, asked, interval=DAILY, fill=FillPrice.NEXT_OPEN, round_trip_cost=0.001)


def same(one: FloatArray, other: FloatArray) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def test_a_hit_is_the_trade_that_could_have_been_made() -> None:
    """Equity G.5: entry at the next open, limits and suspensions, adjusted prices, a fixed exit."""
    panel = market()
    trade = fixed_exit(panel, limits=limit_prices(panel.columns, panel.symbols, panel.times))

    assert same(labelled(panel).target("hit"), trade.hit)
    assert 0.0 < np.nanmean(trade.hit) < 1.0


def test_every_setting_of_a_hit_reaches_its_labels() -> None:
    touch = {"first_day": 2, "last_day": 4, "rise": 0.02, "sell_within_bars": 1, "top_share": 0.4}
    made = labelled(market(), target="hindsight_hit", touch=touch)
    trade, hindsight = made.touches("fixed_exit"), made.touches("hindsight_touch")

    assert trade.window == hindsight.window == TouchWindow(first_day=2, last_day=4, rise=0.02)
    assert trade.top_share == 0.4
    assert trade.exits[0] == 5
    assert same(made.target("hindsight_hit"), hindsight_touch(market(), hindsight.window).hit)


def test_a_share_that_opens_at_its_limit_is_not_bought_and_other_markets_have_none() -> None:
    panel = market(gaps=0.0)
    columns = {name: column.copy() for name, column in panel.columns.items()}
    upper, _ = limit_prices(panel.columns, panel.symbols, panel.times)
    columns["open"][41, 1] = upper[41, 1] * columns["close"][41, 1] / columns["raw_close"][41, 1]
    limited = Panel(panel.times, panel.symbols, columns)
    free = Panel(panel.times, panel.symbols, {name: one for name, one in columns.items() if name != LIMIT_PERCENT})

    assert np.isnan(labelled(limited).target("hit")[40, 1])
    assert not np.isnan(labelled(free).target("hit")[40, 1])


def test_unlabelled_rows_are_missing_and_never_zero() -> None:
    """Equity H 16: the last rows, whose window is not over, became misses."""
    for target, reach in (("hit", 10), ("relative_hit", 10), ("hindsight_hit", 5)):
        values = labelled(market(gaps=0.0), target=target).target(target)
        assert np.isnan(values[-reach:]).all(), target
        assert not np.isnan(values[:-reach]).any(), target
        assert set(np.unique(values[:-reach])) == {0.0, 1.0}, target


def test_a_split_is_no_rise() -> None:
    """Equity H 17: raw prices across a split gave thousands of wrong labels."""
    panel = market(gaps=0.0)
    halved = np.where(np.arange(80)[:, np.newaxis] < 42, panel["raw_close"], panel["raw_close"] / 2.0)
    split = Panel(panel.times, panel.symbols, {**panel.columns, "raw_close": halved})

    assert same(labelled(split, target="hindsight_hit").target("hindsight_hit"),
                labelled(panel, target="hindsight_hit").target("hindsight_hit"))  # fmt: skip
    kept = ~np.isnan(labelled(split).target("hit")) & ~np.isnan(labelled(panel).target("hit"))
    assert same(labelled(split).target("hit")[kept], labelled(panel).target("hit")[kept])


@given(seed=st.integers(0, 10**6))
def test_no_label_reads_another_share(seed: int) -> None:
    """Equity H 21: a shift that is not grouped by share reads the next one's first rows."""
    panel, other = market(seed), market(seed + 1)
    columns = {name: np.where([False, True, True], other[name], panel[name]) for name in panel}
    for target in ("hit", "hindsight_hit"):
        one = labelled(panel, target=target).target(target)
        changed = labelled(Panel(panel.times, NAMES, columns), target=target).target(target)
        assert same(one[:, 0], changed[:, 0])


@pytest.mark.parametrize(
    ("sell_within_bars", "horizon_bars", "rows"), [(5, 5, 10), (0, 5, 6), (20, 5, 25), (0, 30, 31)]
)
def test_the_purge_is_as_long_as_the_longest_of_all_labels(sell_within_bars: int, horizon_bars: int, rows: int) -> None:
    """Equity I 15: what a hit may still depend on, a delayed sale included, lies in front of the border."""
    made = labelled(market(), touch={"sell_within_bars": sell_within_bars}, horizon_bars=horizon_bars)

    assert len(made.spans) == 80 - rows
    assert made.ends[79 - rows] == made.times[79]
    assert made.ends[80 - rows] == NEVER
    for part in made.parts:
        assert (part.ends <= made.ends).all()


@given(seed=st.integers(0, 10**6), shares=st.integers(2, 60), top=st.sampled_from([0.1, 0.2, 0.25, 0.4, 0.5]))
def test_exactly_the_share_counts_whatever_the_day(seed: int, shares: int, top: float) -> None:
    outcome = np.random.default_rng(seed).normal(size=(4, shares)) + np.array([[-1.0], [0.0], [1.0], [9.0]])
    hits = among_best(outcome, top).sum(axis=1)

    assert (hits == hits[0]).all(), "as many on a bad day as on a good one"
    assert abs(hits[0] - top * shares) < 1.0
    if float(top * shares).is_integer():
        assert hits[0] == top * shares


def test_equal_returns_are_among_the_best_together_or_not_at_all() -> None:
    tied = np.array([[0.1, 0.1, 0.0, -0.1, -0.2], [0.2, 0.1, 0.1, 0.1, 0.1], [0.1, NAN, NAN, NAN, NAN]])

    assert among_best(tied, 0.2)[0].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert among_best(tied, 0.5)[1].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert np.isnan(among_best(tied, 0.2)[2]).all(), "one alone has no place"
    assert np.isnan(among_best(tied, 0.2)).sum() == np.isnan(tied).sum() + 1


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, NAN])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        among_best(np.ones((1, 2)), share)


def test_the_best_are_the_best_among_members() -> None:
    """A name that does not belong takes no place away from those that do."""
    made = labelled(market(gaps=0.0), target="relative_hit", touch={"top_share": 0.4})
    best = np.nanargmax(made.touches("fixed_exit").returns[:70], axis=1)
    belongs = np.ones((80, 3), dtype=bool)
    belongs[np.arange(70), best] = False
    others = made.of_members(belongs).target("relative_hit")[:70]

    assert np.isnan(others[np.arange(70), best]).all()
    assert (np.nansum(others, axis=1) == 1.0).all()


def test_a_target_without_its_labels_is_refused_and_no_other_takes_its_place() -> None:
    """Crypto D-46: a model was trained on another outcome than the one it was asked for."""
    returns = labelled(market(), target="gross")
    assert returns.names == tuple(name for name in returns.names if "fixed_exit" not in name)
    for target in ("hit", "relative_hit", "hindsight_hit"):
        with pytest.raises(InputError, match=r"labels\.target of the recipe is hit"):
            returns.target(target)
    hits = labelled(market())
    with pytest.raises(InputError, match="hindsight_touch"):
        hits.target("hindsight_hit")
    with pytest.raises(InputError, match="no target 'gross'"):
        hits.touches("fixed_exit").target("gross")
    assert hits.part_of_target("gross") is hits.trained
    assert isinstance(hits.part_of_target("relative_hit"), TouchLabels)


def test_hits_without_a_share_of_the_best_have_no_relative_ones() -> None:
    with pytest.raises(InputError, match="give top_share"):
        _ = fixed_exit(market()).relative_hit


def test_relative_hits_are_a_label_by_name_and_in_the_document() -> None:
    made = labelled(market(), target="relative_hit")

    assert same(made.values("fixed_exit_relative_hit_3_to_5"), made.target("relative_hit"))
    assert made.touches("fixed_exit").as_document()["ends_after_bars"] == 10
    assert made.touches("fixed_exit").as_document()["top_share"] == 0.2


def test_as_a_stage_hits_are_held_to_their_own_end() -> None:
    made = labelled(market(), target="hindsight_hit")
    ends = {np.asarray(made.as_stage(part.names).ends).tobytes() for part in made.parts}

    assert len(ends) == 3
    stage = made.as_stage(made.touches("hindsight_touch").names)
    assert stage.ends is not None
    assert np.isnan(stage.values[stage.ends == NEVER]).all()

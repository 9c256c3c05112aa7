"""A snapshot depends on nothing that became known after it (a planted universe of the future is caught here)."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from universe_market import FIRST_DAY, bars_of, rules_of

from tidegate.core.randomness import generator
from tidegate.core.time import DAY, BarInterval, moment_of
from tidegate.data.tables import MOMENT
from tidegate.data.universe.listing import Listing
from tidegate.data.universe.ranking import TradedValues
from tidegate.data.universe.rules import UniverseRules
from tidegate.data.universe.schedule import decision_closes
from tidegate.data.universe.snapshots import Decided, decide_universe

DAYS = 40
NAMES = "ABCDEFGH"


def market(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return bars with holes, late rows and restated rows, and lives with announced and late delistings."""
    random = generator(seed, "universe")
    value = np.round(random.lognormal(3.0, 1.0, (len(NAMES), DAYS)), 3)
    present = random.random(value.shape) < 0.9
    bars = bars_of(
        {
            name: [v if here else None for v, here in zip(*row, strict=True)]
            for name, *row in zip(NAMES, value, present, strict=True)
        }
    )
    late = pl.Series(np.where(random.random(bars.height) < 0.2, random.integers(0, 9, bars.height), 0) * DAY)
    bars = bars.with_columns((pl.col("event_time").dt.epoch("us") + late).cast(MOMENT).alias("known_time"))
    restated = bars.sample(fraction=0.2, seed=seed).with_columns(
        pl.col("known_time") + pl.duration(days=3), pl.col("traded_value") * 5.0
    )
    both = pl.concat([bars, restated]).with_columns(recorded_time=pl.col("known_time"))
    ends = FIRST_DAY + random.integers(5, DAYS, 3) * DAY
    known = ends + random.integers(-9, 9, 3) * DAY
    starts = FIRST_DAY + random.integers(0, DAYS, 3) * DAY
    told = starts + random.integers(-9, 9, 3) * DAY
    lives = pl.DataFrame(
        {
            "symbol": list("ACEABG"),
            "change": ["delisted"] * 3 + ["listed"] * 3,
            "event_time": pl.Series([*ends, *starts]).cast(MOMENT),
            "known_time": pl.Series([*known, *told]).cast(MOMENT),
            "detail": pl.Series([None] * 6, dtype=pl.String),
        }
    )
    return both, lives.sort("event_time", "known_time")


def snapshots(bars: pl.DataFrame, lives: pl.DataFrame, rules: UniverseRules) -> list[Decided]:
    traded = TradedValues.of(bars, BarInterval("1d"), rules.minimum_history_bars)
    listing = Listing(lives, traded.symbols, traded.first_known)
    closes = decision_closes(traded.calendar, rules, traded.first, traded.last)
    exits = listing.exits()
    exits = exits[(exits >= traded.first) & (exits <= traded.last)]
    return decide_universe(traded, rules, closes, exits, listing.mask(np.union1d(closes, exits)))


def garbled(bars: pl.DataFrame, after: int) -> pl.DataFrame:
    """Replace the values of every bar known after an instant, and bring in a name that only the future knows."""
    later = pl.col("known_time") > moment_of(after)
    noise = pl.Series(generator(1, "garbage").lognormal(9.0, 3.0, bars.height))
    changed = bars.with_columns(traded_value=pl.when(later).then(noise).otherwise("traded_value"))
    star = changed.filter(later).unique("event_time").with_columns(symbol=pl.lit("STAR"), traded_value=pl.lit(1e12))
    return pl.concat([changed, star])


@given(seed=st.integers(0, 10_000), day=st.integers(7, DAYS - 2), retain=st.integers(0, 2), monthly=st.booleans())
def test_garbage_after_an_instant_changes_no_snapshot_before_it(
    seed: int, day: int, retain: int, monthly: bool
) -> None:
    bars, lives = market(seed)
    rules = rules_of(
        top_n=3, retain=retain, lookback_bars=5, minimum_history_bars=3, rebalance="monthly" if monthly else "weekly"
    )
    instant = FIRST_DAY + day * DAY
    before = [one for one in snapshots(bars, lives, rules) if one.at <= instant]

    unannounced = lives.filter(pl.col("known_time") <= moment_of(instant))
    after = [one for one in snapshots(garbled(bars, instant), unannounced, rules) if one.at <= instant]

    assert [one.address(rules) for one in after] == [one.address(rules) for one in before]


def test_a_universe_of_the_future_is_noticed() -> None:
    """The guarded thing, broken: every value is taken for known at its close, whenever it came."""
    bars, lives = market(3)
    rules = rules_of(top_n=3, lookback_bars=5, minimum_history_bars=3)
    instant = FIRST_DAY + 28 * DAY

    def leaking(rows: pl.DataFrame) -> list[str]:
        found = snapshots(rows.with_columns(known_time=pl.col("event_time")), lives, rules)
        return [one.address(rules) for one in found if one.at <= instant]

    assert leaking(garbled(bars, instant)) != leaking(bars)


def test_more_names_do_not_move_a_sum() -> None:
    """The address is to the bit, so the sum of one name must not depend on the others."""
    bars, lives = market(5)
    rules = rules_of(top_n=2, lookback_bars=7, minimum_history_bars=1)
    few = bars.filter(pl.col("symbol").is_in(list("ABCD")))

    alone = {
        (one.at, s): v for one in snapshots(few, lives, rules) for s, v in zip(one.symbols, one.values, strict=True)
    }
    among = {
        (one.at, s): v for one in snapshots(bars, lives, rules) for s, v in zip(one.symbols, one.values, strict=True)
    }

    assert len(alone.keys() & among.keys()) > 3
    assert all(alone[key] == among[key] for key in alone.keys() & among.keys())

"""Instants come from where leaks hide, and from anywhere."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegate.audit.depth import Depth
from tidegate.audit.evaluate import TaskKind
from tidegate.audit.instants import choose_instants, strata
from tidegate.audit.plan import in_turn, make_plan
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.time import DAY, HOUR, format_instant, parse_instant
from tidegate.data.tables import MOMENT
from tidegate.testing import sample_history, synthetic_panel

FIVE_MINUTES = HOUR // 12


def daily() -> History:
    bars = sample_history(n_times=300).bars
    release = pl.Series([int(bars.times[150]) + 3 * HOUR]).cast(MOMENT)
    return History(bars, {"macro": pl.DataFrame({"event_time": release, "known_time": release, "value": [1.0]})})


def test_every_kind_of_day_is_there() -> None:
    kinds = strata(daily(), boundaries=[int(daily().bars.times[60])])

    empty = {name for name, found in kinds.items() if not len(found)}
    assert empty == {"session_start", "session_end"}  # a daily bar is a session


def test_sessions_of_intraday_bars() -> None:
    opens = parse_instant("2024-01-02") + 14 * HOUR + np.arange(5)[:, None] * DAY
    times = (opens + FIVE_MINUTES * np.arange(1, 79)).ravel()
    kinds = strata(History(synthetic_panel(3, len(times), 2, times=times)))

    assert kinds["session_start"].tolist() == times[78::78].tolist()
    assert kinds["session_end"].tolist() == times[77:-1:78].tolist()


def test_days_after_holidays_are_not_mondays() -> None:
    days = np.arange(120, dtype=np.int64)
    weekdays = parse_instant("2024-01-01") + (days // 5 * 7 + days % 5) * DAY + 21 * HOUR
    thursday_off = np.delete(weekdays, 43)
    kinds = strata(History(synthetic_panel(3, len(thursday_off), 2, times=thursday_off)))

    assert [format_instant(one)[:10] for one in kinds["after_holiday"].tolist()] == [
        format_instant(int(weekdays[44]))[:10]
    ]


def test_gaps_listings_volume_and_prices() -> None:
    close = np.array([[1.0, np.nan], [1.0, np.nan], [2.0, np.nan], [np.nan, 5.0], [3.0, 6.0], [4.0, 7.0], [5.0, 8.0]])
    volume = np.where(close == 6.0, 0.0, 10.0)
    times = np.arange(1, 8, dtype=np.int64) * DAY
    kinds = strata(History(Panel(times, ("A", "B"), {"close": close, "volume": volume})))
    rows = {name: (found // DAY - 1).tolist() for name, found in kinds.items()}

    assert rows["before_gap"] == [2]
    assert rows["after_gap"] == [4]
    assert rows["listing"] == [2, 3, 4]
    assert rows["no_volume"] == [4]
    assert rows["unchanged_price"] == [1]


def test_releases_are_looked_at_before_at_and_after() -> None:
    history = daily()
    released = int(history.bars.times[150]) + 3 * HOUR

    kinds = strata(history)
    assert kinds["before_release"].tolist() == [int(history.bars.times[150]), released - 1]
    assert kinds["release"].tolist() == [released, int(history.bars.times[151])]


def test_instants_are_drawn_from_each_kind_and_the_seed_decides() -> None:
    history = daily()
    kinds = {name: found[found < history.bars.times[-1]] for name, found in strata(history).items()}
    drawn = [
        choose_instants(kinds, history.bars.times, 24, seed=seed, random_share=0.25, scope="here") for seed in (7, 7, 8)
    ]

    assert drawn[0].instants.tolist() == drawn[1].instants.tolist() != drawn[2].instants.tolist()
    assert len(drawn[0].instants) == 24
    assert drawn[0].counts["random"] >= 6
    assert all(drawn[0].counts[name] for name, found in kinds.items() if len(found) and name != "release")
    assert (np.diff(drawn[0].instants) > 0).all()


def test_more_instants_than_there_are_is_all_of_them() -> None:
    times = np.arange(1, 6, dtype=np.int64)

    drawn = choose_instants({}, times, 50, seed=7, random_share=0.5, scope="here")

    assert drawn.instants.tolist() == [1, 2, 3, 4]  # after the last one there is no future


def stage(**declared: object) -> Stage:
    return Stage(
        kind=StageKind.FEATURES,
        times=np.empty(0, dtype=np.int64),
        symbols=("A",),
        keys=("short", "long"),
        values=np.empty((0, 1, 2)),
        **declared,  # type: ignore[arg-type]
    )


def test_slices_take_every_lookback_in_turn_and_the_longest_most_often() -> None:
    plan = make_plan(daily(), [stage(lookback_bars={"short": 3, "long": 20})], 0, Depth(slices=40), 7, ())
    bars = [task.bars for task in plan.slices]

    assert bars.count(3) == 10
    assert bars.count(20) == 30


def test_without_a_lookback_there_are_no_slices_and_without_an_age_no_silence() -> None:
    plan = make_plan(daily(), [stage()], 0, Depth(), 7, ())

    assert plan.slices == plan.silenced == ()
    assert [task.as_of for task in plan.truncated] == [task.as_of for task in plan.poisoned]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_no_process_sees_anything_before_its_time(parts: int) -> None:
    plan = make_plan(daily(), [stage(lookback_bars={"short": 3})], 0, Depth(slices=40), 7, ())
    dealt = in_turn((*plan.truncated, *plan.slices), parts)

    assert len(dealt) == parts
    assert sum(len(part) for part in dealt) == len(plan.truncated) + len(plan.slices)
    for part in dealt:
        assert (np.diff([task.as_of for task in part]) >= 0).all()


def test_nothing_is_looked_at_before_a_pipeline_gives_anything() -> None:
    history = daily()
    first = int(history.bars.times[200])
    plan = make_plan(history, [stage(lookback_bars={"short": 3})], first, Depth(slices=40), 7, ())

    assert min(task.as_of for task in (*plan.truncated, *plan.slices)) >= first
    assert max(task.as_of for task in plan.truncated) < history.bars.times[-1]


def test_sources_fall_silent_early_enough_for_values_to_grow_old() -> None:
    history = daily()
    (silence,) = make_plan(history, [stage(maximum_ages={"short": 30 * DAY})], 0, Depth(), 7, ()).silenced

    assert silence.kind is TaskKind.SILENCE
    assert silence.as_of + 30 * DAY < history.bars.times[-1]


@pytest.mark.parametrize("seed", range(5))
def test_no_instant_lies_before_the_one_that_is_asked_for(seed: int) -> None:
    history = daily()
    times = history.bars.times
    since = int(times[240])
    begun = [int(times[row]) for row in (180, 210, 240)]  # slices in front of a test, and the test
    plan = make_plan(history, [stage()], 0, Depth(prefixes=6), seed, (since,), begun, since)
    drawn = {task.as_of for task in (*plan.truncated, *plan.poisoned)}

    assert len(drawn) == 6
    assert min(drawn) >= since
    assert {task.as_of for task in plan.begun} <= {int(times[240]), int(times[241])}

"""Several horizons side by side: each with its own span, and the longest decides the purge."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tidegate.core.errors import InputError
from tidegate.core.horizon import Horizon, Reach
from tidegate.core.pipeline import StageKind
from tidegate.core.recipe import FillPrice, LabelSettings, SplitSettings
from tidegate.core.time import DAY, HOUR, BarInterval, parse_instant
from tidegate.labels import NEVER, LabelSet, build_labels, forward_labels, hindsight_touch
from tidegate.split import WalkForward
from tidegate.testing import synthetic_panel

HOURLY = BarInterval("1h")
ALL = ("1h", "4h", "1d", "7d")
TIMES = parse_instant("2023-01-01") + np.arange(24 * 120) * HOUR
PANEL = synthetic_panel(2, len(TIMES), 3, gaps=0.02, times=TIMES)


def labels(horizon: str = "1h", horizons: tuple[str, ...] = ALL) -> LabelSet:
    settings = LabelSettings.model_validate({"horizon": horizon, "horizons": horizons})
    return build_labels(PANEL, settings, interval=HOURLY, fill=FillPrice.NEXT_OPEN, round_trip_cost=0.001)


def test_every_horizon_has_its_own_values_and_spans() -> None:
    made = labels()
    for horizon in ALL:
        alone = forward_labels(PANEL, Horizon(horizon).reach(HOURLY), FillPrice.NEXT_OPEN, 0.001)
        spans = made.spans_of(f"gross_{horizon}")
        for kind in alone.kinds:
            assert np.array_equal(made.values(f"{kind}_{horizon}"), alone.target(kind), equal_nan=True)
        assert (spans.end - spans.start == Horizon(horizon).microseconds + HOUR).all()
        assert len(spans) == len(TIMES) - 1 - Horizon(horizon).reach(HOURLY).bars


def test_the_trained_horizon_speaks_for_the_set() -> None:
    made = labels("4h")

    assert made.horizon_bars == 4
    assert made.round_trip_cost == 0.001
    assert np.array_equal(made.gross, made.values("gross_4h"), equal_nan=True)
    assert np.array_equal(made.target("rank"), made.values("rank_4h"), equal_nan=True)
    assert made.names[0] == "gross_4h"


def test_a_missing_horizon_is_missing_and_no_other_takes_its_place() -> None:
    """Crypto D-33: the trainer took the label of one hour where those of 4 hours, a day or a week were missing."""
    made = labels()
    tail = slice(len(TIMES) - 24 * 7, None)

    assert np.isnan(made.values("gross_7d")[tail]).all()
    assert (~np.isnan(made.values("gross_1h")[tail])).any()
    with pytest.raises(InputError, match=r"no label 'gross_2h'; expected one of gross_1h.*labels\.horizons"):
        made.values("gross_2h")


@pytest.mark.parametrize(("horizons", "longest"), [(ALL, "7d"), (("1h", "4h"), "4h"), (("1h",), "1h")])
def test_the_purge_is_as_long_as_the_longest_label(horizons: tuple[str, ...], longest: str) -> None:
    """Crypto D-08: 12 bars were purged, an hour, beside labels of up to seven days."""
    made = labels("1h", horizons)
    split = SplitSettings(first_test=date(2023, 3, 1), test_months=1, minimum_train_days=30)
    folds = WalkForward(split).split(made.times, made.spans)

    assert folds
    for fold in folds:
        assert fold.train_end <= fold.test_start - Horizon(longest).microseconds - HOUR
        assert fold.train_end > fold.test_start - Horizon(longest).microseconds - 2 * HOUR
        assert (made.ends[fold.train] <= fold.test_start).all()


def test_a_purge_of_the_trained_horizon_alone_would_leave_labels_that_reach_into_the_test() -> None:
    """The guarded thing, broken: with the spans of one hour, labels of a week overlap the test for a week."""
    made = labels()
    split = SplitSettings(first_test=date(2023, 3, 1), test_months=1, minimum_train_days=30)
    fold = WalkForward(split).split(made.times, made.trained.spans)[0]
    reaching = made.ends[fold.train] > fold.test_start

    assert reaching.sum() == 7 * 24 - 1


def test_ends_are_those_of_the_longest_label_and_never_beyond_the_data() -> None:
    made = labels()
    complete = made.ends < NEVER

    assert complete.sum() == len(made.spans) == len(TIMES) - 1 - 7 * 24
    assert np.array_equal(made.ends[complete] - TIMES[complete], np.full(complete.sum(), 7 * DAY + HOUR))


def test_the_stage_for_an_audit_holds_labels_and_their_end() -> None:
    made = labels()
    stage = made.as_stage()

    assert stage.kind is StageKind.LABELS
    assert stage.keys == made.names
    assert stage.ends is not None
    assert np.array_equal(stage.ends, made.ends)
    complete = made.ends < NEVER
    for place, name in enumerate(stage.keys):
        assert np.array_equal(stage.values[complete, :, place], made.values(name)[complete], equal_nan=True)
    assert np.isnan(stage.values[~complete]).all()


def test_one_horizon_as_a_stage_is_held_to_its_own_end() -> None:
    made = labels()
    stage = made.as_stage(["gross_1h", "rank_1h"])

    assert stage.keys == ("gross_1h", "rank_1h")
    assert stage.ends is not None
    assert (stage.ends < NEVER).sum() == len(TIMES) - 2
    assert np.array_equal(stage.values[:, :, 0], made.values("gross_1h"), equal_nan=True)


def test_only_members_have_labels_over_every_horizon() -> None:
    belongs = np.tile([True, False, True], (len(TIMES), 1))
    made = labels().of_members(belongs)

    for name in made.names:
        assert np.isnan(made.values(name)[:, 1]).all()
    assert set(np.unique(made.values("rank_4h")[:100])[:2]) == {0.0, 1.0}


def test_labels_of_another_kind_stand_beside_returns() -> None:
    daily = synthetic_panel(4, 60, 3)
    returns = forward_labels(daily, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0)
    made = LabelSet((returns, hindsight_touch(daily)))

    assert made.names[-3:] == (
        "hindsight_touch_return_3_to_5",
        "hindsight_touch_hit_3_to_5",
        "hindsight_touch_rank_3_to_5",
    )
    assert len(made.spans) == 55
    assert np.array_equal(
        made.of_members(np.zeros((60, 3), dtype=bool)).values(made.names[-2]), np.full((60, 3), np.nan), equal_nan=True
    )
    with pytest.raises(InputError, match="returns to train on"):
        _ = LabelSet((hindsight_touch(daily),)).gross


def test_parts_that_do_not_fit_are_refused() -> None:
    daily = synthetic_panel(4, 60, 3)
    one = forward_labels(daily, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0)
    other = forward_labels(daily.rows(0, 50), Reach.of_bars(2), FillPrice.NEXT_CLOSE, 0.0)

    for parts in ((), (one, one), (one, other)):
        with pytest.raises(InputError, match="each name once"):
            LabelSet(parts)

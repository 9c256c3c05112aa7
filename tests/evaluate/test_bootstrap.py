from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tidegate.core.randomness import generator
from tidegate.core.time import DAY, parse_instant
from tidegate.evaluate import WeekDraws, area_under_roc, average_precision, draw_weeks, week_numbers


def rows_of(count: int, weeks: int = 12, digits: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = generator(21, "weeks", count, weeks)
    week = np.sort(random.integers(0, weeks, size=count))
    score = np.round(random.normal(size=count), digits)
    outcome = (random.random(count) < 1.0 / (1.0 + np.exp(1.0 - score - 0.5 * np.sin(week)))).astype(np.float64)
    return score, outcome, week


def drawn_again(draw: np.ndarray, week: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(week)), draw[week].astype(np.int64))


def test_weeks_are_those_of_the_iso_calendar() -> None:
    days = [parse_instant(text) + DAY // 2 for text in ("2020-12-31", "2021-01-03", "2021-01-04", "1969-12-29")]
    times = np.array(days)

    assert np.diff(week_numbers(times[:3])).tolist() == [0, 1]
    assert week_numbers(times[3:])[0] == 0  # Monday of the week of 1970-01-01
    midnight_of_monday = np.array([parse_instant("2021-01-04")])
    assert week_numbers(midnight_of_monday)[0] == week_numbers(times[1:2])[0]


def test_weeks_are_drawn_with_replacement_and_as_many_as_there_are() -> None:
    draws = draw_weeks(14, seed=4)
    again, other = draw_weeks(14, seed=4), draw_weeks(14, seed=5)

    assert draws is not None
    assert again is not None
    assert other is not None
    assert (draws.counts.sum(axis=1) == 14.0).all()
    assert (draws.counts == 0.0).any()
    assert np.array_equal(draws.counts, again.counts)
    assert not np.array_equal(draws.counts, other.counts)


@pytest.mark.parametrize("weeks", [0, 1, 4, 9])
def test_fewer_than_10_weeks_have_no_interval(weeks: int) -> None:
    assert draw_weeks(weeks, seed=4) is None


def test_every_replicate_of_the_area_is_that_of_its_rows() -> None:
    """The quadratic form in the counts of weeks, against the area of the rows written out again."""
    score, outcome, week = rows_of(300, digits=1)
    outcome[5:15] = math.nan
    counts = generator(1, "counts").multinomial(12, np.full(12, 1 / 12), size=20).astype(np.float64)
    for draw in counts:
        rows = drawn_again(draw, week)
        rows = rows[~np.isnan(outcome[rows])]
        interval = WeekDraws(counts=draw[None]).of_area(score, outcome, week)

        assert interval == pytest.approx((roc_auc_score(outcome[rows], score[rows]),) * 2, abs=1e-12)


def test_every_replicate_of_the_average_precision_is_that_of_its_rows() -> None:
    score, outcome, week = rows_of(400, digits=2)
    outcome[5:15] = math.nan
    for draw in generator(2, "counts").multinomial(12, np.full(12, 1 / 12), size=20).astype(np.float64):
        rows = drawn_again(draw, week)
        rows = rows[~np.isnan(outcome[rows])]
        interval = WeekDraws(counts=draw[None]).of_average_precision(score, outcome, week)

        assert interval == pytest.approx((average_precision_score(outcome[rows], score[rows]),) * 2, abs=1e-12)


def test_many_distinct_scores_are_grouped_without_a_visible_difference() -> None:
    score, outcome, week = rows_of(30_000)
    for draw in generator(3, "counts").multinomial(12, np.full(12, 1 / 12), size=5).astype(np.float64):
        rows = drawn_again(draw, week)
        interval = WeekDraws(counts=draw[None]).of_average_precision(score, outcome, week)

        assert interval is not None
        assert interval[0] == pytest.approx(average_precision(score[rows], outcome[rows]), abs=5e-4)


def test_the_interval_of_independent_rows_is_as_wide_as_theory_says() -> None:
    """Weeks that share nothing: the spread must be near that of Hanley and McNeil 1982."""
    random = generator(4, "theory")
    outcome, week = (random.random(8000) < 0.3).astype(np.float64), np.repeat(np.arange(80), 100)
    score = random.normal(size=8000) + 0.5 * outcome
    draws, area = draw_weeks(80, seed=1), area_under_roc(score, outcome)
    assert draws is not None
    assert area is not None
    interval = draws.of_area(score, outcome, week)
    assert interval is not None
    hits, misses = outcome.sum(), (1.0 - outcome).sum()
    first, second = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    variance = area * (1 - area) + (hits - 1) * (first - area**2) + (misses - 1) * (second - area**2)
    width = 2 * 1.96 * math.sqrt(variance / (hits * misses))

    assert interval[0] < area < interval[1]
    assert interval[1] - interval[0] == pytest.approx(width, rel=0.2)


def test_what_a_week_shares_widens_the_interval() -> None:
    """Rows of one date move together: as many weeks as there are, and not as many rows, say how sure a rate is."""
    random = generator(5, "shared")
    shared = np.repeat(random.random(40), 50)
    alone = random.random(2000)
    draws = draw_weeks(40, seed=2)
    assert draws is not None
    widths = []
    for chance in (shared, alone):
        hits = (chance < 0.3).astype(np.float64).reshape(40, 50).sum(axis=1)
        interval = draws.of_ratio(hits, np.full(40, 50.0))
        assert interval is not None
        widths.append(interval[1] - interval[0])

    assert widths[0] > 4.0 * widths[1]


def test_draws_without_a_denominator_say_nothing() -> None:
    draws, week = draw_weeks(12, seed=3), np.arange(12)
    assert draws is not None
    assert draws.of_ratio(np.zeros(12), np.zeros(12)) is None
    assert draws.of_average_precision(np.arange(12.0), np.zeros(12), week) is None
    assert draws.of_area(np.arange(12.0), np.zeros(12), week) is None


@pytest.mark.parametrize(("weeks", "expected"), [(1, False), (3, False), (9, False), (10, True), (13, True)])
def test_it_is_the_weeks_of_the_denominator_that_count(weeks: int, expected: bool) -> None:
    """All calls in one week of thirteen had an interval without any width, and the report called it skill."""
    draws, hits, calls = draw_weeks(13, seed=3), np.zeros(13), np.zeros(13)
    assert draws is not None
    calls[:weeks], hits[:weeks] = 40.0, 26.0
    score, outcome = np.tile([1.0, 0.0], 13), np.tile([1.0, 0.0], 13)
    outcome[2 * weeks :: 2] = 0.0  # the later weeks have no hit

    assert (draws.of_ratio(hits, calls) is not None) is expected
    for interval in (draws.of_area, draws.of_average_precision):
        assert (interval(score, outcome, np.repeat(np.arange(13), 2)) is not None) is expected


def test_no_interval_chooses_among_the_draws() -> None:
    """Where too many draws have no denominator, those that do would be a choice."""
    calls = np.ones(12)
    some = np.vstack([np.ones((94, 12)), np.zeros((6, 12))])

    assert WeekDraws(counts=some).of_ratio(0.5 * calls, calls) is None
    assert WeekDraws(counts=some[:95]).of_ratio(0.5 * calls, calls) == (0.5, 0.5)


def test_an_interval_of_ten_weeks_holds_the_truth_about_as_often_as_it_says() -> None:
    """A weekly effect, calls in 10 of 13 weeks: by 6 weeks it would be in 87 of 100 cases."""
    draws = draw_weeks(13, seed=1)
    assert draws is not None
    held = []
    for number in range(400):
        random = generator(7, "coverage", number)
        hits, calls = np.zeros(13), np.zeros(13)
        calls[:10] = 40.0
        hits[:10] = random.binomial(40, np.clip(random.normal(0.4, 0.2, size=10), 0.02, 0.98))
        interval = draws.of_ratio(hits, calls)
        assert interval is not None
        held.append(interval[0] <= 0.4 <= interval[1])

    assert np.mean(held) > 0.89

"""Ranking at each decision: the best of a full sort, from one whole row that is young enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import read_only
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.units import FloatArray, Mask
from tidegate.strategy.ranking import RankingRule, rank_decisions
from tidegate.strategy.seam import Ranking

NAN, INF = float("nan"), float("inf")
PLAIN = RankingRule(delay=0, maximum_age=10, smoothing=0.0, carry=False, minimum=-np.inf, needs_mean=False)


def ranked(
    score: Any,
    rows: list[int],
    rule: RankingRule = PLAIN,
    kept: int = 3,
    *,
    traded: Mask | None = None,
    member: Mask | None = None,
    candidate: Mask | None = None,
) -> Ranking:
    """Rank; where nothing else is said everything trades, belongs and may be chosen."""
    values = np.array(score, dtype=np.float64)
    return rank_decisions(  # read-only, as a backtest hands them on: writable ones are compiled for once more
        read_only(values),
        read_only(np.ones(values.shape, dtype=np.bool_) if traded is None else traded),
        read_only(np.zeros((0, 0), dtype=np.bool_) if member is None else member),
        read_only(np.ones(values.shape[1], dtype=np.bool_) if candidate is None else candidate),
        np.array(rows, dtype=np.int64),
        rule,
        kept,
    )


def places_of(ranking: Ranking, decision: int = 0) -> list[int]:
    return ranking.place[decision, : ranking.count[decision]].tolist()


def sorted_wholly(values: FloatArray, allowed: Mask) -> list[int]:
    """Return the allowed places with finite scores by descending score, ties by place."""
    return sorted(np.flatnonzero(np.isfinite(values) & allowed).tolist(), key=lambda place: (-values[place], place))


@given(
    seed=st.integers(0, 10**6),
    names=st.sampled_from([1, 7, 40, 400]),
    kept=st.sampled_from([1, 3, 30, 256, 257, 390]),
)
def test_the_best_are_those_of_a_full_sort(seed: int, names: int, kept: int) -> None:
    """Rules 8 and 15: ties by symbol, gaps, infinities and masks; up to 256 names by insertion, above by sorting."""
    random = np.random.default_rng(seed)
    score = np.round(random.normal(size=(3, names)), 1)  # with ties
    score[random.random(score.shape) < 0.1] = NAN
    score[random.random(score.shape) < 0.02] = INF
    score[random.random(score.shape) < 0.02] = -INF
    score[:, 0] = 0.0  # so that each row has a score
    traded, member = random.random((2, *score.shape)) < 0.9
    candidate = random.random(names) < 0.9
    ranking = ranked(score, [0, 1, 2], kept=kept, traded=traded, member=member, candidate=candidate)

    for row in range(3):
        expected = sorted_wholly(score[row], traded[row] & member[row] & candidate)[:kept]
        assert places_of(ranking, row) == expected
        assert ranking.score[row, : len(expected)].tolist() == score[row, expected].tolist()


@pytest.mark.parametrize("kept", [3, 300])
def test_rule_8_ties_go_by_symbol(kept: int) -> None:
    """Rule 8: of 400 equals the first are taken, on both paths; the best of all is not lost among them."""
    score = np.ones((1, 400))
    score[0, 399] = 2.0
    assert places_of(ranked(score, [0], kept=kept)) == [399, *range(kept - 1)]


def test_rule_15_infinities_and_gaps_rank_nobody() -> None:
    """Rule 15, equity I 5: neither +inf first nor -inf last."""
    assert places_of(ranked([[INF, 1.0, NAN, 2.0, -INF]], [0], kept=5)) == [3, 1]


def test_rule_15_a_row_of_infinities_is_no_row() -> None:
    """Rule 15: the newest row with a finite score is read, and no row is mixed with another."""
    ranking = ranked([[1.0, 2.0], [NAN, NAN], [INF, NAN], [NAN, 5.0]], [1, 2, 3])

    assert [places_of(ranking, row) for row in range(3)] == [[1, 0], [1, 0], [1]]


@pytest.mark.parametrize(
    ("delay", "age", "expected"),
    [(0, 1, [1, 1, -1, -1, -1]), (0, 2, [1, 1, 1, -1, -1]), (1, 2, [-1, 1, 1, -1, -1]), (3, 2, [-1, -1, -1, -1, -1])],
)
def test_rule_15_delay_and_age_are_counted_from_the_close_of_the_decision(
    delay: int, age: int, expected: list[int]
) -> None:
    """Rule 15: row 0 alone has a score; decided at row d it is d old, and unread until d is the delay."""
    rule = RankingRule(delay=delay, maximum_age=age, smoothing=0.0, carry=False, minimum=-INF, needs_mean=False)
    assert ranked([[1.0], *[[NAN]] * 4], [0, 1, 2, 3, 4], rule).count.tolist() == expected


def test_h_13_without_a_limit_a_score_never_ages() -> None:
    """Equity H 13: the switch sets no limit on the age."""
    forever = StrategySettings(max_score_age_bars=1, legacy=LegacySettings(score_age_unlimited=True))
    score = [[1.0], *[[NAN]] * 50]

    assert ranked(score, [50], RankingRule.of(forever)).count.tolist() == [1]
    assert ranked(score, [50], RankingRule.of(StrategySettings(max_score_age_bars=1))).count.tolist() == [-1]


def test_nobody_eligible_is_told_from_a_stale_row() -> None:
    """Rule 15: an empty selection is 0 names, and stale scores are -1."""
    nobody = np.zeros((1, 2), dtype=np.bool_)
    assert ranked([[1.0, 2.0]], [0], traded=nobody).count.tolist() == [0]
    assert ranked([[NAN, NAN]], [0]).count.tolist() == [-1]


def smoothed_of(carry: bool, rows: list[int]) -> list[list[float]]:
    """Return the smoothed scores, with a half of the new one, in order of places."""
    rule = RankingRule(delay=0, maximum_age=1, smoothing=0.5, carry=carry, minimum=-INF, needs_mean=False)
    ranking = ranked([[4.0, 1.0], [2.0, NAN], [NAN, 3.0], [0.0, 3.0]], rows, rule)
    found = []
    for decision in range(len(rows)):
        by_place = dict(zip(places_of(ranking, decision), ranking.score[decision].tolist(), strict=False))
        found.append([by_place.get(place, NAN) for place in range(2)])
    return found


def test_a_14_smoothing_halves_the_way() -> None:
    """A.14: the first score counts as it is; without carry who is absent leaves, and begins anew."""
    np.testing.assert_equal(smoothed_of(False, [0, 1, 2, 3]), [[4.0, 1.0], [3.0, NAN], [NAN, 3.0], [0.0, 3.0]])


def test_a_14_carry_keeps_the_absent() -> None:
    """A.14: with carry the old smoothed score stays ranked, and is smoothed on."""
    np.testing.assert_equal(smoothed_of(True, [0, 1, 2, 3]), [[4.0, 1.0], [3.0, 1.0], [3.0, 2.0], [1.5, 2.5]])


def test_a_14_smoothing_steps_once_per_decision() -> None:
    """A.14: rows between decisions are not seen."""
    np.testing.assert_equal(smoothed_of(True, [0, 3]), [[4.0, 1.0], [2.0, 2.0]])


def test_what_cannot_trade_is_smoothed_all_the_same() -> None:
    """A.14: smoothing is of scores; who may be chosen is asked afterwards."""
    traded = np.array([[True, True], [False, True], [True, True]])
    rule = RankingRule(delay=0, maximum_age=5, smoothing=0.5, carry=False, minimum=-INF, needs_mean=False)
    ranking = ranked([[8.0, 1.0], [4.0, 1.0], [2.0, 1.0]], [0, 1, 2], rule, traded=traded)

    assert [places_of(ranking, decision) for decision in range(3)] == [[0, 1], [1], [0, 1]]
    assert ranking.score[2, 0] == 4.0  # (8 + 4) / 2 = 6, (6 + 2) / 2


def test_rule_9_the_mean_is_of_all_that_are_eligible() -> None:
    """Rule 9: of every name at the floor or above, not of the kept ones; none is not a number."""
    rule = RankingRule(delay=0, maximum_age=1, smoothing=0.0, carry=False, minimum=2.0, needs_mean=True)
    ranking = ranked([[1.0, 2.0, 3.0, 7.0], [1.0, 1.0, 1.0, NAN]], [0, 1], rule, kept=1)

    assert places_of(ranking) == [3]
    np.testing.assert_equal(ranking.mean, [4.0, NAN])


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ({"top_n": 3}, {"top_n": 9, "max_weight": 0.1}, True),
        ({"minimum_score": 0.0}, {"minimum_score": 1.0}, True),
        ({"minimum_score": 0.0, "weighting": "zscore"}, {"minimum_score": 1.0, "weighting": "zscore"}, False),
        ({"score_smoothing": 0.1}, {"score_smoothing": 0.2}, False),
        ({"score_delay_bars": 1}, {"score_delay_bars": 2}, False),
    ],
)
def test_sets_that_read_scores_alike_share_a_ranking(one: dict[str, Any], other: dict[str, Any], shared: bool) -> None:
    """Scores are ranked once for all parameter sets that differ in nothing that a ranking depends on."""
    rules = [RankingRule.of(StrategySettings.model_validate(changes)) for changes in (one, other)]
    assert (rules[0] == rules[1]) is shared


def test_only_the_z_score_needs_the_mean() -> None:
    needs = [RankingRule.of(StrategySettings(weighting=one)).needs_mean for one in Weighting]
    assert needs == [one is Weighting.ZSCORE for one in Weighting]

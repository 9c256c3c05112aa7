from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.recipe import StrategySettings, Weighting
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray
from tidegate.strategy import BookState, buy_and_hold, equal_weight, opens_new_week, rotation
from tidegate.strategy.selection import choose, rank_eligible
from tidegate.strategy.weights import raw_weights, water_fill

NAN = float("nan")
NAMES = ("A", "B", "C", "D")


def view(
    scores: list[list[float]],
    *,
    close: list[float] | None = None,
    volume: list[float] | None = None,
    member: list[float] | None = None,
) -> PastView:
    rows = len(scores)
    columns: dict[str, FloatArray] = {"score": np.array(scores), "close": np.full((rows, 4), 10.0)}
    if close is not None:
        columns["close"][-1] = close
    if volume is not None:
        columns["volume"] = np.tile(volume, (rows, 1)).astype(float)
    if member is not None:
        columns["member"] = np.tile(member, (rows, 1)).astype(float)
    panel = Panel(np.arange(1, rows + 1) * DAY, NAMES, columns)
    return PastView(panel, Instant(rows * DAY))


def book(*weights: float) -> BookState:
    return BookState(np.array(weights, dtype=float))


CASH = book(0, 0, 0, 0)


def weights_of(settings: StrategySettings, state: BookState, past: PastView) -> list[float]:
    decision = rotation(settings)(state, past)
    assert decision.weights is not None
    return [round(float(weight), 12) for weight in decision.weights]


def test_the_best_scores_share_the_exposure() -> None:
    settings = StrategySettings(top_n=2, max_exposure=0.8)
    assert weights_of(settings, CASH, view([[1, 4, 3, 2]])) == [0, 0.4, 0.4, 0]


def test_ties_go_by_symbol() -> None:
    assert weights_of(StrategySettings(top_n=2), CASH, view([[1, 1, 1, 1]])) == [0.5, 0.5, 0, 0]


def test_a_held_name_stays_within_the_band_and_leaves_beyond_it() -> None:
    scores = view([[4, 3, 2, 1]])
    inside = StrategySettings(top_n=2, retain_top_n=1)
    assert weights_of(inside, book(0, 0, 1, 0), scores) == [0.5, 0, 0.5, 0]
    assert weights_of(inside, book(0, 0, 0, 1), scores) == [0.5, 0.5, 0, 0]


def test_more_held_names_than_places_keep_the_best() -> None:
    """H.13: an earlier platform kept them in alphabetical order."""
    settings = StrategySettings(top_n=2, retain_top_n=2)
    assert weights_of(settings, book(0.25, 0.25, 0.25, 0.25), view([[1, 2, 3, 4]])) == [0, 0, 0.5, 0.5]


def test_a_held_name_must_meet_the_minimum_score_too() -> None:
    settings = StrategySettings(top_n=2, retain_top_n=2, minimum_score=2.5)
    assert weights_of(settings, book(1, 0, 0, 0), view([[2, 3, 4, 1]])) == [0, 0.5, 0.5, 0]


def test_a_held_name_without_a_score_is_sold() -> None:
    assert weights_of(StrategySettings(top_n=2), book(1, 0, 0, 0), view([[NAN, 3, 4, 1]])) == [0, 0.5, 0.5, 0]


def test_a_suspended_holding_keeps_its_weight_and_uses_exposure() -> None:
    past = view([[4, 3, 2, 1]], close=[NAN, 10, 10, 10])
    decision = rotation(StrategySettings(top_n=2))(book(0.4, 0, 0, 0), past)
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0.4, 0.3, 0.3, 0])
    assert decision.keep.tolist() == [True, False, False, False]


def test_a_name_without_volume_is_not_bought() -> None:
    assert weights_of(StrategySettings(top_n=1), CASH, view([[4, 3, 2, 1]], volume=[0, 1, 1, 1])) == [0, 1, 0, 0]


def test_a_name_outside_the_universe_is_not_bought() -> None:
    assert weights_of(StrategySettings(top_n=2), CASH, view([[4, 3, 2, 1]], member=[0, 1, 0, 1])) == [0, 0.5, 0, 0.5]


def test_a_holding_that_left_the_universe_is_sold_and_the_order_says_why() -> None:
    past = view([[4, 3, 2, 1]], member=[0, 1, 1, 1])
    decision = rotation(StrategySettings(top_n=2, retain_top_n=2))(book(0.5, 0.5, 0, 0), past)
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0, 0.5, 0.5, 0])
    assert [decision.reason_of(place) for place in range(3)] == ["not a member", "top scores", "top scores"]


def test_a_holding_that_left_and_does_not_trade_waits() -> None:
    past = view([[4, 3, 2, 1]], close=[NAN, 10, 10, 10], member=[0, 1, 1, 1])
    decision = rotation(StrategySettings(top_n=1))(book(0.4, 0, 0, 0), past)
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0.4, 0.6, 0, 0])
    assert decision.keep.tolist() == [True, False, False, False]
    assert decision.reason_of(0) == "top scores"


def test_without_fresh_scores_only_what_left_the_universe_is_sold() -> None:
    old = [[4.0, 3, 2, 1], *[[NAN] * 4] * 3]
    settings = StrategySettings(max_score_age_bars=2)
    decision = rotation(settings)(book(0.3, 0.3, 0, 0), view(old, member=[0, 1, 1, 1]))
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0, 0.3, 0, 0])
    assert decision.keep.tolist() == [False, True, False, False]
    assert rotation(settings)(book(0, 0.3, 0, 0), view(old, member=[0, 1, 1, 1])).weights is None


def test_the_equal_weight_benchmark_holds_members_alone() -> None:
    decision = equal_weight(book(0.5, 0, 0, 0), view([[NAN] * 4], member=[0, 1, 1, 0]))
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0, 0.5, 0.5, 0])
    assert decision.reason_of(0) == "not a member"


def test_stale_scores_hold_the_book() -> None:
    """A.13: an earlier platform used the last cross-section for ever."""
    old = [[4.0, 3, 2, 1], *[[NAN] * 4] * 3]
    fresh = rotation(StrategySettings(max_score_age_bars=3))(CASH, view(old))
    stale = rotation(StrategySettings(max_score_age_bars=2))(CASH, view(old))
    assert fresh.weights is not None
    assert stale.weights is None
    assert "hold" in stale.reason


def test_rows_of_scores_are_never_mixed() -> None:
    assert weights_of(StrategySettings(top_n=1), CASH, view([[9, 1, 1, 1], [NAN, 1, 2, 1]])) == [0, 0, 1, 0]


def test_an_empty_selection_sells() -> None:
    settings = StrategySettings(minimum_score=100.0)
    assert weights_of(settings, book(1, 0, 0, 0), view([[4, 3, 2, 1]])) == [0, 0, 0, 0]


def test_equal_weight_and_buy_and_hold() -> None:
    past = view([[NAN] * 4], close=[10, 10, NAN, 10])
    first = equal_weight(CASH, past).weights
    assert first is not None
    np.testing.assert_allclose(first, [1 / 3, 1 / 3, 0, 1 / 3])
    assert buy_and_hold(CASH, past).weights is not None
    assert buy_and_hold(book(0.2, 0.3, 0.5, 0), past).weights is None


def test_the_decision_does_not_know_the_future() -> None:
    """Whatever stands in later rows, the decision at the cut stays the same to the bit."""
    scores = np.array([[1.0, 4, 3, 2], [4, 3, 2, 1]])
    close = np.full((2, 4), 10.0)
    decide = rotation(StrategySettings(top_n=2))
    decisions = []
    for garbage in (0.0, -1e9, NAN):
        later = np.vstack([scores[:1], np.full((1, 4), garbage)])
        prices = np.vstack([close[:1], np.full((1, 4), garbage)])
        panel = Panel(np.array([DAY, 2 * DAY]), NAMES, {"score": later, "close": prices})
        decisions.append(decide(CASH, PastView(panel, Instant(DAY))).weights)
    for decided in decisions:
        assert decided is not None
        np.testing.assert_array_equal(decided, [0, 0.5, 0.5, 0])


raws = st.lists(st.floats(0.0, 1e6, allow_nan=False), min_size=1, max_size=40)


@given(raw=raws, budget=st.floats(0.0, 1.0), cap=st.floats(0.01, 1.0))
def test_the_cap_is_never_broken(raw: list[float], budget: float, cap: float) -> None:
    """I.2 and A.16: normalising after capping lifted every name above the cap."""
    values = np.array(raw)
    weights = water_fill(values, budget, cap)
    assert (weights <= cap + 1e-12).all()
    assert weights.sum() <= budget + 1e-9
    assert (weights[values == 0.0] == 0.0).all()
    takers = int((values > 0.0).sum())
    if takers and cap * takers >= budget:
        assert weights.sum() == pytest.approx(budget, abs=1e-9)


def test_thirty_names_under_a_cap_below_one_thirtieth_leave_cash() -> None:
    for cap in (0.022, 0.026, 0.028, 0.030, 0.033):
        weights = water_fill(np.arange(1.0, 31.0), 1.0, cap)
        np.testing.assert_allclose(weights, cap)


def test_weightings() -> None:
    scores = np.array([3.0, 1.0, -1.0])
    assert raw_weights(scores, Weighting.EQUAL, 0.0).tolist() == [1, 1, 1]
    assert raw_weights(scores, Weighting.RANK, 0.0).tolist() == [3, 2, 1]
    assert raw_weights(scores, Weighting.SCORE, 0.0).tolist() == [3, 1, 0]
    assert raw_weights(-scores[:2], Weighting.SCORE, 0.0).tolist() == [1, 1]


@given(st.lists(st.floats(-5, 5) | st.just(NAN), min_size=1, max_size=30), st.integers(1, 10), st.integers(0, 10))
def test_selection_is_small_unique_and_eligible(values: list[float], top_n: int, band: int) -> None:
    scores = np.array(values)
    tradable = np.arange(len(scores)) % 3 != 0
    order = rank_eligible(scores, tradable, None)
    chosen = choose(order, np.arange(len(scores)) % 2 == 0, top_n, band)
    assert len(set(chosen.tolist())) == len(chosen) == min(top_n, len(order))
    assert np.isfinite(scores[chosen]).all()
    assert tradable[chosen].all()


def test_the_week_opens_at_its_first_session_whatever_day_that_is() -> None:
    """I.5: a Monday holiday moves the rebalance to Tuesday instead of skipping the week."""
    day = 86_400_000_000
    monday = 19_723 * day + 75_600_000_000  # 2024-01-01 21:00 UTC, a holiday of the exchange
    tuesday_to_friday = [monday + k * day for k in (1, 2, 3, 4)]
    next_tuesday = monday + 8 * day
    assert opens_new_week(np.array([*tuesday_to_friday, next_tuesday])).tolist() == [False] * 4 + [True]


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_before() -> None:
    midnight_into_monday = 19_723 * DAY
    times = np.array([midnight_into_monday - DAY, midnight_into_monday, midnight_into_monday + DAY])
    assert opens_new_week(times).tolist() == [False, False, True]

from __future__ import annotations

import numpy as np

from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray
from tidegate.strategy import BookState, buy_and_hold, equal_weight

NAN = float("nan")
NAMES = ("A", "B", "C", "D")


def view(
    *, close: list[float] | None = None, volume: list[float] | None = None, member: list[float] | None = None
) -> PastView:
    columns: dict[str, FloatArray] = {"close": np.array([close or [10.0] * 4])}
    if volume is not None:
        columns["volume"] = np.array([volume])
    if member is not None:
        columns["member"] = np.array([member])
    return PastView(Panel(np.array([DAY]), NAMES, columns), Instant(DAY))


def book(*weights: float) -> BookState:
    return BookState(np.array(weights, dtype=float))


CASH = book(0, 0, 0, 0)


def test_equal_weight_and_buy_and_hold() -> None:
    past = view(close=[10, 10, NAN, 10])
    first = equal_weight(CASH, past).weights
    assert first is not None
    np.testing.assert_allclose(first, [1 / 3, 1 / 3, 0, 1 / 3])
    assert buy_and_hold(CASH, past).weights is not None
    assert buy_and_hold(book(0.2, 0.3, 0.5, 0), past).weights is None


def test_what_has_no_volume_is_not_bought() -> None:
    weights = equal_weight(CASH, view(volume=[0, 1, 1, 0])).weights
    assert weights is not None
    np.testing.assert_allclose(weights, [0, 0.5, 0.5, 0])


def test_a_suspended_holding_keeps_its_weight() -> None:
    decision = equal_weight(book(0.4, 0, 0, 0), view(close=[NAN, 10, 10, 10]))
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0.4, 0.2, 0.2, 0.2])
    assert decision.keep.tolist() == [True, False, False, False]


def test_the_equal_weight_benchmark_holds_members_alone() -> None:
    decision = equal_weight(book(0.5, 0, 0, 0), view(member=[0, 1, 1, 0]))
    assert decision.weights is not None
    np.testing.assert_allclose(decision.weights, [0, 0.5, 0.5, 0])
    assert decision.reason_of(0) == "not a member"

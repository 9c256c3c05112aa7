from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from tidegate.core.errors import LookAheadError
from tidegate.core.orders import Decision, Fill
from tidegate.core.time import Instant
from tidegate.core.units import Money, Price, Quantity

SOLD = Fill(
    decided_at=Instant(10),
    at=Instant(11),
    symbol="A",
    quantity=Quantity(-3.0),
    price=Price(20.0),
    commission=Money(1.0),
    half_spread=Money(0.5),
    impact=Money(0.25),
    stamp_tax=Money(0.125),
)


def test_a_fill_adds_up() -> None:
    assert SOLD.notional == -60.0
    assert SOLD.cost == 1.875


@pytest.mark.parametrize("at", [10, 9])
def test_a_fill_at_or_before_its_decision_is_look_ahead(at: int) -> None:
    with pytest.raises(LookAheadError, match=r"A: a fill at .* expected fills strictly after"):
        replace(SOLD, at=Instant(at))


def test_values_are_frozen() -> None:
    decision = Decision(at=Instant(1), weights=None, keep=np.array([True]), reason="hold")

    with pytest.raises(FrozenInstanceError):
        decision.reason = "regret"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        SOLD.at = Instant(1)  # type: ignore[misc]

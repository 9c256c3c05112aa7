"""A gate asks the mean and the worst symbol."""

from __future__ import annotations

import pytest

from tidegate.core.time import Instant
from tidegate.data.readiness import Gate, MemberCoverage, ReasonCode
from tidegate.data.readiness.gates import Measure, judge


def judged(
    *present: int, of: int = 10_000, measure: Measure = "coverage", least: float = 0.9, share: float = 1.0
) -> Gate:
    members = [
        MemberCoverage(f"S{place}", Instant(0), Instant(1), of, one, one, ()) for place, one in enumerate(present)
    ]
    return judge("bars", "bars", members, measure=measure, least=least, symbol_fraction=share)


@pytest.mark.parametrize(("present", "passed"), [(9_000, True), (8_999, False), (10_000, True)])
def test_the_boundary_is_exact(present: int, passed: bool) -> None:
    assert judged(present).passed is passed
    assert judged(*[present] * 7).passed is passed, "a mean of equal shares is that share"


def test_one_empty_symbol_fails_however_good_the_mean() -> None:
    """D-22: the average over symbols hid an empty coin."""
    gate = judged(*[10_000] * 99, 0)

    assert gate.mean == pytest.approx(0.99)
    assert not gate.passed
    assert [reason.code for reason in gate.reasons] == [ReasonCode.BELOW]
    assert str(gate.reasons[0]) == "1 of 100 below 90.00%, the worst S99 with 0.00%"


def test_the_mean_is_asked_too_where_the_worst_may_be_lower() -> None:
    assert judged(10_000, 8_000, share=0.8).passed
    low = judged(8_500, 8_500, share=0.8)
    assert [str(reason) for reason in low.reasons] == ["mean 85.00% below 90.00%"]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.001])
def test_an_empty_symbol_fails_whatever_the_worst_may_be(share: float) -> None:
    assert not judged(10_000, 0, share=share).passed


def test_counts_are_judged_by_number() -> None:
    assert judged(20, 20, measure="count", least=20).passed
    assert [str(one) for one in judged(20, 19, measure="count", least=20).reasons] == [
        "1 of 2 below 20, the worst S1 with 19",
        "mean 19.50 below 20",
    ]


def test_no_symbol_is_no_pass() -> None:
    assert [reason.code for reason in judged().reasons] == [ReasonCode.NO_SYMBOL]


def test_a_gate_is_plain_values() -> None:
    document = judged(1).as_dict()

    assert document["passed"] is False
    assert document["worst"] == "S0"
    assert document["reasons"] == ["1 of 1 below 90.00%, the worst S0 with 0.01%", "mean 0.01% below 90.00%"]

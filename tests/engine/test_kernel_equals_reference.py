"""The compiled kernel and the plain reference do the same on random markets, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_kernel import kernel_backtest
from rotation_random import SYMBOLS, Case, random_case
from tidegate.core.recipe_strategy import LegacySettings, Weighting
from tidegate.core.units import FloatArray
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.reference import ReferenceRun, reference_backtest
from tidegate.strategy.reference import PlainDecision

EXHAUSTIVE_SEEDS = 3_000


def by_kernel(case: Case) -> ReferenceRun:
    return kernel_backtest(case.market, case.settings, case.costs, **case.arguments())


def by_reference(case: Case) -> ReferenceRun:
    return reference_backtest(case.market, case.settings, case.costs, **case.arguments())


def comparable(decisions: list[PlainDecision]) -> list[PlainDecision]:
    """Return decisions without their reasons, which each engine words for itself.

    A decision to hold keeps everything, so that what it lists as kept says nothing.
    """
    return [one._replace(reason="", kept=one.kept if one.action == "trade" else set()) for one in decisions]


def differences(one: ReferenceRun, other: ReferenceRun) -> list[str]:
    """Return the names of what differs between two runs, by any bit."""
    pairs: dict[str, tuple[Any, Any]] = {
        "equity": (one.equity, other.equity),
        "cash": (one.cash, other.cash),
        "orders": (one.orders, other.orders),
        "fills": (one.fills, other.fills),
        "decisions": (comparable(one.decisions), comparable(other.decisions)),
        "counts": (dict(one.counts), dict(other.counts)),
        "shares": (one.shares, other.shares),
    }
    return [name for name, (left, right) in pairs.items() if left != right]


@settings(max_examples=150)
@given(seed=st.integers(0, 10**9))
def test_the_kernel_equals_the_reference_to_the_bit(seed: int) -> None:
    """Equity, cash, orders, fills, targets, what bound, counts and shares; every rule and every legacy switch."""
    case = random_case(seed)

    assert differences(by_reference(case), by_kernel(case)) == []


@settings(max_examples=10)
@given(seed=st.integers(0, 10**9), rows=st.sampled_from([2, 3, 300]))
def test_short_and_long_markets_are_no_exception(seed: int, rows: int) -> None:
    """Rule 5: 300 sessions turn the ring of 252 equities over."""
    if rows < 10:  # the random market ends some stocks after five sessions
        whole = random_case(seed)
        case = replace(whole, market=whole.market.until(rows), rebalances=whole.rebalances[:rows])
    else:
        case = random_case(seed, rows)

    assert differences(by_reference(case), by_kernel(case)) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("hundred", range(EXHAUSTIVE_SEEDS // 100))
def test_the_kernel_equals_the_reference_on_thousands_of_markets(hundred: int) -> None:
    """The same on seeds 0 to 2,999; each failure names its seed."""
    found = {}
    for seed in range(100 * hundred, 100 * hundred + 100):
        case = random_case(seed)
        if differ := differences(by_reference(case), by_kernel(case)):
            found[seed] = differ

    assert found == {}


def with_one_bit_turned(values: FloatArray, row: int, place: int, bit: int = 0) -> FloatArray:
    """Return a copy in which one bit of one number is the other one, the last where none is named."""
    changed = values.copy()
    changed.view(np.int64)[row, place] ^= 1 << bit
    return changed


def plain_case() -> Case:
    """Return a case that trades every week, weighs by score, and meets none of the rarer rules."""
    case = random_case(7)
    chosen = case.settings.model_validate(
        {
            "top_n": 3,
            "weighting": Weighting.SCORE,
            "max_turnover": 0.3,
            "max_score_age_bars": 10,
            "legacy": LegacySettings(),
        }
    )
    scores = np.abs(case.market.score) + 0.5
    market = replace(case.market, score=scores, interest=np.full(60, 1e-4), lot=np.zeros(len(SYMBOLS)))
    rebalances = np.arange(60) % 5 == 0
    return Case(market, chosen, CostModel(commission_bps=10), FillRules(), rebalances)


def of_fill(case: Case, run: ReferenceRun) -> Case:
    fill = run.fills[0]
    return replace(case, market=replace(case.market, fill=with_one_bit_turned(case.market.fill, fill.row, fill.place)))


def of_mark(case: Case, run: ReferenceRun) -> Case:
    fill = run.fills[0]  # what was bought there is held at the close
    return replace(case, market=replace(case.market, mark=with_one_bit_turned(case.market.mark, fill.row, fill.place)))


def of_score(case: Case, run: ReferenceRun) -> Case:
    """Turn a bit in the newest row of scores that the first buying decision read, of the first name it bought."""
    first = next(one for one in run.decisions if one.targets)
    known = np.isfinite(case.market.score[: first.decided_row + 1]).any(axis=1)
    row = int(np.flatnonzero(known)[-1])
    place = next(iter(first.targets or {}))
    # The last bits of a score are rounded away where it is divided by the sum of all.
    return replace(case, market=replace(case.market, score=with_one_bit_turned(case.market.score, row, place, bit=10)))


def of_interest(case: Case, run: ReferenceRun) -> Case:
    row = run.fills[0].row
    # So are those of interest, which is added to cash.
    interest = with_one_bit_turned(case.market.interest[:, None], row, 0, bit=30)[:, 0]
    return replace(case, market=replace(case.market, interest=interest))


@pytest.mark.parametrize(
    ("spoil", "seen"),
    [(of_fill, "fills"), (of_mark, "equity"), (of_score, "decisions"), (of_interest, "cash")],
    ids=["fill price", "mark", "score", "interest"],
)
def test_one_bit_of_the_input_is_noticed(spoil: Callable[[Case, ReferenceRun], Case], seen: str) -> None:
    """A comparison that no mistake could fail would prove nothing."""
    case = plain_case()
    plain = by_reference(case)

    found = differences(plain, by_kernel(spoil(case, plain)))

    assert differences(plain, by_kernel(case)) == []
    assert seen in found

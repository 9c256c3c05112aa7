"""The guard of 52 weeks, its ring of 252 closes, and recovery: what the rules' own tests do not reach."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from rotation_markets import ENGINES, binding_of, market_of, run_rotation, trades_by_symbol
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.engine.reference import ReferenceRun

Run = Callable[..., ReferenceRun]


@pytest.fixture(params=sorted(ENGINES))
def run(request: pytest.FixtureRequest) -> Run:
    return partial(run_rotation, engine=request.param)


def forgotten_peak(sessions: int) -> list[float]:
    """Return closes that reach 120 at row 5, fall to 110, stay there for some sessions, and end at 105."""
    return [100.0] * 5 + [120.0] + [110.0] * sessions + [105.0] * 3


@pytest.mark.parametrize(("sessions", "fires"), [(250, True), (251, False)])
def test_a_6_the_highest_of_252_closes_is_forgotten_after_them(run: Run, sessions: int, fires: bool) -> None:
    """A.6, rule 5: 105 is 12.5 % below 120 and 4.5 % below 110; the ring holds 252 closes, that of today included.

    The close at 105 is at row 6 + sessions; row 5 is among its last 252 closes up to row 256.
    """
    closes = forgotten_peak(sessions)
    result = run(market_of({"A": closes}, {"A": 1}), StrategySettings(top_n=1, max_drawdown_52w=0.10))

    last = len(closes) - 3
    assert (last <= 5 + 251) is fires
    assert ("guard" in binding_of(result, last)) is fires
    assert "guard" not in binding_of(result, last - 1)


def test_a_6_the_highest_of_all_is_never_forgotten(run: Run) -> None:
    """A.6: the guard of all closes remembers 120 for ever."""
    closes = forgotten_peak(400)
    result = run(market_of({"A": closes}, {"A": 1}), StrategySettings(top_n=1, max_drawdown=0.10))

    assert "guard" in binding_of(result, len(closes) - 3)


FALLEN = {"A": [100.0, 100.0, *[80.0] * 8, 76.0, 66.0, 66.0]}
"""A fifth lower at row 2; then 5 %, then 17.5 % below that."""


def test_rule_5_a_time_out_empties_the_ring(run: Run) -> None:
    """Rule 5: 800 is the new highest of 52 weeks too, so that 5 % lower is no reason and 17.5 % lower is one."""
    market = market_of(FALLEN, {"A": 1}, fills={"A": [100, 100, 100, *FALLEN["A"][3:]]})
    result = run(market, StrategySettings(top_n=1, max_drawdown_52w=0.15, guard_sessions=3))

    locked = [one.decided_row for one in result.decisions if "guard" in one.binding]
    assert locked == [2, 3, 4, 11]
    assert [(row, quantity) for row, _, quantity, _ in trades_by_symbol(result, market)] == [
        *[(1, 10), (3, -10), (6, 10), (12, -10)]
    ]


HEALING = {
    "A": [100.0, *[80.0] * 8],
    "GLD": [100.0, 100.0, 100.0, 106.0, 108.0, 108.4, 109.0, 109.0, 109.0],
}
"""Half of the book loses a fifth; gold then heals it from 900 to 927, 936, 937.8 and 940.5."""


@pytest.mark.parametrize(("ratio", "opens_at"), [(0.9, 3), (0.65, 4), (0.62, 6), (0.5, None)])
def test_a_7_recovery_is_a_part_of_the_limit(run: Run, ratio: float, opens_at: int | None) -> None:
    """A.7: a limit of 9.99 % at a ratio of 0.9 opens at 8.99 %; drawdowns are 7.3, 6.4, 6.22 and 5.95 %."""
    market = market_of(HEALING, {"A": 1}, not_chosen=["GLD"], fills={"A": [100, 100, *[80] * 7]})
    settings = StrategySettings(
        top_n=1,
        max_exposure=0.5,
        max_drawdown=0.0999,
        drawdown_recovery_ratio=ratio,
        guard_reentry="recovery",
        risk_off="defensive",
        defensives=("GLD",),
    )
    result = run(market, settings, rebalances=[1, *range(2, 9)])
    locked = [one.decided_row for one in result.decisions if "guard" in one.binding]

    assert result.equity[1:3] == [900.0, 900.0]
    assert result.equity[3] == pytest.approx(927)
    assert locked == list(range(1, 8 if opens_at is None else opens_at))


def test_a_7_both_limits_must_have_recovered(run: Run) -> None:
    """A.7: within 0.9 of one limit and not of the other, the guard stays locked."""
    market = market_of(HEALING, {"A": 1}, not_chosen=["GLD"], fills={"A": [100, 100, *[80] * 7]})
    settings = StrategySettings(
        top_n=1,
        max_exposure=0.5,
        max_drawdown=0.0999,
        max_drawdown_52w=0.06,
        guard_reentry="recovery",
        risk_off="defensive",
        defensives=("GLD",),
    )
    result = run(market, settings)

    assert [one.decided_row for one in result.decisions if "guard" in one.binding] == list(range(1, 8))


def test_a_7_a_guard_that_is_off_never_locks(run: Run) -> None:
    """A.7: a limit of 0 is none."""
    market = market_of(FALLEN, {"A": 1})
    assert run(market, StrategySettings(top_n=1)).counts["guard"] == 0

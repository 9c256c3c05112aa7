from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.evaluate import staggered_trades


def overlapping(bars: int, horizon: int, drift: float = 0.001) -> tuple[np.ndarray, np.ndarray]:
    """Return moves by bar of one symbol, and what a trade of ``horizon`` bars from each bar on earned."""
    moves = drift + 0.01 * generator(41, "moves").normal(size=bars + horizon)
    return moves[:bars], np.array([moves[bar : bar + horizon].sum() for bar in range(bars)])


@pytest.mark.parametrize("horizon", [1, 5, 12])
def test_overlapping_trades_earn_what_holding_earns_and_not_more(horizon: int) -> None:
    """Crypto 19.4 and D-38: a forecast over 12 bars acted on at every bar was counted up to 12 times."""
    moves, trades = overlapping(40_000, horizon)
    found = staggered_trades(
        np.arange(40_000), np.zeros(40_000), trades, horizon_bars=horizon, round_trip_cost=0.0, top_k=1
    )

    assert found.per_bar.sum() == pytest.approx(moves.sum(), rel=0.02)
    held = moves.mean() / moves.std() * math.sqrt(250)
    assert found.sharpe(250) == pytest.approx(held, rel=0.1)
    counted_again = trades.mean() / trades.std() * math.sqrt(250)
    assert counted_again == pytest.approx(math.sqrt(horizon) * held, rel=0.1)


def test_cost_enters_once_as_a_round_trip() -> None:
    """Crypto D-38: cost was taken from labels that already held it; equity I 9: 10 bps each way costs 20 bps."""
    times, gross = np.arange(4), np.array([0.01, 0.02, 0.0, 0.03])
    found = staggered_trades(times, np.zeros(4), gross, horizon_bars=1, round_trip_cost=0.002, top_k=1)

    assert found.returns == pytest.approx((1 + gross) * 0.998 - 1)


def test_a_name_that_could_not_be_bought_leaves_its_share_in_cash() -> None:
    times, score = np.zeros(3, dtype=np.int64), np.array([0.9, 0.8, 0.1])
    found = staggered_trades(
        times, score, np.array([math.nan, 0.04, 0.5]), horizon_bars=2, round_trip_cost=0.0, top_k=2
    )

    assert found.returns == pytest.approx([0.02])  # and not the third name in its stead
    assert found.per_bar == pytest.approx([0.01])


def test_equal_scores_are_listed_by_symbol() -> None:
    found = staggered_trades(
        np.zeros(2, dtype=np.int64), np.zeros(2), np.array([0.1, 0.2]), symbols=np.array([2, 1]),
        horizon_bars=1, round_trip_cost=0.0, top_k=1,
    )  # fmt: skip

    assert found.returns == pytest.approx([0.2])


def test_a_score_that_knows_nothing_earns_nothing_before_cost_and_loses_the_cost_after() -> None:
    """Crypto 48, test 17: a random model has about no P&L before cost."""
    random = generator(42, "nothing")
    times, gross = np.repeat(np.arange(500), 40), 0.02 * random.normal(size=20_000)
    score = random.normal(size=20_000)
    before, after = (
        staggered_trades(times, score, gross, horizon_bars=3, round_trip_cost=cost, top_k=10).returns.mean()
        for cost in (0.0, 0.01)
    )

    assert before == pytest.approx(0.0, abs=0.001)
    assert after == pytest.approx(before - 0.01, abs=1e-4)


def test_without_spread_there_is_no_ratio() -> None:
    for bars in (1, 3):
        found = staggered_trades(
            np.arange(bars), np.zeros(bars), np.full(bars, 0.01), horizon_bars=1, round_trip_cost=0.0, top_k=1
        )
        assert found.sharpe(250) is None


def test_arguments_out_of_range_are_refused() -> None:
    one, now = np.zeros(1), np.zeros(1, dtype=np.int64)
    usual: dict[str, Any] = {"horizon_bars": 1, "round_trip_cost": 0.0, "top_k": 1}
    for change in ({"horizon_bars": 0}, {"round_trip_cost": 1.0}, {"top_k": 0}):
        with pytest.raises(InputError):
            staggered_trades(now, one, one, **{**usual, **change})
    with pytest.raises(DataError):
        staggered_trades(np.zeros(2, dtype=np.int64), one, one, **usual)

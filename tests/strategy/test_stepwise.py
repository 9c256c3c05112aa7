"""The compiled strategies as the event loop drives them: what they are shown, and what they remember."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rotation_markets import NAN, market_of
from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import FloatArray
from tidegate.engine.loop import EventLoop
from tidegate.engine.market import Market
from tidegate.engine.sight import Feed
from tidegate.strategy.long_short import LongShort
from tidegate.strategy.protocol import Holdings
from tidegate.strategy.seam import Step
from tidegate.strategy.stepwise import LongShortStrategy, RotationStrategy

EMPTY = Holdings(1000.0, 1000.0, np.zeros(0, dtype=np.int64), np.zeros(0))


def rotation(market: Market, **changes: object) -> RotationStrategy:
    settings = StrategySettings.model_validate({"rebalance": "daily", **changes})
    return RotationStrategy(settings, market.symbols, initial_cash=1000.0, benchmark_place=market.benchmark_place)


def run(market: Market, strategy: RotationStrategy) -> EventLoop:
    loop = EventLoop(market, strategy, initial_cash=1000.0)
    loop.run()
    return loop


def weights_of(market: Market, strategy: RotationStrategy, row: int) -> list[float]:
    targets = strategy.decide(EMPTY, Feed(market).at(row), rebalances=True)
    assert targets is not None
    weights: FloatArray = np.zeros(len(market.symbols))
    count = int(targets.number[0])
    weights[targets.place[:count]] = targets.weight[:count]
    return weights.tolist()


def test_a_holding_that_left_the_universe_is_sold_at_the_next_rebalance() -> None:
    market = market_of({"A": [10.0] * 4, "B": [10.0] * 4}, {"A": 2.0, "B": 1.0}, outside={"A": [2, 3]})
    loop = run(market, rotation(market, top_n=1))
    assert [(fill.symbol, fill.quantity > 0) for fill in loop.ledger.fills] == [("A", True), ("A", False), ("B", True)]
    assert loop.ledger.fills[1].at == market.times[3]


def test_without_fresh_scores_the_whole_book_is_held() -> None:
    """Rule 15: also what left the universe."""
    scores = {"A": [2.0, NAN, NAN, NAN, NAN], "B": [1.0, NAN, NAN, NAN, NAN]}
    market = market_of({"A": [10.0] * 5, "B": [10.0] * 5}, scores, outside={"A": [2, 3, 4]})
    loop = run(market, rotation(market, top_n=1, max_score_age_bars=1))
    assert set(loop.ledger.shares) == {"A"}
    steps = loop.result().journals[0].decision[:, 5].tolist()
    assert steps == [Step.RANKING, Step.RANKING, Step.STALE, Step.STALE]


@pytest.mark.parametrize("garbage", [0.0, -1e9, NAN])
def test_the_decision_does_not_know_the_future(garbage: float) -> None:
    closes = {"A": [10.0, garbage], "B": [10.0, garbage], "C": [10.0, garbage]}
    market = market_of(closes, {"A": [1.0, 9.0], "B": [4.0, garbage], "C": [3.0, 1.0]})
    assert weights_of(market, rotation(market, top_n=2), 0) == [0.0, 0.5, 0.5]


def test_what_is_shown_ends_at_the_close() -> None:
    market = market_of({"A": [1.0, 2.0, 3.0]}, {"A": 1.0}, benchmark="A")
    sight = Feed(market).at(1)
    arrays = [*sight.past()[:4], *sight.scores()[:2]]
    assert {len(array) for array in arrays} == {2}
    assert not any(array.flags.writeable for array in arrays)
    assert sight.newest().close.tolist() == [[2.0]]
    assert sight.close() == 2.0
    assert sight.view()["close"].ravel().tolist() == [1.0, 2.0]


def test_smoothed_scores_are_remembered_by_name() -> None:
    market = market_of({"A": [1.0, 1.0], "B": [1.0, 1.0]}, {"A": [1.0, 0.0], "B": [0.0, 0.9]})
    first = rotation(market, top_n=1, score_smoothing=0.4)
    assert weights_of(market, first, 0) == [1.0, 0.0]
    saved = json.loads(json.dumps(first.state()))
    assert saved["smoothed"] == {"A": 1.0, "B": 0.0}
    fresh, resumed = rotation(market, top_n=1, score_smoothing=0.4), rotation(market, top_n=1, score_smoothing=0.4)
    resumed.restore(saved)
    assert weights_of(market, fresh, 1) == [0.0, 1.0]
    assert weights_of(market, resumed, 1) == [1.0, 0.0]


def test_a_state_outlives_symbols_that_come_and_go() -> None:
    few = market_of({"B": [1.0], "C": [1.0]}, {"B": [0.5], "C": [0.7]})
    strategy = rotation(few, top_n=1, score_smoothing=0.5)
    weights_of(few, strategy, 0)
    more = market_of({"A": [1.0], "C": [1.0]}, {"A": [1.0], "C": [0.7]})
    taken_up = rotation(more, top_n=1, score_smoothing=0.5)
    taken_up.restore({**strategy.state(), "pick": "B"})
    assert taken_up.state()["smoothed"] == {"C": 0.7}
    assert taken_up.state()["pick"] is None


def test_a_defensive_asset_without_bars_is_refused() -> None:
    market = market_of({"A": [1.0]})
    with pytest.raises(InputError, match="no bars of GLD"):
        rotation(market, risk_off="defensive", defensives=("GLD",))


def test_votes_count_their_decisions() -> None:
    strategy = LongShortStrategy(LongShort(), ("A",))
    strategy.restore({"decisions": 3})
    assert strategy.state() == {"decisions": 3}
    assert strategy.decide(EMPTY, Feed(market_of({"A": [1.0]})).at(0), rebalances=False) is None

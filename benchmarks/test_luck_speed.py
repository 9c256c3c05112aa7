"""What a search's luck costs to test: overfitting of 1,000 sets by 16 blocks, and 10,000 sets against a benchmark."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from peak_memory import peak_over

from tidegate.evaluate.overfitting import Overfitting, block_sums, probability_of_overfitting
from tidegate.evaluate.stationary import draw_stationary, long_run_deviation
from tidegate.evaluate.superior import SuperiorResult, SuperiorTest, superior_predictive_ability

BARS, SETS, BLOCKS = 3_000, 1_000, 16
BLOCK, REPLICATES, PIECES = 21, 1_000, 10


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    """Twelve years of 1,000 sets, correlated at one half; one of them is better."""
    random = np.random.default_rng(11)
    found = 0.01 * (random.normal(size=(BARS, 1)) + random.normal(size=(BARS, SETS))) / 2.0**0.5
    found[:, 700] += 0.001
    return np.asarray(found)


def overfitting(returns: np.ndarray, blocks: int) -> Overfitting:
    return probability_of_overfitting(block_sums(returns, blocks))


def by_hand(returns: np.ndarray, blocks: int) -> list[tuple[float, bool]]:
    """The chosen set's ratio in the other half, and whether it is below the median there, from the returns."""
    pieces = np.split(returns, blocks)
    found = []
    for inside in combinations(range(blocks), blocks // 2):
        halves = [[pieces[place] for place in range(blocks) if (place in inside) is wanted] for wanted in (True, False)]
        one, other = (np.concatenate(half) for half in halves)
        best = int(np.argmax(one.mean(axis=0) / one.std(axis=0, ddof=1)))
        fared = other.mean(axis=0) / other.std(axis=0, ddof=1)
        found.append((float(fared[best]), bool(fared[best] < np.median(fared))))
    return found


def superior(returns: np.ndarray) -> SuperiorResult:
    """As a search feeds it: piece after piece, here the same ones again."""
    test = SuperiorTest(draw_stationary(BARS, block=BLOCK, replicates=REPLICATES, seed=5))
    for _ in range(PIECES):
        test.add(returns)
    return test.result()


def test_overfitting_is_right(returns: np.ndarray) -> None:
    found, expected = overfitting(returns, 8), by_hand(returns, 8)

    assert found.splits == len(expected) == 70
    assert found.pbo == pytest.approx(np.mean([below for _, below in expected]), abs=1e-12)
    assert found.loss_probability == pytest.approx(np.mean([fared < 0.0 for fared, _ in expected]), abs=1e-12)
    assert overfitting(returns, BLOCKS).splits == 12_870


def test_superior_is_right(returns: np.ndarray) -> None:
    found = superior(returns)
    draws = draw_stationary(BARS, block=BLOCK, replicates=REPLICATES, seed=5)
    deviation = long_run_deviation(returns, block=BLOCK)
    statistic = BARS**0.5 * returns.mean(axis=0) / deviation
    largest = np.zeros(REPLICATES)
    for place, row in enumerate(draws.rows[:50]):
        gained = BARS**0.5 * (returns[row].mean(axis=0) - returns.mean(axis=0)) / deviation
        stays = np.where(statistic < -((2.0 * np.log(np.log(BARS))) ** 0.5), statistic, 0.0)
        largest[place] = max(float((gained + stays).max()), 0.0)
    test = SuperiorTest(draws)
    test.add(returns)

    assert (found.best, found.sets) == (700, SETS * PIECES)
    np.testing.assert_allclose(test._largest[1][:50], largest[:50], atol=1e-4)


def test_overfitting_by_tidegate(benchmark: Any, returns: np.ndarray) -> None:
    benchmark.pedantic(overfitting, (returns, BLOCKS), rounds=5, warmup_rounds=1)


def test_superior_of_30_sets_by_tidegate(benchmark: Any, returns: np.ndarray) -> None:
    given = {"block": BLOCK, "replicates": REPLICATES, "seed": 5}
    benchmark.pedantic(superior_predictive_ability, (returns[:, :30],), given, rounds=5, warmup_rounds=1)


def test_superior_of_10000_sets_by_tidegate(benchmark: Any, returns: np.ndarray) -> None:
    benchmark.pedantic(superior, (returns,), rounds=3, warmup_rounds=1)


def test_memory_is_flat(benchmark: Any) -> None:
    """Growth of the peak over ten pieces, as a multiple of one: the draws are in it, the sets are not."""
    before = """
        import numpy as np
        from tidegate.evaluate.stationary import draw_stationary
        from tidegate.evaluate.superior import SuperiorTest
        piece = 0.01 * np.random.default_rng(1).normal(size=(3000, 1000))
        test = SuperiorTest(draw_stationary(3000, block=21, replicates=1000, seed=1))
        test.add(piece)
    """
    step = "for _ in range(10): test.add(piece)"
    grown = benchmark.pedantic(peak_over, kwargs={"before": before, "step": step, "against": "piece.nbytes"}, rounds=1)

    assert grown < 2.0
    benchmark.extra_info["pieces"] = round(grown, 2)

from __future__ import annotations

import tracemalloc
from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from scipy.stats import linregress, rankdata

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate.overfitting import BlockSums, Overfitting, block_sums, probability_of_overfitting


def noise(bars: int, sets: int, scope: str, number: int = 0) -> np.ndarray:
    return 0.01 * generator(41, scope, number).normal(size=(bars, sets))


def overfitting(returns: np.ndarray, blocks: int) -> Overfitting:
    return probability_of_overfitting(block_sums(returns, blocks))


def by_hand(returns: np.ndarray, blocks: int) -> dict[str, float]:
    """Bailey, Borwein, López de Prado and Zhu 2017, from the returns themselves, one way after the other."""
    edges = [block * len(returns) // blocks for block in range(blocks + 1)]
    pieces = [returns[low:high] for low, high in pairwise(edges)]
    chosen, fared, logits = [], [], []
    for inside in combinations(range(blocks), blocks // 2):
        halves = [
            np.concatenate([pieces[block] for block in range(blocks) if (block in inside) is wanted])
            for wanted in (True, False)
        ]
        one, other = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        best = int(one.argmax())
        share = rankdata(other)[best] / (returns.shape[1] + 1)
        chosen.append(one[best])
        fared.append(other[best])
        logits.append(np.log(share / (1.0 - share)))
    line = linregress(chosen, fared)
    return {
        "pbo": float(np.mean(np.array(logits) < -1e-12) + np.mean(np.abs(logits) <= 1e-12) / 2),
        "logit_low": float(np.percentile(logits, 5)),
        "logit_median": float(np.percentile(logits, 50)),
        "logit_high": float(np.percentile(logits, 95)),
        "slope": float(line.slope),
        "r_squared": float(line.rvalue**2),
        "loss_probability": float(np.mean(np.array(fared) < 0.0)),
    }


@pytest.mark.parametrize(("bars", "sets", "blocks"), [(48, 7, 6), (83, 10, 8), (30, 2, 2), (101, 25, 10)])
def test_figures_are_those_of_the_returns_themselves(bars: int, sets: int, blocks: int) -> None:
    returns = noise(bars, sets, "by hand") + 0.002 * np.linspace(-1.0, 1.0, sets)
    found, expected = overfitting(returns, blocks).as_document(), by_hand(returns, blocks)

    assert (found["splits"], found["blocks"], found["sets"]) == (comb(blocks, blocks // 2), blocks, sets)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_of_noise_the_best_half_says_nothing_about_the_other() -> None:
    """equity E.10, H 6: chosen and reported on the same window."""
    found = [overfitting(noise(240, 20, "noise", number), 8) for number in range(60)]

    assert np.mean([one.pbo for one in found]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([one.loss_probability for one in found]) == pytest.approx(0.5, abs=0.1)
    assert np.mean([one.slope for one in found if one.slope is not None]) < 0.0


def test_a_planted_best_stays_the_best() -> None:
    returns = noise(960, 40, "planted")
    returns[:, 17] += 0.0035
    found = overfitting(returns, 12)

    assert (found.pbo, found.loss_probability) == (0.0, 0.0)
    assert found.logit_low > 1.0


def test_an_edge_that_all_share_leaves_nothing_to_choose() -> None:
    """Why it is no gate: near 0.5 though every set makes money in every half."""
    returns = noise(960, 40, "shared") + 0.01
    found = overfitting(returns, 8)

    assert 0.25 < found.pbo < 0.75
    assert found.loss_probability == 0.0


def test_what_was_best_by_one_lucky_month_harms() -> None:
    """Each set had one good block and paid for it in all the others."""
    returns = 1e-4 * noise(160, 8, "lucky") - 0.001
    for place in range(8):
        returns[20 * place : 20 * (place + 1), place] += 0.02
    found = overfitting(returns, 8)

    assert found.pbo == 1.0
    assert found.loss_probability == 1.0


def test_sets_that_are_all_the_same_give_one_half() -> None:
    same = np.tile(noise(80, 1, "same"), 9)
    found = overfitting(same, 8)

    assert (found.pbo, found.logit_low, found.logit_high) == (0.5, 0.0, 0.0)


def test_equal_sets_share_their_place() -> None:
    """A set under three names has the mean of three places, and whether it is chosen does not depend on the name."""
    returns = noise(80, 5, "ties")
    tripled = returns[:, [0, 1, 1, 2, 1, 3, 4]]

    found, expected = overfitting(tripled, 6).as_document(), by_hand(tripled, 6)
    for name in ("pbo", "logit_median", "loss_probability"):
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_a_set_that_never_varies_has_a_ratio_of_0() -> None:
    """Cash is below all sets that earn and above all that lose, and gives no warning; nor does steady interest."""
    returns = noise(160, 6, "cash")
    returns[:, 0] += 0.01
    returns[:, 2:] -= 0.01
    returns[:, 1], steady = 0.0, returns.copy()
    steady[:, 1] = 0.1
    cash, interest = overfitting(returns, 8), overfitting(steady, 8)
    still = overfitting(np.zeros((80, 3)), 8)

    assert cash == interest
    assert cash.pbo == 0.0
    assert (still.pbo, still.slope, still.r_squared, still.loss_probability) == (0.5, None, None, 0.0)
    against_losers = overfitting(returns[:, 1:], 8)
    assert (against_losers.slope, against_losers.r_squared) == (None, None)  # cash is chosen in every half
    assert (against_losers.pbo, against_losers.loss_probability) == (0.0, 0.0)


def test_sets_that_come_in_pieces_are_joined() -> None:
    returns = noise(90, 30, "joined")
    parts = [block_sums(returns[:, low : low + 10], 6) for low in (0, 10, 20)]
    joined = parts[0].joined(parts[1:])

    assert probability_of_overfitting(joined) == overfitting(returns, 6)
    assert joined.counts.tolist() == [15] * 6
    with pytest.raises(InputError, match="the same blocks"):
        parts[0].joined([block_sums(returns[:84], 6)])


def test_ways_are_gone_through_in_pieces() -> None:
    """12,870 ways of 300 sets would be 31 MB for one table of ratios."""
    sums = block_sums(noise(320, 300, "memory"), 16)
    tracemalloc.start()
    try:
        found = probability_of_overfitting(sums)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert found.splits == 12_870
    assert peak < 12e6


@pytest.mark.parametrize(
    ("returns", "blocks"),
    [
        (np.zeros((40, 2)), 3),
        (np.zeros((40, 2)), 0),
        (np.zeros((400, 2)), 22),
        (np.zeros((15, 2)), 8),
        (np.zeros(40), 4),
        (np.full((40, 2), np.nan), 4),
    ],
    ids=["odd", "none", "too many", "too few bars", "no table", "unknown"],
)
def test_what_cannot_be_halved_is_refused(returns: np.ndarray, blocks: int) -> None:
    with pytest.raises(InputError):
        block_sums(returns, blocks)


def test_one_set_is_no_choice() -> None:
    with pytest.raises(InputError, match="1 sets"):
        overfitting(noise(40, 1, "one"), 4)
    with pytest.raises(InputError, match="0 sets"):
        probability_of_overfitting(
            BlockSums(sums=np.empty((4, 0)), squares=np.empty((4, 0)), counts=np.full(4, 10, dtype=np.int64))
        )

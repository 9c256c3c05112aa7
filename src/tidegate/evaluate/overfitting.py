"""How often the best set of one half of the history is a poor one in the other half."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, islice, pairwise
from math import comb
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["BlockSums", "Overfitting", "block_sums", "probability_of_overfitting"]

_MOST_BLOCKS: Final = 20
_CELLS_AT_ONCE: Final = 2**17
_EQUAL: Final = 1e-12
_NO_VARIANCE: Final = 1e-12
_SUMMARY: Final = (5.0, 50.0, 95.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockSums:
    """All that is needed of the returns: sums over stretches of time.

    Parameters
    ----------
    sums, squares
        ``float64 (n_blocks, n_sets)``: sum of the returns in each block, and of their squares.
    counts
        ``int64 (n_blocks,)``: bars in each.
    """

    sums: FloatArray
    squares: FloatArray
    counts: Int64Array

    def joined(self, others: Iterable[BlockSums]) -> BlockSums:
        """Return these sets followed by others of the same bars.

        Raises
        ------
        InputError
            If the others have other blocks.
        """
        parts = [self, *others]
        if not all(np.array_equal(part.counts, self.counts) for part in parts):
            raise InputError(
                found=f"blocks of {sorted({tuple(part.counts.tolist()) for part in parts})} bars",
                expected="the same blocks for all sets",
                hint="sum returns of the same bars with the same number of blocks",
            )
        return BlockSums(
            sums=np.concatenate([part.sums for part in parts], axis=1),
            squares=np.concatenate([part.squares for part in parts], axis=1),
            counts=self.counts,
        )


@dataclass(frozen=True, kw_only=True)
class Overfitting:
    """How choosing the best in one half fared in the other, over all ways to halve the history.

    Parameters
    ----------
    pbo
        Share of the ways in which the chosen set is below the median of all sets in the other half; at the median
        counts half.
    splits, blocks, sets
        Ways, stretches of time, and sets.
    logit_low, logit_median, logit_high
        Percentiles 5, 50 and 95 of ``log(w / (1 - w))``, *w* the place of the chosen one from the worst up by the
        number of sets and one; above 0 is better than the median.
    slope, r_squared
        Of a straight line through the chosen one's Sharpe ratios, the other half's on those of the half in which it was
        chosen; None where the latter are all the same.
    loss_probability
        Share of the ways in which the chosen one lost money in the other half, by its mean.
    """

    pbo: float
    splits: int
    blocks: int
    sets: int
    logit_low: float
    logit_median: float
    logit_high: float
    slope: float | None
    r_squared: float | None
    loss_probability: float

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def block_sums(returns: FloatArray, blocks: int) -> BlockSums:
    """Cut history into stretches as equal as can be and sum over each.

    Parameters
    ----------
    returns
        ``float64 (n_bars, n_sets)``, finite, in order of time.
    blocks
        How many stretches: even, 2 to 20; each of at least 2 bars.

    Raises
    ------
    InputError
        If a value is not finite, or the blocks do not fit.

    Examples
    --------
    >>> found = block_sums(np.array([[0.01], [0.03], [0.02], [0.0]]), 2)
    >>> found.sums.round(9).tolist(), found.counts.tolist()
    ([[0.04], [0.02]], [2, 2])
    """
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise InputError(
            found=f"returns {returns.shape}, {int(np.sum(~np.isfinite(returns)))} of them not finite",
            expected="finite ones, bars by sets",
            hint="leave out the sets that failed",
        )
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS or len(returns) < 2 * blocks:
        raise InputError(
            found=f"{blocks} blocks of {len(returns)} bars",
            expected=f"an even number from 2 to {_MOST_BLOCKS}, and at least two bars in each",
            hint="take fewer blocks, or a longer window",
        )
    edges = np.arange(blocks + 1) * len(returns) // blocks
    pieces = [returns[low:high] for low, high in pairwise(edges)]
    return BlockSums(
        sums=np.stack([piece.sum(axis=0) for piece in pieces]),
        squares=np.stack([np.einsum("ij,ij->j", piece, piece) for piece in pieces]),
        counts=np.diff(edges),
    )


def probability_of_overfitting(sums: BlockSums) -> Overfitting:
    """Choose the best by Sharpe ratio in half of the blocks and look at it in the other half, for every half there is.

    Of *S* blocks, in each of the ``C(S, S/2)`` ways, the set with the largest Sharpe ratio in the chosen half has a
    place *r* from the worst up among the *N* sets in the other half, the mean place where several are equal, and

    ``w = r / (N + 1)``,  ``logit = log(w / (1 - w))``,  ``PBO = #{logit < 0} / ways``, with half of ``#{logit = 0}``.

    Near 0.5 the choice says nothing about the other half: all is luck, or all sets share the same edge, for then
    choosing among them says nothing either. It is a statement about choosing, not about having an edge. Above 0.5 the
    choice harms. The two halves add up to one history: of sets with equal means over the whole, one that is high in one
    half is low in the other, and ``slope`` is below 0 for noise as well.

    A set that does not vary in a half has the Sharpe ratio 0 there, whatever its mean. Ratios closer than 1e-12 are
    equal; of several equal bests the first counts.

    The ways are gone through in pieces: memory grows neither with them nor with the bars.

    Source: Bailey, Borwein, López de Prado and Zhu 2017, *The probability of backtest overfitting*, Journal of
    Computational Finance 20(4), https://doi.org/10.21314/JCF.2016.322. There a logit of 0 is left open; by halves, sets
    that are all the same give 0.5.

    Parameters
    ----------
    sums
        From :func:`block_sums`, of at least two sets.

    Raises
    ------
    InputError
        If there are fewer than two sets.

    Examples
    --------
    >>> from tidegate.core.randomness import generator
    >>> returns = 0.01 * generator(3, "noise").normal(size=(960, 10))
    >>> returns[:, 4] += 0.003
    >>> found = probability_of_overfitting(block_sums(returns, 8))
    >>> found.splits, found.pbo, found.loss_probability
    (70, 0.0, 0.0)
    """
    blocks, sets = sums.sums.shape
    if sets < 2:
        raise InputError(found=f"{sets} sets", expected="at least two to choose from", hint="try more parameter sets")
    chosen, fared, place = (np.concatenate(parts) for parts in zip(*_halves(sums), strict=True))
    share = place / (sets + 1.0)
    low, median, high = np.percentile(np.log(share / (1.0 - share)), _SUMMARY).tolist()
    slope, r_squared = _line(chosen, fared)
    return Overfitting(
        pbo=float(np.mean(share < 0.5) + np.mean(share == 0.5) / 2.0),
        splits=comb(blocks, blocks // 2),
        blocks=blocks,
        sets=sets,
        logit_low=low,
        logit_median=median,
        logit_high=high,
        slope=slope,
        r_squared=r_squared,
        loss_probability=float(np.mean(fared < 0.0)),
    )


def _halves(sums: BlockSums) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Yield, for pieces of the ways, the chosen set's Sharpe ratio in its half, in the other, and its place there."""
    blocks, sets = sums.sums.shape
    # With block 0 on one side every pair of halves comes once, and is used both ways.
    ways = combinations(range(1, blocks), blocks // 2 - 1)
    at_once = max(_CELLS_AT_ONCE // sets, 1)
    with threadpool_limits(limits=1, user_api="blas"):
        while piece := list(islice(ways, at_once)):
            sides = np.zeros((len(piece), blocks))
            sides[:, 0] = 1.0
            np.put_along_axis(sides, np.array(piece, dtype=np.int64).reshape(len(piece), -1), 1.0, axis=1)
            one, other = _sharpe(sums, sides), _sharpe(sums, 1.0 - sides)
            yield _chosen(one, other)
            yield _chosen(other, one)


def _sharpe(sums: BlockSums, sides: FloatArray) -> FloatArray:
    """Return the Sharpe ratio per bar of each set in each half, ``float64 (n_ways, n_sets)``."""
    count = (sides @ sums.counts)[:, np.newaxis]
    mean = sides @ sums.sums
    mean /= count
    squares = sides @ sums.squares
    squares /= count
    least = squares * _NO_VARIANCE
    squares -= mean * mean
    squares *= count / (count - 1.0)
    varies = squares > least
    np.sqrt(squares, out=squares, where=varies)
    ratio = np.zeros_like(mean)
    np.divide(mean, squares, out=ratio, where=varies)
    return ratio


def _chosen(inside: FloatArray, outside: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the best's ratio inside, its ratio outside, and its place outside from the worst up."""
    rows = np.arange(len(inside))
    best = np.argmax(inside >= inside.max(axis=1, keepdims=True) - _EQUAL, axis=1)
    fared = outside[rows, best]
    worse = np.count_nonzero(outside < fared[:, np.newaxis] - _EQUAL, axis=1)
    better = np.count_nonzero(outside > fared[:, np.newaxis] + _EQUAL, axis=1)
    return inside[rows, best], fared, (worse + (outside.shape[1] - better) + 1.0) / 2.0


def _line(chosen: FloatArray, fared: FloatArray) -> tuple[float | None, float | None]:
    """Return slope and share of variance explained; None where one side does not vary."""
    across, along = chosen - chosen.mean(), fared - fared.mean()
    spread, reach, shared = float(across @ across), float(along @ along), float(across @ along)
    least = _EQUAL**2 * len(chosen)
    if spread <= least:
        return None, None
    return shared / spread, shared * shared / (spread * reach) if reach > least else None

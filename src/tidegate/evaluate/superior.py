"""Whether the best of many sets beats a benchmark by more than the best of many would by luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tidegate.core.errors import InputError
from tidegate.core.units import Float32Array, FloatArray
from tidegate.evaluate.stationary import LEAST_DEVIATION, StationaryDraws, draw_stationary, long_run_deviation

__all__ = ["SuperiorResult", "SuperiorTest", "superior_predictive_ability"]

_FEWEST_BARS: Final = 3  # log(log(n)) has to be positive
_EQUAL: Final = 1e-9  # sets with the same returns may differ by rounding
_COLUMNS_AT_ONCE: Final = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class SuperiorResult:
    """What the best of all sets is worth, and each set among all of them.

    Parameters
    ----------
    p_value
        How often chance alone makes the best look as good, in markets where no set has an edge: the consistent one.
    p_lower, p_upper
        The same if every set that lost were truly a loser, and if none were: below and above ``p_value``.
    statistic
        Mean excess of the best in its standard errors, at least 0.
    best
        Column of the set with the largest statistic; the first of several.
    sets, bars, block, replicates
        What was tested, and with what.
    statistics
        ``float64 (n_sets,)``: mean excess in standard errors; 0 for a set that never varies.
    adjusted
        ``float64 (n_sets,)``: p value of each set with regard to all the others that were tried; the least is
        ``p_value``.
    """

    p_value: float
    p_lower: float
    p_upper: float
    statistic: float
    best: int
    sets: int
    bars: int
    block: float
    replicates: int
    statistics: FloatArray
    adjusted: FloatArray

    def as_document(self) -> dict[str, Any]:
        """Return what holds for all sets together, in plain values."""
        return {
            "p_value": self.p_value,
            "p_lower": self.p_lower,
            "p_upper": self.p_upper,
            "statistic": self.statistic,
            "sets": self.sets,
            "bars": self.bars,
            "block_bars": self.block,
            "replicates": self.replicates,
        }


class SuperiorTest:
    """Hansen's test of superior predictive ability, fed column by column.

    With ``d_kt`` the excess of set *k* at bar *t*, its mean ``m_k`` over *n* bars and ``w_k`` its long-run deviation
    (:func:`tidegate.evaluate.stationary.long_run_deviation`), the statistic is

    ``T = max(0, max_k t_k)``,  ``t_k = sqrt(n) * m_k / w_k``,

    held against that of resampled histories with means ``m*_k``, centred so that no set has an edge,

    ``T* = max(0, max_k sqrt(n) * (m*_k - g_k) / w_k)``,  ``p = (1 + #{T* >= T}) / (1 + replicates)``.

    ``g_k = m_k * 1{t_k >= -sqrt(2 log log n)}`` (consistent): a set that lost by more than chance explains stays a
    loser, so that adding hopeless sets does not hide a good one. ``g_k = max(m_k, 0)`` is the lower and ``g_k = m_k``
    the upper variant. The published p counts ``#{T* > T} / replicates``; with the 1 it is never 0 and, up to what the
    bootstrap itself approximates, never too small (Davison and Hinkley 1997, section 4.2).

    **Of each set.** ``adjusted_k = (1 + #{T* >= t_k}) / (1 + replicates)`` with the consistent centring. If all sets
    with an adjusted p of at most *a* are called edges, then with chance *a* at most, in long histories, one of them or
    more has none (the family-wise error), whichever of the others have one: a false call takes a set without an edge
    whose ``t_k`` is above the quantile of ``T*``; the maximum in ``T*`` runs over these sets, among others, all drawn
    from the same bars and so moving together as they truly do, and an edge adds nothing to it since it is centred away.

    Deviations are themselves estimated, from as many blocks as there are, and that is not in the replicates: at a
    nominal 2 %, of 1,000 markets of noise with 30 sets and 3,000 bars, 3 in 100 are called superior with blocks of 1 to
    21 bars and 4 with 63; of 400 with 750 bars, 2 with blocks of 1 and 4 with 21.

    All sets that were tried belong into it, those that lost included: the number of tries is what it corrects for
    (equity E.10, H 6). It has to be fed with *excess* returns over the benchmark: of absolute ones, the drift of a
    market that rises makes every set that is invested look superior.

    The cost is one product of a matrix with the counts of the draws, and of each replicate only the largest value so
    far is kept: memory does not grow with the sets but for two numbers of each. Means and deviations are in double
    precision; the replicates, of columns centred and divided by then, in single precision, to about 1e-6 of a standard
    error.

    Sources: Hansen 2005, *A test for superior predictive ability*, https://doi.org/10.1198/073500105000000063; White
    2000, *A reality check for data snooping*, https://doi.org/10.1111/1468-0262.00152; Romano and Wolf 2005, *Stepwise
    multiple testing as formalized data snooping*, https://doi.org/10.1111/j.1468-0262.2005.00615.x (the first of its
    steps).

    Parameters
    ----------
    draws
        Resampled histories of as many bars as there are returns.

    Raises
    ------
    InputError
        If there are fewer than 3 bars.
    """

    def __init__(self, draws: StationaryDraws) -> None:
        if draws.bars < _FEWEST_BARS:
            raise InputError(
                found=f"a history of {draws.bars} bars",
                expected=f"at least {_FEWEST_BARS}, and for a test that finds anything some hundred",
                hint="take a longer window",
            )
        self._draws = draws
        self._limit = -float(np.sqrt(2.0 * np.log(np.log(draws.bars))))
        self._statistics: list[FloatArray] = []
        # One row each for lower, consistent and upper; 0 is part of the maximum.
        self._largest: Float32Array = np.zeros((3, draws.replicates), dtype=np.float32)

    def add(self, excess: FloatArray) -> None:
        """Add sets: ``float64 (n_bars, n_sets)``, return of each set minus that of the benchmark, as fractions.

        A column whose deviation is below 1e-12 does not vary, but for rounding: no luck can be told from it, and its p
        value is 1.

        Raises
        ------
        InputError
            If the bars are not those of the draws, or a value is not finite; nothing is added then.
        """
        if excess.ndim != 2 or excess.shape[0] != self._draws.bars or not np.isfinite(excess).all():
            raise InputError(
                found=f"excess returns {excess.shape}, {int(np.sum(~np.isfinite(excess)))} of them not finite",
                expected=f"finite ones, {self._draws.bars} bars by sets",
                hint="leave out the sets that failed, and draw as many bars as there are",
            )
        for begin in range(0, excess.shape[1], _COLUMNS_AT_ONCE):
            self._add(excess[:, begin : begin + _COLUMNS_AT_ONCE])

    def _add(self, excess: FloatArray) -> None:
        root = float(np.sqrt(self._draws.bars))
        mean, deviation = excess.mean(axis=0), long_run_deviation(excess, block=self._draws.block)
        varies = deviation > LEAST_DEVIATION
        per_unit = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
        statistic = root * mean * per_unit
        centred = ((excess - mean) * (per_unit / root)).astype(np.float32)
        with threadpool_limits(limits=1, user_api="blas"):  # sums do not depend on how many threads there are
            drawn = centred.T @ self._draws.counts.T
        stays = np.stack([np.minimum(statistic, 0.0), np.where(statistic < self._limit, statistic, 0.0)])
        for largest, left in zip(self._largest, stays.astype(np.float32), strict=False):
            np.maximum(largest, (drawn + left[:, np.newaxis]).max(axis=0, initial=0.0), out=largest)
        np.maximum(self._largest[2], drawn.max(axis=0, initial=0.0), out=self._largest[2])
        self._statistics.append(statistic)

    def result(self) -> SuperiorResult:
        """Return the result of all sets added so far; more may be added behind it.

        Raises
        ------
        InputError
            If there is no set.
        """
        statistics = np.concatenate([np.empty(0), *self._statistics])
        if not len(statistics):
            raise InputError(found="no set", expected="at least one", hint="add excess returns first")
        most = statistics.max(keepdims=True)
        lower, consistent, upper = (_p_values(largest, most) for largest in self._largest)
        return SuperiorResult(
            p_value=float(consistent[0]),
            p_lower=float(lower[0]),
            p_upper=float(upper[0]),
            statistic=max(float(most[0]), 0.0),
            best=int(np.argmax(statistics >= most - _EQUAL)),
            sets=len(statistics),
            bars=self._draws.bars,
            block=self._draws.block,
            replicates=self._draws.replicates,
            statistics=statistics,
            adjusted=_p_values(self._largest[1], statistics),
        )


def superior_predictive_ability(excess: FloatArray, *, block: float, replicates: int, seed: int) -> SuperiorResult:
    """Return :class:`SuperiorTest` of one table of excess returns, ``float64 (n_bars, n_sets)``.

    Parameters
    ----------
    excess
        Return of each set minus that of the benchmark, bar by bar, as fractions.
    block
        Mean length of the blocks in which history is resampled, in bars.
    replicates
        How many resampled histories.
    seed
        Decides the draws.

    Raises
    ------
    InputError
        If values are not finite, there are fewer than 3 bars or no sets, or the blocks do not fit.

    Examples
    --------
    >>> from tidegate.core.randomness import generator
    >>> noise = 0.01 * generator(3, "noise").normal(size=(500, 20))
    >>> superior_predictive_ability(noise, block=5, replicates=500, seed=7).p_value > 0.1
    True
    >>> noise[:, 4] += 0.002
    >>> found = superior_predictive_ability(noise, block=5, replicates=500, seed=7)
    >>> found.best, found.p_value < 0.01, (found.adjusted < 0.05).sum()
    (4, True, np.int64(1))
    """
    if excess.ndim != 2:
        raise InputError(
            found=f"excess returns {excess.shape}",
            expected="bars by sets",
            hint="hand a single set in as one column",
        )
    test = SuperiorTest(draw_stationary(len(excess), block=block, replicates=replicates, seed=seed))
    test.add(excess)
    return test.result()


def _p_values(largest: Float32Array, statistics: FloatArray) -> FloatArray:
    """Return how often the largest of a replicate, which is at least 0, reaches each statistic."""
    ordered = np.sort(largest).astype(np.float64)
    reached = len(ordered) - np.searchsorted(ordered, statistics, side="left")
    return np.asarray((1.0 + reached) / (1.0 + len(ordered)), dtype=np.float64)

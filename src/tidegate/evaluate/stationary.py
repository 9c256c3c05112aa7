"""Histories as they might have been: the stationary bootstrap, and how far it lets a mean stray."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.units import Float32Array, FloatArray

__all__ = ["LEAST_DEVIATION", "StationaryDraws", "draw_stationary", "long_run_deviation"]

LEAST_DEVIATION: Final = 1e-12
"""Deviation of returns per bar, as a fraction, below which they do not vary but for rounding."""

_DRAWN_AT_ONCE: Final = 64
_COLUMNS_AT_ONCE: Final = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class StationaryDraws:
    """Resampled histories, each as long as the one that happened.

    Parameters
    ----------
    rows
        ``int32 (n_replicates, n_bars)``: the bar that each bar of a replicate repeats.
    block
        Mean length of the blocks, in bars.
    seed
        What the draws were made from.
    """

    rows: npt.NDArray[np.int32]
    block: float
    seed: int

    @property
    def replicates(self) -> int:
        """Number of histories."""
        return len(self.rows)

    @property
    def bars(self) -> int:
        """Length of each."""
        return int(self.rows.shape[1])

    @cached_property
    def counts(self) -> Float32Array:
        """How often each bar occurs in each replicate, ``float32 (n_replicates, n_bars)``: whole numbers.

        Enough for whatever does not depend on the order of bars: ``counts @ values / n_bars`` are the means.
        """
        counts = np.empty(self.rows.shape, dtype=np.float32)
        for place, row in enumerate(self.rows):
            counts[place] = np.bincount(row, minlength=self.bars)
        return counts


def draw_stationary(bars: int, *, block: float, replicates: int, seed: int) -> StationaryDraws:
    """Draw histories in blocks of random length from a ring of bars.

    A replicate begins at a bar drawn evenly. Behind each bar it goes on with the next one, the first following the
    last, or with chance ``1 / block`` jumps to a bar drawn evenly: lengths are geometric with mean *block*, and where
    the history is stationary so is every replicate.

    Source: Politis and Romano 1994, *The stationary bootstrap*, https://doi.org/10.1080/01621459.1994.10476870.

    Parameters
    ----------
    bars
        Length of the history.
    block
        Mean length of the blocks, in bars; 1 draws every bar on its own. It should cover what lasts, such as the
        volatility of a month.
    replicates
        How many histories.
    seed
        Decides the draws, together with *bars* and *block*.

    Raises
    ------
    InputError
        If a count is below 1, or the blocks are shorter than a bar or longer than the history.

    Examples
    --------
    >>> draws = draw_stationary(250, block=21, replicates=100, seed=7)
    >>> draws.rows.shape, bool((draws.counts.sum(axis=1) == 250).all())
    ((100, 250), True)
    >>> follows = (np.diff(draws.rows, axis=1) % 250 == 1).mean()
    >>> round(float(1 / (1 - follows)))
    22
    """
    if bars < 1 or replicates < 1 or not 1.0 <= block <= bars:
        raise InputError(
            found=f"{bars} bars, blocks of {block:g} on average, {replicates} replicates",
            expected="at least one bar and one replicate, and blocks from 1 bar to the whole history",
            hint="shorten the blocks, or take a longer window",
        )
    random = generator(seed, "stationary blocks", bars, str(float(block)))
    rows = np.empty((replicates, bars), dtype=np.int32)
    places = np.arange(bars, dtype=np.int32)
    for begin in range(0, replicates, _DRAWN_AT_ONCE):
        part = rows[begin : begin + _DRAWN_AT_ONCE]
        opens = random.random(part.shape) < 1.0 / block
        starts = random.integers(bars, size=part.shape, dtype=np.int32)
        opened = np.maximum.accumulate(np.where(opens, places, np.int32(0)), axis=1)  # the first bar opens a block
        part[:] = (np.take_along_axis(starts, opened, axis=1) + places - opened) % bars
    return StationaryDraws(rows=rows, block=float(block), seed=seed)


def long_run_deviation(values: FloatArray, *, block: float) -> FloatArray:
    """Return the deviation of ``sqrt(n) * mean`` over the stationary bootstrap of each column, without drawing.

    With autocovariances ``g_i = sum_t (x_t - m) * (x_{t+i} - m) / n`` and ``q = 1 / block``

    ``w^2 = g_0 + 2 * sum_{i=1}^{n-1} k_i * g_i``,  ``k_i = (1 - i/n) * (1 - q)^i + (i/n) * (1 - q)^(n-i)``.

    The weights are the same from either end, so that the sum is one over the autocovariances on a ring, which a Fourier
    transform gives at once; it is the exact variance of the replicates, and never negative.

    Source: Politis and Romano 1994, lemma 1; Hansen 2005, section 3.1.

    Parameters
    ----------
    values
        ``float64 (n_bars, n_sets)``, finite.
    block
        Mean length of the blocks, in bars, at least 1.

    Returns
    -------
    numpy.ndarray
        ``float64 (n_sets,)``, in the unit of the values.

    Examples
    --------
    >>> alternating = np.tile([[1.0], [-1.0]], (50, 1))
    >>> long_run_deviation(alternating, block=1).tolist()
    [1.0]
    >>> bool(long_run_deviation(alternating, block=10)[0] < 0.3)
    True
    """
    bars, sets = values.shape
    lags = np.arange(bars)
    stays = 1.0 - 1.0 / block
    weights = (1.0 - lags / bars) * stays**lags + lags / bars * stays ** (bars - lags)
    by_frequency = np.maximum(np.fft.rfft(weights).real, 0.0)
    by_frequency[1 : (bars + 1) // 2] *= 2.0  # each stands for its mirror image as well
    variance = np.empty(sets)
    for begin in range(0, sets, _COLUMNS_AT_ONCE):
        columns = np.ascontiguousarray(values[:, begin : begin + _COLUMNS_AT_ONCE].T)
        wave = np.fft.rfft(columns - columns.mean(axis=1, keepdims=True), axis=1)
        variance[begin : begin + _COLUMNS_AT_ONCE] = (wave.real**2 + wave.imag**2) @ by_frequency
    return np.asarray(np.sqrt(variance) / bars, dtype=np.float64)

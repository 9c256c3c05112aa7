"""Whether one configuration is better than another: differences on the same instants, and many tests at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.bootstrap import PERCENTILES

__all__ = ["PairedDifference", "holm_adjusted", "paired_difference"]

_FEWEST_BLOCKS: Final = 4
_REPLICATES: Final = 2000
_DRAWN_AT_ONCE: Final = 2**18


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """The mean of one series minus that of another, instant by instant.

    Parameters
    ----------
    mean
        Mean difference; above 0 the first is better, where more is better.
    low, high
        95 % percentile interval; None with fewer than 4 blocks.
    p_value
        Two-sided: how often chance alone would move the mean at least as far from 0; None with fewer than 4 blocks.
    instants, block
        Instants on which both have a value, and how many of them stay together.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    instants: int
    block: int

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def paired_difference(
    first: FloatArray, second: FloatArray, *, block: int, seed: int, replicates: int = _REPLICATES
) -> PairedDifference:
    """Compare two configurations by a circular block bootstrap of their difference.

    Both had the same days, so their difference is free of what the days did to both. With ``d_t = first_t - second_t``,
    blocks of neighbouring instants are drawn with replacement up to the length of the series, from a ring so that every
    instant is drawn equally often. With ``m`` the mean of *d* and ``m*`` those of the replicates,

    ``p = (1 + #{|m* - m| >= |m|}) / (1 + replicates)``.

    Source: Politis and Romano 1992, *A circular block-resampling procedure for stationary data*.

    Parameters
    ----------
    first, second
        ``float64 (n,)``: one value for each instant, in order of time, on the same instants. An instant with NaN in
        either is left out and its neighbours taken as adjacent.
    block
        Instants that stay together: at least the bars of a label, and enough for what lasts longer, such as regimes.
    seed
        Decides the draws.
    replicates
        How many means are drawn.

    Raises
    ------
    InputError
        If the series differ in length or have no instant in common, or a count is below 1.

    Examples
    --------
    >>> better = np.tile([0.02, 0.01, 0.03, 0.02], 30)
    >>> found = paired_difference(better, better - 0.01, block=5, seed=7)
    >>> round(found.mean, 6), round(found.low, 6), found.p_value < 0.001
    (0.01, 0.01, True)
    """
    if first.ndim != 1 or first.shape != second.shape or block < 1 or replicates < 1:
        raise InputError(
            found=f"series {first.shape} and {second.shape}, blocks of {block}, {replicates} replicates",
            expected="two equally long series, blocks and replicates of at least 1",
            hint="join both on their instants first",
        )
    difference = first - second
    difference = difference[~np.isnan(difference)]
    count = len(difference)
    if not count or not np.isfinite(difference).all():
        raise InputError(
            found="two series without a finite difference at any instant" if not count else "infinite differences",
            expected="finite values of both on the same instants",
            hint="compare runs that overlap in time",
        )
    mean = float(difference.mean())
    alone = PairedDifference(mean=mean, low=None, high=None, p_value=None, instants=count, block=block)
    if count < _FEWEST_BLOCKS * block:
        return alone
    drawn = _drawn_means(difference - mean, block, seed, replicates)
    low, high = np.percentile(drawn + mean, PERCENTILES).tolist()
    as_far = int(np.sum(np.abs(drawn) >= abs(mean)))
    return replace(alone, low=low, high=high, p_value=(1 + as_far) / (1 + replicates))


def holm_adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values of a table of tests, raised so that the whole table errs as rarely as a single one promises.

    From the smallest of *m* up, ``max_{j <= i} min(1, (m - j + 1) * p_(j))``; None stays None and counts as no test.

    Source: Holm 1979, *A simple sequentially rejective multiple test procedure*.

    Raises
    ------
    InputError
        If a p value is not in [0, 1].

    Examples
    --------
    >>> holm_adjusted([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    known = [(value, place) for place, value in enumerate(p_values) if value is not None]
    if not all(0.0 <= value <= 1.0 for value, _ in known):
        raise InputError(
            found=f"p values {[value for value, _ in known]}",
            expected="numbers from 0 to 1, or None",
            hint="hand in None for a test that could not be made",
        )
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (value, place) in enumerate(sorted(known)):
        largest = max(largest, min(1.0, (len(known) - rank) * value))
        adjusted[place] = largest
    return adjusted


def _drawn_means(centred: FloatArray, block: int, seed: int, replicates: int) -> FloatArray:
    """Return the means of the replicates; a block's sum is a difference of two running sums."""
    count = len(centred)
    whole, rest = divmod(count, block)
    ring = np.concatenate([[0.0], np.cumsum(np.concatenate([centred, centred[:block]]))])
    random = generator(seed, "paired blocks", count, block)
    means = np.empty(replicates)
    step = max(_DRAWN_AT_ONCE // (whole + 1), 1)
    for begin in range(0, replicates, step):
        part = means[begin : begin + step]
        starts: Int64Array = random.integers(count, size=(len(part), whole + 1))
        ends = starts + block
        ends[:, -1] = starts[:, -1] + rest
        part[:] = np.sum(ring[ends] - ring[starts], axis=1) / count
    return means

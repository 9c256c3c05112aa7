"""What a Sharpe ratio is worth: its length of record, its odd returns, and how many others were tried."""

from __future__ import annotations

from dataclasses import dataclass
from math import e, inf, isfinite, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray
from tidegate.evaluate.stationary import LEAST_DEVIATION

__all__ = [
    "SharpeMoments",
    "deflated_sharpe",
    "expected_maximum_sharpe",
    "minimum_track_record",
    "probabilistic_sharpe",
    "sharpe_moments",
]

_EULER: Final = float(np.euler_gamma)
_ROUNDING: Final = 1e-9
_COLUMNS_AT_ONCE: Final = 256
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, eq=False, kw_only=True)
class SharpeMoments:
    """What the ratios below need of each column of returns.

    Parameters
    ----------
    sharpe
        ``float64 (n_sets,)``: mean by sample deviation, per bar and not per year; NaN where returns never vary.
    skewness, kurtosis
        ``float64 (n_sets,)``: ``m_3 / m_2^1.5`` and ``m_4 / m_2^2`` with ``m_j`` the central moments over *n*, so that
        normal returns have 0 and 3; NaN where returns never vary.
    bars
        Number of returns.
    """

    sharpe: FloatArray
    skewness: FloatArray
    kurtosis: FloatArray
    bars: int


def sharpe_moments(returns: FloatArray) -> SharpeMoments:
    """Return Sharpe ratio, skewness and kurtosis of each column.

    Parameters
    ----------
    returns
        ``float64 (n_bars, n_sets)``, simple returns, finite, at least 2 bars; a deviation below 1e-12 is rounding, and
        the column then never varies.

    Raises
    ------
    InputError
        If there are fewer than 2 bars, or a value is not finite.

    Examples
    --------
    >>> found = sharpe_moments(np.array([[0.03], [-0.01], [0.03], [-0.01]]))
    >>> found.sharpe.round(4).tolist(), found.skewness.round(9).tolist(), found.kurtosis.round(9).tolist()
    ([0.433], [0.0], [1.0])
    """
    if returns.ndim != 2 or len(returns) < 2 or not np.isfinite(returns).all():
        raise InputError(
            found=f"returns {returns.shape}, {int(np.sum(~np.isfinite(returns)))} of them not finite",
            expected="finite ones, at least two bars by sets",
            hint="leave out the sets that failed, and take a longer window",
        )
    bars, sets = returns.shape
    found = np.full((3, sets), np.nan)
    for begin in range(0, sets, _COLUMNS_AT_ONCE):
        part = returns[:, begin : begin + _COLUMNS_AT_ONCE]
        mean = part.mean(axis=0)
        centred = part - mean
        square = centred * centred
        second, fourth = square.mean(axis=0), (square * square).mean(axis=0)
        third = (square * centred).mean(axis=0)
        varies = second > LEAST_DEVIATION**2
        second = np.where(varies, second, np.nan)
        deviation = np.sqrt(second * (bars / (bars - 1)))
        found[:, begin : begin + _COLUMNS_AT_ONCE] = mean / deviation, third / second**1.5, fourth / second**2
    return SharpeMoments(sharpe=found[0], skewness=found[1], kurtosis=found[2], bars=bars)


def probabilistic_sharpe(
    sharpe: float, *, bars: int, benchmark: float = 0.0, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark's.

    ``PSR = N((SR - SR*) * sqrt(n - 1) / sqrt(1 - skewness * SR + (kurtosis - 1) / 4 * SR^2))`` with *N* the standard
    normal distribution: short records, returns skewed to the left and fat tails all lower it.

    Source: Bailey and López de Prado 2012, *The Sharpe ratio efficient frontier*, Journal of Risk 15(2), equation 6;
    the deviation is that of Mertens 2002.

    Parameters
    ----------
    sharpe, benchmark
        Per bar, not per year: divide a yearly one by the root of the bars per year.
    bars
        Returns behind it, at least 2.
    skewness, kurtosis
        Of the returns; kurtosis 3 is normal. ``1 + skewness^2`` is the least kurtosis there is; where it makes the
        deviation 0 the result is 0 or 1, and 0.5 at the benchmark itself.

    Raises
    ------
    InputError
        If a number is not finite, there are fewer than 2 bars, or no returns can have these moments.

    Examples
    --------
    Two years of monthly returns with a ratio of 0.458 a month, as the paper has them:

    >>> round(probabilistic_sharpe(0.458, bars=24), 3)
    0.982
    >>> round(probabilistic_sharpe(0.458, bars=24, skewness=-2.448, kurtosis=10.164), 3)
    0.913
    """
    spread = _spread(sharpe, bars, benchmark, skewness, kurtosis)
    if spread == 0.0 or sharpe == benchmark:
        return 0.5 if sharpe == benchmark else float(sharpe > benchmark)
    return _NORMAL.cdf((sharpe - benchmark) * sqrt(bars - 1) / spread)


def expected_maximum_sharpe(variance: float, trials: float) -> float:
    """Return the Sharpe ratio that the best of many trials is expected to show where none has an edge.

    ``SR_0 = sqrt(V) * ((1 - c) * Q(1 - 1/N) + c * Q(1 - 1/(N * e)))`` with *V* the variance of the Sharpe ratios of the
    *N* trials, *Q* the quantiles of the standard normal distribution and ``c = 0.5772...`` the constant of Euler and
    Mascheroni.

    Source: Bailey and López de Prado 2014, *The deflated Sharpe ratio*, https://doi.org/10.3905/jpm.2014.40.5.094,
    equation 1 (and 2014, *Pseudo-mathematics and financial charlatanism*, proposition 1).

    Parameters
    ----------
    variance
        Of the Sharpe ratios among the trials, per bar squared: that of yearly ones divided by the bars per year.
    trials
        Number of independent trials, at least 1, not necessarily whole. A single one was not chosen and expects 0; the
        formula is an approximation for many, 8 % below the exact value for two.

    Raises
    ------
    InputError
        If the variance is negative or not finite, or there are fewer trials than one.

    Examples
    --------
    100 trials of five years of daily returns whose yearly ratios have a variance of 1/2:

    >>> round(expected_maximum_sharpe(0.5 / 250, 100), 4)
    0.1132
    """
    if not (isfinite(variance) and variance >= 0.0 and isfinite(trials) and trials >= 1.0):
        raise InputError(
            found=f"a variance of {variance} among {trials} trials",
            expected="a variance of at least 0 and at least one trial",
            hint="count the trial itself; the variance of one is 0",
        )
    if trials == 1.0 or variance == 0.0:
        return 0.0
    usual, far = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    # Between one trial and two the approximation would fall below what a single trial expects.
    return max(sqrt(variance) * ((1.0 - _EULER) * usual + _EULER * far), 0.0)


def deflated_sharpe(
    sharpe: float, *, bars: int, trials: float, variance: float, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that a Sharpe ratio chosen among many trials is above what luck alone expects of the best.

    ``DSR = PSR(SR_0)``: :func:`probabilistic_sharpe` with :func:`expected_maximum_sharpe` as benchmark. With one trial,
    or where all trials have the same ratio, nothing was chosen and it is ``PSR(0)``.

    It takes all of the spread among trials for luck: where half of them share an edge, the spread is wide because of
    the edge and the result is low, so that a set may have an edge though this says no. Trials are all that were looked
    at on the same history, whoever looked (equity E.10, H 6).

    Source: Bailey and López de Prado 2014, *The deflated Sharpe ratio*, https://doi.org/10.3905/jpm.2014.40.5.094,
    equation 2.

    Parameters
    ----------
    sharpe
        Per bar, of the set that was chosen.
    bars
        Returns behind it.
    trials, variance
        Independent trials, and the variance of their Sharpe ratios per bar.
    skewness, kurtosis
        Of the returns of the set that was chosen; kurtosis 3 is normal.

    Raises
    ------
    InputError
        As of the two functions.

    Examples
    --------
    The example of the paper: a yearly ratio of 2.5 in five years of 250 days.

    >>> yearly, odd = 250, {"skewness": -3.0, "kurtosis": 10.0}
    >>> best = {"sharpe": 2.5 / yearly**0.5, "bars": 1250, "variance": 0.5 / yearly}
    >>> [round(deflated_sharpe(**best, trials=trials, **odd), 4) for trials in (100, 46)]
    [0.9004, 0.9505]
    >>> round(deflated_sharpe(**best, trials=88), 4)
    0.9505
    """
    benchmark = expected_maximum_sharpe(variance, trials)
    return probabilistic_sharpe(sharpe, bars=bars, benchmark=benchmark, skewness=skewness, kurtosis=kurtosis)


def minimum_track_record(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Return how many bars a record needs until its Sharpe ratio is above a benchmark's at this confidence.

    ``MinTRL = 1 + (1 - skewness * SR + (kurtosis - 1) / 4 * SR^2) * (Q(confidence) / (SR - SR*))^2``, not rounded;
    infinite where the ratio is not above the benchmark.

    Source: Bailey and López de Prado 2012, *The Sharpe ratio efficient frontier*, Journal of Risk 15(2), equation 11.

    Parameters
    ----------
    sharpe, benchmark
        Per bar.
    skewness, kurtosis
        Of the returns; kurtosis 3 is normal.
    confidence
        Above 0.5 and below 1.

    Raises
    ------
    InputError
        If a number is not finite, the confidence is out of its bounds, or no returns can have these moments.

    Examples
    --------
    Monthly normal returns with a yearly ratio of 2, against one of 1, in years:

    >>> round(minimum_track_record(2 / 12**0.5, benchmark=1 / 12**0.5) / 12, 2)
    3.24
    """
    if not 0.5 < confidence < 1.0:
        raise InputError(
            found=f"a confidence of {confidence}", expected="more than 0.5 and less than 1", hint="such as 0.95"
        )
    spread = _spread(sharpe, 2, benchmark, skewness, kurtosis)
    if sharpe <= benchmark:
        return inf
    return 1.0 + (spread * _NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def _spread(sharpe: float, bars: int, benchmark: float, skewness: float, kurtosis: float) -> float:
    """Return the deviation of an estimated Sharpe ratio times the root of its bars."""
    numbers = (sharpe, benchmark, skewness, kurtosis)
    if bars < 2 or not all(map(isfinite, numbers)) or kurtosis < (1.0 + skewness**2) * (1.0 - _ROUNDING):
        raise InputError(
            found=f"a Sharpe ratio of {sharpe} against {benchmark} in {bars} bars of skewness {skewness} and kurtosis "
            f"{kurtosis}",
            expected="finite numbers, at least two bars, and a kurtosis of at least 1 + skewness^2",
            hint="hand in the kurtosis itself, 3 for normal returns, and not its excess over 3",
        )
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return sqrt(variance) if variance > _ROUNDING**2 else 0.0

"""Rolling windows over time-major arrays whose values never depend on where the history starts.

A running total drifts: its last bits remember every row it has seen, so an online value would differ from the
batch value. Here each window is combined by doubling, ``window(2k, t) = window(k, t - k) + window(k, t)``,
the same tree of operations for every row. A value is therefore the same to the bit in any stretch of history
that holds its window, and a window costs ``log2`` of its length in passes instead of its length.

Only full windows count: one missing value makes the window missing, so a gap never turns into a longer
horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray

__all__ = [
    "decaying_mean",
    "decaying_sum",
    "lagged",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "rolling_std",
    "rolling_sum",
    "warm_up",
]

_State = tuple[FloatArray, ...]
_Combine = Callable[[_State, int, _State, int], _State]


def lagged(values: FloatArray, bars: int) -> FloatArray:
    """Return what row ``t - bars`` held, at row *t*; NaN where there is no such row.

    Parameters
    ----------
    values
        ``float64 (n_times, n_symbols)``.
    bars
        Rows to look back, at least 1.
    """
    _check_window(bars)
    return _at_last_row(values[:-bars], values.shape)


def rolling_sum(values: FloatArray, window: int) -> FloatArray:
    """Return the sum of rows ``t - window + 1 .. t`` at row *t*.

    Parameters
    ----------
    values
        ``float64 (n_times, n_symbols)``.
    window
        Length in rows, at least 1.

    Returns
    -------
    sums
        ``float64 (n_times, n_symbols)``, NaN where the window is not complete.

    Examples
    --------
    >>> rolling_sum(np.array([[1.0], [2.0], [3.0]]), 2).ravel().tolist()
    [nan, 3.0, 5.0]
    """
    return _at_last_row(_by_doubling((values,), window, _add)[0], values.shape)


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of rows ``t - window + 1 .. t`` at row *t*; otherwise as :func:`rolling_sum`."""
    means = rolling_sum(values, window)
    means /= window
    return means


def rolling_max(values: FloatArray, window: int) -> FloatArray:
    """Return the largest of rows ``t - window + 1 .. t`` at row *t*; otherwise as :func:`rolling_sum`."""
    return _at_last_row(_by_doubling((values,), window, _larger)[0], values.shape)


def rolling_min(values: FloatArray, window: int) -> FloatArray:
    """Return the smallest of rows ``t - window + 1 .. t`` at row *t*; otherwise as :func:`rolling_sum`."""
    return -rolling_max(-values, window)


def decaying_sum(values: FloatArray, window: int, keep: float) -> FloatArray:
    """Return the sum of ``keep ** j * values[t - j]`` over ``j = 0 .. window - 1``; otherwise as :func:`rolling_sum`.

    Examples
    --------
    >>> decaying_sum(np.array([[1.0], [2.0], [4.0]]), 2, 0.5).ravel().tolist()
    [nan, 2.5, 5.0]
    """
    _check_share("a share kept", keep)

    def add(older: _State, _: int, newer: _State, newer_length: int) -> _State:
        return (older[0] * keep**newer_length + newer[0],)

    return _at_last_row(_by_doubling((values,), window, add)[0], values.shape)


def decaying_mean(values: FloatArray, window: int, keep: float) -> FloatArray:
    """Return the mean with weights ``keep ** j``, newest first: an exponential average that forgets for good.

    An endless recursion remembers its first row for ever, so that its value depends on where the history starts. This
    one is cut off after ``window`` rows; choose them by :func:`warm_up`.

    Parameters
    ----------
    keep
        Share of the weight that each further row keeps: ``1 - alpha``, between 0 and 1.

    Raises
    ------
    InputError
        If it is not between them.

    Examples
    --------
    >>> decaying_mean(np.array([[1.0], [4.0]]), 2, 0.5).ravel().tolist()
    [nan, 3.0]
    """
    return decaying_sum(values, window, keep) * ((1.0 - keep) / (1.0 - keep**window))


def warm_up(keep: float, tolerance: float = 1e-6) -> int:
    """Return the rows after which an exponential average has at most ``tolerance`` of its weight on older ones.

    Examples
    --------
    >>> warm_up(13 / 14), warm_up(1 - 2 / 27)
    (187, 180)
    """
    _check_share("a share kept", keep)
    _check_share("a tolerance", tolerance)
    return math.ceil(math.log(tolerance) / math.log(keep))


def rolling_std(values: FloatArray, window: int) -> FloatArray:
    """Return the sample standard deviation of rows ``t - window + 1 .. t`` at row *t*.

    The divisor is ``window - 1``.

    Means and squared deviations of two halves are merged by the update of Chan, Golub and LeVeque 1983
    (https://doi.org/10.1080/00031305.1983.10483115), which does not cancel: a constant window gives exactly
    0.

    Shapes and gaps as in :func:`rolling_sum`; a window of 1 has no deviation and gives NaN.
    """
    if window == 1:
        return np.full(values.shape, np.nan)
    # values - values is 0, or NaN where the value is missing.
    squares = _by_doubling((values, values - values), window, _merge_moments)[1]
    return _at_last_row(np.sqrt(squares / (window - 1)), values.shape)


def _by_doubling(state: _State, window: int, combine: _Combine) -> _State:
    """Combine every window; row *i* of the result covers rows ``i .. i + window - 1`` of the input."""
    _check_window(window)
    block, length = state, 1
    total, covered = state, 0
    while True:
        if window & length:
            total = _join(total, covered, block, length, combine) if covered else block
            covered += length
        if covered == window:
            return total
        block = _join(block, length, block, length, combine)
        length *= 2


def _join(older: _State, older_length: int, newer: _State, newer_length: int, combine: _Combine) -> _State:
    rows = max(newer[0].shape[0] - older_length, 0)
    return combine(
        tuple(part[:rows] for part in older),
        older_length,
        tuple(part[older_length:] for part in newer),
        newer_length,
    )


def _add(older: _State, _: int, newer: _State, __: int) -> _State:
    return (older[0] + newer[0],)


def _larger(older: _State, _: int, newer: _State, __: int) -> _State:
    return (np.maximum(older[0], newer[0]),)


def _merge_moments(older: _State, older_length: int, newer: _State, newer_length: int) -> _State:
    (mean, squares), (newer_mean, newer_squares) = older, newer
    length = older_length + newer_length
    gap = newer_mean - mean
    merged = mean + gap * (newer_length / length)
    np.multiply(gap, gap, out=gap)
    gap *= older_length * newer_length / length
    gap += squares
    gap += newer_squares
    return merged, gap


def _at_last_row(windows: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    placed = np.empty(shape)
    before = shape[0] - windows.shape[0]
    placed[:before] = np.nan
    placed[before:] = windows
    return placed


def _check_window(window: int) -> None:
    if window < 1:
        raise InputError(found=f"a window of {window} rows", expected="at least 1", hint="windows look backward only")


def _check_share(what: str, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise InputError(found=f"{what} of {share}", expected="between 0 and 1", hint="1 would never forget")

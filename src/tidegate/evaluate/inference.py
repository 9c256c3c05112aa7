"""Inference on means of dependent observations."""

from __future__ import annotations

import math

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray

__all__ = ["newey_west_mean"]


def newey_west_mean(values: FloatArray, lags: int) -> tuple[float, float]:
    """Return the mean of a series and its standard error, robust to autocorrelation up to ``lags``.

    Forecasts of overlapping horizons are not independent observations: a plain standard error would count the
    same price move once per day of the horizon. With autocovariances ``g_k`` (divisor *n*),

    ``standard_error = sqrt((g_0 + 2 * sum_{k=1..L} (1 - k / (L + 1)) * g_k) / n)``.

    Source: Newey and West 1987, https://doi.org/10.2307/1913610 (Bartlett weights, never negative).

    Parameters
    ----------
    values
        ``float64 (n,)`` in time order. NaN observations are left out and their neighbours treated as
        adjacent.
    lags
        Largest lag at which observations may still be related, for example the horizon in bars; 0 gives the
        standard error of independent observations.

    Returns
    -------
    mean, standard_error
        NaN where there are too few observations: none for the mean, fewer than two for its error.

    Raises
    ------
    InputError
        If ``lags`` is negative or ``values`` is not one series.

    Examples
    --------
    >>> mean, error = newey_west_mean(np.array([1.0, 2.0, 3.0, 4.0]), lags=0)
    >>> mean, round(error, 4)
    (2.5, 0.559)
    """
    if lags < 0 or values.ndim != 1:
        raise InputError(
            found=f"{lags} lags on an array of shape {values.shape}",
            expected="0 or more lags on one series",
            hint="pass one value per instant",
        )
    known = values[~np.isnan(values)]
    count = known.size
    if count < 2:
        return (float(known[0]) if count else math.nan), math.nan
    mean = float(known.mean())
    centred = known - mean
    variance = float(centred @ centred) / count
    for lag in range(1, min(lags, count - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        variance += 2.0 * weight * float(centred[lag:] @ centred[:-lag]) / count
    return mean, math.sqrt(max(variance, 0.0) / count)

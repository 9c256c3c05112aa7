"""How much a price moved about between entry and exit."""

from __future__ import annotations

import numpy as np

from tidegate.core.units import FloatArray

__all__ = ["realised_volatility"]


def realised_volatility(log_price: FloatArray, bars: int) -> FloatArray:
    """Return the realised volatility of the ``bars`` one-bar returns that follow each row.

    ``sqrt(sum of (log_price[t + k] - log_price[t + k - 1]) ** 2 over k = 1 .. bars)``, not annualised. Every bar is
    needed: one that is missing leaves two returns unknown, and to leave them out would call a gap calm.

    Sums are combined by doubling, so that neither a price outside the stretch nor the length of the history reaches the
    last bits, as it would in a running total.

    Parameters
    ----------
    log_price
        ``float64 (n_times, n_symbols)``; NaN is missing.
    bars
        How many returns, at least 1.

    Returns
    -------
    volatility
        ``float64 (n_times, n_symbols)``, NaN where one of the prices is missing or has not happened yet.

    Notes
    -----
    Andersen, Bollerslev, Diebold and Labys (2003), "Modeling and Forecasting Realized Volatility", Econometrica 71(2).
    The absolute return over the whole stretch is no substitute: a price that falls and comes back has moved.

    Examples
    --------
    >>> log_price = np.array([[0.0], [0.03], [-0.01], [0.0]])
    >>> realised_volatility(log_price, 2).round(6).ravel().tolist()
    [0.05, 0.041231, nan, nan]
    """
    volatility = np.full(log_price.shape, np.nan)
    rows = len(log_price) - bars
    if rows <= 0:
        return volatility
    block = np.diff(log_price, axis=0) ** 2
    total, covered, length = np.zeros((rows, log_price.shape[1])), 0, 1
    while length <= bars:
        if bars & length:
            total += block[covered : covered + rows]
            covered += length
        block = block[:-length] + block[length:]
        length *= 2
    volatility[:rows] = np.sqrt(total)
    return volatility

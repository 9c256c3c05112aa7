"""Whether probabilities mean what they say: Brier score, calibration error and the reliability table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.units import FloatArray
from tidegate.evaluate.ranked import check_rows

__all__ = ["brier_score", "expected_calibration_error", "reliability_table"]

_BINS: Final = 10


def brier_score(probability: FloatArray, outcome: FloatArray) -> float | None:
    """Return the mean squared distance of probabilities from what came: ``mean((p - y)^2)``; None without rows.

    Always saying the base rate *b* scores ``b * (1 - b)``. Rows whose probability or outcome is NaN are left out.

    Source: Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Raises
    ------
    DataError
        If shapes differ or values cannot be used.

    Examples
    --------
    >>> round(brier_score(np.array([0.1, 0.8]), np.array([0.0, 1.0])), 3)
    0.025
    """
    probability, outcome = _known(probability, outcome)
    return float(np.mean((probability - outcome) ** 2)) if probability.size else None


def expected_calibration_error(probability: FloatArray, outcome: FloatArray, bins: int = _BINS) -> float | None:
    """Return the mean gap between probability and rate of hits: ``sum_b n_b / n * |rate_b - mean_b|``.

    Bins as of :func:`reliability_table`; None without rows.

    Source: Naeini, Cooper and Hauskrecht 2015, https://doi.org/10.1609/aaai.v29i1.9602.

    Raises
    ------
    DataError
        If shapes differ or values cannot be used.
    """
    table = reliability_table(probability, outcome, bins)
    count = sum(row["count"] for row in table)
    return sum(row["count"] * abs(row["rate"] - row["mean"]) for row in table) / count if count else None


def reliability_table(probability: FloatArray, outcome: FloatArray, bins: int = _BINS) -> list[dict[str, Any]]:
    """Return the rate of hits beside the mean probability in bins of equal width.

    A bin holds ``low <= probability < high``, the last one 1 as well. A bin without rows is absent. Rows whose
    probability or outcome is NaN are left out.

    Parameters
    ----------
    probability
        ``float64 (n,)`` in [0, 1].
    outcome
        ``float64 (n,)``, 0 or 1.
    bins
        How many the interval [0, 1] is cut into.

    Returns
    -------
    rows
        ``low``, ``high``, ``mean`` (of the probabilities), ``rate`` (of hits) and ``count`` of each bin.

    Raises
    ------
    DataError
        If shapes differ or values cannot be used.

    Examples
    --------
    >>> reliability_table(np.array([0.12, 0.18, 1.0]), np.array([0.0, 1.0, 1.0]))[0]
    {'low': 0.1, 'high': 0.2, 'mean': 0.15, 'rate': 0.5, 'count': 2}
    """
    probability, outcome = _known(probability, outcome)
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    total, hits = (np.bincount(place, weights=values, minlength=bins) for values in (probability, outcome))
    return [
        {
            "low": one / bins,
            "high": (one + 1) / bins,
            "mean": float(total[one] / count[one]),
            "rate": float(hits[one] / count[one]),
            "count": int(count[one]),
        }
        for one in np.flatnonzero(count).tolist()
    ]


def _known(probability: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(probability)
    if not known.any() and probability.shape == outcome.shape:
        return probability[known], outcome[known]
    check_rows(np.where(known, probability, 0.0), outcome)
    if np.any((probability < 0.0) | (probability > 1.0)):
        raise DataError(
            found=f"probabilities from {np.nanmin(probability)} to {np.nanmax(probability)}",
            expected="numbers from 0 to 1",
            hint="calibrate the scores first; a score is no probability",
        )
    known &= ~np.isnan(outcome)
    return probability[known], outcome[known]

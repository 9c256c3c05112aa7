"""From which probability on a row is called a hit: the lowest threshold that keeps the promised precision, or none.

The Wilson interval takes rows for independent, and rows of one day are not. With 20,000 rows that are, and true
probabilities, the precision that ``point`` had found was truly below the target in 53 of 100 slices, that of
``wilson`` in 3. Where scores know the days and no threshold truly keeps 60 %, ``wilson`` met it falsely in 34 of
300 slices of 32 days, and in 33 of 63 days; with calls on 10 days or more in 1 and 6. Where scores know the names,
and days differ besides, it is met more often than it is kept however many days are asked for: of 214 slices of 32
days that met it 74 were truly below, at 57 % in the median, and of 243 of 63 days 39. So the bound says something
of the slice that it was found on. It is no promise for another market: what the calls of later days achieve remains
the figure to look at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, Final, Literal, Self

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe import CalibrateSettings
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["Threshold", "choose_threshold", "threshold_grid", "wilson_lower_bound"]

_NORMAL_975: Final = 1.959963984540054
_BEFORE_DAYS: Final = {"minimum_days": None, "days": None}
"""What documents of versions that did not count days lack."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a calibration slice says about a floor for precision.

    Parameters
    ----------
    status
        ``met``, or ``below_floor`` where no threshold keeps the promise: then nothing is called.
    value
        Least probability that is called; None below the floor, never a substitute.
    candidate
        The threshold that the figures below belong to: ``value``, or below the floor the one that comes nearest; None
        where nothing can be called at all.
    rule, target_precision, minimum_calls, minimum_days
        What was asked; for the rule ``point`` ``minimum_calls`` is 1 and ``minimum_days`` 0. None where an earlier
        version, which asked for no days, wrote it.
    rows, positives, base_rate
        The slice: its samples, how many of them were hits, and their share.
    precision, lower, recall, calls
        At the candidate: share of the calls that were hits, the lower end of its 95 % Wilson interval, share of the
        hits that were called, and how many calls there were. None where they cannot be computed.
    days
        On how many days these calls were made, UTC; None where instants were not known.
    """

    status: Literal["met", "below_floor"]
    value: float | None
    candidate: float | None
    rule: Literal["wilson", "point"]
    target_precision: float
    minimum_calls: int
    rows: int
    positives: int
    base_rate: float
    precision: float | None
    lower: float | None
    recall: float | None
    calls: int
    minimum_days: int | None = None
    days: int | None = None

    @property
    def is_met(self) -> bool:
        """Whether the floor was reached, so that calls are made at all."""
        return self.value is not None

    @property
    def judged(self) -> float | None:
        """The figure that the rule holds against the target: ``lower`` by ``wilson``, ``precision`` by ``point``."""
        return self.lower if self.rule == "wilson" else self.precision

    @property
    def is_supported(self) -> bool:
        """Whether the candidate has the calls, and the days with calls, that were asked for."""
        days = self.minimum_days or 0
        return self.calls >= self.minimum_calls and (self.days is None or self.days >= days)

    def called(self, probability: FloatArray) -> Mask:
        """Return where a probability reaches the threshold; nowhere below the floor or where it is NaN."""
        return np.zeros(probability.shape, dtype=np.bool_) if self.value is None else probability >= self.value

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_document` wrote; where days are not said, none were counted and none asked for.

        Raises
        ------
        InputError
            If another key is missing, one too many, or the value does not fit the status.
        """
        document = {**_BEFORE_DAYS, **document}
        names = {field.name for field in fields(cls)}
        if set(document) == names and document["status"] == ("below_floor" if document["value"] is None else "met"):
            return cls(**document)
        raise InputError(
            found=f"a threshold with the keys {', '.join(sorted(document)) or 'none'}",
            expected=f"{', '.join(sorted(names))}, and a value exactly where the status is met",
            hint="restore the file or train again with this version",
        )


def wilson_lower_bound(hits: Int64Array, calls: Int64Array) -> FloatArray:
    """Return the lower end of the two-sided 95 % Wilson interval of a share; NaN where there are no calls.

    With *n* calls, ``p = hits / n`` and ``z = 1.96`` (the normal quantile of 0.975),

    ``(p + z^2 / 2n - z * sqrt(p * (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)``.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.

    Parameters
    ----------
    hits, calls
        ``int64``, one shape; ``0 <= hits <= calls``.

    Examples
    --------
    >>> wilson_lower_bound(np.array([60, 70, 0]), np.array([100, 100, 0])).round(4).tolist()
    [0.502, 0.6042, nan]
    """
    count = np.where(calls > 0, calls, 1).astype(np.float64)
    share, square = hits / count, _NORMAL_975**2
    spread = _NORMAL_975 * np.sqrt(share * (1.0 - share) / count + square / (4.0 * count * count))
    bound = (share + square / (2.0 * count) - spread) / (1.0 + square / count)
    return np.where(calls > 0, np.clip(bound, 0.0, share), np.nan)


def threshold_grid(low: float, high: float, step: float) -> FloatArray:
    """Return ``low, low + step, ...`` below ``high``; each is the number that its decimals say, without drift.

    Examples
    --------
    >>> grid = threshold_grid(0.15, 0.45, 0.01)
    >>> len(grid), grid[[0, 20, -1]].tolist()
    (30, [0.15, 0.35, 0.44])
    """
    start, end, stride = (Decimal(repr(float(value))) for value in (low, high, step))
    return np.array([float(start + place * stride) for place in range(math.ceil((end - start) / stride))])


def choose_threshold(
    settings: CalibrateSettings, probability: FloatArray, outcome: FloatArray, instants: Int64Array | None = None
) -> Threshold:
    """Choose the threshold by the rule of a recipe: the highest recall among those that keep the promised precision.

    ``point`` (equity G.7) asks that the precision on the slice reaches the target. ``wilson`` asks that the lower end
    of its 95 % Wilson interval does, with at least ``minimum_calls`` on at least ``minimum_days``: eight hits of ten
    calls promise little. Recall never rises with the threshold, so the first that passes, of equals the lowest, is the
    answer. Where none passes the status says so, and nothing is called: a default would break the promise in silence
    (equity H 19, I 16). What the promise is worth, measured, is said at the head of this module.

    Parameters
    ----------
    settings
        Rule, target and the grid, ``threshold_high`` excluded as in ``numpy.arange``.
    probability
        ``float64 (n,)``, calibrated, of a slice that neither tuning nor training has seen.
    outcome
        ``float64 (n,)``, 0 or 1.
    instants
        ``int64 (n,)`` decision instants, in any order; an instant belongs to the day, UTC, that ends with or contains
        it. None where rows belong to no day: then days are not counted and none are asked for.

    Raises
    ------
    DataError
        If the slice is empty, shapes differ, a probability is missing or an outcome neither 0 nor 1.

    Examples
    --------
    >>> settings = CalibrateSettings(rule="point", target_precision=0.75)
    >>> found = choose_threshold(settings, np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.0, 1.0, 1.0, 1.0]))
    >>> found.status, found.value, found.recall, found.calls
    ('met', 0.0, 1.0, 4)
    """
    _check(probability, outcome, instants)
    grid = threshold_grid(settings.threshold_low, settings.threshold_high, settings.threshold_step)
    calls, hits = _counts(grid, probability, outcome)
    precision = np.divide(hits, calls, out=np.full(len(grid), np.nan), where=calls > 0)
    lower = wilson_lower_bound(hits, calls)
    days = None if instants is None else _days(grid, probability, instants)
    wilson = settings.rule == "wilson"
    least, fewest_days = (settings.minimum_calls, settings.minimum_days) if wilson else (1, 0)
    judged = lower if wilson else precision
    enough = calls >= least if days is None else (calls >= least) & (days >= fewest_days)
    passes = np.flatnonzero(enough & (judged >= settings.target_precision))
    place = int(passes[0]) if passes.size else _nearest(judged, enough)
    shown = None if place is None else float(grid[place])
    columns = {"precision": precision, "lower": lower, "hits": hits, "calls": calls, "days": days}
    return Threshold(
        status="met" if passes.size else "below_floor",
        value=shown if passes.size else None,
        candidate=shown,
        rule=settings.rule,
        target_precision=settings.target_precision,
        minimum_calls=least,
        minimum_days=fewest_days,
        **_figures(columns, place, outcome),
    )


def _figures(
    columns: Mapping[str, FloatArray | Int64Array | None], place: int | None, outcome: FloatArray
) -> dict[str, Any]:
    """Return what is said of the slice, and of the candidate at a place of the grid."""
    positives = int(outcome.sum())
    at = {name: 0 if place is None else column[place] for name, column in columns.items() if column is not None}
    return {
        "rows": len(outcome),
        "positives": positives,
        "base_rate": positives / len(outcome),
        "precision": None if place is None else float(at["precision"]),
        "lower": None if place is None else float(at["lower"]),
        "recall": None if place is None or not positives else float(at["hits"] / positives),
        "calls": int(at["calls"]),
        "days": int(at["days"]) if "days" in at else None,
    }


def _counts(grid: FloatArray, probability: FloatArray, outcome: FloatArray) -> tuple[Int64Array, Int64Array]:
    """Return how many rows reach each threshold, and how many hits do."""
    everything, hits = np.sort(probability), np.sort(probability[outcome == 1.0])
    return len(everything) - np.searchsorted(everything, grid), len(hits) - np.searchsorted(hits, grid)


def _days(grid: FloatArray, probability: FloatArray, instants: Int64Array) -> Int64Array:
    """Return on how many days a row reaches each threshold."""
    days, place = np.unique((instants - 1) // DAY, return_inverse=True)
    best = np.full(len(days), -np.inf)
    np.maximum.at(best, place, probability)
    return len(days) - np.searchsorted(np.sort(best), grid)


def _nearest(judged: FloatArray, enough: Mask) -> int | None:
    """Return the place that comes nearest to the target, the lowest of equals; None where nothing is called.

    One with calls too few, or on too few days, is shown only where all have too few.
    """
    usable = np.where(enough, judged, np.nan) if enough.any() else judged
    return None if np.isnan(usable).all() else int(np.nanargmax(usable))


def _check(probability: FloatArray, outcome: FloatArray, instants: Int64Array | None) -> None:
    shapes = {outcome.shape, probability.shape if instants is None else instants.shape}
    if probability.ndim != 1 or shapes != {probability.shape} or not outcome.size:
        found = f"{probability.shape} probabilities and {outcome.shape} outcomes"
        raise DataError(
            found=found if instants is None else f"{found} at {instants.shape} instants",
            expected="one series of each, equally long and not empty",
            hint="give the calibration slice more days",
        )
    unusable = int(np.sum(~((outcome == 0.0) | (outcome == 1.0)) | ~((probability >= 0.0) & (probability <= 1.0))))
    if unusable:
        raise DataError(
            found=f"{unusable} rows whose outcome is neither 0 nor 1, or whose probability is not in [0, 1]",
            expected="labelled rows with a probability",
            hint="leave out rows without a label; a missing label is not a zero",
        )

"""From scores to probabilities: monotone maps fitted on a slice that the model has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, Self

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["FEWEST_FOR_CALIBRATION", "Calibrator", "fit_calibrator"]

FEWEST_FOR_CALIBRATION: Final = 200
"""Samples below which no map is fitted (crypto 23.5)."""

_FEWEST_AT_AN_END: Final = 50
_SHARE_AT_AN_END: Final = 0.01
Method = Literal["isotonic", "platt", "none"]
Scale = Literal["score", "log_odds"]
_MAXIMUM_STEPS: Final = 100
_CONVERGED: Final = 1e-10
_LEAST: Final = float(np.finfo(np.float64).tiny)
"""The smallest normal float, 2.2e-308: what is smaller some processors read as 0, which has no finite log-odds."""
_MOST: Final = float(np.nextafter(1.0, 0.0))
"""The largest float below 1."""


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """A map from scores to probabilities that never falls as the score rises.

    Parameters
    ----------
    method
        ``isotonic``, ``platt`` or ``none``.
    rows, positives
        Samples of the slice it was fitted on, and hits among them.
    starts, values
        Of ``isotonic``: least score of each step, ascending, and its probability, rising. A score between two steps
        takes the lower one, and a score below all of them the first.
    on
        What the curve of ``platt`` is drawn over: ``score``, or ``log_odds`` where scores are probabilities,
        ``ln(score / (1 - score))``. A score of 0 or less counts as 2.2e-308 there, and one of 1 or more as the largest
        float below 1, whose log-odds are finite: -708 and 37.
    centre, scale, slope, intercept
        Of ``platt``: ``1 / (1 + exp(-(intercept + slope * (x - centre) / scale)))``, *x* being what it is drawn over,
        with a slope of at least 0.
    """

    method: Method
    rows: int
    positives: int
    starts: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    on: Scale = "score"
    centre: float = 0.0
    scale: float = 1.0
    slope: float = 0.0
    intercept: float = 0.0

    def probability(self, scores: FloatArray) -> FloatArray:
        """Return the probability of a hit, ``float64 (n,)`` in [0, 1]; NaN exactly where a score is NaN.

        Raises
        ------
        InputError
            If a score is infinite.
        """
        if np.isinf(scores).any():
            raise InputError(
                found=f"{int(np.isinf(scores).sum())} infinite scores",
                expected="finite scores; a missing one is NaN",
                hint="look at what the model forecasts",
            )
        if self.method == "none":
            return np.clip(scores, 0.0, 1.0)
        if self.method == "platt":
            with np.errstate(over="ignore"):  # a score far outside saturates
                margin = self.intercept + self.slope * ((_over(self.on, scores) - self.centre) / self.scale)
            return _logistic(margin)
        step = np.searchsorted(np.array(self.starts), scores, side="right") - 1
        return np.where(np.isnan(scores), np.nan, np.array(self.values)[np.maximum(step, 0)])

    def as_document(self) -> dict[str, Any]:
        """Return plain values; every float reads back from JSON as it was."""
        return {**asdict(self), "starts": list(self.starts), "values": list(self.values)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_document` wrote; where ``on`` is not said, curves were drawn over the score.

        Raises
        ------
        InputError
            If it is not the document of a map that rises within [0, 1].
        """
        document = {"on": "score", **document}
        try:
            numbers = {name: float(document[name]) for name in ("centre", "scale", "slope", "intercept")}
            starts, values = (tuple(float(number) for number in document[name]) for name in ("starts", "values"))
            found = cls(
                method=document["method"],
                rows=int(document["rows"]),
                positives=int(document["positives"]),
                starts=starts,
                values=values,
                on=document["on"],
                **numbers,
            )
            if set(document) == {field.name for field in fields(cls)} and _is_sound(found):
                return found
        except (KeyError, TypeError, ValueError):
            pass
        raise InputError(
            found="a document that is no calibrator",
            expected="a rising map into [0, 1] by one of isotonic, platt, none",
            hint="restore the file or train again with this version",
        )


def fit_calibrator(method: Method, scores: FloatArray, outcomes: FloatArray) -> Calibrator:
    """Fit a map from scores to the probability of a hit.

    ``isotonic`` is the rising step function nearest to the outcomes in squares (pool adjacent violators). It makes no
    assumption of shape, and interpolates nothing: between two steps the lower one holds. Its two ends are what luck
    made the most of, so a step there with fewer than 50 samples, or fewer than one in a hundred of the slice, is joined
    to its neighbour. In 400 slices of 9,000 samples whose score says nothing, 22 % of them hits, the best 10 of 1,000
    names are told 24.9 % on average and 35 % at most, and were 26.4 % and 45 % before; what a score does say is told
    right within one point on average, which wider ends would lose. ``platt`` is a logistic curve,
    fitted by Newton's method to Platt's targets ``(positives + 1) / (positives + 2)`` and ``1 / (negatives + 2)``,
    which keep it finite where the scores separate the classes. Where it would fall it is level instead: a score that
    says nothing earns no call, and one that says the opposite is no skill. Where every score lies between 0 and 1,
    both excluded, scores are taken for probabilities and the curve is drawn over their log-odds: a probability that is
    right already is then left as it is, which no curve over the probability itself could do. ``none`` takes scores as
    probabilities, clipped to [0, 1], and fits nothing.

    Sources: Barlow et al. 1972, *Statistical Inference under Order Restrictions*; Lin, Lin and Weng 2007,
    https://doi.org/10.1007/s10994-007-5018-6.

    Parameters
    ----------
    method
        ``isotonic``, ``platt`` or ``none``.
    scores
        ``float64 (n,)``, finite, of a slice that neither training nor tuning has seen.
    outcomes
        ``float64 (n,)``, 0 or 1.

    Raises
    ------
    DataError
        If there are fewer than 200 samples or only one class of them (not for ``none``), or if shapes differ, a score
        is not finite or an outcome neither 0 nor 1.

    Examples
    --------
    >>> scores = np.arange(400) / 400.0
    >>> calibrator = fit_calibrator("isotonic", scores, (np.arange(400) % 4 >= 2).astype(float) * (scores > 0.5))
    >>> calibrator.probability(np.array([0.1, 0.4, 0.9])).round(2).tolist()
    [0.0, 0.0, 0.51]
    """
    _check(method, scores, outcomes)
    unfitted = Calibrator(method=method, rows=len(outcomes), positives=int(outcomes.sum()))
    if method == "isotonic":
        starts, values = _isotonic(scores, outcomes)
        return replace(unfitted, starts=starts, values=values)
    if method == "platt":
        on: Scale = "log_odds" if scores.min() > 0.0 and scores.max() < 1.0 else "score"
        centre, scale, slope, intercept = _platt(_over(on, scores), outcomes)
        return replace(unfitted, on=on, centre=centre, scale=scale, slope=slope, intercept=intercept)
    return unfitted


def _isotonic(scores: FloatArray, outcomes: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from scipy.optimize import isotonic_regression

    distinct, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    share = np.bincount(place, weights=outcomes) / count
    fitted = np.clip(isotonic_regression(share, weights=count).x, 0.0, 1.0)
    opens = np.flatnonzero(np.diff(fitted, prepend=-1.0) > 0.0)
    rows = np.append(np.cumsum(count) - count, len(scores))[np.append(opens, len(distinct))]
    kept = _with_full_ends(rows, max(_FEWEST_AT_AN_END, _SHARE_AT_AN_END * len(scores)))
    samples, hits = np.diff(rows[kept]), np.add.reduceat(fitted[opens] * np.diff(rows), kept[:-1])
    return tuple(distinct[opens[kept[:-1]]].tolist()), tuple(np.clip(hits / samples, 0.0, 1.0).tolist())


def _with_full_ends(rows: Int64Array, least: float) -> Int64Array:
    """Return which borders of steps stay, so that the first and the last step have at least so many samples.

    Parameters
    ----------
    rows
        ``int64 (n_steps + 1,)``: samples below each border, from 0 to all.
    """
    inner = np.arange(1, len(rows) - 1)
    inner = inner[(rows[inner] >= least) & (rows[-1] - rows[inner] >= least)]
    return np.concatenate([[0], inner, [len(rows) - 1]])


def _over(on: Scale, scores: FloatArray) -> FloatArray:
    """Return what a logistic curve is drawn over."""
    if on == "score":
        return scores
    inside = np.clip(scores, _LEAST, _MOST)
    return np.log(inside) - np.log1p(-inside)


def _platt(scores: FloatArray, outcomes: FloatArray) -> tuple[float, float, float, float]:
    """Return centre, scale, slope and intercept."""
    positives = float(outcomes.sum())
    negatives = len(outcomes) - positives
    target = np.where(outcomes == 1.0, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    level = float(target.mean())
    intercept = math.log(level / (1.0 - level))
    size = float(np.abs(scores).max())
    if scores.min() == scores.max():
        return float(scores[0]), 1.0, 0.0, intercept
    unit = scores / size
    standard = (unit - unit.mean()) / unit.std()
    slope, shifted = _newton(standard, target, intercept)
    rises = slope > 0.0
    return float(unit.mean()) * size, float(unit.std()) * size, slope if rises else 0.0, shifted if rises else intercept


def _newton(values: FloatArray, target: FloatArray, intercept: float) -> tuple[float, float]:
    """Return slope and intercept of least log loss; a step that does not lower the loss is halved."""
    slope, loss = 0.0, _log_loss(np.full(len(values), intercept), target)
    for _ in range(_MAXIMUM_STEPS):
        fitted = _logistic(intercept + slope * values)
        weight, error = fitted * (1.0 - fitted), fitted - target
        by_slope, by_intercept = float(error @ values), float(error.sum())
        if max(abs(by_slope), abs(by_intercept)) <= _CONVERGED * len(values):
            break
        first, mixed, last = float(weight @ (values * values)), float(weight @ values), float(weight.sum())
        # A trace of ridge, so that scores without any spread leave the system solvable.
        first, last = first + 1e-12, last + 1e-12
        determinant = first * last - mixed * mixed
        along = (last * by_slope - mixed * by_intercept) / determinant
        across = (first * by_intercept - mixed * by_slope) / determinant
        share = 1.0
        while share > 1e-10:
            tried = _log_loss(intercept - share * across + (slope - share * along) * values, target)
            if tried <= loss:
                break
            share /= 2.0
        else:
            break
        slope, intercept, loss = slope - share * along, intercept - share * across, tried
    return slope, intercept


def _log_loss(margin: FloatArray, target: FloatArray) -> float:
    return float(np.sum(np.logaddexp(0.0, margin) - target * margin))


def _logistic(margin: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0.0, 1.0, small) / (1.0 + small)


def _is_sound(calibrator: Calibrator) -> bool:
    starts, values = np.array(calibrator.starts), np.array(calibrator.values)
    curve = (calibrator.centre, calibrator.scale, calibrator.slope, calibrator.intercept)
    rises = bool((np.diff(starts) > 0.0).all() and (np.diff(values) >= 0.0).all())
    inside = bool(np.isfinite(starts).all() and ((values >= 0.0) & (values <= 1.0)).all())
    return (
        calibrator.method in ("isotonic", "platt", "none")
        and calibrator.on in (("score", "log_odds") if calibrator.method == "platt" else ("score",))
        and len(starts) == len(values)
        and (len(starts) > 0) == (calibrator.method == "isotonic")
        and rises
        and inside
        and all(math.isfinite(number) for number in curve)
        and calibrator.scale > 0.0
        and calibrator.slope >= 0.0
    )


def _check(method: str, scores: FloatArray, outcomes: FloatArray) -> None:
    if scores.ndim != 1 or scores.shape != outcomes.shape:
        raise DataError(
            found=f"{scores.shape} scores and {outcomes.shape} outcomes",
            expected="one series of each, equally long",
            hint="cut scores and outcomes by the same rows",
        )
    unusable = int(np.sum(~np.isfinite(scores) | ~((outcomes == 0.0) | (outcomes == 1.0))))
    if unusable:
        raise DataError(
            found=f"{unusable} rows without a finite score or with an outcome that is neither 0 nor 1",
            expected="scored and labelled rows",
            hint="leave out rows without a label; a missing label is not a zero",
        )
    positives = int(outcomes.sum())
    if method != "none" and (len(outcomes) < FEWEST_FOR_CALIBRATION or positives in (0, len(outcomes))):
        raise DataError(
            found=f"a calibration slice of {len(outcomes)} samples, {positives} of them hits",
            expected=f"at least {FEWEST_FOR_CALIBRATION} samples, hits and misses among them",
            hint="make split.calibration longer or the universe larger, or write calibrate: {method: none}",
        )

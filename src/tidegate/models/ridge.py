"""Ridge regression in closed form on standardised features."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tidegate.core.errors import InputError
from tidegate.core.recipe import RidgeSettings
from tidegate.core.units import Float32Array, FloatArray, Int64Array, Mask
from tidegate.models.boosted import as_shares
from tidegate.models.rounds import OnRound
from tidegate.models.stored import no_model, read_model_text, write_model
from tidegate.models.training_rows import Rows, TrainingRows, check_prediction_rows, pieces

__all__ = ["PreparedRidge", "Ridge"]

_FILE = "ridge.json"


@dataclass(frozen=True, eq=False)
class _Fitted:
    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    intercept: float


class Ridge:
    """Linear regression with an L2 penalty.

    Features are standardised with the training rows' mean and deviation (a constant feature keeps deviation 1
    and so says nothing), a missing value takes the training mean, and with standardised features *Z* and
    centred target *y*

    ``weights = (Z'Z + penalty * I)^-1 Z'y``,  ``intercept = mean(target)``.

    A row of weight *w* counts as *w* rows: in mean and deviation, in ``Z'WZ`` and ``Z'Wy``. The penalty is not
    weighted, so that weights of mean 1 leave its meaning as it is.

    Source: Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634.

    Linear algebra runs on one thread and rows are forecast by sums in a fixed order: results are the same to
    the bit for any number of threads, and for a row alone or among others.

    A target of 0 and 1 is forecast as any other: the result orders rows as a probability would, but is none, and may
    lie below 0 or above 1.

    Parameters
    ----------
    settings
        The penalty, in units of summed squares of a standardised feature.

    Examples
    --------
    >>> features = np.arange(8, dtype=np.float32).reshape(-1, 1)
    >>> model = Ridge(RidgeSettings(penalty=1e-9)).fit(features, 2.0 * features[:, 0] + 1.0)
    >>> model.predict(np.array([[10.0]], dtype=np.float32)).round(6).tolist()
    [21.0]
    """

    kind: ClassVar[str] = "ridge"

    def __init__(self, settings: RidgeSettings) -> None:
        self.settings = settings
        self._fitted: _Fitted | None = None

    @property
    def rounds(self) -> int | None:
        """None: there are no trees."""
        return None

    def fit(
        self,
        features: Rows,
        target: FloatArray,
        *,
        weight: FloatArray | None = None,
        instants: Int64Array | None = None,
        validation: TrainingRows | None = None,  # noqa: ARG002  (nothing here stops early)
    ) -> Self:
        """Learn from ``float32 (n_rows, n_features)`` and finite ``float64 (n_rows,)``.

        Raises
        ------
        InputError
            If shapes do not fit, a target is missing, or weights are negative or all 0.
        """
        rows = TrainingRows(features=features, target=target, weight=weight, instants=instants)
        self._fitted = PreparedRidge(rows).solve(self.settings)
        return self

    def predict(self, features: Rows) -> FloatArray:
        """Return ``float64 (n_rows,)``, in the unit of the target."""
        fitted = self._trained()
        check_prediction_rows(features, fitted.weights.size)
        forecast = np.full(len(features), fitted.intercept)
        for start, piece in pieces(features):
            part = forecast[start : start + len(piece)]
            for place in range(fitted.weights.size):
                part += _contribution(piece, fitted, place)
        return forecast

    def contributions(self, features: Rows) -> FloatArray:
        """Return by how much each feature moves the forecast, ``float64 (n_rows, n_features + 1)``.

        ``(value - mean) / deviation * weight``, 0 where the value is missing; the last column is the intercept. A row
        sums to its forecast.
        """
        fitted = self._trained()
        check_prediction_rows(features, fitted.weights.size)
        parts = np.full((len(features), fitted.weights.size + 1), fitted.intercept)
        for start, piece in pieces(features):
            for place in range(fitted.weights.size):
                parts[start : start + len(piece), place] = _contribution(piece, fitted, place)
        return parts

    def importance(self) -> FloatArray:
        """Return each weight's share of the sum of absolute weights; equal shares if all are 0."""
        weights = np.abs(self._trained().weights)
        return as_shares(weights)

    def save(self, folder: Path) -> None:
        """Write JSON; every float is written so that it reads back exactly."""
        fitted = self._trained()
        content = {
            "penalty": self.settings.penalty,
            "intercept": fitted.intercept,
            "mean": fitted.mean.tolist(),
            "scale": fitted.scale.tolist(),
            "weights": fitted.weights.tolist(),
        }
        write_model(folder, self.kind, _FILE, json.dumps(content, indent=2, allow_nan=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a stored model.

        Raises
        ------
        InputError
            If it is missing, damaged or of another kind.
        """
        text = read_model_text(folder, cls.kind)
        try:
            content = json.loads(text)
            model = cls(RidgeSettings(penalty=content["penalty"]))
            mean, scale, weights = (np.array(content[name], dtype=np.float64) for name in ("mean", "scale", "weights"))
            model._fitted = _Fitted(mean, scale, weights, float(content["intercept"]))
        except (ValueError, KeyError, TypeError) as error:
            raise no_model(folder / _FILE, cls.kind, error) from None
        return model

    def _trained(self) -> _Fitted:
        if self._fitted is None:
            raise InputError(
                found="a ridge that was not fitted", expected="a trained one", hint="call fit or load first"
            )
        return self._fitted


class PreparedRidge:
    """Rows whose products are summed once, so that each further penalty costs one small system of equations.

    Parameters
    ----------
    train
        Rows to learn from.
    """

    def __init__(self, train: TrainingRows) -> None:
        features, target, weight = train.features, train.target, train.weight
        self._mean, self._scale = _standardisation(features, weight)
        self._intercept = float(target.mean()) if weight is None else float(np.average(target, weights=weight))
        width = features.shape[1]
        self._gram, self._moment = np.zeros((width, width)), np.zeros(width)
        with threadpool_limits(limits=1, user_api="blas"):
            for start, piece in pieces(features):
                part = slice(start, start + len(piece))
                standardised = _standardised(piece, self._mean, self._scale)
                counted = standardised if weight is None else standardised * weight[part, np.newaxis]
                self._gram += counted.T @ standardised
                self._moment += counted.T @ (target[part] - self._intercept)

    def fit(self, settings: RidgeSettings, *, seed: int = 0, on_round: OnRound | None = None) -> Ridge:  # noqa: ARG002
        """Return a ridge of this penalty; there is no chance in it and there are no rounds."""
        model = Ridge(settings)
        model._fitted = self.solve(settings)
        return model

    def solve(self, settings: RidgeSettings) -> _Fitted:
        """Return the coefficients of this penalty."""
        with threadpool_limits(limits=1, user_api="blas"):
            solved = np.linalg.solve(self._gram + settings.penalty * np.eye(len(self._gram)), self._moment)
        return _Fitted(self._mean, self._scale, np.asarray(solved, dtype=np.float64), self._intercept)


def _contribution(piece: Float32Array, fitted: _Fitted, place: int) -> FloatArray:
    column = piece[:, place].astype(np.float64)
    contribution = (column - fitted.mean[place]) / fitted.scale[place] * fitted.weights[place]
    return np.where(np.isnan(contribution), 0.0, contribution)


def _standardisation(features: Rows, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return mean and sample deviation of every feature's known values; 1 where it does not vary."""
    width = features.shape[1]
    count, total, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for seen, counts in _counted(features, weight):
        count += _sum(~np.isnan(seen), counts)
        total += _sum(seen, counts)
        low, high = np.fmin(low, np.fmin.reduce(seen, axis=0)), np.fmax(high, np.fmax.reduce(seen, axis=0))
    mean = total / np.where(count > 0.0, count, 1.0)
    for seen, counts in _counted(features, weight):
        deviation = seen.astype(np.float64) - mean
        squares += _sum(deviation * deviation, counts)
    # The comparison of extremes is exact; a deviation of rounding errors would blow a constant up to noise.
    varies = high > low
    return mean, np.where(varies, np.sqrt(squares / np.maximum(count - 1.0, 1.0)), 1.0)


def _counted(features: Rows, weight: FloatArray | None) -> Iterator[tuple[Float32Array, FloatArray | None]]:
    """Yield pieces of the rows that count, and how much each does; None where all count alike."""
    for start, piece in pieces(features):
        if weight is None:
            yield piece, None
        else:
            counts = weight[start : start + len(piece)]
            counting = counts > 0.0
            if counting.any():
                yield piece[counting], counts[counting]


def _sum(values: Float32Array | FloatArray | Mask, counts: FloatArray | None) -> FloatArray:
    """Return the sum of every column's known values, each as often as its row counts."""
    if counts is None:
        total: FloatArray = np.nansum(values, axis=0, dtype=np.float64)
        return total
    weighed: FloatArray = np.nan_to_num(values * counts[:, np.newaxis], nan=0.0).sum(axis=0)
    return weighed


def _standardised(piece: Float32Array, mean: FloatArray, scale: FloatArray) -> FloatArray:
    standardised = (piece.astype(np.float64) - mean) / scale
    standardised[np.isnan(standardised)] = 0.0
    return standardised

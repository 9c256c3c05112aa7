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
from tidegate.core.units import Float32Array, FloatArray
from tidegate.models.stored import read_model_text, write_model
from tidegate.models.training_rows import check_prediction_rows, check_training_rows

__all__ = ["Ridge"]

_FILE = "ridge.json"
# Rows are widened to float64 in pieces, so no second copy of the features ever exists.
_ROWS_PER_PIECE = 65_536


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

    Source: Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634.

    Linear algebra runs on one thread and rows are forecast by sums in a fixed order: results are the same to
    the bit for any number of threads, and for a row alone or among others.

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

    def fit(self, features: Float32Array, target: FloatArray) -> Self:
        """Learn from ``float32 (n_rows, n_features)`` and finite ``float64 (n_rows,)``.

        Raises
        ------
        InputError
            If shapes do not fit or a target is missing.
        """
        check_training_rows(features, target)
        mean, scale = _standardisation(features)
        intercept = float(target.mean())
        width = features.shape[1]
        gram, moment = np.zeros((width, width)), np.zeros(width)
        with threadpool_limits(limits=1, user_api="blas"):
            for start, piece in _pieces(features):
                standardised = _standardised(piece, mean, scale)
                gram += standardised.T @ standardised
                moment += standardised.T @ (target[start : start + len(piece)] - intercept)
            solved = np.linalg.solve(gram + self.settings.penalty * np.eye(width), moment)
        self._fitted = _Fitted(mean, scale, np.asarray(solved, dtype=np.float64), intercept)
        return self

    def predict(self, features: Float32Array) -> FloatArray:
        """Return ``float64 (n_rows,)``, in the unit of the target."""
        fitted = self._trained()
        check_prediction_rows(features, fitted.weights.size)
        forecast = np.full(len(features), fitted.intercept)
        for place, weight in enumerate(fitted.weights):
            column = features[:, place].astype(np.float64)
            contribution = (column - fitted.mean[place]) / fitted.scale[place] * weight
            forecast += np.where(np.isnan(contribution), 0.0, contribution)
        return forecast

    def importance(self) -> FloatArray:
        """Return each weight's share of the sum of absolute weights; equal shares if all are 0."""
        weights = np.abs(self._trained().weights)
        total = weights.sum()
        return weights / total if total > 0.0 else np.full(weights.size, 1.0 / weights.size)

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
        content = json.loads(read_model_text(folder, cls.kind))
        model = cls(RidgeSettings(penalty=content["penalty"]))
        mean, scale, weights = (np.array(content[name], dtype=np.float64) for name in ("mean", "scale", "weights"))
        model._fitted = _Fitted(mean, scale, weights, float(content["intercept"]))
        return model

    def _trained(self) -> _Fitted:
        if self._fitted is None:
            raise InputError(
                found="a ridge that was not fitted", expected="a trained one", hint="call fit or load first"
            )
        return self._fitted


def _standardisation(features: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Return mean and sample deviation of every feature's known values; 1 where it does not vary."""
    width = features.shape[1]
    count, total, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for _, piece in _pieces(features):
        count += np.sum(~np.isnan(piece), axis=0)
        total += np.nansum(piece, axis=0, dtype=np.float64)
        low, high = np.fmin(low, np.fmin.reduce(piece, axis=0)), np.fmax(high, np.fmax.reduce(piece, axis=0))
    mean = total / np.maximum(count, 1.0)
    for _, piece in _pieces(features):
        deviation = np.nan_to_num(piece.astype(np.float64) - mean, nan=0.0)
        squares += (deviation * deviation).sum(axis=0)
    # The comparison of extremes is exact; a deviation of rounding errors would blow a constant up to noise.
    varies = high > low
    return mean, np.where(varies, np.sqrt(squares / np.maximum(count - 1.0, 1.0)), 1.0)


def _standardised(piece: Float32Array, mean: FloatArray, scale: FloatArray) -> FloatArray:
    standardised = (piece.astype(np.float64) - mean) / scale
    standardised[np.isnan(standardised)] = 0.0
    return standardised


def _pieces(features: Float32Array) -> Iterator[tuple[int, Float32Array]]:
    for start in range(0, len(features), _ROWS_PER_PIECE):
        yield start, features[start : start + _ROWS_PER_PIECE]

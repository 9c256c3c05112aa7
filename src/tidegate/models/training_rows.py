"""The check that all forecasters make of what they are handed."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Float32Array, FloatArray

__all__ = ["check_prediction_rows", "check_training_rows"]


def check_training_rows(features: Float32Array, target: FloatArray) -> None:
    """Refuse what nobody can learn from: no rows, shapes that do not fit, targets that are no numbers."""
    if features.ndim != 2 or target.shape != features.shape[:1] or not target.size:
        raise InputError(
            found=f"features {features.shape} and target {target.shape}",
            expected="(n_rows, n_features) and (n_rows,) with at least one row",
            hint="cut features and target by the same rows",
        )
    unusable = int(np.sum(~np.isfinite(target)))
    if unusable:
        raise InputError(
            found=f"{unusable} targets that are missing or infinite",
            expected="finite numbers",
            hint="train on labelled rows only; a missing label is not a zero",
        )


def check_prediction_rows(features: Float32Array, n_features: int) -> None:
    """Refuse rows of another width than the forecaster was trained on: they are never padded or cut."""
    if features.ndim != 2 or features.shape[1] != n_features:
        raise InputError(
            found=f"features {features.shape}",
            expected=f"(n_rows, {n_features})",
            hint="build them with the contract of the training run",
        )

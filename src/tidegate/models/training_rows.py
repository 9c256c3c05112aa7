"""The rows that a forecaster is handed: as an array, or as a source that cuts them in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Float32Array, FloatArray, Int64Array

__all__ = [
    "PIECE",
    "RowSource",
    "Rows",
    "TrainingRows",
    "check_instants",
    "check_prediction_rows",
    "check_training_rows",
    "pieces",
]

PIECE: Final = 65_536
"""Rows that are read, widened or handed on at a time, so that no second copy of all features ever exists."""


class RowSource(Protocol):
    """Rows of features that are read in pieces, from a matrix on disk for instance; an array is one.

    The same position gives the same bits whenever it is asked for, alone or among others.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of features."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitem__(self, rows: slice | Int64Array, /) -> Float32Array:
        """Return ``float32 (k, n_features)``, NaN where missing."""
        ...


Rows = Float32Array | RowSource
"""``float32 (n_rows, n_features)``, or a source of it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingRows:
    """Rows to learn from, or to watch while learning.

    Parameters
    ----------
    features
        ``float32 (n_rows, n_features)`` or a source of it; NaN where missing.
    target
        ``float64 (n_rows,)``, finite.
    weight
        ``float64 (n_rows,)``, how much each row counts: at least 0, not all 0. None lets all count alike.
    instants
        ``int64 (n_rows,)``, decision instants in microseconds UTC, never falling from one row to the next. What learns
        the order within an instant needs them.

    Raises
    ------
    InputError
        If there is no row, shapes do not fit, a target is missing, or weights or instants are not as said.

    Examples
    --------
    >>> rows = TrainingRows(features=np.zeros((3, 2), dtype=np.float32), target=np.array([1.0, 0.0, 1.0]))
    >>> len(rows), rows.is_binary
    (3, True)
    """

    features: Rows
    target: FloatArray
    weight: FloatArray | None = None
    instants: Int64Array | None = None

    def __post_init__(self) -> None:
        check_training_rows(self.features, self.target)
        if self.weight is not None:
            _check_weight(self.weight, len(self))
        if self.instants is not None:
            check_instants(self.instants, len(self))

    def __len__(self) -> int:
        return len(self.target)

    @property
    def is_binary(self) -> bool:
        """Whether every target is 0 or 1."""
        return bool(np.all((self.target == 0.0) | (self.target == 1.0)))


def pieces(features: Rows) -> Iterator[tuple[int, Float32Array]]:
    """Yield first position and rows, at most :data:`PIECE` at a time."""
    for start in range(0, len(features), PIECE):
        yield start, features[start : start + PIECE]


def check_training_rows(features: Rows, target: FloatArray) -> None:
    """Refuse what nobody can learn from: no rows, shapes that do not fit, targets that are no numbers."""
    if len(features.shape) != 2 or target.shape != features.shape[:1] or not target.size:
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


def check_prediction_rows(features: Rows, n_features: int) -> None:
    """Refuse rows of another width than the forecaster was trained on: they are never padded or cut."""
    if len(features.shape) != 2 or features.shape[1] != n_features:
        raise InputError(
            found=f"features {features.shape}",
            expected=f"(n_rows, {n_features})",
            hint="build them with the contract of the training run",
        )


def check_instants(instants: Int64Array, n_rows: int) -> None:
    """Refuse decision instants of another length, and such as fall: rows of one instant lie side by side."""
    fits = instants.shape == (n_rows,)
    if not fits or (np.diff(instants) < 0).any():
        raise InputError(
            found=f"instants {instants.shape}" if not fits else "instants that fall from one row to the next",
            expected=f"({n_rows},) in ascending order, rows of one instant side by side",
            hint="sort the rows by time",
        )


def _check_weight(weight: FloatArray, n_rows: int) -> None:
    fits = weight.shape == (n_rows,)
    if not fits or not np.isfinite(weight).all() or weight.min() < 0.0 or weight.max() <= 0.0:
        raise InputError(
            found=f"weights {weight.shape}" if not fits else "weights that are missing, negative or all 0",
            expected=f"({n_rows},) finite numbers, at least 0 and one above it",
            hint="weigh the rows that are trained on, by what the training part knows",
        )

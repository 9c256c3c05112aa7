"""Rows of features in LightGBM's bins, read from an array or in pieces from a source."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.core.units import Float32Array, FloatArray
from tidegate.models.objectives import Task
from tidegate.models.training_rows import PIECE, Rows, TrainingRows

__all__ = ["as_dataset"]


def as_dataset(lightgbm: Any, rows: TrainingRows, task: Task, parameters: dict[str, Any], reference: Any = None) -> Any:
    """Return LightGBM's data set, its bins made.

    An array and a source of the same numbers give the same bins: LightGBM draws the same rows from both.

    Parameters
    ----------
    lightgbm
        The library.
    rows
        What is binned.
    task
        What is learned: decides labels and groups.
    parameters
        In LightGBM's words.
    reference
        The data set whose bins these rows are put in.
    """
    features, weight = rows.features, rows.weight
    if reference is not None and (weight is None or bool(np.all(weight == 1.0))):
        # Rows in pieces take over from the reference that there are weights, and all weigh nothing unless some are
        # set; LightGBM drops weights of 1. Twos leave every mean as it is, to the bit.
        weight = np.full(len(rows), 2.0)
    dataset = lightgbm.Dataset(
        features if isinstance(features, np.ndarray) else _sequence(lightgbm, features),
        label=task.labels(rows),
        weight=weight,
        group=task.groups(rows),
        reference=reference,
        params=parameters,
        free_raw_data=True,
    )
    return dataset.construct()


def _sequence(lightgbm: Any, rows: Rows) -> Any:
    class Pieces(lightgbm.Sequence):  # type: ignore[misc]
        """Rows as LightGBM asks for them: ascending ones by one to sample from, then all in batches."""

        batch_size = PIECE

        def __init__(self) -> None:
            self._start, self._held = 0, rows[:0]

        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, wanted: int | slice) -> Float32Array | FloatArray:
            if isinstance(wanted, slice):
                return rows[wanted]
            place = wanted - self._start
            if not 0 <= place < len(self._held):
                self._start = wanted // PIECE * PIECE
                self._held, place = rows[self._start : self._start + PIECE], wanted - self._start
            # LightGBM takes sampled values in double precision alone.
            row: FloatArray = self._held[place].astype(np.float64)
            return row

    return Pieces()

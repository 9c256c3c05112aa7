"""Rows of features in XGBoost's bins, read piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.models.objectives import Task
from tidegate.models.training_rows import PIECE, TrainingRows

__all__ = ["as_matrix"]


def as_matrix(xgboost: Any, rows: TrainingRows, task: Task, *, bins: int, threads: int, reference: Any = None) -> Any:
    """Return XGBoost's matrix of bins.

    Rows are handed over in pieces of one length, whether they come as an array or from a source: where a feature has
    more values than fit into its sketch, the pieces decide about the last digits of its borders.

    Parameters
    ----------
    xgboost
        The library.
    rows
        What is binned.
    task
        What is learned: decides labels, groups and what a weight belongs to.
    bins
        Largest number per feature.
    threads
        Processors to use.
    reference
        The matrix whose bins these rows are put in.

    Raises
    ------
    InputError
        If a feature is infinite.
    """
    try:
        matrix = xgboost.QuantileDMatrix(_pieces(xgboost, rows), max_bin=bins, nthread=threads, ref=reference)
    except xgboost.core.XGBoostError as error:
        if "inf" not in str(error):
            raise
        raise InputError(
            found="a feature that is infinite", expected="numbers, or NaN where missing", hint="correct its formula"
        ) from None
    groups, weight = task.groups(rows), rows.weight
    if groups is not None:
        matrix.set_info(group=groups)
        if weight is not None:
            weight = np.add.reduceat(weight, np.cumsum(groups) - groups) / groups
    matrix.set_info(label=task.labels(rows), weight=weight)
    return matrix


def _pieces(xgboost: Any, rows: TrainingRows) -> Any:
    class Pieces(xgboost.DataIter):  # type: ignore[misc]
        """Features alone: labels and weights follow whole."""

        def __init__(self) -> None:
            self._start = 0
            super().__init__(release_data=True)

        def reset(self) -> None:
            self._start = 0

        def next(self, input_data: Any) -> bool:
            if self._start >= len(rows):
                return False
            input_data(data=rows.features[self._start : self._start + PIECE])
            self._start += PIECE
            return True

    return Pieces()

"""What boosted trees learn: the objective behind a recipe's word, and targets and groups in its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_models import Objective
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models.instants import group_sizes, rank_buckets
from tidegate.models.training_rows import TrainingRows

__all__ = ["RANKED_PLACES", "Task", "task_for"]

RANKED_PLACES: Final = 30
"""How many of the first places of an instant ``lambdarank`` looks at, in its pairs and in its metric."""
_LARGEST_EXPONENT: Final = 31


@dataclass(frozen=True, kw_only=True)
class Task:
    """An objective that has been decided upon.

    Parameters
    ----------
    objective
        ``regression``, ``classification`` or ``lambdarank``.
    buckets
        Into how many parts ``lambdarank`` divides the rows of an instant.
    """

    objective: Literal["regression", "classification", "lambdarank"]
    buckets: int = 5

    @property
    def larger_is_better(self) -> bool:
        """Whether the metric on the validation rows should rise: AUC and NDCG; the squared error should fall."""
        return self.objective != "regression"

    @property
    def gains(self) -> tuple[int, ...]:
        """What a bucket is worth in a ranking: ``2**bucket - 1``, or the bucket itself where that has too many bits."""
        places = range(self.buckets)
        return tuple(2**place - 1 if self.gains_double else place for place in places)

    @property
    def gains_double(self) -> bool:
        """Whether a bucket is worth twice the one below it."""
        return self.buckets <= _LARGEST_EXPONENT

    def labels(self, rows: TrainingRows) -> FloatArray:
        """Return what the trees are fitted to: the target, or its rank bucket within each instant."""
        if self.objective != "lambdarank":
            return rows.target
        return rank_buckets(rows.target, self._instants(rows), self.buckets)

    def groups(self, rows: TrainingRows) -> Int64Array | None:
        """Return how many rows each instant has, where the objective compares rows of an instant."""
        return group_sizes(self._instants(rows)) if self.objective == "lambdarank" else None

    def check(self, train: TrainingRows, validation: TrainingRows | None) -> None:
        """Refuse rows that this objective cannot learn from or be judged by.

        Raises
        ------
        InputError
            If classification is asked for targets other than 0 and 1, a validation slice holds one class alone, the
            slices differ in width, or instants are missing where an order within them is learned.
        """
        for rows in (train, validation):
            if rows is None:
                continue
            if rows.features.shape[1] != train.features.shape[1]:
                raise InputError(
                    found=f"{train.features.shape[1]} features to learn from, {rows.features.shape[1]} to validate on",
                    expected="the same features",
                    hint="cut both from one feature matrix",
                )
            if self.objective == "classification" and not rows.is_binary:
                raise InputError(
                    found="targets other than 0 and 1",
                    expected="a target that either happens or not",
                    hint="take such a label, or objective: regression",
                )
            if self.objective == "lambdarank":
                self._instants(rows)
        if validation is not None and self.objective == "classification" and np.ptp(validation.target) == 0.0:
            raise InputError(
                found=f"{len(validation)} validation rows whose target is always {validation.target[0]:.0f}",
                expected="both 0 and 1, to stop by the area under the curve",
                hint="lengthen the validation slice, or move the label's threshold",
            )

    def _instants(self, rows: TrainingRows) -> Int64Array:
        if rows.instants is None:
            raise InputError(
                found="rows without decision instants",
                expected="instants, since the order of the rows of each is learned",
                hint="hand them on with the rows, or take objective: regression",
            )
        return rows.instants


def task_for(objective: Objective, *, binary: bool, buckets: int = 5) -> Task:
    """Return the task behind a recipe's word.

    Examples
    --------
    >>> task_for("auto", binary=True).objective
    'classification'
    """
    if objective == "auto":
        return Task(objective="classification" if binary else "regression", buckets=buckets)
    return Task(objective=objective, buckets=buckets)

"""What boosted trees have in common, whichever library grows them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, Self, TypeVar

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe import LightgbmSettings, XgboostSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models.objectives import task_for
from tidegate.models.training_rows import Rows, TrainingRows

__all__ = ["BoostedTrees", "as_shares", "require_same_rows"]

SettingsType = TypeVar("SettingsType", LightgbmSettings, XgboostSettings)


class BoostedTrees(Generic[SettingsType]):
    """Trees of one library; a subclass bins, boosts and forecasts.

    Parameters
    ----------
    settings
        Size of the ensemble and its regularisation.
    seed
        Decides the sampling of rows and features.
    threads
        Processors to use.
    binary
        Whether the target is 0 or 1; decides what ``objective: auto`` means.
    buckets
        Into how many parts ``lambdarank`` divides the rows of an instant.
    """

    def __init__(
        self, settings: SettingsType, *, seed: int = 0, threads: int = 1, binary: bool = False, buckets: int = 5
    ) -> None:
        self.settings: SettingsType = settings
        self.seed = seed
        self.threads = threads
        self._task = task_for(settings.objective, binary=binary, buckets=buckets)
        self._booster: Any = None

    def fit(
        self,
        features: Rows,
        target: FloatArray,
        *,
        weight: FloatArray | None = None,
        instants: Int64Array | None = None,
        validation: TrainingRows | None = None,
    ) -> Self:
        """Learn from ``float32 (n_rows, n_features)`` and finite ``float64 (n_rows,)``.

        Raises
        ------
        InputError
            If shapes do not fit, a target is missing, or the rows do not suit library or objective.
        """
        rows = TrainingRows(features=features, target=target, weight=weight, instants=instants)
        self._booster = self._boosted(rows, validation)
        return self

    @abstractmethod
    def _boosted(self, train: TrainingRows, validation: TrainingRows | None) -> Any:
        """Return the library's own model, free of the rows."""

    def _trained(self) -> Any:
        if self._booster is None:
            raise InputError(
                found="trees that were not fitted", expected="a trained model", hint="call fit or load first"
            )
        return self._booster


def as_shares(values: FloatArray) -> FloatArray:
    """Return each value's share of their sum, equal shares if all are 0.

    Examples
    --------
    >>> as_shares(np.array([3.0, 1.0])).tolist(), as_shares(np.zeros(2)).tolist()
    ([0.75, 0.25], [0.5, 0.5])
    """
    total = values.sum()
    return values / total if total > 0.0 else np.full(values.size, 1.0 / values.size)


def require_same_rows(asked: SettingsType, prepared: SettingsType) -> None:
    """Refuse settings whose objective or bins are not those that rows were prepared with.

    Raises
    ------
    InputError
        If they differ.
    """
    if (asked.objective, asked.maximum_bins) != (prepared.objective, prepared.maximum_bins):
        raise InputError(
            found=f"{asked.objective} on {asked.maximum_bins} bins",
            expected=f"{prepared.objective} on {prepared.maximum_bins}, for which rows were prepared",
            hint="prepare the rows again, or do not search these two",
        )

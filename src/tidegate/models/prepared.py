"""Rows made ready for one kind of model once, to be fitted with many settings: what tuning works with."""

from __future__ import annotations

from typing import Any, Protocol

from tidegate.core.errors import InputError
from tidegate.core.recipe import ModelSettings
from tidegate.models.forecaster import Forecaster
from tidegate.models.gradient_boosting import GradientBoosting, PreparedLightgbm
from tidegate.models.objectives import task_for
from tidegate.models.ridge import PreparedRidge, Ridge
from tidegate.models.rounds import OnRound
from tidegate.models.training_rows import TrainingRows
from tidegate.models.xgboost_trees import PreparedXgboost, XgboostTrees

__all__ = ["Prepared", "prepare"]


class Prepared(Protocol):
    """Rows in the shape that one kind of model learns from."""

    def fit(self, settings: Any, *, seed: int = 0, on_round: OnRound | None = None) -> Forecaster:
        """Return a forecaster fitted with the settings of its kind.

        The same bits as :meth:`~tidegate.models.Forecaster.fit` with these settings. ``on_round`` is told each round's
        number, from 1, and the metric on the validation rows (the area under the curve, the squared error or NDCG; NaN
        where there are none) and stops the training by True. A ridge has no rounds and never asks.
        """
        ...


def prepare(
    kind: str,
    settings: ModelSettings,
    train: TrainingRows,
    validation: TrainingRows | None = None,
    *,
    binary: bool = False,
    buckets: int = 5,
    threads: int = 1,
) -> Prepared:
    """Bin rows, or sum their products, once.

    Parameters
    ----------
    kind
        ``ridge``, ``lightgbm`` or ``xgboost``.
    settings
        The recipe's models; objective and number of bins of the section named ``kind`` hold for every fit.
    train, validation
        Rows to learn from, and rows to stop by, which are put in the bins of the former. No row is kept as it is.
    binary
        Whether the target is 0 or 1; decides what ``objective: auto`` means.
    buckets
        Into how many parts ``lambdarank`` divides the symbols of an instant.
    threads
        Processors to use; the result does not depend on it.

    Raises
    ------
    InputError
        If the recipe has no model of that name, or the rows do not suit its objective.

    Examples
    --------
    >>> import numpy as np
    >>> from tidegate.core.recipe import RidgeSettings
    >>> features = np.arange(8, dtype=np.float32).reshape(-1, 1)
    >>> rows = TrainingRows(features=features, target=2.0 * features[:, 0])
    >>> prepared = prepare("ridge", ModelSettings(ridge=RidgeSettings()), rows)
    >>> fitted = [prepared.fit(RidgeSettings(penalty=penalty)) for penalty in (1e-9, 1e9)]
    >>> [float(model.predict(features[7:])[0].round(3)) for model in fitted]
    [14.0, 7.0]
    """
    if kind == Ridge.kind and settings.ridge is not None:
        return PreparedRidge(train)
    if kind == GradientBoosting.kind and settings.lightgbm is not None:
        task = task_for(settings.lightgbm.objective, binary=binary, buckets=buckets)
        return PreparedLightgbm(settings.lightgbm, train, validation, task=task, threads=threads)
    if kind == XgboostTrees.kind and settings.xgboost is not None:
        task = task_for(settings.xgboost.objective, binary=binary, buckets=buckets)
        return PreparedXgboost(settings.xgboost, train, validation, task=task, threads=threads)
    raise InputError(
        found=f"no settings for a model {kind!r}",
        expected=f"one of {', '.join(settings.members)}",
        hint="add it to the recipe's models",
    )

"""Protocols of an experiment: which rows are learnt from and judged, and how models are fitted on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.recipe import ModelSettings, Recipe
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models import ENSEMBLE
from tidegate.split import Fold, PurgedKFold, splitter_for
from tidegate.train.dataset import Dataset
from tidegate.train.fold_fit import fit_fold, fit_models, training_rows

__all__ = ["PURGED_KFOLD", "Part", "Protocol", "fitted_settings", "forecast_part", "parts_of", "protocol_document"]

PURGED_KFOLD: Final = "purged-kfold"
Protocol = Literal["recipe", "purged-kfold"]
"""``recipe`` follows the split of the recipe; ``purged-kfold`` judges every instant once and trains on both sides."""

_NOTE: Final = (
    "Instants are judged by models that were also trained on later data, without early stopping, refit and ensemble: "
    "good for telling features apart, never for a backtest."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """Rows that are learnt from, and those that judge.

    Parameters
    ----------
    number
        From 0.
    train, test
        ``int64``: rows of the data, ascending.
    fold
        The fold of the recipe's split; None where training lies on both sides of the test.
    """

    number: int
    train: Int64Array
    test: Int64Array
    fold: Fold | None = None


def parts_of(recipe: Recipe, data: Dataset, protocol: Protocol, folds: int) -> list[Part]:
    """Return what is learnt from and judged, in the order of time.

    Under ``purged-kfold`` no label of training shares time with one of the test, and nothing is trained on that begins
    within the longest label after it, or within the recipe's embargo if that is longer.

    Raises
    ------
    InputError, DataError
        If the split does not fit the data.
    """
    if protocol != PURGED_KFOLD:
        found = splitter_for(recipe.split).split(data.times, data.labels.spans)
        return [Part(number=one.fold, train=one.train, test=one.test, fold=one) for one in found]
    spans = data.labels.spans
    embargo = max(recipe.split.embargo_days * DAY, int((spans.end - spans.start).max()))
    pairs = PurgedKFold(folds, spans=spans, embargo=embargo).split()
    return [Part(number=number, train=np.sort(train), test=np.sort(test)) for number, (train, test) in enumerate(pairs)]


def protocol_document(recipe: Recipe, data: Dataset, protocol: Protocol, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the protocol as plain values: its name, what to keep in mind, and the parts with instants in UTC."""
    name = recipe.split.scheme if protocol != PURGED_KFOLD else "purged_kfold"
    return {
        "name": name,
        "note": _NOTE if protocol == PURGED_KFOLD else None,
        "parts": [
            {
                "number": part.number,
                "train_instants": len(part.train),
                "test_instants": len(part.test),
                "test_start": int(data.times[part.test[0]]),
                "test_end": int(data.times[part.test[-1]]),
            }
            for part in parts
        ],
    }


def fitted_settings(models: ModelSettings, kinds: Sequence[str], protocol: Protocol) -> ModelSettings:
    """Return the settings of the models that have to be fitted for some kinds to be compared.

    An ensemble needs all of its members. Where no validation slice lies in front of the test, nothing stops early: all
    the trees of the recipe are grown.
    """
    needed = models.members if ENSEMBLE in kinds else tuple(kinds)
    absent: dict[str, Any] = {kind: None for kind in models.kinds if kind not in {*needed, *kinds}}
    if protocol == PURGED_KFOLD:
        boosted = {kind: getattr(models, kind) for kind in needed if kind != "ridge"}
        absent |= {kind: own.model_copy(update={"early_stopping_rounds": None}) for kind, own in boosted.items()}
        absent["refit"] = "keep"
    return models.model_copy(update=absent)


def forecast_part(
    recipe: Recipe,
    history: History,
    data: Dataset,
    part: Part,
    samples: tuple[Int64Array, Int64Array],
    *,
    threads: int,
) -> dict[str, FloatArray]:
    """Fit the recipe's models on a part and forecast samples of its test.

    Parameters
    ----------
    recipe
        Without calibration: what is compared are scores.
    samples
        Rows and symbols, ``int64 (n,)`` each.

    Returns
    -------
    scores
        Kind to ``float64 (n,)``.

    Raises
    ------
    DataError
        If the part has no usable sample to learn from.
    """
    rows, symbols = samples
    features = data.rows(rows, symbols)
    if part.fold is not None:
        said = fit_fold(recipe, history, data, part.fold, threads=threads).forecast(features, data.times[rows])
        return {kind: one.score for kind, one in said.items()}
    if recipe.models.ensemble is not None:
        raise InputError(
            found="an ensemble under purged k-fold",
            expected="models without one: no validation slice lies there to fit its weights on",
            hint="leave the ensemble out, or follow the recipe's split: --protocol recipe",
        )
    train = training_rows(recipe, history, data, part.train, what=f"the training side of part {part.number}")
    models = fit_models(recipe, recipe.models, train, None, threads)
    return {kind: model.predict(features) for kind, model in models.items()}

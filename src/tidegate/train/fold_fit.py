"""Fitting one fold: models on its training part, calibrator and threshold on a slice that neither of them saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import DataError, LookAheadError
from tidegate.core.history import History
from tidegate.core.recipe import ModelSettings, Recipe
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models import (
    Calibrator,
    Ensemble,
    Forecast,
    Forecaster,
    Rows,
    Threshold,
    TrainingRows,
    calibrated,
    choose_threshold,
    fit_calibrator,
    fit_ensemble,
    make_forecaster,
    scores_of_models,
)
from tidegate.split import Fold
from tidegate.train.dataset import Dataset
from tidegate.train.weights import sample_weights

__all__ = ["Calibration", "FittedFold", "fit_fold", "fit_models", "training_rows"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """How the scores of one model become probabilities and calls.

    Parameters
    ----------
    calibrator, threshold
        Fitted on the calibration slice alone.
    scores, outcomes
        ``float64 (n,)``: what was forecast on the slice, and what came.
    """

    calibrator: Calibrator
    threshold: Threshold
    scores: FloatArray
    outcomes: FloatArray

    def __post_init__(self) -> None:
        count = len(self.scores)
        if not count == len(self.outcomes) == self.calibrator.rows == self.threshold.rows:
            raise LookAheadError(
                found=f"a calibrator of {self.calibrator.rows:,} rows and a threshold of {self.threshold.rows:,}",
                expected=f"both fitted on the {count:,} rows of the calibration slice",
                hint="fit them on the slice alone",
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedFold:
    """Everything that was fitted for one fold.

    Parameters
    ----------
    models
        Kind to forecaster.
    ensemble
        Weights of the models; None where the recipe asks for no ensemble.
    calibrations
        Kind, the ensemble's included, to its calibration; empty where the recipe asks for none.
    seen
        ``training``, ``validation``, ``refit`` and ``calibration``, those that there are, to the decision instants of
        the samples that were handed on: ``int64 (n,)``, ascending, each once. What a fold allows is held against these.
    """

    models: Mapping[str, Forecaster]
    ensemble: Ensemble | None
    calibrations: Mapping[str, Calibration]
    seen: Mapping[str, Int64Array]

    def forecast(self, features: Rows, instants: Int64Array) -> dict[str, Forecast]:
        """Forecast samples with every model.

        Parameters
        ----------
        features
            ``float32 (n, n_features)``.
        instants
            ``int64 (n,)`` decision instants, ascending, all symbols of an instant beside each other: an ensemble of
            ranks compares them.
        """
        scores = scores_of_models(self.models, self.ensemble, features, instants)
        return {kind: self._forecast(kind, score) for kind, score in scores.items()}

    def _forecast(self, kind: str, score: FloatArray) -> Forecast:
        found = self.calibrations.get(kind)
        return Forecast(score=score) if found is None else calibrated(score, found.calibrator, found.threshold)


def fit_fold(recipe: Recipe, history: History, data: Dataset, fold: Fold, *, threads: int = 1) -> FittedFold:
    """Fit every model of a recipe on a fold, then what calibrates them.

    The models learn on the training part and may look at the validation slice to stop early. The weights of an
    ensemble come from the validation slice alone, calibrators and thresholds from the calibration slice alone. With
    ``models.refit: with_validation`` the models are fitted once more on both parts, with the number of trees that was
    found; what calibrates them then follows these.

    Raises
    ------
    DataError
        If a part of the fold has no usable sample.
    """
    train = training_rows(recipe, history, data, fold.train, what=f"the training part of fold {fold.fold}")
    validation = None
    if fold.validation is not None:
        what = f"the validation slice of fold {fold.fold}"
        validation = training_rows(recipe, history, data, fold.validation.rows, what=what, weighted=False)
    everything = calibration = None
    models = fit_models(recipe, recipe.models, train, validation, threads)
    ensemble = None
    if recipe.models.ensemble is not None and validation is not None:
        ensemble = _fit_ensemble(recipe, models, validation)
    if recipe.models.refit == "with_validation" and fold.validation is not None:
        both = np.concatenate([fold.train, fold.validation.rows])
        everything = training_rows(recipe, history, data, np.sort(both), what=f"fold {fold.fold}")
        models = fit_models(recipe, _with_found_rounds(recipe.models, models), everything, None, threads)
    if recipe.calibrate is not None and fold.calibration is not None:
        what = f"the calibration slice of fold {fold.fold}"
        calibration = training_rows(recipe, history, data, fold.calibration.rows, what=what, weighted=False)
    return FittedFold(
        models=models,
        ensemble=ensemble,
        calibrations={} if calibration is None else _calibrate(recipe, calibration, models, ensemble),
        seen=_instants(training=train, validation=validation, refit=everything, calibration=calibration),
    )


def _instants(**parts: TrainingRows | None) -> dict[str, Int64Array]:
    """Return the decision instants of the parts that there are, ascending and each once."""
    there = {name: rows.instants for name, rows in parts.items() if rows is not None}
    return {name: np.unique(instants) for name, instants in there.items() if instants is not None}


def training_rows(
    recipe: Recipe, history: History, data: Dataset, positions: Int64Array, *, what: str, weighted: bool = True
) -> TrainingRows:
    """Return the samples of some rows that have a label, with their weights.

    Parameters
    ----------
    positions
        ``int64``, ascending rows of the data.
    what
        What they are, for the message.
    weighted
        Whether the recipe's weights apply; a slice that judges weighs all alike.

    Raises
    ------
    DataError
        If there is none.
    """
    rows, symbols = data.samples(positions, data.trainable)
    if not rows.size:
        span = "an empty window"
        if positions.size:
            first, last = int(data.times[positions[0]]), int(data.times[positions[-1]])
            span = f"{format_instant(first)[:10]} to {format_instant(last)[:10]}"
        raise DataError(
            found=f"no usable row in {what}, {span}",
            expected="rows with a label and at least one feature",
            hint="bring in more history, move split.first_test, or choose features with a shorter lookback",
        )
    return TrainingRows(
        features=data.rows(rows, symbols),
        target=data.target[rows, symbols],
        weight=sample_weights(data, history, recipe, rows, symbols) if weighted else None,
        instants=data.times[rows],
    )


def fit_models(
    recipe: Recipe, settings: ModelSettings, train: TrainingRows, validation: TrainingRows | None, threads: int
) -> dict[str, Forecaster]:
    """Fit every model of some settings, the ensemble apart; those that stop early watch the validation rows."""
    models = {}
    for kind in settings.members:
        model = make_forecaster(
            kind,
            settings,
            seed=recipe.seed,
            threads=threads,
            binary=recipe.labels.is_binary,
            buckets=recipe.labels.buckets,
        )
        models[kind] = model.fit(
            train.features, train.target, weight=train.weight, instants=train.instants, validation=validation
        )
    return models


def _with_found_rounds(settings: ModelSettings, models: Mapping[str, Forecaster]) -> ModelSettings:
    """Return the settings with as many trees as early stopping kept, and no early stopping."""
    found = {}
    for kind, model in models.items():
        if model.rounds is not None:
            own = getattr(settings, kind)
            found[kind] = own.model_copy(update={"trees": model.rounds, "early_stopping_rounds": None})
    return settings.model_copy(update=found)


def _fit_ensemble(recipe: Recipe, models: Mapping[str, Forecaster], validation: TrainingRows) -> Ensemble:
    settings, instants = recipe.models.ensemble, validation.instants
    assert settings is not None
    assert instants is not None
    scores = {kind: model.predict(validation.features) for kind, model in models.items()}
    return fit_ensemble(settings, scores, validation.target, instants)


def _calibrate(
    recipe: Recipe, rows: TrainingRows, models: Mapping[str, Forecaster], ensemble: Ensemble | None
) -> dict[str, Calibration]:
    settings = recipe.calibrate
    assert settings is not None
    assert rows.instants is not None
    found = {}
    for kind, score in scores_of_models(models, ensemble, rows.features, rows.instants).items():
        calibrator = fit_calibrator(settings.method, score, rows.target)
        threshold = choose_threshold(settings, calibrator.probability(score), rows.target, rows.instants)
        found[kind] = Calibration(calibrator=calibrator, threshold=threshold, scores=score, outcomes=rows.target)
    return found

"""From fitted models to what they say of rows: scores, and with calibrator and threshold probabilities and calls.

Training and live forecasts go through here, so that what is shipped says what was tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.models.calibration import Calibrator
from tidegate.models.ensemble import Ensemble
from tidegate.models.forecaster import Forecaster
from tidegate.models.threshold import Threshold
from tidegate.models.training_rows import Rows

__all__ = ["ENSEMBLE", "Forecast", "calibrated", "scores_of_models"]

ENSEMBLE: Final = Ensemble.kind
"""Name of the weighted mean among the models that it combines."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecast:
    """What a model says of some rows.

    Parameters
    ----------
    score
        ``float64 (n,)``: the model's own forecast.
    probability
        ``float64 (n,)`` in [0, 1]: its calibrated probability of a hit; None without a calibrator.
    called
        ``bool (n,)``: whether the probability reaches the threshold; nowhere below the floor. None without a
        calibrator.
    """

    score: FloatArray
    probability: FloatArray | None = None
    called: Mask | None = None


def calibrated(score: FloatArray, calibrator: Calibrator | None, threshold: Threshold | None) -> Forecast:
    """Return scores with their probabilities and calls; scores alone where calibrator or threshold is missing.

    Parameters
    ----------
    score
        ``float64 (n,)``.
    calibrator, threshold
        Fitted to this model's scores, on a slice that the model has not seen.
    """
    if calibrator is None or threshold is None:
        return Forecast(score=score)
    probability = calibrator.probability(score)
    return Forecast(score=score, probability=probability, called=threshold.called(probability))


def scores_of_models(
    models: Mapping[str, Forecaster], ensemble: Ensemble | None, features: Rows, instants: Int64Array
) -> dict[str, FloatArray]:
    """Return the scores of every model, ``float64 (n,)`` each, those of the ensemble behind its members'.

    Parameters
    ----------
    models
        Kind to forecaster.
    ensemble
        Weights of all of these; None where there is none.
    features
        ``float32 (n, n_features)``.
    instants
        ``int64 (n,)`` decision instants, ascending, all symbols of an instant beside each other: an ensemble of ranks
        compares them.
    """
    scores = {kind: model.predict(features) for kind, model in models.items()}
    return scores if ensemble is None else {**scores, ENSEMBLE: ensemble.combine(scores, instants)}

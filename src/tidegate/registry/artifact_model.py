"""The models of an artifact at work: from rows of features to scores, probabilities, calls and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Float32Array, FloatArray, Int64Array
from tidegate.models.calibrated import ENSEMBLE, Forecast, calibrated, scores_of_models
from tidegate.models.calibration import Calibrator
from tidegate.models.ensemble import Ensemble
from tidegate.models.forecaster import Forecaster, load_forecaster
from tidegate.models.threshold import Threshold
from tidegate.registry.artifacts import Artifact

__all__ = ["ArtifactModel"]

CALIBRATION_FILE: Final = "calibration.json"


class ArtifactModel:
    """One model of an opened artifact, with its calibrator and threshold.

    Parameters
    ----------
    kind
        Name of the model.
    members
        Kind to forecaster: the model alone, or the members of the ensemble.
    ensemble
        How the members are combined; None where the model stands alone.
    calibrator, threshold
        Fitted in training on a slice that the model has not seen; None where the recipe calibrates nothing.
    """

    def __init__(
        self,
        kind: str,
        members: Mapping[str, Forecaster],
        ensemble: Ensemble | None = None,
        calibrator: Calibrator | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        self.kind = kind
        self.members = members
        self.ensemble = ensemble
        self.calibrator = calibrator
        self.threshold = threshold

    @classmethod
    def load(cls, artifact: Artifact, kind: str | None = None) -> Self:
        """Read a model of an artifact; native files, which run no code.

        Parameters
        ----------
        kind
            Name of the model; None takes the one that leads.

        Raises
        ------
        InputError
            If the artifact has no such model, or a file of it is damaged.
        """
        chosen = artifact.parts.leading_model if kind is None else kind
        kinds = artifact.parts.model_kinds
        if chosen not in kinds:
            raise InputError(
                found=f"no model {chosen!r} in artifact {artifact.id[:12]}",
                expected=f"one of {', '.join(kinds)}",
                hint="name one of these",
            )
        models = artifact.folder / "models"
        names = [name for name in kinds if name != ENSEMBLE] if chosen == ENSEMBLE else [chosen]
        documents = artifact.document(CALIBRATION_FILE) if artifact.holds(CALIBRATION_FILE) else {}
        document = documents.get(chosen)
        return cls(
            chosen,
            {name: load_forecaster(models / name) for name in names},
            Ensemble.load(models / ENSEMBLE) if chosen == ENSEMBLE else None,
            None if document is None else Calibrator.from_document(document["calibrator"]),
            None if document is None else Threshold.from_document(document["threshold"]),
        )

    def score(self, features: Float32Array, instants: Int64Array) -> Forecast:
        """Forecast rows.

        Parameters
        ----------
        features
            ``float32 (n, n_features)``, in the order of the artifact's contract.
        instants
            ``int64 (n,)`` decision instants, ascending: an ensemble of ranks compares the rows of one instant.
        """
        score = scores_of_models(self.members, self.ensemble, features, instants)[self.kind]
        return calibrated(score, self.calibrator, self.threshold)

    def contributions(self, features: Float32Array) -> FloatArray:
        """Return how much each feature moved each row's forecast, ``float64 (n, n_features)``, signed.

        A model's contributions and its base value sum to its margin: log-odds of a classification, the forecast
        itself otherwise. Those of an ensemble are the weighted mean of its members', each brought to the unit of its
        own largest sum of absolute contributions: they tell direction and order, and sum to nothing.
        """
        if self.ensemble is None:
            return self.members[self.kind].contributions(features)[:, :-1]
        total = np.zeros(features.shape)
        for name, weight in self.ensemble.weights.items():
            own = self.members[name].contributions(features)[:, :-1]
            largest = float(np.abs(own).sum(axis=1).max(initial=0.0))
            total += weight * own / (largest if largest > 0.0 else 1.0)
        return total

"""Gradient-boosted regression trees by LightGBM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from tidegate.core.environment import prefer_passive_threads
from tidegate.core.errors import InputError
from tidegate.core.recipe import LightgbmSettings
from tidegate.core.units import Float32Array, FloatArray
from tidegate.models.stored import read_model_text, write_model
from tidegate.models.training_rows import check_prediction_rows, check_training_rows

__all__ = ["GradientBoosting", "require_boosting"]

_FILE = "lightgbm.txt"


class GradientBoosting:
    """Boosted trees on squared error; missing values follow the branch that training found best for them.

    Source: Ke et al. 2017, *LightGBM: A Highly Efficient Gradient Boosting Decision Tree*, NeurIPS 30.

    Each feature's histogram is summed by one thread in the order of the rows, so the trees are the same to the bit
    for any number of threads.

    Parameters
    ----------
    settings
        Size of the ensemble and its regularisation.
    seed
        Decides the sampling of rows and features.
    threads
        Processors to use.

    Examples
    --------
    >>> features = np.linspace(0, 1, 64, dtype=np.float32).reshape(-1, 1)
    >>> settings = LightgbmSettings(trees=50, minimum_leaf_rows=2)
    >>> model = GradientBoosting(settings, seed=7).fit(features, (features[:, 0] > 0.5).astype(float))
    >>> model.predict(np.array([[0.2], [0.8]], dtype=np.float32)).round(1).tolist()
    [0.1, 0.9]
    """

    kind: ClassVar[str] = "lightgbm"

    def __init__(self, settings: LightgbmSettings, *, seed: int = 0, threads: int = 1) -> None:
        self.settings = settings
        self.seed = seed
        self.threads = threads
        self._booster: Any = None

    def fit(self, features: Float32Array, target: FloatArray) -> Self:
        """Learn from ``float32 (n_rows, n_features)`` and finite ``float64 (n_rows,)``.

        Raises
        ------
        InputError
            If shapes do not fit or a target is missing.
        """
        check_training_rows(features, target)
        lightgbm = _lightgbm()
        parameters = self._parameters()
        rows = lightgbm.Dataset(features, label=target, params=parameters, free_raw_data=True)
        self._booster = lightgbm.train(parameters, rows, num_boost_round=self.settings.trees)
        return self

    def predict(self, features: Float32Array) -> FloatArray:
        """Return ``float64 (n_rows,)``, in the unit of the target."""
        booster = self._trained()
        check_prediction_rows(features, booster.num_feature())
        if not len(features):
            return np.empty(0)
        return np.asarray(booster.predict(features, num_threads=self.threads), dtype=np.float64)

    def importance(self) -> FloatArray:
        """Return each feature's share of the gain of all splits; equal shares if nothing was split."""
        gain = np.asarray(self._trained().feature_importance("gain"), dtype=np.float64)
        total = gain.sum()
        return gain / total if total > 0.0 else np.full(gain.size, 1.0 / gain.size)

    def save(self, folder: Path) -> None:
        """Write LightGBM's own text format."""
        text = self._trained().model_to_string()
        # How many threads trained it is no property of the model: the file is the same for any number.
        write_model(folder, self.kind, _FILE, re.sub(r"\[num_threads: -?\d+\]", "[num_threads: 0]", text))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a stored model, to forecast with one thread; it carries no training settings.

        Raises
        ------
        InputError
            If it is missing, damaged or of another kind.
        """
        text = read_model_text(folder, cls.kind)
        lightgbm = _lightgbm()
        model = cls(LightgbmSettings())
        try:
            model._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise InputError(
                found=f"{folder / _FILE}: {error}",
                expected="a LightGBM model",
                hint="train again with this version",
            ) from None
        return model

    def _parameters(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "objective": "regression",
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.minimum_leaf_rows,
            "bagging_fraction": settings.row_fraction,
            # Without a frequency LightGBM ignores the fraction silently.
            "bagging_freq": 1,
            "feature_fraction": settings.feature_fraction,
            "lambda_l2": settings.l2_penalty,
            "max_bin": settings.maximum_bins,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            # Row-wise histograms are summed in as many blocks as there are threads, which moves last bits.
            "force_col_wise": True,
            "verbosity": -1,
        }

    def _trained(self) -> Any:
        if self._booster is None:
            raise InputError(
                found="trees that were not fitted", expected="a trained model", hint="call fit or load first"
            )
        return self._booster


def require_boosting() -> None:
    """Check that LightGBM loads on this machine.

    Raises
    ------
    InputError
        If the OpenMP runtime of the system, which its wheel does not bring along, is not there.
    """
    _lightgbm()


def _lightgbm() -> Any:
    """Import LightGBM on first use, after telling OpenMP how to wait."""
    prefer_passive_threads()
    try:
        import lightgbm
    except OSError as error:
        raise InputError(
            found=f"LightGBM that does not load ({error})",
            expected="the OpenMP runtime of the system",
            hint="install libgomp1 (Debian, Ubuntu), libgomp (Fedora) or libomp (macOS)",
        ) from error
    return lightgbm

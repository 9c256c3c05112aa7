"""Gradient-boosted trees by LightGBM."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from tidegate.core.environment import prefer_passive_threads
from tidegate.core.errors import InputError
from tidegate.core.recipe import LightgbmSettings
from tidegate.core.units import FloatArray
from tidegate.models.boosted import BoostedTrees, as_shares, require_same_rows
from tidegate.models.lightgbm_rows import as_dataset
from tidegate.models.objectives import RANKED_PLACES, Task
from tidegate.models.rounds import OnRound, watch_for
from tidegate.models.stored import no_model, read_model_text, write_model
from tidegate.models.training_rows import Rows, TrainingRows, check_prediction_rows, pieces

__all__ = ["GradientBoosting", "PreparedLightgbm", "lightgbm_parameters", "load_lightgbm"]

_FILE: Final = "lightgbm.txt"
_METRICS: Final = {"regression": "l2", "classification": "auc", "lambdarank": "ndcg"}
_OBJECTIVES: Final = {"regression": "regression", "classification": "binary", "lambdarank": "lambdarank"}


class GradientBoosting(BoostedTrees[LightgbmSettings]):
    """Boosted trees on histograms; missing values follow the branch that training found best for them.

    They learn a number (squared error), the probability of a target of 0 and 1 (log loss), or an order within each
    instant (``lambdarank`` on rank buckets, of which the first 30 places count). With validation rows and
    ``early_stopping_rounds`` the trees up to the best round are kept, by squared error, area under the curve or NDCG.

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
    binary
        Whether the target is 0 or 1; decides what ``objective: auto`` means.
    buckets
        Into how many parts ``lambdarank`` divides the rows of an instant.

    Examples
    --------
    >>> features = np.linspace(0, 1, 64, dtype=np.float32).reshape(-1, 1)
    >>> settings = LightgbmSettings(trees=50, minimum_leaf_rows=2)
    >>> model = GradientBoosting(settings, seed=7).fit(features, (features[:, 0] > 0.5).astype(float))
    >>> model.predict(np.array([[0.2], [0.8]], dtype=np.float32)).round(1).tolist()
    [0.1, 0.9]
    """

    kind: ClassVar[str] = "lightgbm"

    @property
    def rounds(self) -> int | None:
        """Number of trees that are kept."""
        return int(self._trained().num_trees())

    def predict(self, features: Rows) -> FloatArray:
        """Return ``float64 (n_rows,)``: in the unit of the target, a probability, or a score to rank by."""
        return self._of_pieces(features, 1)[:, 0]

    def contributions(self, features: Rows) -> FloatArray:
        """Return by how much each feature moves the forecast, ``float64 (n_rows, n_features + 1)``.

        Shapley values over the trees (Lundberg et al. 2020, https://doi.org/10.1038/s42256-019-0138-9); the last column
        is the mean of the training rows. A row sums to the forecast, to the log-odds for a probability.
        """
        return self._of_pieces(features, self._trained().num_feature() + 1, pred_contrib=True)

    def importance(self) -> FloatArray:
        """Return each feature's share of the gain of all splits; equal shares if nothing was split."""
        gain = np.asarray(self._trained().feature_importance("gain"), dtype=np.float64)
        return as_shares(gain)

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
        lightgbm = load_lightgbm()
        model = cls(LightgbmSettings())
        try:
            model._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise no_model(folder / _FILE, "LightGBM", error) from None
        return model

    def _of_pieces(self, features: Rows, columns: int, **wish: bool) -> FloatArray:
        booster = self._trained()
        check_prediction_rows(features, booster.num_feature())
        result = np.empty((len(features), columns))
        for start, piece in pieces(features):
            part = np.asarray(booster.predict(piece, num_threads=self.threads, **wish), dtype=np.float64)
            result[start : start + len(piece)] = part.reshape(len(piece), columns)
        return result

    def _boosted(self, train: TrainingRows, validation: TrainingRows | None) -> Any:
        prepared = PreparedLightgbm(self.settings, train, validation, task=self._task, threads=self.threads)
        return prepared.boost(self.settings, seed=self.seed)


class PreparedLightgbm:
    """Rows in histogram bins, made once and boosted as often as one likes.

    Parameters
    ----------
    settings
        Decides objective and bins; both stay for every fit.
    train, validation
        Rows to learn from, and rows to stop by; the latter are put in the bins of the former.
    task
        What is learned.
    threads
        Processors to use.

    Raises
    ------
    InputError
        If the rows do not suit the objective.
    """

    def __init__(
        self,
        settings: LightgbmSettings,
        train: TrainingRows,
        validation: TrainingRows | None = None,
        *,
        task: Task,
        threads: int = 1,
    ) -> None:
        task.check(train, validation)
        self._settings, self._task, self._threads = settings, task, threads
        lightgbm, parameters = load_lightgbm(), self._parameters(settings, seed=0)
        self._train = as_dataset(lightgbm, train, task, parameters)
        self._watched = as_dataset(lightgbm, validation, task, parameters, self._train) if validation else None

    def fit(self, settings: LightgbmSettings, *, seed: int = 0, on_round: OnRound | None = None) -> GradientBoosting:
        """Return trees boosted with further settings.

        Parameters
        ----------
        settings
            Any, but for the objective and the number of bins: those are in the rows already.
        seed
            Decides the sampling of rows and features.
        on_round
            Told each round's number, from 1, and the metric on the validation rows, NaN where there are none; stops the
            training by True.

        Raises
        ------
        InputError
            If objective or bins differ, or there are no validation rows to stop by.
        """
        task = self._task
        model = GradientBoosting(
            settings, seed=seed, threads=self._threads, binary=task.objective == "classification", buckets=task.buckets
        )
        model._booster = self.boost(settings, seed=seed, on_round=on_round)
        return model

    def boost(self, settings: LightgbmSettings, *, seed: int, on_round: OnRound | None = None) -> Any:
        """Return LightGBM's own model, free of the rows; arguments and errors are those of :meth:`fit`."""
        require_same_rows(settings, self._settings)
        patience, rising = settings.early_stopping_rounds, self._task.larger_is_better
        validated = self._watched is not None
        watch = watch_for(patience, validated=validated, larger_is_better=rising, on_round=on_round)
        lightgbm = load_lightgbm()

        def follow(state: Any) -> None:
            heard = state.evaluation_result_list
            if watch.stops(state.iteration + 1, heard[0][2] if heard else math.nan):
                raise lightgbm.callback.EarlyStopException(state.iteration, heard)

        # Looking at the validation rows costs time in every round: only who asked for it pays.
        watched = [self._watched] if validated and (patience is not None or on_round is not None) else None
        booster = lightgbm.train(
            self._parameters(settings, seed=seed),
            self._train,
            num_boost_round=settings.trees,
            valid_sets=watched,
            callbacks=[follow],
            keep_training_booster=True,
        )
        kept = watch.kept(booster.current_iteration())
        return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=kept))

    def _parameters(self, settings: LightgbmSettings, *, seed: int) -> dict[str, Any]:
        return lightgbm_parameters(settings, self._task, seed=seed, threads=self._threads)


def lightgbm_parameters(settings: LightgbmSettings, task: Task, *, seed: int, threads: int) -> dict[str, Any]:
    """Return every parameter that decides the model, in LightGBM's words: none is left to a default."""
    parameters = {
        "boosting": "gbdt",
        "objective": _OBJECTIVES[task.objective],
        "metric": _METRICS[task.objective],
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "max_depth": -1 if settings.maximum_depth is None else settings.maximum_depth,
        "min_data_in_leaf": settings.minimum_leaf_rows,
        "min_sum_hessian_in_leaf": 1e-3,
        "bagging_fraction": settings.row_fraction,
        # Without a frequency LightGBM ignores the fraction silently.
        "bagging_freq": 1,
        "feature_fraction": settings.feature_fraction,
        "lambda_l1": settings.l1_penalty,
        "lambda_l2": settings.l2_penalty,
        "min_gain_to_split": settings.minimum_gain,
        "max_bin": settings.maximum_bins,
        "min_data_in_bin": 3,
        "bin_construct_sample_cnt": 200_000,
        # Bins are made once for all seeds and leaf sizes, so neither may decide about them.
        "data_random_seed": 1,
        "feature_pre_filter": False,
        "boost_from_average": True,
        "is_unbalance": False,
        "scale_pos_weight": 1.0,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        # Row-wise histograms are summed in as many blocks as there are threads, which moves last bits.
        "force_col_wise": True,
        "verbosity": -1,
    }
    if task.objective == "lambdarank":
        parameters |= {
            "label_gain": list(task.gains),
            "lambdarank_truncation_level": RANKED_PLACES,
            "lambdarank_norm": True,
            "eval_at": [RANKED_PLACES],
        }
    return parameters


def load_lightgbm() -> Any:
    """Import LightGBM on first use, after telling OpenMP how to wait.

    Raises
    ------
    InputError
        If the OpenMP runtime of the system, which its wheel does not bring along, is not there.
    """
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

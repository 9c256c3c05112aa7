"""Gradient-boosted trees by XGBoost, on histograms."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from tidegate.core.environment import prefer_passive_threads
from tidegate.core.errors import InputError
from tidegate.core.recipe import XgboostSettings
from tidegate.core.units import FloatArray
from tidegate.models.boosted import BoostedTrees, as_shares, require_same_rows
from tidegate.models.objectives import RANKED_PLACES, Task
from tidegate.models.rounds import OnRound, Watch, watch_for
from tidegate.models.stored import no_model, read_model, write_model
from tidegate.models.training_rows import Rows, TrainingRows, check_prediction_rows, pieces
from tidegate.models.xgboost_rows import as_matrix

__all__ = ["PreparedXgboost", "XgboostTrees", "load_xgboost", "xgboost_parameters"]

_FILE: Final = "xgboost.ubj"
_ATTRIBUTE: Final = "parameters"
_METRICS: Final = {"regression": "rmse", "classification": "auc", "lambdarank": f"ndcg@{RANKED_PLACES}"}
_OBJECTIVES: Final = {
    "regression": "reg:squarederror",
    "classification": "binary:logistic",
    "lambdarank": "rank:ndcg",
}
_NEAR_CERTAIN: Final = 1e-6


class XgboostTrees(BoostedTrees[XgboostSettings]):
    """Boosted trees on histograms; missing values follow the branch that training found best for them.

    They learn a number (squared error), the probability of a target of 0 and 1 (log loss), or an order within each
    instant (``lambdarank`` on rank buckets, of which the first 30 places count). With validation rows and
    ``early_stopping_rounds`` the trees up to the best round are kept, by squared error, area under the curve or NDCG.

    The first forecast, before any tree, is the mean of the training targets. Bins do not look at weights. In
    ``lambdarank`` XGBoost weighs whole instants: each counts as the mean of its rows' weights.

    Source: Chen and Guestrin 2016, *XGBoost: A Scalable Tree Boosting System*, https://doi.org/10.1145/2939672.2939785.

    Sums run in double precision over blocks of rows, and gains and leaves are rounded to single: the trees come out the
    same to the bit for any number of threads, which the tests check rather than the library promises.

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
    >>> settings = XgboostSettings(trees=50, learning_rate=0.1)
    >>> model = XgboostTrees(settings, seed=7, binary=True).fit(features, (features[:, 0] > 0.5).astype(float))
    >>> model.predict(np.array([[0.2], [0.8]], dtype=np.float32)).round(1).tolist()
    [0.0, 1.0]
    """

    kind: ClassVar[str] = "xgboost"

    @property
    def rounds(self) -> int | None:
        """Number of trees that are kept."""
        return int(self._trained().num_boosted_rounds())

    def predict(self, features: Rows) -> FloatArray:
        """Return ``float64 (n_rows,)``: in the unit of the target, a probability, or a score to rank by."""
        booster = self._ready(features)
        forecast = np.empty(len(features))
        for start, piece in pieces(features):
            forecast[start : start + len(piece)] = booster.inplace_predict(piece)
        return forecast

    def contributions(self, features: Rows) -> FloatArray:
        """Return by how much each feature moves the forecast, ``float64 (n_rows, n_features + 1)``.

        Shapley values over the trees (Lundberg et al. 2020, https://doi.org/10.1038/s42256-019-0138-9); the last column
        is the mean of the training rows. A row sums to the forecast, to the log-odds for a probability.
        """
        booster, xgboost = self._ready(features), load_xgboost()
        parts = np.empty((len(features), features.shape[1] + 1))
        for start, piece in pieces(features):
            matrix = xgboost.DMatrix(piece, nthread=self.threads)
            parts[start : start + len(piece)] = booster.predict(matrix, pred_contribs=True)
        return parts

    def importance(self) -> FloatArray:
        """Return each feature's share of the gain of all splits; equal shares if nothing was split."""
        booster = self._trained()
        gain = np.zeros(booster.num_features())
        for name, value in booster.get_score(importance_type="total_gain").items():
            gain[int(name[1:])] = value
        return as_shares(gain)

    def save(self, folder: Path) -> None:
        """Write XGBoost's own format, universal binary JSON, with the parameters of the training beside the trees."""
        write_model(folder, self.kind, _FILE, bytes(self._trained().save_raw("ubj")))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a stored model, to forecast with one thread; it carries no training settings.

        Raises
        ------
        InputError
            If it is missing, damaged or of another kind.
        """
        content = read_model(folder, cls.kind)
        xgboost = load_xgboost()
        model = cls(XgboostSettings())
        try:
            model._booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(content))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise no_model(folder / _FILE, "XGBoost", str(error).splitlines()[0]) from None
        return model

    def _ready(self, features: Rows) -> Any:
        booster = self._trained()
        check_prediction_rows(features, booster.num_features())
        booster.set_param({"nthread": self.threads})
        return booster

    def _boosted(self, train: TrainingRows, validation: TrainingRows | None) -> Any:
        prepared = PreparedXgboost(self.settings, train, validation, task=self._task, threads=self.threads)
        return prepared.boost(self.settings, seed=self.seed)


class PreparedXgboost:
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
        If the rows do not suit the objective, or a feature is infinite.
    """

    def __init__(
        self,
        settings: XgboostSettings,
        train: TrainingRows,
        validation: TrainingRows | None = None,
        *,
        task: Task,
        threads: int = 1,
    ) -> None:
        task.check(train, validation)
        self._settings, self._task, self._threads = settings, task, threads
        self._target, self._weight = train.target, train.weight
        xgboost, bins = load_xgboost(), settings.maximum_bins
        self._train = as_matrix(xgboost, train, task, bins=bins, threads=threads)
        self._watched = None
        if validation is not None:
            self._watched = as_matrix(xgboost, validation, task, bins=bins, threads=threads, reference=self._train)

    def fit(self, settings: XgboostSettings, *, seed: int = 0, on_round: OnRound | None = None) -> XgboostTrees:
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
            If objective or bins differ, there are no validation rows to stop by, or ones are weighted where there are
            none.
        """
        task = self._task
        model = XgboostTrees(
            settings, seed=seed, threads=self._threads, binary=task.objective == "classification", buckets=task.buckets
        )
        model._booster = self.boost(settings, seed=seed, on_round=on_round)
        return model

    def boost(self, settings: XgboostSettings, *, seed: int, on_round: OnRound | None = None) -> Any:
        """Return XGBoost's own model, free of the rows; arguments and errors are those of :meth:`fit`."""
        self._check(settings)
        patience, rising, validated = settings.early_stopping_rounds, self._task.larger_is_better, self._watched
        watch = watch_for(patience, validated=validated is not None, larger_is_better=rising, on_round=on_round)
        xgboost = load_xgboost()
        parameters = xgboost_parameters(settings, self._task, seed=seed, first=self._first_forecast(settings))
        # Looking at the validation rows costs time in every round: only who asked for it pays.
        is_followed = patience is not None or on_round is not None
        watched = [(self._watched, "validation")] if is_followed and validated is not None else []
        booster = xgboost.train(
            {**parameters, "nthread": self._threads, "verbosity": 0},
            self._train,
            num_boost_round=settings.trees,
            evals=watched,
            callbacks=[_follow(xgboost, watch, squared=self._task.objective == "regression")] if is_followed else None,
            verbose_eval=False,
        )
        kept = booster[: watch.kept(booster.num_boosted_rounds())]
        # The format has room for the trees alone: what they were grown with goes along as an attribute.
        kept.set_attr(**{_ATTRIBUTE: json.dumps({**parameters, "trees": settings.trees}, sort_keys=True)})
        return kept

    def _check(self, settings: XgboostSettings) -> None:
        require_same_rows(settings, self._settings)
        if settings.positive_weight != 1.0 and self._task.objective != "classification":
            raise InputError(
                found=f"positive_weight {settings.positive_weight} in a {self._task.objective}",
                expected="1, since there is no class to weigh",
                hint="leave it out, or train on a target of 0 and 1",
            )

    def _first_forecast(self, settings: XgboostSettings) -> float:
        """Return the mean of the training targets as they are weighted; a ranking has no level and starts at 0."""
        if self._task.objective == "lambdarank":
            return 0.0
        weight = np.ones_like(self._target) if self._weight is None else self._weight
        if self._task.objective == "regression":
            return float(np.average(self._target, weights=weight))
        weight = np.where(self._target > 0.0, settings.positive_weight, 1.0) * weight
        return float(np.clip(np.average(self._target, weights=weight), _NEAR_CERTAIN, 1.0 - _NEAR_CERTAIN))


def xgboost_parameters(settings: XgboostSettings, task: Task, *, seed: int, first: float) -> dict[str, Any]:
    """Return every parameter that decides the model, in XGBoost's words: none is left to a default."""
    parameters = {
        "booster": "gbtree",
        "device": "cpu",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "objective": _OBJECTIVES[task.objective],
        "eval_metric": _METRICS[task.objective],
        "base_score": first,
        "learning_rate": settings.learning_rate,
        "max_depth": settings.maximum_depth,
        "max_leaves": 0,
        "min_child_weight": settings.minimum_child_weight,
        "max_delta_step": 0.0,
        "subsample": settings.row_fraction,
        "sampling_method": "uniform",
        "colsample_bytree": settings.feature_fraction,
        "colsample_bylevel": 1.0,
        "colsample_bynode": 1.0,
        "alpha": settings.l1_penalty,
        "lambda": settings.l2_penalty,
        "gamma": settings.minimum_gain,
        "max_bin": settings.maximum_bins,
        "num_parallel_tree": 1,
        "seed": seed,
        "seed_per_iteration": False,
    }
    if task.objective == "classification":
        parameters["scale_pos_weight"] = settings.positive_weight
    if task.objective == "lambdarank":
        parameters |= {
            "lambdarank_pair_method": "topk",
            "lambdarank_num_pair_per_sample": RANKED_PLACES,
            "lambdarank_unbiased": False,
            "lambdarank_normalization": True,
            "ndcg_exp_gain": task.gains_double,
        }
    return parameters


def load_xgboost() -> Any:
    """Import XGBoost on first use, after telling OpenMP how to wait.

    Raises
    ------
    InputError
        If the library does not load, for want of the system's OpenMP runtime.
    """
    prefer_passive_threads()
    try:
        import xgboost
    except (OSError, ValueError) as error:
        raise InputError(
            found=f"XGBoost that does not load ({str(error).strip().splitlines()[0]})",
            expected="the OpenMP runtime of the system",
            hint="install libgomp1 (Debian, Ubuntu), libgomp (Fedora) or libomp (macOS)",
        ) from error
    return xgboost


def _follow(xgboost: Any, watch: Watch, *, squared: bool) -> Any:
    class Follow(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            if not evals_log:
                return watch.stops(epoch + 1, math.nan)
            (values,) = evals_log["validation"].values()
            return watch.stops(epoch + 1, values[-1] ** 2 if squared else values[-1])

    return Follow()

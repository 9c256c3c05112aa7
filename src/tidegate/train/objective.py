"""What a study makes as large as possible: one figure of the rows of an inner fold that nothing fitted has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe import ModelSettings, TuneSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate import (
    area_under_roc,
    average_precision,
    best_f_score,
    mean_of_known,
    ndcg_over_shuffled,
    rank_ic_by_instant,
    staggered_trades,
    within_date_area,
)
from tidegate.models.instants import rank_buckets
from tidegate.models.training_rows import TrainingRows

__all__ = ["StudyRows", "metric_value", "require_metric"]

_OF_HITS: Final = frozenset({"auc", "within_date_auc", "average_precision", "f_beta"})


@dataclass(frozen=True, eq=False, kw_only=True)
class StudyRows:
    """The rows of one inner fold.

    Parameters
    ----------
    train
        What is learnt from.
    stopping
        What early stopping looks at; None where the model does not stop early.
    judged
        What the metric is taken on, with instants; its weights play no part.
    trade_return
        ``float64 (n_judged,)``, simple return before costs of a trade decided on each judged row; NaN where there is
        none. Only ``net_sharpe_top_k`` needs it.
    round_trip_cost
        What buying and selling once costs, as a fraction of the notional. It is given, never searched (D-06).
    buckets
        Into how many parts ``ndcg_over_shuffled`` divides the targets of an instant that are not 0 or 1.
    """

    train: TrainingRows
    stopping: TrainingRows | None
    judged: TrainingRows
    trade_return: FloatArray | None = None
    round_trip_cost: float = 0.0
    buckets: int = 5

    @property
    def instants(self) -> Int64Array:
        """Decision instants of the judged rows, ``int64 (n_judged,)``, ascending."""
        if self.judged.instants is None:
            raise InputError(
                found="judged rows without instants",
                expected="the decision instant of each row",
                hint="hand TrainingRows their instants",
            )
        return self.judged.instants


def require_metric(settings: TuneSettings, models: ModelSettings, *, binary: bool) -> None:
    """Refuse a metric that says nothing about what is forecast.

    Raises
    ------
    InputError
        If the metric needs a target of 0 and 1, or a forecast in the unit of the target, and there is none.
    """
    metric = settings.metric
    if metric in _OF_HITS and not binary:
        raise InputError(
            found=f"tune.metric: {metric} for a target that is not 0 or 1",
            expected="rank_ic, ndcg_over_shuffled, net_sharpe_top_k or r_squared",
            hint="or forecast hits: labels.target: hit",
        )
    if metric == "r_squared" and getattr(getattr(models, settings.model), "objective", None) == "lambdarank":
        raise InputError(
            found="tune.metric: r_squared for lambdarank, whose scores have no unit",
            expected="a metric of the order, such as ndcg_over_shuffled or rank_ic",
            hint="change tune.metric or the objective",
        )


def metric_value(settings: TuneSettings, rows: StudyRows, score: FloatArray) -> float:
    """Return the metric of scores on the judged rows; larger is better for every metric.

    ============================ ==================================================================================
    ``auc``                      area under the ROC curve over all rows
    ``within_date_auc``          mean of the areas of the instants
    ``average_precision``        area under the precision-recall curve, without interpolation
    ``f_beta``                   largest ``(1 + b^2) P R / (b^2 P + R)`` over all thresholds of these rows: how good a
                                 rule could be made of the scores, not a threshold to use
    ``rank_ic``                  mean over the instants of Spearman's correlation of score and target
    ``ndcg_over_shuffled``       mean over the instants of NDCG of the top k, less what an order by lot is expected to
                                 reach; gain ``2^bucket - 1``, or the target itself where it is 0 or 1 (equity C.9)
    ``net_sharpe_top_k``         mean over deviation of the net return of the k best of each instant, in equal parts; a
                                 trade that could not be made earns nothing. Not annualised: a year has as many trades
                                 for every set of parameters
    ``r_squared``                ``1 - sum (y - f)^2 / sum (y - m)^2``, *m* the mean of the training target
    ============================ ==================================================================================

    Parameters
    ----------
    score
        ``float64 (n_judged,)``.

    Raises
    ------
    DataError
        If the metric cannot be computed of these rows; it is never replaced by a number.

    Examples
    --------
    >>> made_of = dict(features=np.zeros((4, 1), dtype=np.float32), instants=np.array([1, 1, 2, 2]))
    >>> part = TrainingRows(target=np.array([0.0, 1.0, 0.0, 1.0]), **made_of)
    >>> rows = StudyRows(train=part, stopping=None, judged=part)
    >>> metric_value(TuneSettings(metric="auc"), rows, np.array([0.1, 0.2, 0.15, 0.9]))
    1.0
    """
    value = _METRICS[settings.metric](settings, rows, score)
    if value is None or not np.isfinite(value):
        raise DataError(
            found=f"{len(score)} judged rows of which {settings.metric} cannot be computed",
            expected="hits and misses, or scores and outcomes that vary",
            hint="lower tune.inner_folds, so that each fold judges more rows, or choose another tune.metric",
        )
    return float(value)


def _rank_ic(_: TuneSettings, rows: StudyRows, score: FloatArray) -> float | None:
    return mean_of_known(rank_ic_by_instant(rows.instants, score, rows.judged.target))


def _ndcg_over_shuffled(settings: TuneSettings, rows: StudyRows, score: FloatArray) -> float | None:
    target, instants = rows.judged.target, rows.instants
    gain = target if rows.judged.is_binary else 2.0 ** rank_buckets(target, instants, rows.buckets) - 1.0
    return mean_of_known(ndcg_over_shuffled(instants, score, gain, settings.top_k))


def _net_sharpe_top_k(settings: TuneSettings, rows: StudyRows, score: FloatArray) -> float | None:
    if rows.trade_return is None:
        return None
    lists = staggered_trades(
        rows.instants,
        score,
        rows.trade_return,
        horizon_bars=1,
        round_trip_cost=rows.round_trip_cost,
        top_k=settings.top_k,
    )
    return lists.sharpe(1.0)


def _r_squared(_: TuneSettings, rows: StudyRows, score: FloatArray) -> float | None:
    target = rows.judged.target
    spread = float(np.sum((target - rows.train.target.mean()) ** 2))
    return 1.0 - float(np.sum((target - score) ** 2)) / spread if spread > 0.0 else None


_METRICS: Final[Mapping[str, Callable[[TuneSettings, StudyRows, FloatArray], float | None]]] = {
    "auc": lambda _, rows, score: area_under_roc(score, rows.judged.target),
    "within_date_auc": lambda _, rows, score: within_date_area(rows.instants, score, rows.judged.target),
    "average_precision": lambda _, rows, score: average_precision(score, rows.judged.target),
    "f_beta": lambda settings, rows, score: best_f_score(score, rows.judged.target, settings.beta),
    "rank_ic": _rank_ic,
    "ndcg_over_shuffled": _ndcg_over_shuffled,
    "net_sharpe_top_k": _net_sharpe_top_k,
    "r_squared": _r_squared,
}

"""The metrics of a study against plain definitions, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, fbeta_score, r2_score, roc_auc_score
from study_rows import study_rows

from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe import LightgbmSettings, ModelSettings, RidgeSettings, TuneSettings
from tidegate.core.recipe_tuning import Metric
from tidegate.core.units import FloatArray
from tidegate.models.training_rows import TrainingRows
from tidegate.train.objective import StudyRows, metric_value, require_metric

METRICS = Metric.__args__  # type: ignore[attr-defined]


@pytest.fixture
def rows() -> StudyRows:
    return study_rows()[0]


@pytest.fixture
def score(rows: StudyRows) -> FloatArray:
    return np.round(rows.judged.features[:, 0].astype(np.float64), 1)  # with ties


def test_pooled_metrics_are_those_of_scikit_learn(rows: StudyRows, score: FloatArray) -> None:
    target = rows.judged.target
    assert metric_value(TuneSettings(metric="auc"), rows, score) == pytest.approx(roc_auc_score(target, score))
    found = metric_value(TuneSettings(metric="average_precision"), rows, score)
    assert found == pytest.approx(average_precision_score(target, score))
    found = metric_value(TuneSettings(metric="f_beta", beta=0.5), rows, score)
    thresholds = np.unique(score)
    assert found == pytest.approx(max(fbeta_score(target, score >= one, beta=0.5) for one in thresholds))


def test_r_squared_is_held_against_the_mean_of_the_training_part(score: FloatArray) -> None:
    rows = study_rows(binary=False)[0]
    found = metric_value(TuneSettings(metric="r_squared"), rows, score)
    mean = np.full(len(score), rows.train.target.mean())
    target = rows.judged.target
    expected = 1.0 - (1.0 - r2_score(target, score)) / (1.0 - r2_score(target, mean))
    assert found == pytest.approx(expected)
    assert metric_value(TuneSettings(metric="r_squared"), rows, mean) == pytest.approx(0.0)


def test_the_top_k_earn_their_net_returns_in_equal_parts(rows: StudyRows) -> None:
    score = rows.judged.features[:, 0].astype(np.float64)
    returns = rows.trade_return
    assert returns is not None
    returns = np.where(np.arange(len(returns)) % 7 == 0, np.nan, returns)  # trades that could not be made
    given = StudyRows(train=rows.train, stopping=None, judged=rows.judged, trade_return=returns, round_trip_cost=0.002)
    earned = []
    for instant in np.unique(given.instants):
        day = np.flatnonzero(given.instants == instant)
        best = day[np.argsort(-score[day])][:3]
        net = [(1.0 + returns[one]) * 0.998 - 1.0 if np.isfinite(returns[one]) else 0.0 for one in best]
        earned.append(np.mean(net))
    found = metric_value(TuneSettings(metric="net_sharpe_top_k", top_k=3), given, score)
    assert found == pytest.approx(np.mean(earned) / np.std(earned, ddof=1))


@pytest.mark.parametrize("metric", METRICS)
def test_larger_is_better_for_every_metric(metric: Metric) -> None:
    rows = study_rows(binary=metric in {"auc", "within_date_auc", "average_precision", "f_beta"})[0]
    target, settings = rows.judged.target, TuneSettings(metric=metric, top_k=3)
    noise = np.random.default_rng(3).normal(size=len(target))
    better, worse = (metric_value(settings, rows, target + size * noise) for size in (0.1, 3.0))
    assert better > worse


@pytest.mark.parametrize("metric", ["within_date_auc", "rank_ic", "ndcg_over_shuffled"])
def test_knowing_the_good_days_alone_is_worth_nothing_within_the_day(rows: StudyRows, metric: Metric) -> None:
    """Equity G.5: the date explains most of a label."""
    rate = {one: rows.judged.target[rows.instants == one].mean() for one in np.unique(rows.instants)}
    score = np.array([rate[one] for one in rows.instants])
    if metric == "rank_ic":
        with pytest.raises(DataError):
            metric_value(TuneSettings(metric=metric), rows, score)
        return
    neutral = 0.5 if metric == "within_date_auc" else 0.0
    assert metric_value(TuneSettings(metric=metric), rows, score) == pytest.approx(neutral)


def test_what_cannot_be_computed_is_refused_and_never_replaced_by_a_number(rows: StudyRows) -> None:
    """Equity G.6: the original called every failure -1e6."""
    judged = TrainingRows(
        features=rows.judged.features, target=np.ones(len(rows.judged)), instants=rows.judged.instants
    )
    hits_alone = StudyRows(train=rows.train, stopping=None, judged=judged)
    for metric in ("auc", "within_date_auc", "net_sharpe_top_k"):
        with pytest.raises(DataError, match=metric):
            metric_value(TuneSettings(metric=metric), hits_alone, rows.judged.features[:, 0].astype(np.float64))


def test_metrics_that_say_nothing_about_the_target_are_refused() -> None:
    ranker = ModelSettings(lightgbm=LightgbmSettings(objective="lambdarank"))
    with pytest.raises(InputError, match="auc"):
        require_metric(TuneSettings(model="ridge"), ModelSettings(ridge=RidgeSettings()), binary=False)
    with pytest.raises(InputError, match="lambdarank"):
        require_metric(TuneSettings(model="lightgbm", metric="r_squared"), ranker, binary=False)
    require_metric(TuneSettings(model="lightgbm", metric="rank_ic"), ranker, binary=False)


def test_rows_without_instants_are_refused_where_instants_matter(rows: StudyRows) -> None:
    judged = TrainingRows(features=rows.judged.features, target=rows.judged.target)
    bare = StudyRows(train=rows.train, stopping=None, judged=judged)
    with pytest.raises(InputError, match="instants"):
        metric_value(TuneSettings(metric="rank_ic"), bare, rows.judged.target)

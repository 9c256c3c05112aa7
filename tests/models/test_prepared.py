"""Boosted trees of both kinds, prepared once and fitted often: objectives, early stopping, weights, sources."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boosted_rows import KINDS, Pieces, as_rows, market, settings, within_instant
from tidegate.core.errors import InputError
from tidegate.core.recipe import ModelSettings, RidgeSettings
from tidegate.models import GradientBoosting, Prepared, XgboostTrees, prepare
from tidegate.models.objectives import Task
from tidegate.models.training_rows import TrainingRows

kinds = pytest.mark.parametrize("kind", KINDS)
objectives = pytest.mark.parametrize("objective", ["regression", "classification", "lambdarank"])


def both(kind: str, objective: str, *, source: bool = False, threads: int = 1, **changes: Any) -> Prepared:
    """Prepare weighted training rows and later validation rows."""
    (features, outcome), (later, followed) = market(), market(1500, "later")
    weight = np.linspace(0.5, 1.5, len(outcome))
    train = as_rows(Pieces(features) if source else features, outcome, objective, weight=weight)
    validation = as_rows(Pieces(later) if source else later, followed, objective)
    models = settings(kind, objective=objective, **changes)
    return prepare(kind, models, train, validation, binary=objective == "classification", threads=threads)


def fit(prepared: Prepared, kind: str, objective: str, **changes: Any) -> GradientBoosting | XgboostTrees:
    fitted = prepared.fit(getattr(settings(kind, objective=objective, **changes), kind), seed=3)
    assert isinstance(fitted, GradientBoosting | XgboostTrees)
    return fitted


def read_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("training_rows", "lightgbm_rows", "xgboost_rows"):
        monkeypatch.setattr(f"tidegate.models.{module}.PIECE", 700)


@kinds
@objectives
def test_rows_prepared_once_teach_what_a_fresh_fit_does(kind: str, objective: str) -> None:
    """Equity H 19 and G.11: the model that is shipped is the one that was tuned."""
    shared = both(kind, objective)
    fit(shared, kind, objective, learning_rate=0.3, row_fraction=0.5)
    again = fit(shared, kind, objective, l2_penalty=5.0)
    alone = fit(both(kind, objective), kind, objective, l2_penalty=5.0)

    features, _ = market(300, "new")
    assert np.array_equal(again.predict(features), alone.predict(features))


@kinds
@objectives
def test_source_and_threads_do_not_change_a_bit(
    kind: str, objective: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Equity J.5 and H 19; rows of a weighted training part teach the same when they come in pieces."""
    read_in_small_pieces(monkeypatch)
    heard: list[list[float]] = []
    written: list[bytes] = []
    for source, threads in ((False, 1), (True, 1), (False, 2)):
        values: list[float] = []
        prepared = both(kind, objective, source=source, threads=threads)
        tuned = getattr(settings(kind, objective=objective, early_stopping_rounds=5), kind)
        model = prepared.fit(tuned, seed=3, on_round=lambda _, value, into=values: bool(into.append(value)))
        model.save(tmp_path / f"{source}{threads}")
        heard.append(values)
        written.append(b"".join(file.read_bytes() for file in sorted((tmp_path / f"{source}{threads}").iterdir())))

    assert written[0] == written[1] == written[2]
    assert heard[0] == heard[1] == heard[2]


@kinds
def test_a_source_is_read_in_pieces(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second copy of all features ever exists (equity J.6)."""
    read_in_small_pieces(monkeypatch)
    features, outcome = market()
    source = Pieces(features)
    model = prepare(kind, settings(kind), TrainingRows(features=source, target=outcome)).fit(
        getattr(settings(kind), kind)
    )
    model.predict(source)
    model.contributions(source)

    assert source.longest == 700


@kinds
@pytest.mark.parametrize(
    ("objective", "rising"), [("regression", False), ("classification", True), ("lambdarank", True)]
)
def test_boosting_stops_early_and_keeps_the_best_round(kind: str, objective: str, rising: bool) -> None:
    """Equity C.9: trees behind the best round are not kept."""
    prepared = both(kind, objective, trees=150, learning_rate=0.5)
    changes = {"trees": 150, "learning_rate": 0.5}
    heard: list[float] = []
    tuned = getattr(settings(kind, objective=objective, early_stopping_rounds=8, **changes), kind)
    model = prepared.fit(tuned, seed=3, on_round=lambda _, value: bool(heard.append(value)))
    best = int(np.argmax(heard) if rising else np.argmin(heard)) + 1

    assert len(heard) == best + 8 < 150
    assert model.rounds == best
    features, _ = market(200, "new")
    # As many trees without stopping give the same forecast: what lies behind them left no trace.
    assert np.array_equal(
        model.predict(features), fit(prepared, kind, objective, **{**changes, "trees": best}).predict(features)
    )


@kinds
@pytest.mark.parametrize("validated", [True, False])
def test_a_pruned_training_ends_at_once(kind: str, validated: bool) -> None:
    """A budget of time holds for a training that has nothing to stop by as well; it is told no metric then."""
    heard: list[tuple[int, bool]] = []
    features, outcome = market()
    models = settings(kind, objective="classification")
    rows = as_rows(features, outcome, "classification")
    prepared = both(kind, "classification") if validated else prepare(kind, models, rows, binary=True)
    model = prepared.fit(
        getattr(models, kind),
        on_round=lambda number, value: bool(heard.append((number, math.isnan(value)))) or number == 4,
    )

    assert heard == [(number, not validated) for number in (1, 2, 3, 4)]
    assert model.rounds == 4


@kinds
def test_who_only_listens_changes_no_bit(kind: str) -> None:
    features, outcome = market()
    prepared = prepare(kind, settings(kind), TrainingRows(features=features, target=outcome))
    alone, heard = (
        prepared.fit(getattr(settings(kind), kind), seed=3, on_round=on_round).predict(features)
        for on_round in (None, lambda *_: False)
    )

    assert np.array_equal(alone, heard)


@kinds
def test_without_validation_rows_nothing_stops_early(kind: str) -> None:
    """Crypto D-40: the rows to stop by are rows of their own."""
    features, outcome = market(300)
    prepared = prepare(kind, settings(kind), TrainingRows(features=features, target=outcome))
    section = getattr(settings(kind, early_stopping_rounds=5), kind)

    with pytest.raises(InputError, match="validation slice"):
        prepared.fit(section)
    with pytest.raises(InputError, match="without validation rows"):
        prepared.fit(section, on_round=lambda *_: False)


@kinds
def test_what_is_in_the_bins_already_is_not_changed(kind: str) -> None:
    prepared = both(kind, "regression")

    with pytest.raises(InputError, match="for which rows were prepared"):
        fit(prepared, kind, "regression", maximum_bins=33)
    with pytest.raises(InputError, match="for which rows were prepared"):
        fit(prepared, kind, "classification")


@kinds
def test_a_probability_is_calibrated_in_the_mean(kind: str) -> None:
    features, outcome = market()
    rows = as_rows(features, outcome, "classification")
    model = prepare(kind, settings(kind), rows, binary=True).fit(getattr(settings(kind), kind))
    forecast = model.predict(features)

    assert 0.0 < forecast.min() < forecast.max() < 1.0
    assert forecast.mean() == pytest.approx(rows.target.mean(), abs=0.01)


@kinds
def test_a_ranking_learns_the_order_and_not_the_level(kind: str) -> None:
    """The level of an instant, however wild, says nothing to a learner of orders."""
    features, outcome = market(signal=2.0)
    wild = outcome + np.repeat(np.random.default_rng(1).normal(scale=1e4, size=60), 50)
    models = settings(kind, objective="lambdarank")
    calm, moved = (
        prepare(kind, models, as_rows(features, seen)).fit(getattr(models, kind), seed=1).predict(features)
        for seen in (outcome, wild)
    )

    assert np.array_equal(calm, moved)
    assert within_instant(calm, outcome) < 1.2


@kinds
def test_a_hundred_buckets_can_be_ranked(kind: str) -> None:
    """Gains of ``2**99`` fit into no number: beyond 31 buckets they rise evenly."""
    features, outcome = market(500)
    models = settings(kind, objective="lambdarank")
    model = prepare(kind, models, as_rows(features, outcome), buckets=100).fit(getattr(models, kind))

    assert np.ptp(model.predict(features)) > 0.0
    assert Task(objective="lambdarank", buckets=5).gains == (0, 1, 3, 7, 15)
    assert Task(objective="lambdarank", buckets=100).gains[-1] == 99


@kinds
@pytest.mark.parametrize(
    ("objective", "spoilt", "named"),
    [
        ("classification", {"target": np.linspace(0.0, 1.0, 100)}, "other than 0 and 1"),
        ("lambdarank", {"instants": None}, "without decision instants"),
    ],
    ids=["a number to classify", "no instants to rank in"],
)
def test_rows_that_do_not_suit_the_objective_are_refused(
    kind: str, objective: str, spoilt: dict[str, Any], named: str
) -> None:
    features, outcome = market(100)
    rows = TrainingRows(**{"features": features, "target": outcome, "instants": np.arange(100), **spoilt})

    with pytest.raises(InputError, match=named):
        prepare(kind, settings(kind, objective=objective), rows)


@kinds
def test_a_validation_slice_of_one_class_is_refused(kind: str) -> None:
    features, outcome = market(100)
    train = as_rows(features, outcome, "classification")
    later = TrainingRows(features=features, target=np.zeros(100))

    with pytest.raises(InputError, match="always 0"):
        prepare(kind, settings(kind), train, later, binary=True)


@kinds
def test_a_validation_slice_of_other_features_is_refused(kind: str) -> None:
    """Crypto D-42: what is missing is never filled up with zeros."""
    features, outcome = market(100)

    with pytest.raises(InputError, match="5 to validate on"):
        prepare(kind, settings(kind), as_rows(features, outcome), as_rows(features[:, :5].copy(), outcome))


@kinds
def test_one_class_alone_is_forecast_as_such(kind: str) -> None:
    features, _ = market(200)
    rows = TrainingRows(features=features, target=np.zeros(200))
    model = prepare(kind, settings(kind), rows, binary=True).fit(getattr(settings(kind), kind))

    assert model.predict(features).max() < 0.01


def test_only_what_the_recipe_names_is_prepared() -> None:
    features, outcome = market(50)

    with pytest.raises(InputError, match="no settings for a model 'xgboost'"):
        prepare("xgboost", ModelSettings(ridge=RidgeSettings()), TrainingRows(features=features, target=outcome))


def test_a_ridge_sums_its_products_once() -> None:
    features, outcome = market(500)
    models = ModelSettings(ridge=RidgeSettings())
    prepared = prepare("ridge", models, TrainingRows(features=features, target=outcome))
    forecasts = [prepared.fit(RidgeSettings(penalty=penalty)).predict(features) for penalty in (1.0, 1e5)]

    assert np.ptp(forecasts[1]) < 0.1 * np.ptp(forecasts[0])
    assert prepared.fit(RidgeSettings()).rounds is None


@kinds
@objectives
def test_the_stored_model_says_how_it_was_grown(kind: str, objective: str, tmp_path: Path) -> None:
    """Equity H 19, G.9 and G.11: the final model lost every parameter that was fixed rather than searched."""
    changes = {"learning_rate": 0.07, "row_fraction": 0.6, "feature_fraction": 0.7, "l1_penalty": 0.3}
    changes |= {"l2_penalty": 2.5, "minimum_gain": 0.01, "maximum_bins": 40, "trees": 12, "maximum_depth": 5}
    own = {"leaves": 9, "minimum_leaf_rows": 33} if kind == "lightgbm" else {"minimum_child_weight": 3.0}
    if (kind, objective) == ("xgboost", "classification"):
        own["positive_weight"] = 1.7
    model = fit(both(kind, objective, **changes, **own), kind, objective, **changes, **own)
    model.save(tmp_path)
    said = stored_parameters(kind, tmp_path)

    asked = {**changes, **own, "seed": 3, "objective": objective}
    assert {name: said[name] for name in asked} == asked


NAMES = {
    "lightgbm": {
        "learning_rate": "learning_rate",
        "row_fraction": "bagging_fraction",
        "feature_fraction": "feature_fraction",
        "l1_penalty": "lambda_l1",
        "l2_penalty": "lambda_l2",
        "minimum_gain": "min_gain_to_split",
        "maximum_bins": "max_bin",
        "maximum_depth": "max_depth",
        "trees": "num_iterations",
        "leaves": "num_leaves",
        "minimum_leaf_rows": "min_data_in_leaf",
        "seed": "seed",
    },
    "xgboost": {
        "learning_rate": "learning_rate",
        "row_fraction": "subsample",
        "feature_fraction": "colsample_bytree",
        "l1_penalty": "alpha",
        "l2_penalty": "lambda",
        "minimum_gain": "gamma",
        "maximum_bins": "max_bin",
        "maximum_depth": "max_depth",
        "trees": "trees",
        "minimum_child_weight": "min_child_weight",
        "positive_weight": "scale_pos_weight",
        "seed": "seed",
    },
}
OBJECTIVES = {"binary": "classification", "binary:logistic": "classification", "rank:ndcg": "lambdarank"}


def stored_parameters(kind: str, folder: Path) -> dict[str, Any]:
    """Read what the native file says, in the recipe's words."""
    if kind == "lightgbm":
        block = (folder / "lightgbm.txt").read_text().split("\nparameters:\n")[1].split("\nend of parameters")[0]
        said: dict[str, Any] = dict(line.strip("[]").split(": ", 1) for line in block.splitlines() if ": " in line)
        said = {name: float(value) if name in NAMES[kind].values() else value for name, value in said.items()}
    else:
        import xgboost

        said = json.loads(xgboost.Booster(model_file=folder / "xgboost.ubj").attr("parameters"))
    words = {name: said[there] for name, there in NAMES[kind].items() if there in said}
    plain = {"regression": "regression", "reg:squarederror": "regression", "lambdarank": "lambdarank"}
    return {**words, "objective": {**OBJECTIVES, **plain}[said["objective"]]}

"""Experiments: a group that matters is found, noise is not, and nothing but the features differs between variants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from ashare_market import ashare_history, ashare_recipe

from audited import audit
from tidegate.core.errors import InputError, RunError
from tidegate.core.files import read_json
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY, DAY, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.features import FeatureContract, FeatureMatrix, market_contract
from tidegate.registry import Run, RunKind, RunStatus, RunStore, TrialRecord, TrialStore
from tidegate.report import write_report
from tidegate.testing import synthetic_bars, synthetic_panel
from tidegate.train import Experiment, assemble, experiment
from tidegate.train.experiment_parts import fitted_settings, parts_of
from tidegate.train.feature_variants import known_of, variants_of

RecipeOf = Callable[..., Recipe]
LONG = ("distance_to_high_252", "average_bias_200", "above_average_200", "average_50_above_200")
MODELS = {"models": {"ridge": {}, "lightgbm": {"trees": 10, "leaves": 5, "minimum_leaf_rows": 50}}}
KEPT = ("experiment.csv", "experiment.json")


def told(run: Run) -> list[Any]:
    return [(run.folder / name).read_text("utf-8") for name in KEPT]


def rows_of(run: Run, measure: str = "rank_ic", at: str = "all") -> dict[tuple[str, str], dict[str, Any]]:
    rows = read_json(run.folder / "experiment.json")["rows"]
    return {(row["model"], row["variant"]): row for row in rows if (row["measure"], row["at"]) == (measure, at)}


@pytest.fixture(scope="module")
def audited_workspace(workspace: Workspace, recipe: RecipeOf) -> Workspace:
    audit(workspace, recipe())
    return workspace


@pytest.fixture(scope="module")
def done(audited_workspace: Workspace, recipe: RecipeOf) -> Run:
    return experiment(audited_workspace, recipe(**MODELS), Experiment(seeds=2))


def test_a_group_that_matters_is_found_and_noise_is_not(workspace: Workspace, recipe: RecipeOf) -> None:
    """The market drifts for weeks: what prices did forecasts what they will do; volumes say nothing."""
    wanted = recipe(
        features={"groups": ["price", "volume"], "exclude": ["log_return_252", "momentum_12_1", *LONG]},
        models={"ridge": {}},
        strategy={"scores": "ridge"},
    )
    audit(workspace, wanted)

    rows = rows_of(experiment(workspace, wanted, Experiment()))

    matters, noise = rows["ridge", "without price"], rows["ridge", "without volume"]
    assert matters["interval"][1] < 0.0
    assert (matters["finding"], matters["p_value_holm"] < 0.01) == ("helped", True)
    assert noise["interval"][0] < 0.0 < noise["interval"][1]
    assert (noise["finding"], noise["p_value"] > 0.05) == ("open", True)


def test_every_model_seed_and_group_is_fitted_on_the_same_rows(done: Run) -> None:
    found = read_json(done.folder / "experiment.json")

    assert (done.kind, done.status) == (RunKind.EXPERIMENT, RunStatus.FINISHED)
    assert [one["name"] for one in found["variants"]] == ["full", "without price", "without cross_section"]
    assert found["models"] == ["ridge", "lightgbm"]
    assert {row["measure"] for row in found["rows"]} == {"rank_ic", "net_top_k", "negative_squared_error"}
    assert len({row["instants"] for row in rows_of(done).values()}) == 1
    for (model, _), row in rows_of(done).items():
        assert row["seeds"] == (2 if model == "lightgbm" else 1)
    folds = len(found["protocol"]["parts"])
    files = list((done.folder / "cells").rglob("*.parquet"))
    assert len(files) == 3 * folds * 2
    assert not (done.folder / "dataset").exists()
    assert pl.read_csv(done.folder / "experiment.csv").height == len(found["rows"])
    assert done.metrics["comparisons"] == sum(row["finding"] is not None for row in found["rows"])


def test_every_model_that_was_looked_at_counts_as_a_trial(
    done: Run, audited_workspace: Workspace, recipe: RecipeOf
) -> None:
    """Ridge once and LightGBM with two seeds, each with three sets of features; the same again adds none."""

    def tried() -> list[TrialRecord]:
        found = TrialStore(audited_workspace).overlapping("24/7", Instant(0), parse_instant("2100-01-01"))
        return [one for one in found if one.run == done.id]

    before = tried()
    TrialStore(audited_workspace).record([replace(one, run="experiment-again") for one in before])

    assert len(before) == 3 * (1 + 2)
    assert tried() == before
    assert {(one.kind, one.sharpe, one.recipe_name) for one in before} == {("experiment", None, recipe().name)}
    assert len({(one.start, one.end) for one in before}) == 1


def test_the_full_variant_is_what_training_forecasts(done: Run, audited_workspace: Workspace, recipe: RecipeOf) -> None:
    """The figure that ablations are held against is that of the models themselves, not of a stand-in (D-54)."""
    from tidegate.train import train

    trained = train(audited_workspace, recipe(**MODELS))
    daily = pl.read_parquet(trained.folder / "daily_quality.parquet").filter(pl.col("model") == "ridge")

    assert rows_of(done)["ridge", "full"]["mean"] == pytest.approx(daily["rank_ic"].drop_nans().mean(), abs=1e-9)


class Impatient:
    """Somebody who interrupts after two fits."""

    def track(self, items: Any, label: str, total: int | None = None) -> Any:
        assert (label, total is not None) == ("fit", True)
        for number, item in enumerate(items):
            if number == 2:
                raise KeyboardInterrupt
            yield item

    def say(self, text: str) -> None: ...

    def tell(self, reached: Any) -> None: ...


def test_an_interrupted_experiment_goes_on_after_its_last_fit(
    done: Run, fresh_workspace: Workspace, recipe: RecipeOf
) -> None:
    audit(fresh_workspace, recipe())
    with pytest.raises(KeyboardInterrupt):
        experiment(fresh_workspace, recipe(**MODELS), Experiment(seeds=2), progress=Impatient())
    (left,) = RunStore(fresh_workspace).list()
    assert left.status is RunStatus.INTERRUPTED
    kept = {path: path.stat().st_mtime_ns for path in (left.folder / "cells").rglob("*.parquet")}
    assert len(kept) == 2

    again = experiment(fresh_workspace, recipe(**MODELS), Experiment(seeds=2), threads=2)

    assert again.id == left.id
    assert told(again) == told(done)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_purged_kfold_trains_on_both_sides_and_says_so(audited_workspace: Workspace, recipe: RecipeOf) -> None:
    """Crypto 24.1: walk-forward and purged k-fold."""
    run = experiment(
        audited_workspace, recipe(**MODELS), Experiment(without=("price",), protocol="purged-kfold", folds=3)
    )

    found = read_json(run.folder / "experiment.json")["protocol"]
    assert (found["name"], len(found["parts"])) == ("purged_kfold", 3)
    assert "without early stopping" in found["note"]
    assert "never for a backtest" in found["note"]
    first, last = found["parts"][0], found["parts"][-1]
    assert first["train_instants"] > 0 < last["train_instants"]
    with pytest.raises(RunError, match="experiment run"):
        RunStore(audited_workspace).require_training_of(recipe(**MODELS), run)


def test_no_label_of_a_kfold_training_side_touches_its_test() -> None:
    history = ashare_history(4, sessions=200, shares=6)
    recipe = ashare_recipe()
    data = assemble(history, recipe)
    spans = data.labels.spans

    parts = parts_of(recipe, data, "purged-kfold", 4)

    assert np.array_equal(np.concatenate([part.test for part in parts]), np.arange(len(spans)))
    for part in parts:
        begins, ends = spans.start[part.test].min(), spans.end[part.test].max()
        before = spans.end[part.train] <= begins
        after = spans.start[part.train] >= ends
        assert (before | after).all()
        assert part.fold is None


def test_hits_and_an_ensemble_are_compared() -> None:
    recipe = ashare_recipe(
        models={"ridge": {}, "xgboost": {"early_stopping_rounds": 3, "trees": 8}, "ensemble": {}},
        split={"first_test": "2021-12-01", "validation_days": 20, "minimum_train_days": 60},
    )
    wanted = Experiment()

    assert wanted.kinds(recipe) == ("ridge", "xgboost", "ensemble")
    assert Experiment(protocol="purged-kfold").kinds(recipe) == ("ridge", "xgboost")
    alone = fitted_settings(recipe.models, ("ridge",), "recipe")
    assert alone.kinds == ("ridge",)
    assert fitted_settings(recipe.models, ("ensemble",), "recipe").kinds == recipe.models.kinds
    grown = fitted_settings(recipe.models, ("xgboost",), "purged-kfold").xgboost
    assert grown is not None
    assert (grown.trees, grown.early_stopping_rounds) == (8, None)
    with pytest.raises(InputError, match="ensemble"):
        Experiment(models=("ensemble",), protocol="purged-kfold").kinds(recipe)


def test_an_ensemble_of_hits_is_judged_beside_its_members(workspace: Workspace, recipe: RecipeOf) -> None:
    wanted = recipe(
        labels={"target": "hit", "touch": {"last_day": 3, "rise": 0.01}},
        split={"first_test": "2020-09-01", "test_months": 12, "validation_months": 2},
        models={
            "ridge": {},
            "xgboost": {"trees": 8, "early_stopping_rounds": 3, "objective": "lambdarank"},
            "ensemble": {},
        },
        strategy={"scores": "ridge"},
    )
    audit(workspace, wanted)

    run = experiment(workspace, wanted, Experiment(without=("price",)))

    areas = rows_of(run, "auc")
    assert {model for model, _ in areas} == {"ridge", "xgboost", "ensemble"}
    assert all(0.0 < row["mean"] < 1.0 for row in areas.values())
    # Ranks are no forecasts of the target: there is nothing to be wrong by.
    assert {model for model, _ in rows_of(run, "negative_squared_error")} == {"ridge"}
    assert "experiment" in write_report(workspace, run.id, path=workspace.root / "one.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (Experiment(models=("oracle",)), "oracle"),
        (Experiment(models=("ensemble",)), "ensemble"),
        (Experiment(without=("none",)), "none"),
        (Experiment(without=("price", "event")), "event"),
        (Experiment(seeds=0), "0 seeds"),
        (Experiment(protocol="purged-kfold", folds=1), "1 folds"),
    ],
)
def test_what_is_not_there_is_refused(
    audited_workspace: Workspace, recipe: RecipeOf, wanted: Experiment, what: str
) -> None:
    with pytest.raises(InputError, match=what) as refused:
        experiment(audited_workspace, recipe(), wanted)

    assert refused.value.hint


def test_data_that_were_not_audited_are_refused(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    with pytest.raises(RunError, match="audit"):
        experiment(fresh_workspace, recipe(), Experiment())


def test_a_group_goes_with_its_flags() -> None:
    """What is left out leaves no trace, not even where it is missing (D-54)."""
    contract = market_contract("crypto", DAILY)
    flags = {one.mask: one.group for one in contract.features if one.mask is not None}
    assert flags, "the contract has no flag: this test tests nothing"
    for variant in variants_of(contract)[1:]:
        names = [contract.names[place] for place in variant.columns]
        gone = [one for one in contract.features if one.group == variant.group]
        assert not set(names) & {one.name for one in gone}
        served = {one.mask for one in contract.features if one.name in names}
        assert not set(names) & ({one.mask for one in gone} - served - {None})


def test_the_only_group_cannot_be_left_out() -> None:
    volume = [one for one in market_contract("ashare", DAILY).features if one.group == "volume"]
    contract = FeatureContract(tuple(volume))

    assert [one.name for one in variants_of(contract)] == ["full"]
    with pytest.raises(InputError, match="no feature is left without volume"):
        variants_of(contract, ["volume"])


def test_a_neutral_value_is_not_known() -> None:
    contract = market_contract("crypto", DAILY)
    place = next(place for place, one in enumerate(contract.features) if one.neutral is not None)
    own = contract.features[place]
    values = np.full((3, 2, contract.dimension), np.nan, dtype=np.float32)
    flag = contract.names.index(str(own.mask))
    for other, one in enumerate(contract.features):
        if one.mask is not None:
            values[:, :, contract.names.index(one.mask)] = 1.0
            values[:, :, other] = one.neutral if one.neutral is not None else np.nan
    values[1, 0, flag] = 0.0
    matrix = FeatureMatrix(np.arange(3, dtype=np.int64), ("A", "B"), contract, values)

    known = known_of(matrix, own.group)

    assert known.tolist() == [[False, False], [True, False], [False, False]]


def test_a_group_that_is_known_of_some_names_is_judged_on_those_too(tmp_path: Path, recipe: RecipeOf) -> None:
    """D-54: the same rows for both variants, and the full set of features on the subset as well."""
    panel = synthetic_panel(21, 500, 12, edge=0.25, times=parse_instant("2019-01-01") + np.arange(1, 501) * DAY)
    columns = {name: column.copy() for name, column in panel.columns.items()}
    columns["volume"][:, :6] = np.nan
    workspace = Workspace.create(tmp_path / "workspace")
    bars = synthetic_bars(Panel(panel.times, panel.symbols, columns), dataset="made-up")
    Catalog(workspace).append("bars", bars)
    wanted = recipe(
        features={
            "groups": ["price", "volume"],
            "exclude": ["log_return_252", "momentum_12_1", "traded_value_trend", *LONG],
        },
        models={"ridge": {}},
        strategy={"scores": "ridge"},
    )
    audit(workspace, wanted)

    run = experiment(workspace, wanted, Experiment())

    shares = {one["name"]: one["share_known"] for one in read_json(run.folder / "experiment.json")["variants"]}
    assert shares["full"] is None
    assert shares["without volume"] == pytest.approx(0.5, abs=0.01)
    assert shares["without price"] == 1.0
    assert not set(rows_of(run, at="known")) - {("ridge", "without volume")}
    known, everywhere = rows_of(run, at="known")["ridge", "without volume"], rows_of(run)["ridge", "without volume"]
    assert known["instants"] == everywhere["instants"]
    assert known["against_mean"] != everywhere["against_mean"]
    cells = pl.read_parquet(next((run.folder / "cells" / "0").glob("*.parquet")))
    assert set(cells["at"]) == {"all", "volume"}


def test_the_document_is_plain(done: Run) -> None:
    text = (done.folder / "experiment.json").read_text("utf-8")

    assert "NaN" not in text
    assert json.loads(text)["block"] == 15
    assert Path(done.folder / "recipe.json").exists()

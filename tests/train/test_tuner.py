"""Tuning a recipe: what the study may see, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from audited import audit
from tidegate.core.clock import now
from tidegate.core.errors import InputError, RecipeError, RunError
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.train.tuner import tune

RecipeOf = Callable[..., Recipe]
TUNED = {
    "split": {"first_test": "2020-09-01", "test_months": 6, "validation_months": 2, "calibration_months": 2},
    "models": {"ridge": {}, "lightgbm": {"trees": 20, "leaves": 7, "minimum_leaf_rows": 50}},
    "tune": {
        "model": "lightgbm",
        "metric": "rank_ic",
        "trials": 4,
        "space": {"trees": {"low": 5, "high": 20}, "leaves": {"low": 3, "high": 8}},
    },
    "strategy": {"scores": "ridge"},
}


def told(run: Run) -> dict[str, Any]:
    study: dict[str, Any] = read_json(run.folder / "study.json")
    del study["budget"]
    for trial in study["trials"]:
        del trial["seconds"], trial["cpu_seconds"]
    return study


@pytest.fixture(scope="module")
def tuned(workspace: Workspace, recipe: RecipeOf) -> Run:
    audit(workspace, recipe(**TUNED))
    return tune(workspace, recipe(**TUNED))


def test_a_tuning_run_leaves_its_study_and_nothing_else(tuned: Run) -> None:
    assert (tuned.kind, tuned.status) == (RunKind.TUNE, RunStatus.FINISHED)
    assert {path.name for path in tuned.folder.iterdir()} == {"folds.json", "journal.log", "recipe.json", "study.json"}
    study = read_json(tuned.folder / "study.json")
    assert study["best"] == tuned.metrics["best"]
    assert tuned.metrics["trials"]["made"] == len(study["trials"]) == 4
    assert study["trials"][0]["parameters"]["leaves"] == 7


def test_the_study_looks_at_nothing_behind_the_validation_slice(tuned: Run) -> None:
    (fold,) = read_json(tuned.folder / "folds.json")
    inner = read_json(tuned.folder / "study.json")["inner_folds"]
    assert [one["fold"] for one in inner] == [0, 1, 2]
    for one in inner:
        assert one["judged"]["reaches"] <= fold["validation"]["end"] <= fold["calibration"]["start"]


@pytest.mark.parametrize(("changed_from", "is_seen"), [("calibration", False), ("validation", True)])
def test_another_future_gives_the_same_study(
    tuned: Run, recipe: RecipeOf, workspace: Workspace, tmp_path: Path, changed_from: str, is_seen: bool
) -> None:
    """Equity H 19, D-40: with other prices in calibration and test no trial changes; with others before, all do."""
    (fold,) = read_json(tuned.folder / "folds.json")
    bars = Catalog(workspace).read("bars", dataset="made-up", as_of=now()).drop("recorded_time").collect()
    changed = pl.col("event_time").dt.epoch("us") > fold[changed_from]["start"] + 10 * DAY
    factor = pl.Series(np.random.default_rng(3).uniform(0.7, 1.3, bars.height))
    prices = [name for name in ("open", "high", "low", "close", "raw_close") if name in bars.columns]
    other = Workspace.create(tmp_path / "workspace")
    Catalog(other).append(
        "bars", bars.with_columns(pl.when(changed).then(pl.col(prices) * factor).otherwise(pl.col(prices)))
    )
    audit(other, recipe(**TUNED))
    found = told(tune(other, recipe(**TUNED)))
    assert (found["trials"] != told(tuned)["trials"]) == is_seen
    assert is_seen or found == told(tuned)


def test_the_number_of_threads_changes_nothing(tuned: Run, fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    audit(fresh_workspace, recipe(**TUNED))

    assert told(tune(fresh_workspace, recipe(**TUNED), threads=2)) == told(tuned)


def test_a_search_that_was_done_is_not_made_again(tuned: Run, workspace: Workspace, recipe: RecipeOf) -> None:
    """A command that was killed while it trained is repeated, and its search is over already."""
    said: list[str] = []

    class Listener:
        def track(self, items: Any, label: str, total: int | None = None) -> Any:
            raise AssertionError(label)

        def say(self, text: str) -> None:
            said.append(text)

        def tell(self, reached: Any) -> None:
            raise AssertionError(reached)

    assert tune(workspace, recipe(**TUNED), progress=Listener()) == tuned
    assert said == [f"this search was done: {tuned.id}"]
    shorter = recipe(**{**TUNED, "tune": {**TUNED["tune"], "trials": 1}})
    assert tune(workspace, shorter).id != tuned.id
    assert tune(workspace, recipe(**TUNED, seed=99)).id != tuned.id


def test_a_study_that_is_gone_is_made_again(tuned: Run, fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    audit(fresh_workspace, recipe(**TUNED))
    first = tune(fresh_workspace, recipe(**TUNED))
    (first.folder / "study.json").unlink()
    again = tune(fresh_workspace, recipe(**TUNED))

    assert again.id != first.id
    assert told(again) == told(tuned)


def test_an_interrupted_run_goes_on_in_its_own_folder(tuned: Run, fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    audit(fresh_workspace, recipe(**TUNED))

    class Impatient:
        def track(self, items: Any, label: str, total: int | None = None) -> Any:
            yield from items

        def say(self, text: str) -> None: ...

        def tell(self, reached: Any) -> None:
            if reached.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(fresh_workspace, recipe(**TUNED), progress=Impatient())
    (left,) = RunStore(fresh_workspace).list()
    assert left.status is RunStatus.INTERRUPTED
    again = tune(fresh_workspace, recipe(**TUNED))
    assert again.id == left.id
    assert told(again) == told(tuned)


def test_hits_are_tuned_with_early_stopping_on_a_slice_of_its_own(workspace: Workspace, recipe: RecipeOf) -> None:
    wanted = recipe(
        **{
            **TUNED,
            "labels": {"target": "hit", "touch": {"last_day": 3, "rise": 0.01}},
            "models": {"xgboost": {"trees": 30, "early_stopping_rounds": 5}},
            "tune": {"trials": 3, "space": {"trees": {"low": 5, "high": 30}}, "metric": "net_sharpe_top_k"},
            "strategy": {"scores": "xgboost"},
        }
    )
    audit(workspace, wanted)
    study = read_json(tune(workspace, wanted).folder / "study.json")
    for one in study["inner_folds"]:
        assert one["stopping"]["end"] == one["judged"]["start"]
    assert max(study["trials"][0]["rounds"]) <= 30


def test_a_recipe_that_does_not_say_what_to_tune_is_refused(workspace: Workspace, recipe: RecipeOf) -> None:
    with pytest.raises(RecipeError, match="without a section tune"):
        tune(workspace, recipe())


def test_data_that_were_not_audited_are_not_tuned_on(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    with pytest.raises(RunError, match="audit"):
        tune(fresh_workspace, recipe(**TUNED))


def test_what_cannot_be_searched_is_refused_before_a_run_begins(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    """D-06."""
    costs = {**TUNED, "tune": {"model": "ridge", "metric": "rank_ic", "space": {"fee_bps": {"low": 1, "high": 9}}}}
    with pytest.raises(InputError, match="fee_bps"):
        tune(fresh_workspace, recipe(**costs))
    with pytest.raises(InputError, match="auc"):
        tune(fresh_workspace, recipe(**{**TUNED, "tune": {"model": "ridge", "metric": "auc"}}))
    assert not RunStore(fresh_workspace).list()

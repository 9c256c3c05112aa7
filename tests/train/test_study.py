"""A study: repeatable, resumable, within its budgets, and honest about what failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_rows import study_rows

from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import DataError, InputError
from tidegate.core.progress import SILENT, Reached
from tidegate.core.recipe import LightgbmSettings, ModelSettings, Range, RidgeSettings, TuneSettings, XgboostSettings
from tidegate.train.budget import Budget, StoppedBy
from tidegate.train.study import StudyResult, run_study
from tidegate.train.trial import TrialState

MODELS = ModelSettings(
    ridge=RidgeSettings(),
    lightgbm=LightgbmSettings(trees=30, early_stopping_rounds=5, leaves=7, minimum_leaf_rows=20),
    xgboost=XgboostSettings(trees=30, early_stopping_rounds=5),
)
SPACE = {"trees": Range(low=10, high=40), "learning_rate": Range(low=0.02, high=0.3, log=True)}


def settings_of(**changes: Any) -> TuneSettings:
    space = {} if changes.get("model") == "ridge" else SPACE
    return TuneSettings(**{"trials": 8, "startup_trials": 4, "space": space, **changes})


def study(path: Path, rows: Any = None, *, settings: TuneSettings | None = None, **options: Any) -> StudyResult:
    chosen = settings or settings_of()
    return run_study(
        study_rows() if rows is None else rows,
        chosen,
        **{"models": MODELS, "journal": path, "seed": 7, "binary": True, **options},
    )


def told(result: StudyResult) -> dict[str, Any]:
    """What a study says, without how long it took."""
    document = result.as_document()
    del document["budget"]
    for trial in document["trials"]:
        del trial["seconds"], trial["cpu_seconds"]
    return document


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, bytes]:
    path = tmp_path_factory.mktemp("study") / "journal.log"
    return study(path, settings=settings_of(trials=12)), path.read_bytes()


def test_the_recipes_own_parameters_are_the_first_trial(undisturbed: tuple[StudyResult, bytes]) -> None:
    first = undisturbed[0].trials[0]
    assert MODELS.xgboost is not None
    assert first.parameters == {name: getattr(MODELS.xgboost, name) for name in first.parameters}
    assert first.parameters["l1_penalty"] == 0.0  # outside the space, and all the same what was tried
    assert first.value == pytest.approx(np.mean(first.values_by_fold))


def test_a_study_tells_all_of_its_trials(undisturbed: tuple[StudyResult, bytes]) -> None:
    document = undisturbed[0].as_document()
    complete = [trial for trial in document["trials"] if trial["state"] == "complete"]
    assert [trial["number"] for trial in document["trials"]] == list(range(12))
    assert document["best"]["value"] == max(trial["value"] for trial in complete)
    assert document["trials"][-1]["best_so_far"] == document["best"]["value"]
    assert document["stopped_by"] == "trials"
    assert sum(document["importance"].values()) == pytest.approx(1.0)
    assert set(document["importance"]) == set(document["best"]["parameters"])
    assert document["budget"]["minutes"] == 20.0
    assert all(trial["seconds"] > 0.0 and trial["rounds"] for trial in complete)


def test_the_same_seed_gives_the_same_study_whatever_the_number_of_threads(
    undisturbed: tuple[StudyResult, bytes], tmp_path: Path
) -> None:
    again = study(tmp_path / "again.log", settings=settings_of(trials=12), threads=2)
    assert told(again) == told(undisturbed[0])
    other = study(tmp_path / "other.log", seed=8, settings=settings_of(trials=3))
    assert other.trials[1].parameters != again.trials[1].parameters


@pytest.mark.parametrize("kept", range(2, 15, 3))
def test_a_study_goes_on_after_any_of_its_trials_as_if_nothing_had_happened(
    undisturbed: tuple[StudyResult, bytes], tmp_path: Path, kept: int
) -> None:
    path = tmp_path / "journal.log"
    lines = undisturbed[1].splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]) + b"".join(lines[kept : kept + 1])[:50])  # the next line is torn
    heard: list[Reached] = []

    class Listener(type(SILENT)):  # type: ignore[misc]
        def tell(self, reached: Reached) -> None:
            heard.append(reached)

    again = study(path, settings=settings_of(trials=12), progress=Listener())
    assert told(again) == told(undisturbed[0])
    assert [one.done for one in heard] == list(range(kept - 1, 13))
    assert len(heard) == 14 - kept
    assert heard == [] or (heard[-1].total, heard[-1].best) == (12, undisturbed[0].best.value)


def test_more_trials_continue_a_finished_study(undisturbed: tuple[StudyResult, bytes], tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    study(path, settings=settings_of(trials=5))
    assert told(study(path, settings=settings_of(trials=12))) == told(undisturbed[0])


def test_a_planted_signal_is_found_and_shuffled_labels_hold_none(tmp_path: Path) -> None:
    signal = study(tmp_path / "signal.log")
    nothing = study(tmp_path / "nothing.log", study_rows(signal=0.0, folds=1))
    assert signal.best.value is not None
    assert nothing.trials[0].value is not None
    assert signal.best.value > 0.70
    assert nothing.trials[0].value == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(("model", "metric"), [("ridge", "rank_ic"), ("lightgbm", "ndcg_over_shuffled")])
def test_every_model_can_be_tuned(tmp_path: Path, model: Any, metric: Any) -> None:
    result = study(tmp_path / "journal.log", settings=settings_of(model=model, metric=metric, trials=5))
    assert len(result.trials) == 5
    assert result.best.value is not None
    assert result.best.value > 0.1
    assert (result.trials[0].rounds[0] is None) == (model == "ridge")


def test_targets_that_are_numbers_are_tuned_without_early_stopping(tmp_path: Path) -> None:
    models = ModelSettings(xgboost=XgboostSettings(trees=15))
    rows = study_rows(binary=False, stopping=False)
    result = study(
        tmp_path / "j.log", rows, models=models, binary=False, settings=settings_of(metric="r_squared", trials=4)
    )
    assert result.trials[0].rounds == (15, 15)


def test_trials_behind_the_median_are_given_up_after_the_startup(tmp_path: Path) -> None:
    result = study(tmp_path / "pruned.log", settings=settings_of(model="ridge", trials=20))
    pruned = [trial for trial in result.trials if trial.state is TrialState.PRUNED]
    assert pruned
    assert all(trial.number >= 4 and trial.value is None and "median" in str(trial.reason) for trial in pruned)
    assert all(len(trial.values_by_fold) == 1 for trial in pruned)
    whole = study(tmp_path / "whole.log", settings=settings_of(model="ridge", trials=20, pruning=False))
    assert all(trial.state is TrialState.COMPLETE for trial in whole.trials)


def test_a_trial_that_fails_is_kept_with_its_reason(tmp_path: Path) -> None:
    """Equity G.6: a failure of the original was worth -1e6."""
    weighed = settings_of(metric="r_squared", space={"positive_weight": Range(low=2.0, high=5.0), **SPACE}, trials=4)
    result = study(tmp_path / "journal.log", study_rows(binary=False), binary=False, settings=weighed)
    failed = [trial for trial in result.trials if trial.state is TrialState.FAILED]
    assert [trial.number for trial in failed] == [1, 2, 3]  # a target that is no class has no weight of a class
    assert all(trial.value is None and "InputError: found positive_weight" in str(trial.reason) for trial in failed)
    assert result.best.number == 0
    assert [trial["state"] for trial in result.as_document()["trials"]] == ["complete", *["failed"] * 3]


def test_a_study_without_one_complete_trial_says_why(tmp_path: Path) -> None:
    rows = study_rows()
    constant = [type(one)(train=one.train, stopping=one.stopping, judged=one.judged, trade_return=None) for one in rows]
    with pytest.raises(DataError, match=r"none of them complete: DataError: .*net_sharpe_top_k"):
        study(tmp_path / "journal.log", constant, settings=settings_of(metric="net_sharpe_top_k", trials=3))


def test_no_trial_begins_that_is_likely_to_end_too_late() -> None:
    budget = Budget(settings_of(minutes=1.0), began=elapsed_seconds() - 50.0)
    assert budget.refuses([5.0, 30.0, 11.0])
    assert not budget.refuses([5.0, 30.0, 1.0])
    assert not budget.refuses([])
    assert Budget(settings_of(minutes=1.0), began=elapsed_seconds(), spent_before=61.0).refuses([])


def test_time_counts_across_processes(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    first = study(path, settings=settings_of(trials=4))
    spent = sum(trial.seconds for trial in first.trials)
    again = study(path, settings=settings_of(trials=4000, minutes=spent * 0.9 / 60.0))
    assert again.stopped_by is StoppedBy.MINUTES
    assert len(again.trials) == 4
    assert again.budget["minutes_used"] * 60.0 > spent


@pytest.mark.parametrize("model", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("stopping", [True, False])
def test_a_trial_that_runs_past_the_budget_ends_with_its_round(tmp_path: Path, model: Any, stopping: bool) -> None:
    """Also where it has no rows to stop early by: nobody waits for its last tree."""
    long = settings_of(
        model=model,
        trials=2,
        minutes=1.0,
        space={"trees": Range(low=100_000, high=100_000), "learning_rate": Range(low=1e-4, high=1e-4)},
    )
    slow = {"trees": 100_000, "learning_rate": 1e-4, "early_stopping_rounds": 100_000 if stopping else None}
    models = ModelSettings(xgboost=XgboostSettings(**slow), lightgbm=LightgbmSettings(**slow))
    began = elapsed_seconds()
    with pytest.raises(DataError, match="budget of minutes"):
        study(tmp_path / "long.log", study_rows(stopping=stopping), models=models, settings=long, began=began - 59.5)
    assert elapsed_seconds() - began < 10.0
    assert b"budget of minutes" in (tmp_path / "long.log").read_bytes()


def test_a_study_that_needs_more_memory_than_it_may_have_is_refused_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GiB") as refused:
        study(tmp_path / "journal.log", settings=settings_of(memory_gib=0.01))
    assert "memory_gib" in refused.value.expected


def test_a_study_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study(tmp_path / "journal.log", settings=settings_of(model="ridge", trials=3))
    assert capfd.readouterr() == ("", "")


def test_optuna_is_loaded_by_who_tunes_and_by_nobody_else() -> None:
    script = "import sys, tidegate, tidegate.train.study, tidegate.train.journal; sys.exit('optuna' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)

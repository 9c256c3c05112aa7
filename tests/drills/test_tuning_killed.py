"""Tuning, killed at any moment, then repeated: the same study, to the last digit of every trial."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from command import execute, started
from tidegate.core.files import read_json
from tidegate.core.workspace import Workspace
from tidegate.registry import RunKind, RunStore

TRIALS = 10
RECIPE = """\
name: tuned
data:
  dataset: made-up
features:
  groups: [price]
  exclude: [log_return_252]
labels:
  horizon_bars: 5
split:
  first_test: 2016-10-01
  test_months: 6
  validation_months: 2
models:
  xgboost:
    trees: 150
    early_stopping_rounds: 40
tune:
  metric: rank_ic
  trials: {trials}
  startup_trials: 5
  inner_folds: 2
  space:
    trees: {{low: 100, high: 200}}
strategy:
  scores: xgboost
  top_n: 3
costs:
  preset: us-equity
"""


@pytest.fixture(scope="module")
def tuned_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tuned.yaml"
    path.write_text(RECIPE.format(trials=TRIALS), encoding="utf-8")
    return path


def studies(root: Path) -> list[dict[str, Any]]:
    """Return the studies of a workspace, without how long they took."""
    found = []
    for run in RunStore(Workspace.open(root)).list(kind=RunKind.TUNE):
        study = read_json(run.folder / "study.json")
        del study["budget"]
        for trial in study["trials"]:
            del trial["seconds"], trial["cpu_seconds"]
        found.append(study)
    return found


def journal_of(root: Path) -> bytes:
    """Return what a killed process left of the journal."""
    paths = list((root / "runs").glob("tune-*/journal.log"))
    return paths[0].read_bytes() if paths else b""


@pytest.mark.slow
@pytest.mark.parametrize("moments", [1, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_a_search_killed_at_any_moment_ends_in_the_same_study(
    template: Path, tmp_path: Path, tuned_recipe: Path, moments: int
) -> None:
    tune = ("tune", tuned_recipe, "--json", "--workspace")
    whole = Path(shutil.copytree(template, tmp_path / "whole"))
    execute(["audit", "readiness", tuned_recipe, "--no-html", "--workspace", whole])
    untouched = Path(shutil.copytree(whole, tmp_path / "untouched"))
    with started([*tune, whole]) as undisturbed:
        undisturbed.wait_for_output()
        began = time.monotonic()
        while len(journal_of(whole).splitlines()) < TRIALS + 2 and undisturbed.is_running:
            time.sleep(0.005)
        duration = time.monotonic() - began
        undisturbed.end().checked()
    (expected,) = studies(whole)
    assert [trial["number"] for trial in expected["trials"]] == list(range(TRIALS))
    assert {trial["state"] for trial in expected["trials"]} == {"complete", "pruned"}

    dice, resumed = random.Random(6), []
    for number in range(moments):
        root = Path(shutil.copytree(untouched, tmp_path / f"killed-{number}"))
        with started([*tune, root]) as doomed:
            doomed.wait_for_output()
            if moments == 1:  # in the midst of the trials, however slow the machine is
                while len(journal_of(root).splitlines()) < TRIALS // 2 + 2 and doomed.is_running:
                    time.sleep(0.005)
            else:
                time.sleep(duration * (number + dice.random()) / moments)
            doomed.send(signal.SIGKILL)
            doomed.end()
        left = journal_of(root)
        if number == moments - 2 or moments == 1:  # and as if the disk had kept half of the last line
            for path in (root / "runs").glob("tune-*/journal.log"):
                path.write_bytes(left[: len(left) - 30])
                path.with_name("journal.log.lock").touch()

        execute([*tune, root]).checked()
        assert studies(root) == [expected]  # one: what was killed while it trained does not search again
        resumed.append(len(left.splitlines()) - 2)
        shutil.rmtree(root)
    assert any(0 < trials < TRIALS for trials in resumed)  # some went on after a finished trial

"""``tidegate experiment``: one table, in words and as a document; killed, resumed, reported, and in the background."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from background import no_job_left_behind, wait_for_end
from command import PATIENCE_SECONDS, assert_refused, started
from tidegate.core.jobs import JobStatus
from trained_picker import RECIPE, trained_picker

WITHOUT = ("--without", "volume")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace of the test's own, with the small A-share market and its audit."""
    workspace = trained_picker().copied(tmp_path)
    workspace.database.dispose()
    return workspace.root


@pytest.fixture
def picker(tmp_path: Path) -> Path:
    path = tmp_path / "my picker.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_the_table_and_how_it_is_read(tidegate: Any, root: Path, picker: Path) -> None:
    """D-55: what a negative difference means stands below the table."""
    done = tidegate("experiment", picker, *WITHOUT, "--seeds", "2", "--workspace", root).checked()

    for said in ("small-picker, rank IC", "AUC within the day", "net return of the best 3", "without volume", "± "):
        assert said in done.out
    assert "below 0 the group helped, above 0 it harmed" in done.out
    assert "a model minus ridge: above 0 the model is better" in done.out
    (following,) = (line for line in done.out.splitlines() if line.startswith("next: "))
    assert following.endswith(f"--workspace {root}")
    assert "tidegate report experiment-small-picker-" in following


def test_the_document_the_list_and_the_report(tidegate: Any, root: Path, picker: Path) -> None:
    told = tidegate("experiment", picker, "--model", "xgboost", *WITHOUT, "--json", "--workspace", root)
    told = told.checked().document

    assert told["kind"] == "experiment"
    assert told["experiment"]["models"] == ["xgboost"]
    listed = tidegate("runs", "--workspace", root).checked().out
    assert f"{told['metrics']['comparisons']} comparisons, " in listed
    (found,) = tidegate("runs", "--kind", "experiment", "--json", "--workspace", root).checked().document
    assert found["id"] == told["id"]
    for language, words in (("en", "Experiment report"), ("zh", "实验报告")):
        page = tidegate("report", told["id"], "-l", language, "--json", "--workspace", root).checked().document
        assert words in Path(page["report"]).read_text("utf-8")
    refused = tidegate("backtest", picker, "--scores-of", told["id"], "--workspace", root)
    assert "experiment run" in assert_refused(refused, json_output=False)["found"]


def test_purged_kfold_is_said_to_be_no_backtest(tidegate: Any, root: Path, picker: Path) -> None:
    more = ("--protocol", "purged-kfold", "--folds", "3", "--model", "ridge")

    done = tidegate("experiment", picker, *WITHOUT, *more, "--workspace", root).checked()

    assert "never for a backtest" in done.out


@pytest.mark.parametrize(
    ("words", "found", "hint"),
    [
        (("--model", "oracle"), "models oracle", "xgboost: {}"),
        (("--without", "none"), "no feature of group none", "tidegate features show"),
        (("--protocol", "kfold"), "--protocol kfold", "--help"),
        (("--folds", "1"), "--folds 1", "--help"),
        (("--model", "ensemble", "--protocol", "purged-kfold"), "models ensemble", "validation slice"),
    ],
)
def test_what_is_not_there_is_refused(
    tidegate: Any, root: Path, picker: Path, words: tuple[str, ...], found: str, hint: str
) -> None:
    said = assert_refused(tidegate("experiment", picker, *words, "--workspace", root), json_output=False)

    assert found in said["found"]
    assert hint in said["hint"]


def test_a_hint_names_the_recipe_as_it_was_typed(tidegate: Any, root: Path, picker: Path) -> None:
    words = ("experiment", "--without", "none", "--seeds", "2", picker, "--workspace", root)

    said = assert_refused(tidegate(*words), json_output=False)

    assert f"tidegate features show '{picker}' --workspace {root}" in said["hint"]


def test_killed_and_resumed_it_finds_the_same(tidegate: Any, root: Path, picker: Path, tmp_path: Path) -> None:
    words = ("experiment", picker, "--seeds", "3", "--workspace")
    whole = trained_picker().copied(tmp_path / "whole")
    whole.database.dispose()
    undisturbed = tidegate(*words, whole.root, "--json").checked().document
    with started([*words, root]) as command:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _cells(root) and command.is_running:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        command.send(signal.SIGKILL)
        command.end()
    kept = {str(path): path.stat().st_mtime_ns for path in _cells(root)}
    assert 0 < len(kept) < len(_cells(whole.root))

    resumed = tidegate(*words, root, "--json").checked().document

    assert resumed["experiment"] == undisturbed["experiment"]
    assert {name: Path(name).stat().st_mtime_ns for name in kept} == kept
    assert len(list((root / "runs").glob("experiment-*"))) == 1


def _cells(root: Path) -> list[Path]:
    return list(root.glob("runs/experiment-*/cells/*/*.parquet"))


def test_an_experiment_in_the_background(tidegate: Any, root: Path, picker: Path) -> None:
    """Equity I 17."""
    words = ("experiment", picker, *WITHOUT, "--seeds", "2", "--detach")
    with no_job_left_behind(root) as store:
        begun = tidegate(*words, "--json", "--workspace", root).checked().document
        refused = assert_refused(tidegate(*words, "--threads", "1", "--workspace", root), json_output=False)
        assert f"under way as job {begun['id']}" in refused["found"]

        done = wait_for_end(store, begun["id"])

        assert (done.status, done.error) == (JobStatus.FINISHED, None)
        assert done.result["run"].startswith("experiment-small-picker-")
        assert done.progress["label"] == "fit"
        assert done.progress["done"] == done.progress["total"] > 0

"""Reports of runs that cannot be reported, and places where a report cannot go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused
from tidegate.cli import run as run_command
from tidegate.core.clock import now
from tidegate.core.errors import CatalogError
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog


@pytest.fixture
def root(tmp_path: Path, stocked: Path) -> Path:
    """A workspace of the test's own."""
    return Path(shutil.copytree(stocked, tmp_path / "workspace"))


@pytest.fixture
def runs(tidegate: Any, root: Path) -> dict[str, dict[str, Any]]:
    """The finished runs by kind."""
    listed = tidegate("runs", "--status", "finished", "--json", "--workspace", root).checked().document
    return {one["kind"]: one for one in reversed(listed)}


def refused(tidegate: Any, json_output: bool, *arguments: str | Path) -> dict[str, str]:
    return assert_refused(tidegate(*arguments, *(["--json"] if json_output else [])), json_output=json_output)


def test_a_run_that_is_not_there(tidegate: Any, root: Path, json_output: bool) -> None:
    assert "no run 'nothing'" in refused(tidegate, json_output, "report", "nothing", "--workspace", root)["found"]


def test_a_beginning_that_many_runs_share(tidegate: Any, root: Path, recipe: Path, json_output: bool) -> None:
    tidegate("train", recipe, "--workspace", root).checked()

    assert "that begin with" in refused(tidegate, json_output, "report", "train", "--workspace", root)["found"]


def test_no_run_at_all(tidegate: Any, tmp_path: Path, json_output: bool) -> None:
    tidegate("init", "--workspace", tmp_path / "new").checked()

    assert "no run 'latest'" in refused(tidegate, json_output, "report", "--workspace", tmp_path / "new")["found"]


def test_a_run_that_failed_or_was_interrupted(
    tidegate: Any, root: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, json_output: bool
) -> None:
    for stop, status in ((ZeroDivisionError, "failed"), (KeyboardInterrupt, "interrupted")):

        def stopped(*_arguments: Any, stop: type[BaseException] = stop, **_named: Any) -> None:
            raise stop

        with monkeypatch.context() as patch:
            patch.setattr("tidegate.train.trainer.run_fold", stopped)
            run_command(["train", str(recipe), "--workspace", str(root)])
        said = refused(tidegate, json_output, "report", "--workspace", root)
        assert status in said["found"]
        assert "resume" in said["hint"] or "repeat" in said["hint"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("train", "evaluation.json"),
        ("train", "daily_quality.parquet"),
        ("backtest", "equity.parquet"),
        ("backtest", "performance.json"),
    ],
)
def test_a_run_that_lost_a_file(
    tidegate: Any, root: Path, runs: dict[str, dict[str, Any]], kind: str, name: str, json_output: bool
) -> None:
    (Path(runs[kind]["folder"]) / name).unlink()

    assert name in refused(tidegate, json_output, "report", runs[kind]["id"], "--workspace", root)["found"]


def test_a_run_that_lost_its_folder_is_still_listed(
    tidegate: Any, root: Path, runs: dict[str, dict[str, Any]], json_output: bool
) -> None:
    shutil.rmtree(runs["backtest"]["folder"])

    refused(tidegate, json_output, "report", runs["backtest"]["id"], "--workspace", root)
    tidegate("runs", "--workspace", root).checked()
    tidegate("runs", runs["backtest"]["id"], "--workspace", root).checked()


def test_a_backtest_on_scores_that_are_gone(
    tidegate: Any, root: Path, recipe: Path, runs: dict[str, dict[str, Any]], json_output: bool
) -> None:
    (Path(runs["train"]["folder"]) / "scores.parquet").unlink()

    refused(tidegate, json_output, "backtest", recipe, "--workspace", root)


def test_a_backtest_on_another_kind_of_run(
    tidegate: Any, root: Path, recipe: Path, runs: dict[str, dict[str, Any]], json_output: bool
) -> None:
    refused(tidegate, json_output, "backtest", recipe, "--scores-of", runs["backtest"]["id"], "--workspace", root)


def test_bars_that_are_gone(tidegate: Any, root: Path, recipe: Path, json_output: bool) -> None:
    for file in (root / "catalog").rglob("*.parquet"):
        file.unlink()

    for command in (("train", recipe), ("backtest", recipe), ("catalog",)):
        assert "gone" in refused(tidegate, json_output, *command, "--workspace", root)["found"]


def test_bars_that_are_damaged(tidegate: Any, root: Path, recipe: Path, json_output: bool) -> None:
    for file in (root / "catalog").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-100])

    said = refused(tidegate, json_output, "train", recipe, "--workspace", root)

    assert "damaged" in said["found"]


def test_a_log_of_the_catalog_that_is_damaged(tidegate: Any, root: Path, recipe: Path, json_output: bool) -> None:
    for file in (root / "catalog").rglob("_delta_log/*.json"):
        file.write_bytes(b"{")

    refused(tidegate, json_output, "train", recipe, "--workspace", root)


def test_a_report_does_not_replace_what_is_no_file(
    tidegate: Any, root: Path, tmp_path: Path, json_output: bool
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for place in (pipe, tmp_path, tmp_path / "file" / "report.html"):
        (tmp_path / "file").touch()
        refused(tidegate, json_output, "report", "--output", place, "--workspace", root)
    assert pipe.is_fifo()


@pytest.mark.parametrize("version", [-1, 10**6])
def test_a_version_that_never_was(root: Path, version: int) -> None:
    with pytest.raises(CatalogError):
        Catalog(Workspace.open(root)).read("bars", dataset="made-up", as_of=now(), version=version)

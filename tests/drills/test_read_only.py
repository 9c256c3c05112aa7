"""A workspace on a disk that is mounted read-only: what only reads works, what writes says why it cannot."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mounts import Disk, read_only_disk

from command import assert_refused, execute, started


@pytest.fixture(scope="module")
def trained(template: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a training run and a backtest."""
    root = Path(shutil.copytree(template, tmp_path_factory.mktemp("trained") / "workspace"))
    for command in ("train", "backtest"):
        execute([command, recipe, "--workspace", root]).checked()
    return root


@pytest.fixture
def disk(tmp_path: Path, trained: Path) -> Iterator[Disk]:
    with read_only_disk(tmp_path / "disk", trained) as mounted:
        yield mounted


def test_what_only_reads_works(disk: Disk, trained: Path, tmp_path: Path) -> None:
    for command in (["catalog", "--json"], ["catalog", "--history", "bars", "--json"], ["runs", "--json"]):
        there = execute([*command, "--workspace", trained]).checked().document
        here = disk.run(*command, "--workspace", disk.folder).checked().document
        for entry in (*there, *here):
            entry.pop("folder", None)
        assert here == there
    doctor = disk.run("doctor", "--json", "--workspace", disk.folder).checked().document
    assert "read-only" in next(finding["detail"] for finding in doctor if finding["check"] == "workspace")
    disk.run("report", "--output", tmp_path / "report.html", "--workspace", disk.folder).checked()
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_what_writes_says_why_it_cannot(disk: Disk, recipe: Path, bars: Path) -> None:
    for command in (
        ("ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "x"),
        ("train", recipe),
        ("backtest", recipe),
        ("report",),
        ("audit", "data"),
        ("init",),
        ("init", "--upgrade"),
        ("demo",),
    ):
        done = disk.run(*command, "--json", "--workspace", disk.folder)
        assert "cannot be written" in assert_refused(done, json_output=True)["found"], command
    human = disk.run("train", recipe, "--workspace", disk.folder)
    assert "cannot be written" in assert_refused(human, json_output=False)["found"]


def test_a_report_cannot_go_to_a_read_only_disk_either(disk: Disk, trained: Path) -> None:
    done = disk.run("report", "--output", disk.folder / "report.html", "--json", "--workspace", trained)

    assert str(disk.folder) in assert_refused(done, json_output=True)["found"]


def test_what_a_killed_process_had_not_yet_folded_in_is_read_too(root: Path, recipe: Path, tmp_path: Path) -> None:
    with started(["train", recipe, "--json", "--workspace", root]) as command:
        while not any(root.glob("runs/*/folds/*.parquet")):
            time.sleep(0.005)
        command.send(signal.SIGKILL)
        command.end()
    assert (root / "tidegate.sqlite-wal").stat().st_size > 0

    with read_only_disk(tmp_path / "disk", root) as disk:
        (seen,) = disk.run("runs", "--json", "--workspace", disk.folder).checked().document

    assert seen["status"] == "running"

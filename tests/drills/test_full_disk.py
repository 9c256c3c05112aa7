"""A disk that runs full: every command says so, nothing is half-written, and it goes on when there is room again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mounts import Disk, small_disk

from command import assert_refused, execute, started

MEGABYTES = 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", MEGABYTES) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def trained(template: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a training run and a backtest, small enough for the disk."""
    root = Path(shutil.copytree(template, tmp_path_factory.mktemp("trained") / "workspace"))
    for command in ("train", "backtest"):
        execute([command, recipe, "--workspace", root]).checked()
    return root


def placed(disk: Disk, workspace: Path) -> Path:
    assert disk.shell(f"cp -r {workspace} {disk.folder}/workspace").exit_code == 0
    return disk.folder / "workspace"


def listing(disk: Disk, root: Path) -> str:
    """Return every file that counts, with its size."""
    kept = "catalog runs reports workspace.json"
    return disk.shell(f"cd {root} && find {kept} -type f -printf '%p %s\\n' | sort").out


@pytest.mark.parametrize("room", [0, 900, 1030, 1100])
def test_init(disk: Disk, room: int) -> None:
    disk.fill(leave_kilobytes=room)

    done = disk.run("init", "--workspace", disk.folder / "workspace", "--json")

    if done.exit_code:
        assert "no space" in assert_refused(done, json_output=True)["found"]
    disk.free()
    disk.run("init", "--workspace", disk.folder / "workspace").checked()
    disk.run("runs", "--workspace", disk.folder / "workspace").checked()


@pytest.mark.parametrize("room", [0, 900, 1050, 1500])
def test_ingest(disk: Disk, template: Path, bars: Path, room: int) -> None:
    root = placed(disk, template)
    before = disk.run("catalog", "--json", "--workspace", root).checked().document
    disk.fill(leave_kilobytes=room)

    done = disk.run("ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "much", "--json", "--workspace", root)

    assert "no space" in assert_refused(done, json_output=True)["found"]
    assert disk.run("catalog", "--json", "--workspace", root).checked().document == before
    disk.run("runs", "--workspace", root).checked()
    disk.free()
    again = (
        disk.run("ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "much", "--json", "--workspace", root)
        .checked()
        .document
    )
    assert again["appended"] == again["rows"] - sum(again["rejected"].values())


@pytest.mark.parametrize("finished_folds", [None, 0, 2])
def test_train(disk: Disk, trained: Path, recipe: Path, finished_folds: int | None) -> None:
    root = placed(disk, trained)
    (finished,) = disk.run("runs", "--kind", "train", "--json", "--workspace", root).checked().document
    train = ["train", recipe, "--json", "--workspace", root]
    if finished_folds is None:
        disk.fill()
    with started(train, mounts_of=disk.id) as command:
        if finished_folds is not None:
            seen = disk.seen_from_outside(root)
            while command.is_running and len(list(seen.glob("runs/*/folds/[0-9]*.parquet"))) <= finished_folds:
                time.sleep(0.002)
            disk.fill()
        done = command.end()

    assert "no space" in assert_refused(done, json_output=True)["found"]
    listed = disk.run("runs", "--status", "finished", "--kind", "train", "--json", "--workspace", root).checked()
    assert [one["id"] for one in listed.document] == [finished["id"]]
    disk.run("catalog", "--workspace", root).checked()
    disk.free()
    again = disk.run(*train).checked().document
    assert again["metrics"] == finished["metrics"]


def test_backtest(disk: Disk, trained: Path, recipe: Path) -> None:
    root = placed(disk, trained)
    (finished,) = disk.run("runs", "--kind", "backtest", "--json", "--workspace", root).checked().document
    disk.fill()

    done = disk.run("backtest", recipe, "--json", "--workspace", root)

    assert "no space" in assert_refused(done, json_output=True)["found"]
    disk.free()
    again = disk.run("backtest", recipe, "--json", "--workspace", root).checked().document
    assert again["metrics"] == finished["metrics"]


def test_report(disk: Disk, trained: Path) -> None:
    root = placed(disk, trained)
    disk.fill(leave_kilobytes=1200)
    before = listing(disk, root)

    done = disk.run("report", "--json", "--workspace", root)

    assert "no space" in assert_refused(done, json_output=True)["found"]
    assert listing(disk, root) == before
    disk.free()
    disk.run("report", "--workspace", root).checked()


def test_people_are_told_without_a_trace(disk: Disk, trained: Path, recipe: Path) -> None:
    root = placed(disk, trained)
    disk.fill()

    for command in (("train", recipe), ("report",), ("audit", "data")):
        said = disk.run(*command, "--workspace", root)
        assert_refused(said, json_output=False)
        assert "no space" in said.err

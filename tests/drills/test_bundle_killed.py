"""A bundle whose import or making was killed: the same command again gives what it would have given undisturbed."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from command import Done, started
from tidegate.cli import run
from tidegate.core.clock import now
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.bundle import build_bundle
from tidegate.data.tables import spec_of
from tidegate.testing import synthetic_bars, synthetic_panel

MOMENTS = 5
DATASETS = ("one", "two", "three", "four")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with several data sets, so that a bundle of it takes a while."""
    root = tmp_path_factory.mktemp("stocked") / "workspace"
    workspace = Workspace.create(root)
    for number, dataset in enumerate(DATASETS):
        panel = synthetic_panel(number, 1000, 20, times=parse_instant("2015-01-01") + np.arange(1, 1001) * DAY)
        Catalog(workspace).append("bars", synthetic_bars(panel, dataset=dataset))
    workspace.database.dispose()
    return root


@pytest.fixture(scope="module")
def bundle(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all of it."""
    return build_bundle(Workspace.open(stocked), tmp_path_factory.mktemp("bundle") / "all.tar").path


@pytest.fixture
def tidegate(capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process, which shares nothing with the killed one but the disk."""

    def command(*arguments: str | Path) -> Done:
        capfd.readouterr()
        exit_code = run([str(argument) for argument in arguments])
        return Done(exit_code, *capfd.readouterr())

    return command


def lasting(command: Sequence[str | Path]) -> float:
    began = time.monotonic()
    with started(command) as undisturbed:
        undisturbed.end().checked()
    return time.monotonic() - began


def kill(command: Sequence[str | Path], *, once: Callable[[], bool], then: float) -> None:
    """Kill a command some seconds after something is there; whatever the load, it is at work by then."""
    with started(command) as doomed:
        while doomed.is_running and not once():
            time.sleep(0.001)
        time.sleep(then)
        doomed.send(signal.SIGKILL)
        doomed.end()


def delays(seed: int, duration: float) -> list[float]:
    """Return no delay at all, and one random one in each part of a duration."""
    dice = random.Random(seed)
    return [0.0, *((part + dice.random()) / MOMENTS * duration for part in range(MOMENTS))]


def content(root: Path) -> dict[str, pl.DataFrame]:
    """Every vintage of every table, without when it was recorded."""
    catalog = Catalog(Workspace.open(root))
    return {
        f"{entry.table}/{entry.dataset}": catalog.revisions(entry.table, dataset=entry.dataset, as_of=now())
        .drop("recorded_time")
        .sort(*spec_of(entry.table).key, "known_time")
        .collect()
        for entry in catalog.datasets()
    }


def test_an_import_killed_at_any_moment_is_simply_repeated(
    tidegate: Any, stocked: Path, bundle: Path, tmp_path: Path
) -> None:
    expected = content(stocked)
    template = tmp_path / "template"
    tidegate("init", "--workspace", template).checked()
    import_into = ("bundle", "import", bundle, "--json", "--workspace")
    duration = lasting([*import_into, Path(shutil.copytree(template, tmp_path / "whole"))])
    left = []

    for number, delay in enumerate(delays(5, duration)):
        root = Path(shutil.copytree(template, tmp_path / f"killed-{number}"))
        begun = root / "catalog" / "bars" if number % 2 == 0 else root
        kill([*import_into, root], once=begun.exists, then=delay)

        partly = content(root)
        assert all(rows.equals(expected[name]) for name, rows in partly.items())  # a commit is there or it is not
        left.append(len(partly))
        again = tidegate(*import_into, root).checked().document
        assert again["appended"] + again["identical"] == again["rows"]
        assert again["identical"] == sum(rows.height for rows in partly.values())
        found = content(root)
        assert found.keys() == expected.keys()
        assert all(found[name].equals(rows) for name, rows in expected.items())
        assert tidegate(*import_into, root).checked().document["appended"] == 0
    assert min(left) < len(DATASETS)  # the first was killed before it had stored everything


def test_a_build_killed_at_any_moment_leaves_nothing_that_looks_whole(
    tidegate: Any, stocked: Path, bundle: Path, tmp_path: Path
) -> None:
    tidegate("init", "--workspace", tmp_path / "empty").checked()
    duration = lasting(["bundle", "build", tmp_path / "whole.tar", "--workspace", stocked])
    interrupted = 0

    for number, delay in enumerate(delays(6, duration)):
        path = tmp_path / f"killed-{number}" / "all.tar"
        kill(["bundle", "build", path, "--workspace", stocked], once=path.parent.exists, then=delay)

        side_file = path.with_name("all.tar.sha256")
        if path.exists():
            assert path.read_bytes() == bundle.read_bytes()
        if not side_file.exists():
            interrupted += 1
            assert tidegate("bundle", "import", path, "--workspace", tmp_path / "empty").exit_code == 2
        tidegate("bundle", "build", path, "--workspace", stocked).checked()
        assert path.read_bytes() == bundle.read_bytes()
        assert side_file.read_text(encoding="utf-8") == bundle.with_name("all.tar.sha256").read_text(encoding="utf-8")
    assert interrupted  # the first at least
    assert tidegate("catalog", "--workspace", tmp_path / "empty", "--json").document == []

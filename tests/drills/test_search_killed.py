"""A search, killed at any moment, then repeated: the same sets, to the last digit, and the same manifest."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import polars as pl
import pytest

from command import execute, started
from searched_market import document_of, searched_market
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.search.runner.manifest import Manifest

SETS = 12


def searches(root: Path) -> list[Run]:
    workspace = Workspace.open(root)
    try:
        return list(RunStore(workspace).list(kind=RunKind.SEARCH))
    finally:
        workspace.database.dispose()


def successes(root: Path) -> int:
    """How many sets the manifest of a process at work says are done."""
    return sum(path.read_bytes().count(b'"event":"success"') for path in root.glob("runs/search-*/manifest.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize("moments", [1, pytest.param(4, marks=pytest.mark.exhaustive)])
def test_a_search_killed_at_any_moment_ends_as_any_other(tmp_path: Path, moments: int) -> None:
    """Equity I 11. Killed among processes, gone on with in one: who does the work shows nowhere."""
    search = ("search", searched_market().file, "--json", "--workspace")
    template = searched_market().copied(tmp_path)
    template.database.dispose()
    whole = Path(shutil.copytree(template.root, tmp_path / "whole"))
    execute([*search, whole]).checked()
    (expected,) = searches(whole)
    content = Manifest(expected.folder / "manifest.jsonl").content()
    assert content["closed"]["succeeded"] == SETS

    dice = random.Random(6)
    for number in range(moments):
        root = Path(shutil.copytree(template.root, tmp_path / f"killed-{number}"))
        with started([*search, root, "--backend", "loky", "--workers", "2"]) as doomed:
            enough = SETS // 2 if moments == 1 else dice.randrange(SETS)
            while successes(root) < enough and doomed.is_running:
                time.sleep(0.005)
            doomed.send(signal.SIGKILL)
            doomed.end()
        left = successes(root)
        assert left >= enough
        for path in root.glob("runs/search-*/manifest.jsonl"):  # as if the disk had kept half of the last line
            path.write_bytes(path.read_bytes()[:-20])

        execute([*search, root]).checked()

        (resumed,) = searches(root)
        assert resumed.status is RunStatus.FINISHED
        assert Manifest(resumed.folder / "manifest.jsonl").content() == content
        assert document_of(resumed) == document_of(expected)
        first, second = (pl.read_parquet(one.folder / "sets.parquet") for one in (expected, resumed))
        assert first.equals(second, null_equal=True)
        shutil.rmtree(root)

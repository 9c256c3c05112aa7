"""``tidegate runs``: the words of the original scripts, and all runs where all are asked for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tidegate.core.database import runs
from tidegate.core.workspace import Workspace


@pytest.fixture(scope="module")
def shelf(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 450 training runs of a project beside its own, one of them failed."""
    root = Path(shutil.copytree(stocked, tmp_path_factory.mktemp("shelf") / "workspace"))
    workspace = Workspace.open(root)
    with workspace.database.begin() as connection:
        finished = sa.select(runs).where(runs.c.kind == "train", runs.c.status == "finished")
        row = dict(connection.execute(finished).one()._mapping)
        rows = [{**row, "id": f"train-many-{number:03d}", "project": "many"} for number in range(450)]
        rows[7] |= {"status": "failed", "error": "DataError: found nothing", "metrics": {}}
        connection.execute(sa.insert(runs), rows)
    workspace.database.dispose()
    return root


def ids(tidegate: Any, *arguments: str | Path) -> list[str]:
    return [run["id"] for run in tidegate("runs", *arguments, "--json").checked().document]


def test_the_words_of_the_original_scripts_list_the_same_runs(tidegate: Any, stocked: Path) -> None:
    theirs = ids(tidegate, "list", "--kind", "train", "--status", "success", "--project", "default", "-w", stocked)

    assert theirs == ids(tidegate, "--kind", "train", "--status", "finished", "--workspace", stocked)
    assert len(theirs) == 1
    assert tidegate("runs", "list", "--workspace", stocked).out == tidegate("runs", "--workspace", stocked).out


@pytest.mark.parametrize("asked", [("--limit", "0"), ("--all",), ("--all", "--limit", "3")], ids=" ".join)
def test_all_are_listed_where_all_are_asked_for(tidegate: Any, shelf: Path, asked: tuple[str, ...]) -> None:
    """More than two pages, each run once (equity D.1)."""
    listed = ids(tidegate, "list", "--project", "many", *asked, "--workspace", shelf)

    assert listed == [f"train-many-{number:03d}" for number in reversed(range(450))]


def test_the_newest_few_are_listed_otherwise(tidegate: Any, shelf: Path) -> None:
    wanted = ("--project", "many", "--status", "success", "--workspace", shelf)

    assert len(ids(tidegate, *wanted)) == 20
    assert len(ids(tidegate, *wanted, "--limit", "21")) == 21
    assert len(ids(tidegate, *wanted, "--all")) == 449
    assert "train-many-000" in tidegate("runs", *wanted, "--all").checked().out


def test_failed_runs_are_listed_by_either_word(tidegate: Any, shelf: Path) -> None:
    wanted = ("--project", "many", "--status", "failed", "--workspace", shelf)

    assert ids(tidegate, "list", *wanted) == ids(tidegate, *wanted) == ["train-many-007"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--status", "succeeded"), "success"),
        (("--limit", "-1"), "--limit"),
        (("lists",), "no run 'lists'"),
    ],
)
def test_other_words_are_refused(tidegate: Any, stocked: Path, asked: tuple[str, ...], said: str) -> None:
    done = tidegate("runs", *asked, "--workspace", stocked)

    assert done.exit_code == 2
    assert said in done.err

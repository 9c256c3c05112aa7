"""Every run is listed, however many there are and whatever is added meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tidegate.core.database import runs
from tidegate.core.time import SECOND
from tidegate.core.workspace import Workspace
from tidegate.registry import RunStatus, RunStore

START = 1_700_000_000 * SECOND


@pytest.fixture
def workspace(tmp_path: Path, database_url: str) -> Iterator[Workspace]:
    workspace = Workspace.create(tmp_path / "work")
    yield workspace
    workspace.database.dispose()


def add(workspace: Workspace, names: range, *, together: int = 1, **columns: str) -> list[str]:
    """Add runs, so many of them in the same microsecond, and return their ids, newest first."""
    rows = [
        {
            "id": f"train-{number:04d}",
            "project": "even" if number % 2 == 0 else "odd",
            "kind": "train",
            "status": "finished",
            "recipe_name": "small",
            "recipe": {},
            "fingerprint": "f",
            "started_at": START + number // together,
            "data_versions": {},
            "environment": {},
            "seed": 1,
            "metrics": {},
            **columns,
        }
        for number in names
    ]
    if rows:
        with workspace.database.begin() as connection:
            connection.execute(sa.insert(runs), rows)
    return [str(row["id"]) for row in reversed(rows)]


@pytest.mark.parametrize("together", [1, 1000], ids="{} in a microsecond".format)
@pytest.mark.parametrize("total", [0, 199, 200, 400])
def test_all_are_listed_newest_first(workspace: Workspace, total: int, together: int) -> None:
    """Totals that fill their last page, and those that do not (equity D.1, equity I 13)."""
    added = add(workspace, range(total), together=together)

    assert [run.id for run in RunStore(workspace).every()] == added


@pytest.mark.parametrize("total", [200, 450])
@pytest.mark.parametrize("together", [1, 1000])
def test_runs_that_are_added_meanwhile_push_none_twice_or_out(workspace: Workspace, total: int, together: int) -> None:
    """Pages by number of rows would repeat the last runs of each page (equity I 13)."""
    there = add(workspace, range(total), together=together)
    seen = []
    for place, run in enumerate(RunStore(workspace).every()):
        seen.append(run.id)
        if place in {0, 150, 199, 399}:
            add(workspace, range(1000 + place, 1030 + place), together=together)

    assert len(seen) == len(set(seen))
    assert [one for one in seen if one in set(there)] == there


def test_pages_by_number_of_rows_are_noticed(workspace: Workspace) -> None:
    """What the test above would see of a store that skips rows instead of beginning after a run."""
    add(workspace, range(400))
    query = sa.select(runs.c.id).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(200)
    seen = []
    for offset in (0, 200):
        with workspace.database.connect() as connection:
            seen += connection.execute(query.offset(offset)).scalars()
        add(workspace, range(1000, 1030) if offset == 0 else range(0))

    assert len(seen) == 400
    assert len(set(seen)) == 370


def test_every_filter_holds_on_every_page(workspace: Workspace) -> None:
    add(workspace, range(500))
    add(workspace, range(500, 510), kind="search")
    add(workspace, range(510, 520), status="failed", recipe_name="other")
    store = RunStore(workspace)

    assert [run.id for run in store.every(project="odd", kind="train", status="finished")] == [
        f"train-{number:04d}" for number in range(499, 0, -2)
    ]
    assert len(list(store.every(kind="search"))) == 10
    assert {run.status for run in store.every(recipe="other")} == {RunStatus.FAILED}
    assert list(store.every(project="nowhere")) == []

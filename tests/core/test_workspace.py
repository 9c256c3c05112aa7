from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tidegate.core import workspace as workspace_module
from tidegate.core.database import create_or_upgrade, evidence, schema_of
from tidegate.core.errors import WorkspaceError
from tidegate.core.files import read_json, write_json
from tidegate.core.workspace import WORKSPACE_SCHEMA, Workspace, explain_refusal

FOLDERS = ["artifacts", "catalog", "locks", "logs", "quarantine", "recipes", "reports", "runs"]
FOUND = {"fingerprint": "f", "made_at": 1, "check_name": "c", "subject": "s", "verdict": "passed", "findings": {}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    return tmp_path / "work"


def note(workspace: Workspace) -> None:
    with workspace.database.begin() as connection:
        connection.execute(evidence.insert().values(FOUND))


def noted(workspace: Workspace) -> int:
    with workspace.database.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(evidence)).scalar_one()


def older(root: Path) -> Workspace:
    """Make a workspace as the first version left it."""
    root.mkdir()
    workspace = Workspace(root)
    create_or_upgrade(workspace.database, to=1)
    note(workspace)
    write_json(root / "workspace.json", {"schema": 1})
    return workspace


@contextmanager
def lock_held_by_another_process(root: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys; from pathlib import Path; from tidegate.core.workspace import Workspace\n"
        f"with Workspace.open(Path({str(root)!r})).lock({name!r}):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


def test_a_new_workspace_has_everything_in_its_place(root: Path) -> None:
    workspace = Workspace.create(root)

    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == FOLDERS
    assert schema_of(workspace.database) == WORKSPACE_SCHEMA
    assert read_json(root / "workspace.json") == {"schema": WORKSPACE_SCHEMA}
    for folder in (
        workspace.catalog_folder,
        workspace.runs_folder,
        workspace.reports_folder,
        workspace.quarantine_folder,
        workspace.logs_folder,
    ):
        assert folder.parent == root
        assert folder.is_dir()


def test_making_it_twice_opens_it_and_keeps_what_is_inside(root: Path) -> None:
    note(Workspace.create(root))

    assert noted(Workspace.create(root)) == 1


def test_an_empty_folder_will_do(root: Path) -> None:
    root.mkdir()

    assert Workspace.create(root).root == root


@pytest.mark.parametrize("step", ["create_or_upgrade", "write_json", "FileLock"])
def test_an_interrupted_making_is_completed_next_time(root: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def interrupted(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workspace_module, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            Workspace.create(root)
    with pytest.raises(WorkspaceError, match="no workspace at"):
        Workspace.open(root)

    assert schema_of(Workspace.create(root).database) == WORKSPACE_SCHEMA


@pytest.mark.parametrize(
    "gone", [["workspace.json"], ["workspace.json", "tidegate.sqlite"], ["workspace.json", "runs"]]
)
def test_whatever_a_killed_making_left_is_completed(root: Path, gone: list[str]) -> None:
    Workspace.create(root).database.dispose()
    for name in gone:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / ".workspace.json.0a1b2c.partial").write_text("{", encoding="utf-8")

    assert Workspace.create(root).runs_folder.is_dir()
    assert Workspace.open(root).root == root


def test_a_folder_with_other_content_is_left_alone(root: Path) -> None:
    root.mkdir()
    (root / "thesis.tex").write_text("years of work", encoding="utf-8")

    with pytest.raises(WorkspaceError, match="with other content"):
        Workspace.create(root)
    with pytest.raises(WorkspaceError, match="with other content"):
        Workspace.create(root / "thesis.tex")
    assert [path.name for path in root.iterdir()] == ["thesis.tex"]


def test_there_must_be_one_to_open(root: Path) -> None:
    with pytest.raises(WorkspaceError, match=f"no workspace at {root}.*tidegate init --workspace {root}"):
        Workspace.open(root)
    assert not root.exists()


def test_an_older_workspace_asks_to_be_upgraded(root: Path) -> None:
    older(root)

    for attempt in (Workspace.open, Workspace.create):
        with pytest.raises(WorkspaceError, match=f"workspace schema 1; .*tidegate init --upgrade --workspace {root}"):
            attempt(root)


def test_an_upgrade_keeps_what_is_inside(root: Path) -> None:
    older(root)
    workspace, found = Workspace.upgrade(root)

    assert found == 1
    assert noted(workspace) == 1
    assert noted(Workspace.open(root)) == 1
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == FOLDERS
    assert Workspace.upgrade(root)[1] == WORKSPACE_SCHEMA


def test_an_interrupted_upgrade_is_older_still(root: Path) -> None:
    create_or_upgrade(older(root).database)  # the database is done, the marker is not

    with pytest.raises(WorkspaceError, match="workspace schema 1"):
        Workspace.open(root)
    assert Workspace.upgrade(root)[1] == 1
    assert noted(Workspace.open(root)) == 1


@pytest.mark.parametrize("where", ["marker", "database"])
def test_a_newer_workspace_is_not_touched(root: Path, where: str) -> None:
    workspace = Workspace.create(root)
    if where == "marker":
        write_json(root / "workspace.json", {"schema": WORKSPACE_SCHEMA + 1})
    else:
        with workspace.database.begin() as connection:
            connection.execute(sa.text(f"update alembic_version set version_num = '{WORKSPACE_SCHEMA + 1:04d}'"))

    for attempt in (Workspace.open, Workspace.create, Workspace.upgrade):
        with pytest.raises(WorkspaceError, match=f"workspace schema {WORKSPACE_SCHEMA + 1}.*upgrade tidegate"):
            attempt(root)


@pytest.mark.parametrize("marker", ["", "{", "[]", "{}", '{"schema": "two"}', "\x00"])
def test_an_unreadable_marker_is_reported(root: Path, marker: str) -> None:
    Workspace.create(root)
    (root / "workspace.json").write_text(marker, encoding="utf-8")

    with pytest.raises(WorkspaceError, match="unreadable"):
        Workspace.open(root)


def test_a_database_that_is_none_is_reported(root: Path) -> None:
    Workspace.create(root).database.dispose()
    (root / "tidegate.sqlite").write_bytes(b"not a database at all, but long enough to look like one" * 100)

    with pytest.raises(WorkspaceError, match="unreadable"):
        Workspace.open(root)


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(root: Path) -> None:
    Workspace.create(root).database.dispose()
    (root / "tidegate.sqlite").unlink()

    for attempt in (Workspace.open, Workspace.upgrade):
        with pytest.raises(WorkspaceError, match="the database is gone"):
            attempt(root)
    assert not (root / "tidegate.sqlite").exists()


def test_the_database_is_where_the_variable_says(root: Path, database_url: str) -> None:
    workspace = Workspace.create(root)

    assert schema_of(workspace.database) == WORKSPACE_SCHEMA
    assert workspace.database.url == sa.make_url(database_url)
    assert not (root / "tidegate.sqlite").exists()
    workspace.database.dispose()


def test_a_lock_keeps_others_out_until_its_holder_is_gone_however_it_goes(root: Path) -> None:
    workspace = Workspace.create(root)

    with lock_held_by_another_process(root, "catalog") as holder:
        with pytest.raises(WorkspaceError, match="'catalog' in use by another command"), workspace.lock("catalog", 0.1):
            pass
        with workspace.lock("other", 0.1):
            pass
        holder.send_signal(signal.SIGKILL)
        with workspace.lock("catalog", 10.0):
            pass


def test_a_lock_waits_its_turn(root: Path) -> None:
    workspace = Workspace.create(root)

    with lock_held_by_another_process(root, "catalog") as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        with workspace.lock("catalog", 10.0):
            assert holder.wait(10.0) == 0


def test_a_lock_is_given_back_after_an_error(root: Path) -> None:
    workspace = Workspace.create(root)

    with pytest.raises(RuntimeError, match="stop"), workspace.lock("catalog"):
        raise RuntimeError("stop")
    with workspace.lock("catalog", 0.0), pytest.raises(WorkspaceError), workspace.lock("catalog", 0.0):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "no space left"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_refusals_of_the_system_say_what_to_do(root: Path, number: int, words: str) -> None:
    error = explain_refusal(OSError(number, "Input/output error"), root)

    assert words in error.found
    assert error.hint


def test_a_refusal_while_making_is_explained(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workspace_module, "write_json", full)
    with pytest.raises(WorkspaceError, match="no space left"):
        Workspace.create(root)


def test_a_workspace_moved_to_an_unfit_name_says_so(root: Path) -> None:
    Workspace.create(root).database.dispose()
    moved = root.rename(root.with_name("[x] %41"))
    with pytest.raises(WorkspaceError, match=r"'\['.*move it"):
        Workspace.open(moved)

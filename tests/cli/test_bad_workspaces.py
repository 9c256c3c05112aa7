"""Workspaces that cannot be used as they are, and what each command says about them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect

from command import assert_refused
from tidegate.core.database import connect_file, create_or_upgrade, schema_of
from tidegate.core.workspace import WORKSPACE_SCHEMA, Workspace

COMMANDS = {
    "catalog": ("catalog",),
    "runs": ("runs",),
    "status": ("status",),
    "tail": ("tail",),
    "stop": ("stop", "latest"),
    "report": ("report",),
    "audit": ("audit", "data"),
    "train": ("train", "demo"),
    "backtest": ("backtest", "demo"),
    "ingest": ("ingest", "ohlcv", "--preset", "demo"),
    "init": ("init",),
    "upgrade": ("init", "--upgrade"),
    "demo": ("demo",),
}
MAKERS = {"init", "demo"}  # they make what is missing


@pytest.fixture
def root(tmp_path: Path, stocked: Path) -> Path:
    """A workspace that a test may damage."""
    copy = tmp_path / "workspace"
    shutil.copytree(stocked, copy)
    return copy


def refused(tidegate: Any, name: str, root: Path, json_output: bool) -> dict[str, str]:
    done = tidegate(*COMMANDS[name], "--workspace", root, *(["--json"] if json_output else []))
    return assert_refused(done, json_output=json_output)


def every_command(*without: str) -> Any:
    return pytest.mark.parametrize("name", sorted(COMMANDS.keys() - set(without)))


@every_command(*MAKERS)
def test_a_missing_workspace_is_not_made_by_the_way(
    tidegate: Any, tmp_path: Path, name: str, json_output: bool
) -> None:
    said = refused(tidegate, name, tmp_path / "absent", json_output)

    assert "tidegate init" in said["hint"]
    assert not (tmp_path / "absent").exists()


@every_command()
def test_a_file_is_no_workspace(tidegate: Any, tmp_path: Path, name: str, json_output: bool) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    refused(tidegate, name, tmp_path / "file", json_output)

    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_folder_with_other_content_stays_as_it_is(
    tidegate: Any, tmp_path: Path, name: str, json_output: bool
) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")

    refused(tidegate, name, tmp_path, json_output)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@every_command()
def test_a_workspace_of_a_newer_version_asks_for_an_upgrade(
    tidegate: Any, root: Path, name: str, json_output: bool
) -> None:
    (root / "workspace.json").write_text(json.dumps({"schema": 99}), encoding="utf-8")

    assert refused(tidegate, name, root, json_output)["hint"] == "upgrade tidegate"


def older_workspace(root: Path) -> Workspace:
    """Return a workspace as the first schema left it."""
    Workspace.create(root)
    (root / "workspace.json").write_text(json.dumps({"schema": 1}), encoding="utf-8")
    for path in root.glob("tidegate.sqlite*"):
        path.unlink()
    engine = connect_file(root / "tidegate.sqlite")
    create_or_upgrade(engine, to=1)
    engine.dispose()
    return Workspace(root)


@every_command("upgrade")
def test_a_workspace_of_an_older_version_says_how_to_mend_it(
    tidegate: Any, tmp_path: Path, name: str, json_output: bool
) -> None:
    older_workspace(tmp_path / "old")

    assert "init --upgrade" in refused(tidegate, name, tmp_path / "old", json_output)["hint"]


def test_an_older_workspace_is_upgraded_and_keeps_its_runs(
    tidegate: Any, tmp_path: Path, stocked: Path, recipe: Path
) -> None:
    root = older_workspace(tmp_path / "old").root
    shutil.copytree(stocked / "catalog", root / "catalog", dirs_exist_ok=True)
    with sqlite3.connect(stocked / "tidegate.sqlite") as new, sqlite3.connect(root / "tidegate.sqlite") as old:
        rows = new.execute("select * from runs").fetchall()
        old.executemany(f"insert into runs values ({', '.join('?' * len(rows[0]))})", rows)
    new.close()
    old.close()

    said = tidegate("init", "--upgrade", "--workspace", root, "--json").checked().document

    assert (said["upgraded_from"], said["schema"]) == (1, WORKSPACE_SCHEMA)
    assert len(tidegate("runs", "--limit", "999", "--workspace", root, "--json").checked().document) == len(rows)
    again = tidegate("init", "--upgrade", "--workspace", root, "--json").checked().document
    assert again["upgraded_from"] == WORKSPACE_SCHEMA
    tidegate("audit", "readiness", recipe, "--no-html", "--workspace", root).checked()
    tidegate("train", recipe, "--workspace", root).checked()


DAMAGE = {
    "a marker that is no JSON": ("workspace.json", b"{"),
    "a marker of something else": ("workspace.json", b"[1]"),
    "a marker without a number": ("workspace.json", b'{"schema": null}'),
    "an empty marker": ("workspace.json", b""),
    "a binary marker": ("workspace.json", b"\xff\xfe\x00"),
    "an endless marker": ("workspace.json", b'{"schema": Infinity}'),
    "a database that is none": ("tidegate.sqlite", b"not a database" * 1000),
    "an empty database": ("tidegate.sqlite", b""),
    "no database": ("tidegate.sqlite", None),
}


@pytest.mark.parametrize(("name", "content"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("command", ["runs", "train", "init", "upgrade"])
def test_a_damaged_workspace_is_left_alone(
    tidegate: Any, root: Path, name: str, content: bytes | None, command: str, json_output: bool
) -> None:
    (root / name).unlink()
    if content is not None:
        (root / name).write_bytes(content)

    said = refused(tidegate, command, root, json_output)

    assert "unreadable" in said["found"]
    assert "backup" in said["hint"]
    assert ((root / name).read_bytes() if content is not None else (root / name).exists() or None) == content


def test_damage_in_the_middle_of_the_database_is_told(tidegate: Any, root: Path, json_output: bool) -> None:
    file = root / "tidegate.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\x55" * (len(content) - 8192))

    said = refused(tidegate, "runs", root, json_output)

    assert "backup" in said["hint"]


def test_doctor_names_what_is_wrong(tidegate: Any, root: Path, tmp_path: Path) -> None:
    (root / "workspace.json").write_bytes(b"{")

    for place in (root, tmp_path / "absent"):
        done = tidegate("doctor", "--workspace", place, "--json")
        states = {finding["check"]: finding["state"] for finding in done.document}
        assert (done.exit_code, states["workspace"]) == (2, "missing")


def test_a_database_url_that_is_none_is_told_without_its_password(
    tidegate: Any, root: Path, json_output: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("nonsense", "nosuch://me:secret@host/x", "mysql+nodriver://me:secret@host/x"):
        monkeypatch.setenv("TIDEGATE_DATABASE_URL", url)
        assert "secret" not in json.dumps(refused(tidegate, "runs", root, json_output))


@pytest.mark.parametrize("name", ["with space", "100%", "what?", "num#ber", "a*b", "a=b", "工作区", "x" * 200])
def test_any_name_will_do_and_nothing_is_written_elsewhere(
    tidegate: Any, tmp_path: Path, recipe: Path, stocked: Path, name: str
) -> None:
    place = tmp_path / "parent"
    place.mkdir()
    root = place / name

    tidegate("init", "--workspace", root).checked()
    rows = tmp_path / "bars.csv"
    rows.write_text("symbol,time,close\nAAA,2024-01-02,1\n", encoding="utf-8")
    tidegate("ingest", "ohlcv", rows, "--calendar", "24/7", "--dataset", "tiny", "--workspace", root).checked()
    shutil.rmtree(root / "catalog")
    shutil.copytree(stocked / "catalog", root / "catalog")
    tidegate("audit", "readiness", recipe, "--workspace", root).checked()
    tidegate("train", recipe, "--workspace", root).checked()
    tidegate("backtest", recipe, "--workspace", root).checked()
    tidegate("report", "--workspace", root).checked()

    assert [path.name for path in place.iterdir()] == [name]


@pytest.mark.parametrize("name", ["[brackets]", "per%20cent", "back\\slash", "a|b", "line\nbreak", "\udcff"])
def test_a_name_that_the_catalog_cannot_hold_is_refused(
    tidegate: Any, tmp_path: Path, name: str, json_output: bool
) -> None:
    refused(tidegate, "init", tmp_path / name, json_output)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["prices[1].csv", "prices*.csv", "what?.csv", "per%20cent.csv"])
def test_a_file_may_be_called_anything(tidegate: Any, root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("symbol,time,close\nAAA,2024-01-02,1\n", encoding="utf-8")

    said = tidegate(
        "ingest",
        "ohlcv",
        tmp_path / name,
        "--calendar",
        "24/7",
        "--dataset",
        "tiny",
        "--calendar",
        "24/7",
        "--workspace",
        root,
        "--json",
    ).checked()

    assert said.document["appended"] == 1


def test_a_migration_that_is_cut_off_is_done_whole_the_next_time(tmp_path: Path) -> None:
    cuts = 0
    for statement in count(1):
        engine = connect_file(tmp_path / f"{statement}.sqlite")
        left = iter(range(statement - 1))

        def cut_off(*_arguments: Any, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise InterruptedError

        event.listen(engine, "before_cursor_execute", cut_off)
        try:
            create_or_upgrade(engine)
        except InterruptedError:
            cuts += 1
        else:
            break
        finally:
            event.remove(engine, "before_cursor_execute", cut_off)
        assert inspect(engine).get_table_names() == []
        create_or_upgrade(engine)
        assert schema_of(engine) == WORKSPACE_SCHEMA
    assert cuts > 5

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tidegate.core.database import (
    DATABASE_SCHEMA,
    connect,
    connection,
    create_or_upgrade,
    jobs,
    metadata,
    runs,
    schema_of,
)

RUN: dict[str, Any] = {
    "id": "train-demo",
    "project": "demo",
    "kind": "train",
    "status": "finished",
    "recipe_name": "demo",
    "recipe": {"name": "demo", "水": [1.5, None]},
    "fingerprint": "f" * 64,
    "parent": None,
    "started_at": 1_700_000_000_000_000,
    "finished_at": None,
    "data_versions": {"bars/demo": 3},
    "environment": {},
    "seed": 2**31 - 1,
    "metrics": {},
    "error": None,
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


def differences(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connected:
        context = MigrationContext.configure(connected, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def insert_run(engine: sa.Engine, **changes: Any) -> None:
    with engine.begin() as connected:
        connected.execute(runs.insert().values({**RUN, **changes}))


def test_migrations_make_exactly_the_tables(engine: sa.Engine) -> None:
    create_or_upgrade(engine)

    assert differences(engine) == []


@pytest.mark.parametrize(
    "change",
    [
        "alter table runs add column note text",
        "drop table evidence",
        "drop index runs_by_project",
        "drop table jobs",
        "drop index jobs_under_way",
        "create table extra (a int)",
    ],
)
def test_a_table_that_differs_is_noticed(engine: sa.Engine, change: str) -> None:
    create_or_upgrade(engine)
    with engine.begin() as connected:
        connected.execute(sa.text(change))

    assert differences(engine)


def test_the_schema_number_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(connection.__file__).parent / "migrations"))

    assert scripts.get_current_head() == f"{DATABASE_SCHEMA:04d}"


def test_an_empty_database_stands_at_nothing(engine: sa.Engine) -> None:
    assert schema_of(engine) == 0
    create_or_upgrade(engine)
    assert schema_of(engine) == DATABASE_SCHEMA


@pytest.mark.parametrize("earlier", range(1, DATABASE_SCHEMA))
def test_an_upgrade_from_an_earlier_schema_keeps_the_rows(engine: sa.Engine, earlier: int) -> None:
    create_or_upgrade(engine, to=earlier)
    insert_run(engine)
    assert schema_of(engine) == earlier
    assert differences(engine)

    create_or_upgrade(engine)

    assert schema_of(engine) == DATABASE_SCHEMA
    assert differences(engine) == []
    with engine.connect() as connected:
        assert connected.execute(sa.select(runs)).one()._asdict() == RUN


@pytest.mark.parametrize("status", ["queued", "running"])
def test_the_database_itself_refuses_the_same_work_twice(engine: sa.Engine, status: str) -> None:
    create_or_upgrade(engine)
    job = {"key": "k", "command": "train", "arguments": [], "attempts": 1, "created_at": 1, "log_path": "log"}
    with engine.begin() as connected:
        for number, ended in enumerate(("finished", "failed", "stopped", "lost", "running", "queued")):
            key = {"key": "other"} if ended == "queued" else {}
            connected.execute(jobs.insert().values({**job, **key, "id": str(number), "status": ended}))

    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connected:
        connected.execute(jobs.insert().values({**job, "id": "again", "status": status}))


def test_upgrading_twice_changes_nothing(engine: sa.Engine) -> None:
    create_or_upgrade(engine)
    insert_run(engine)
    create_or_upgrade(engine)

    with engine.connect() as connected:
        assert connected.execute(sa.select(runs.c.id)).scalars().all() == ["train-demo"]


def test_an_upgrade_that_fails_leaves_the_schema_it_found(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    create_or_upgrade(engine, to=1)
    monkeypatch.setattr("alembic.op.create_index", _fail)

    with pytest.raises(RuntimeError, match="power cut"):
        create_or_upgrade(engine)

    assert schema_of(engine) == 1
    assert sa.inspect(engine).get_indexes("runs") == []


def _fail(*_arguments: Any, **_named: Any) -> None:
    raise RuntimeError("power cut")


def test_sqlite_writes_ahead_waits_and_survives_a_power_cut(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with engine.connect() as connected:
        settings = {
            name: connected.execute(sa.text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")
        }
    engine.dispose()

    assert settings == {"journal_mode": "wal", "busy_timeout": 30_000, "synchronous": 2, "foreign_keys": 1}


def test_a_reader_is_not_held_up_by_a_writer(engine: sa.Engine) -> None:
    create_or_upgrade(engine)
    insert_run(engine)
    with engine.begin() as writing:
        writing.execute(runs.insert().values({**RUN, "id": "second"}))
        with engine.connect() as reading:
            assert reading.execute(sa.select(runs.c.id)).scalars().all() == ["train-demo"]


def test_a_percent_sign_in_the_path_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "50%(here)s"
    odd.symlink_to(Path(connection.__file__).parent / "migrations")
    monkeypatch.setattr(connection, "_MIGRATIONS", odd)
    engine = connect(f"sqlite:///{tmp_path / 'a.sqlite'}")
    create_or_upgrade(engine)

    assert schema_of(engine) == DATABASE_SCHEMA
    engine.dispose()

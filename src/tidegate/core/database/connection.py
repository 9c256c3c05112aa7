"""Opening the database, and bringing it to the schema of this version."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text

__all__ = ["DATABASE_SCHEMA", "connect", "connect_file", "create_or_upgrade", "schema_of"]

DATABASE_SCHEMA = 4
"""Number of the newest migration."""

_BUSY_TIMEOUT_MS = 30_000
_MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str | URL) -> Engine:
    """Return an engine for a database URL; SQLite gets write-ahead logging and waits for other writers."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin)
    return engine


def connect_file(path: Path, *, writable: bool = True) -> Engine:
    """Return an engine for a SQLite file; one that cannot be written can be read as it stands."""
    if writable:
        return connect(URL.create("sqlite", database=str(path)))
    log = path.with_name(f"{path.name}-wal")
    # Opening a write-ahead log needs a file beside it, which cannot be made here. Without a log the file is complete.
    way = {"mode": "ro"} if log.exists() and log.stat().st_size else {"immutable": "1"}
    return create_engine(URL.create("sqlite", database=f"file:{quote(str(path))}", query={**way, "uri": "true"}))


def schema_of(engine: Engine) -> int:
    """Return the number of the migration the database stands at; 0 for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return 0
        return int(connection.execute(text("select version_num from alembic_version")).scalar_one())


def create_or_upgrade(engine: Engine, to: int = DATABASE_SCHEMA) -> None:
    """Create the tables or migrate them up to schema ``to``, in one transaction."""
    with engine.begin() as connection:
        _migrate(connection, f"{to:04d}")


def _migrate(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _configure_sqlite(connection: object, _record: object) -> None:
    # The driver begins a transaction for changes of rows only: a migration that is killed would stay half done.
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"pragma busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")  # an acknowledged run survives a power cut
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("begin")

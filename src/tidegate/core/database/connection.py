"""Opening the database, and bringing it to the schema of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

__all__ = ["DATABASE_SCHEMA", "connect", "create_or_upgrade", "schema_of"]

DATABASE_SCHEMA = 2
"""Number of the newest migration."""

_BUSY_TIMEOUT_MS = 30_000
_MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str) -> Engine:
    """Return an engine for a database URL; SQLite gets write-ahead logging and waits for other writers."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    return engine


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
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"pragma busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")  # an acknowledged run survives a power cut
    cursor.execute("pragma foreign_keys = on")
    cursor.close()

"""The database of a workspace: runs, evidence and corrections. SQLite in WAL mode by default, PostgreSQL by a URL."""

from tidegate.core.database.connection import DATABASE_SCHEMA, connect, connect_file, create_or_upgrade, schema_of
from tidegate.core.database.tables import corrections, evidence, metadata, runs

__all__ = [
    "DATABASE_SCHEMA",
    "connect",
    "connect_file",
    "corrections",
    "create_or_upgrade",
    "evidence",
    "metadata",
    "runs",
    "schema_of",
]

"""The database of a workspace: runs, evidence, jobs and trials. SQLite in WAL mode by default, PostgreSQL by a URL."""

from tidegate.core.database.connection import DATABASE_SCHEMA, connect, connect_file, create_or_upgrade, schema_of
from tidegate.core.database.tables import evidence, jobs, metadata, runs, trials

__all__ = [
    "DATABASE_SCHEMA",
    "connect",
    "connect_file",
    "create_or_upgrade",
    "evidence",
    "jobs",
    "metadata",
    "runs",
    "schema_of",
    "trials",
]

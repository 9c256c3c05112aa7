"""The tables, as the newest migration leaves them; a test holds both together."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text

__all__ = ["evidence", "metadata", "runs"]

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("recipe_name", String(64), nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("parent", String(80), nullable=True),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=True),
    Column("data_versions", JSON, nullable=False),
    Column("environment", JSON, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("error", Text, nullable=True),
    Index("runs_by_project", "project", "kind", "started_at"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("made_at", BigInteger, primary_key=True),
    Column("check_name", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("findings", JSON, nullable=False),
)

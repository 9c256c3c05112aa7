"""The tables, as the newest migration leaves them; a test holds both together."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, MetaData, String, Table, Text, text

__all__ = ["evidence", "jobs", "metadata", "runs", "trials"]

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

_UNDER_WAY = text("status in ('queued', 'running')")

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("command", String(32), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("holder", String(200), nullable=True),
    Column("worker", String(200), nullable=True),
    Column("lease_until", BigInteger, nullable=True),
    Column("heartbeat_at", BigInteger, nullable=True),
    Column("stop_by", BigInteger, nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=True),
    Column("ended_at", BigInteger, nullable=True),
    Column("progress", JSON(none_as_null=True), nullable=True),
    Column("result", JSON(none_as_null=True), nullable=True),
    Column("error", Text, nullable=True),
    Column("exit_code", Integer, nullable=True),
    Column("log_path", String(200), nullable=False),
    Index("jobs_by_time", "created_at"),
    # The database itself refuses a second job for work that is under way.
    Index("jobs_under_way", "key", unique=True, sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY),
)

trials = Table(
    "trials",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("market", String(200), primary_key=True),
    Column("window_start", BigInteger, primary_key=True),
    Column("window_end", BigInteger, primary_key=True),
    Column("bars", Integer, nullable=False),
    Column("sharpe", Double, nullable=True),
    Column("excess_sharpe", Double, nullable=True),
    Column("kind", String(16), nullable=False),
    Column("run", String(80), nullable=False),
    Column("recipe_name", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("trials_by_market", "market", "window_end", "window_start"),
)

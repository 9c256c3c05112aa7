"""Jobs as documents and as tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from textwrap import shorten
from typing import Any, Final

from rich.console import RenderableType

from tidegate.cli.terminal import key_values, table
from tidegate.core.clock import now
from tidegate.core.jobs import Job
from tidegate.core.time import SECOND, Instant, format_instant

__all__ = ["job_details", "job_document", "jobs_table", "news"]

_ABSENT: Final = "–"
_NEWS_WIDTH: Final = 80


def job_document(job: Job) -> dict[str, Any]:
    """Return a job as plain values, instants as ISO text."""
    moments = ("created_at", "started_at", "ended_at", "heartbeat_at", "stop_by")
    return {
        "id": job.id,
        "command": job.command,
        "arguments": list(job.arguments),
        "status": job.status.value,
        "attempts": job.attempts,
        **{name: _instant(getattr(job, name)) for name in moments},
        "heartbeat_age_seconds": _heartbeat_age(job),
        "process": None if job.worker is None else job.worker.pid,
        "progress": job.progress,
        "run": job.result.get("run"),
        "error": job.error,
        "exit_code": job.exit_code,
        "log": str(job.log_path),
    }


def jobs_table(listed: Sequence[Job]) -> RenderableType:
    """Return jobs, one a row."""
    rows = [
        (
            job.id,
            job.status.value,
            shorten(news(job), _NEWS_WIDTH, placeholder=" ..."),
            _heard(job) if job.is_under_way else "",
            job.result.get("run", ""),
        )
        for job in listed
    ]
    headings = ("id", "status", "progress", "last heard", "run")
    filled = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    shown = [[row[place] for place in filled] for row in rows]
    return table("Jobs", [headings[place] for place in filled], shown, whole=("id", "status", "run"))


def job_details(job: Job) -> RenderableType:
    """Return everything about one job."""
    facts: dict[str, object] = {"status": job.status.value, "command": shlex.join(["tidegate", *job.arguments])}
    if job.attempts > 1:
        facts["attempt"] = job.attempts
    facts["started"] = _moment(job.started_at)
    if job.is_under_way:
        facts |= {"progress": news(job) or _ABSENT, "last heard": _heard(job)}
    else:
        facts["ended"] = _moment(job.ended_at)
    if job.stop_by is not None and job.is_under_way:
        facts["asked to stop"] = f"by {_moment(job.stop_by)}"
    if job.error:
        facts["reason"] = job.error
    if job.exit_code is not None:
        facts["exit code"] = job.exit_code
    if job.result:
        facts["run"] = job.result["run"]
    facts["log"] = str(job.log_path)
    return key_values(job.id, facts)


def news(job: Job) -> str:
    """Return in a few words how far a job has come, or why it did not end well."""
    if not job.is_under_way:
        return job.error or ""
    told = str(job.reached) if job.reached is not None else str(job.progress.get("text", ""))
    return f"asked to stop; {told}" if job.stop_by is not None and told else told


def _heartbeat_age(job: Job) -> float | None:
    return None if job.heartbeat_at is None else max(now() - job.heartbeat_at, 0) / SECOND


def _heard(job: Job) -> str:
    age = _heartbeat_age(job)
    return _ABSENT if age is None else f"{age:.0f} s ago"


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _moment(instant: Instant | None) -> str:
    return _ABSENT if instant is None else f"{format_instant(instant)[:19].replace('T', ' ')} UTC"

"""A job, its states, and the moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tidegate.core.jobs.identity import ProcessIdentity
from tidegate.core.progress import Reached
from tidegate.core.time import Instant

__all__ = ["ALLOWED", "UNDER_WAY", "Job", "JobStatus"]


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"


ALLOWED: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.LOST}),
    JobStatus.RUNNING: frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.LOST}),
    JobStatus.FINISHED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.STOPPED: frozenset(),
    JobStatus.LOST: frozenset(),
}
"""Where a job may go from each state; what has ended stays as it ended, and doing it again is another job."""

UNDER_WAY: Final = frozenset(status for status, following in ALLOWED.items() if following)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as the database holds it.

    Parameters
    ----------
    id
        The command and six digits, such as ``train-3f2a9c``.
    key
        The fingerprint of the work: two jobs with the same key would do the same.
    command, arguments
        What is done, and the words after ``tidegate`` that do it.
    status
        Where it stands.
    attempts
        1, and one more for each job before it that did the same work and was lost.
    holder, worker
        The process that holds the lease, and the one that does the work.
    lease_until, heartbeat_at
        Until when the holder may be silent, and when it was last heard.
    stop_by
        When the work is ended by force, because somebody asked for it to stop; None where nobody did.
    created_at, started_at, ended_at
        Microseconds UTC.
    progress
        How far the work has come: ``label``, ``done``, ``total``, ``best``, ``seconds_left``, and ``text``, what was
        said last. Empty before the first word.
    result
        ``run``, the id of the run that was made.
    error
        Why it did not finish, in words.
    exit_code
        Of the work; negative where a signal ended it.
    log_path
        What the work printed.
    """

    id: str
    key: str
    command: str
    arguments: tuple[str, ...]
    status: JobStatus
    attempts: int
    holder: ProcessIdentity | None
    worker: ProcessIdentity | None
    lease_until: Instant | None
    heartbeat_at: Instant | None
    stop_by: Instant | None
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    progress: dict[str, Any]
    result: dict[str, Any]
    error: str | None
    exit_code: int | None
    log_path: Path

    @property
    def is_under_way(self) -> bool:
        """Whether it may still go on."""
        return self.status in UNDER_WAY

    @property
    def reached(self) -> Reached | None:
        """How far the work has come; None where it did not say."""
        told = {name: self.progress.get(name) for name in ("label", "done", "total", "best", "seconds_left")}
        return Reached(**told) if told["label"] is not None else None  # type: ignore[arg-type]

    def lost_because(self, at: Instant) -> str | None:
        """Return why nobody does this job any more, as seen from here at an instant; None while somebody does."""
        if not self.is_under_way:
            return None
        if self.holder is not None and self.holder.is_gone:
            return f"the process that watched over it (number {self.holder.pid}) was killed, or the machine stopped"
        if self.lease_until is None or self.lease_until >= at:
            return None
        if self.status is JobStatus.QUEUED:
            return "the process that was to do it never began"
        return "the process that watched over it fell silent"

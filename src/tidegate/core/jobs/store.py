"""The table of jobs: every change is one statement that says what it expects to find, so that only one can win."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import Row, Select, Update, case, func, select, update
from sqlalchemy.exc import IntegrityError

from tidegate.core.clock import now
from tidegate.core.database import jobs
from tidegate.core.errors import JobError
from tidegate.core.jobs.identity import ProcessIdentity
from tidegate.core.jobs.job import ALLOWED, UNDER_WAY, Job, JobStatus
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import SECOND, Instant
from tidegate.core.workspace import Workspace

__all__ = ["LEASE_SECONDS", "JobStore"]

LEASE_SECONDS: Final = 60.0
"""How long a holder may be silent: longer than the database lets one writer wait for another."""
_STARTS: Final = 5
"""How often a start is tried over, because the job in its way ended at that moment."""


class JobStore:
    """Jobs of a workspace, on SQLite and PostgreSQL alike.

    Parameters
    ----------
    workspace
        Rows lie in its database, what jobs print in ``logs/jobs``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tidegate.core.jobs import this_process
    >>> store = JobStore(Workspace.create(Path(tempfile.mkdtemp()) / "work"))
    >>> job = store.start("train", ["train", "demo"], key="0" * 64)
    >>> store.claim(job.id, this_process())
    True
    >>> store.get("latest").status
    <JobStatus.RUNNING: 'running'>
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def start(self, command: str, arguments: Sequence[str], *, key: str) -> Job:
        """Put a job down as queued; whoever claims it does it.

        Parameters
        ----------
        command
            The word by which people know it.
        arguments
            The words after ``tidegate``. They are stored, and must hold nothing secret.
        key
            The fingerprint of the work.

        Raises
        ------
        JobError
            If a job of the same key is under way.
        """
        for _ in range(_STARTS):
            self.reap(key=key)
            identifier = f"{command}-{unique_suffix()}"
            try:
                self._insert(identifier, command, arguments, key)
            except IntegrityError:
                self._refuse_while_under_way(key)
            else:
                return self.get(identifier)
        raise JobError(
            found=f"jobs of the same {command} that come and go", expected="one start at a time", hint="repeat it"
        )

    def claim(self, identifier: str, holder: ProcessIdentity) -> bool:
        """Take a queued job; return whether this process got it."""
        at = now()
        return self._change(
            _moved(identifier, JobStatus.RUNNING).where(jobs.c.stop_by.is_(None)),
            holder=str(holder),
            started_at=at,
            **_lease(at),
        )

    def begin_work(self, identifier: str, holder: ProcessIdentity, worker: ProcessIdentity | None) -> bool:
        """Note which process does the work; return whether the job is still this holder's."""
        return self._change(_held(identifier, holder), worker=None if worker is None else str(worker))

    def heartbeat(self, identifier: str, holder: ProcessIdentity) -> bool:
        """Renew the lease; return whether the job is still this holder's. Where it is not, the work must end."""
        return self._change(_held(identifier, holder), **_lease(now()))

    def note_progress(self, identifier: str, progress: dict[str, Any]) -> bool:
        """Keep how far the work has come; return whether the job is under way."""
        return self._change(_under_way(identifier), progress=progress)

    def note_result(self, identifier: str, result: dict[str, Any]) -> bool:
        """Keep what the work made; return whether the job is under way."""
        return self._change(_under_way(identifier), result=result)

    def note_error(self, identifier: str, error: str) -> bool:
        """Keep why the work gives up; return whether the job is under way."""
        return self._change(_under_way(identifier), error=error)

    def end(
        self,
        identifier: str,
        holder: ProcessIdentity,
        status: JobStatus,
        *,
        exit_code: int | None = None,
        error: str | None = None,
    ) -> bool:
        """Say how a job ended; an ``error`` that the work told itself stays. Return whether it was this holder's."""
        values: dict[str, Any] = {"exit_code": exit_code, "ended_at": now(), "lease_until": None}
        if error is not None:
            values["error"] = func.coalesce(jobs.c.error, error)
        return self._change(_moved(identifier, status).where(jobs.c.holder == str(holder)), **values)

    def give_up(self, identifier: str, error: str) -> bool:
        """Say that a queued job could not be begun; return whether it was still queued."""
        waiting = _moved(identifier, JobStatus.FAILED).where(jobs.c.status == JobStatus.QUEUED)
        return self._change(waiting, error=error, ended_at=now(), lease_until=None)

    def request_stop(self, identifier: str, *, grace_seconds: float) -> Job:
        """Ask a job to stop: a queued one stops at once, a running one when its holder sees it; an ended one stays.

        Parameters
        ----------
        grace_seconds
            How long the work may take to end by itself; a later request can only shorten it.
        """
        at = now()
        stopped = _moved(identifier, JobStatus.STOPPED).where(jobs.c.status == JobStatus.QUEUED)
        if not self._change(stopped, stop_by=at, ended_at=at, lease_until=None, error="stopped before it began"):
            by = at + round(grace_seconds * SECOND)
            sooner = case((jobs.c.stop_by < by, jobs.c.stop_by), else_=by)
            self._change(_under_way(identifier), stop_by=sooner)
        return self.get(identifier)

    def reap(self, *, key: str | None = None) -> Sequence[Job]:
        """Mark the jobs that nobody does any more as lost, and return them."""
        query = select(jobs).where(jobs.c.status.in_(UNDER_WAY))
        if key is not None:
            query = query.where(jobs.c.key == key)
        at = now()
        lost = [(job, reason) for job in self._fetch(query) if (reason := job.lost_because(at))]
        return [self.get(job.id) for job, reason in lost if self._lose(job, reason, at)]

    def lost_before(self, job: Job) -> Sequence[Job]:
        """Return the lost jobs that did the same work as this one."""
        return self._fetch(select(jobs).where(jobs.c.key == job.key, jobs.c.status == JobStatus.LOST))

    def get(self, identifier: str) -> Job:
        """Return a job by its id, an unambiguous beginning of it, or ``latest``.

        Raises
        ------
        JobError
            If there is none or several.
        """
        if identifier == "latest":
            found = self.list(limit=1)
        else:
            begins = select(jobs).where(jobs.c.id.startswith(identifier, autoescape=True))
            found = self._fetch(begins.order_by(jobs.c.id).limit(3))  # an id comes before those that it begins
        if len(found) == 1 or (found and found[0].id == identifier):
            return found[0]
        if found:
            raise JobError(
                found=f"{len(found)} jobs or more that begin with {identifier!r}",
                expected="one",
                hint="give more of the id",
            )
        raise JobError(
            found=f"no job {identifier!r}",
            expected=f"a job of this workspace{self._such_as(identifier)}",
            hint="list them: tidegate status",
        )

    def list(self, *, limit: int = 20) -> Sequence[Job]:
        """Return jobs, newest first."""
        return self._fetch(select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit))

    def _insert(self, identifier: str, command: str, arguments: Sequence[str], key: str) -> None:
        at = now()
        before = select(case((jobs.c.status == JobStatus.LOST, jobs.c.attempts + 1), else_=1))
        newest = before.where(jobs.c.key == key).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(1)
        with self._workspace.database.begin() as connection:
            connection.execute(
                jobs.insert().values(
                    id=identifier,
                    key=key,
                    command=command,
                    arguments=list(arguments),
                    status=JobStatus.QUEUED,
                    attempts=func.coalesce(newest.scalar_subquery(), 1),
                    created_at=at,
                    log_path=f"logs/jobs/{identifier}.log",
                    **_lease(at),
                )
            )

    def _refuse_while_under_way(self, key: str) -> None:
        for job in self._fetch(select(jobs).where(jobs.c.key == key, jobs.c.status.in_(UNDER_WAY))):
            raise JobError(
                found=f"the same work under way as job {job.id} ({job.status})",
                expected="to start it once",
                hint=f"watch it: tidegate tail {job.id} --follow",
            )

    def _lose(self, job: Job, reason: str, at: Instant) -> bool:
        # Only as it was seen: a heartbeat or another reaper may have come first.
        as_seen = _moved(job.id, JobStatus.LOST).where(
            jobs.c.status == job.status, jobs.c.lease_until == job.lease_until
        )
        return self._change(as_seen, error=func.coalesce(jobs.c.error, reason), ended_at=at, lease_until=None)

    def _such_as(self, identifier: str) -> str:
        known = [job.id for job in self.list(limit=200)]
        near = [name for name in known if identifier in name] or get_close_matches(identifier, known, n=3)
        return f", such as {', '.join((near or known)[:3])}" if known else ""

    def _change(self, which: Update, **values: Any) -> bool:
        # The first statement writes: a SQLite transaction that began by reading could not become one that writes.
        with self._workspace.database.begin() as connection:
            return connection.execute(which.values(**values)).rowcount == 1

    def _fetch(self, query: Select[Any]) -> Sequence[Job]:
        with self._workspace.database.connect() as connection:
            return [self._job(row) for row in connection.execute(query).all()]

    def _job(self, row: Row[Any]) -> Job:
        values = dict(row._mapping)
        for name in ("holder", "worker"):
            values[name] = ProcessIdentity.parse(values[name]) if values[name] else None
        values |= {
            "arguments": tuple(values["arguments"]),
            "status": JobStatus(values["status"]),
            "progress": values["progress"] or {},
            "result": values["result"] or {},
            "log_path": self._workspace.root / values["log_path"],
        }
        return Job(**values)


def _lease(at: Instant) -> dict[str, Any]:
    return {"heartbeat_at": at, "lease_until": at + round(LEASE_SECONDS * SECOND)}


def _moved(identifier: str, to: JobStatus) -> Update:
    """Return the change to a state, for a job in a state from which it may come."""
    origins = [status for status, following in ALLOWED.items() if to in following]
    return update(jobs).where(jobs.c.id == identifier, jobs.c.status.in_(origins)).values(status=to)


def _under_way(identifier: str) -> Update:
    return update(jobs).where(jobs.c.id == identifier, jobs.c.status.in_(UNDER_WAY))


def _held(identifier: str, holder: ProcessIdentity) -> Update:
    held = update(jobs).where(jobs.c.id == identifier, jobs.c.status == JobStatus.RUNNING)
    return held.where(jobs.c.holder == str(holder))

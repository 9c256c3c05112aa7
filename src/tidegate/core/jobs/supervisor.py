"""The process that watches over a job: it holds the lease, lets a child do the work, and says how that ended."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from tidegate.core.clock import elapsed_seconds, now
from tidegate.core.environment import environment_with
from tidegate.core.jobs.identity import ProcessIdentity, identity_of, this_process
from tidegate.core.jobs.job import Job, JobStatus
from tidegate.core.jobs.lifeline import LIFELINE_VARIABLE
from tidegate.core.jobs.listener import JOB_VARIABLE, WORKSPACE_VARIABLE
from tidegate.core.jobs.log import JobLog
from tidegate.core.jobs.store import LEASE_SECONDS, JobStore
from tidegate.core.time import SECOND, Instant, format_instant
from tidegate.core.workspace import Workspace

__all__ = ["Supervisor", "launch", "main"]

_PROGRAM: Final = (
    "import os; os.fork() and os._exit(0); os.setsid(); "
    "from tidegate.core.jobs.supervisor import main; import sys; sys.exit(main(*sys.argv[1:]))"
)
"""The fork comes before anything is imported: a process that has threads cannot be doubled safely."""

_INTERRUPTED: Final = 130
_POLL_SECONDS: Final = 0.5
_HEARTBEAT_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 10.0
_TERMINATE_SECONDS: Final = 5.0
_ORPHAN_SECONDS: Final = 10.0
_ASKED_TO_END: Final = (signal.SIGTERM, signal.SIGINT)
_GRACE_AT_SHUTDOWN_SECONDS: Final = 10.0


def launch(workspace: Workspace, job: Job) -> str:
    """Start the supervisor of a queued job, detached from this process and its terminal, and wait for its claim.

    Returns
    -------
    said
        What it said before it claimed the job: nothing, if all is well.
    """
    starter = subprocess.Popen(  # noqa: S603 - this interpreter, running this package
        [sys.executable, "-P", "-c", _PROGRAM, str(workspace.root), job.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment_with({}),
        start_new_session=True,
    )
    assert starter.stderr is not None
    with starter.stderr as pipe:
        said = pipe.read()  # it ends when the supervisor lets go of it, or ends itself
    starter.wait()
    return said.decode(errors="replace").strip()


def main(root: str, identifier: str) -> int:
    """Watch over one job until it ends; what a detached process runs."""
    workspace = Workspace.open(Path(root))
    store, myself = JobStore(workspace), this_process()
    if not store.claim(identifier, myself):
        print(f"job {identifier} is not waiting to be done", file=sys.stderr)
        return 1
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)  # whoever started this process waits for it
    job = store.get(identifier)
    with JobLog(job.log_path) as log:
        supervisor = Supervisor(workspace, store, job, myself, log)
        for number in _ASKED_TO_END:
            signal.signal(number, supervisor.hear_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            supervisor.run()
        except Exception as error:  # the process edge: the reason must be readable, and the lease free
            log.write(f"-- the supervisor failed: {type(error).__name__}: {error}")
            store.end(identifier, myself, JobStatus.FAILED, error=f"its supervisor failed: {error}")
            raise
    return 0


class Supervisor:
    """Lets a child do a claimed job's work.

    Parameters
    ----------
    workspace, store
        Where the job is.
    job
        The job, claimed.
    myself
        The holder of its lease.
    log
        Takes what the child prints.
    """

    def __init__(self, workspace: Workspace, store: JobStore, job: Job, myself: ProcessIdentity, log: JobLog) -> None:
        self._workspace, self._store, self._job, self._myself, self._log = workspace, store, job, myself, log
        self._heard_at = elapsed_seconds()
        self._lost = False
        self._signal: signal.Signals | None = None
        self._stop_by: Instant | None = None
        self._asked = self._terminated = self._killed = False

    def hear_signal(self, number: int, _frame: FrameType | None) -> None:
        """Take note that the system wants this process to end: the work is asked to stop first."""
        self._signal = signal.Signals(number)

    def run(self) -> None:
        """Do the job and say how it ended."""
        self._end_orphans()
        self._log.write(f"-- {_moment()} tidegate {shlex.join(self._job.arguments)}")
        lifeline, held_end = os.pipe()
        try:
            child = self._start_child(lifeline)
        finally:
            os.close(lifeline)
        try:
            exit_code = self._watch(child)
        finally:
            os.close(held_end)
        status, why = self._verdict(exit_code)
        self._log.write(f"-- {_moment()} {status}{f': {why}' if why else ''}")
        self._store.end(self._job.id, self._myself, status, exit_code=exit_code, error=why)

    def _end_orphans(self) -> None:
        """End the work of supervisors that were killed, so that nobody else does this job's work."""
        for lost in self._store.lost_before(self._job):
            worker = lost.worker
            if worker is None or not worker.is_alive:
                continue
            self._log.write(f"-- ending what job {lost.id} left behind (process {worker.pid})")
            deadline = elapsed_seconds() + _ORPHAN_SECONDS
            worker.send(signal.SIGINT)
            pause = threading.Event()
            while worker.is_alive and elapsed_seconds() < deadline:
                pause.wait(0.1)
            worker.send(signal.SIGKILL)

    def _start_child(self, lifeline: int) -> subprocess.Popen[bytes]:
        variables: Mapping[str, str] = {
            JOB_VARIABLE: self._job.id,
            WORKSPACE_VARIABLE: str(self._workspace.root),
            LIFELINE_VARIABLE: str(lifeline),
            "PYTHONUNBUFFERED": "1",
        }
        child = subprocess.Popen(  # noqa: S603 - this interpreter, running this package
            [sys.executable, "-u", "-P", "-m", "tidegate", *self._job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment_with(variables),
            pass_fds=(lifeline,),
            process_group=0,
        )
        self._store.begin_work(self._job.id, self._myself, identity_of(child.pid))
        return child

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        assert child.stdout is not None
        copying = threading.Thread(target=self._log.copy, args=(child.stdout,), daemon=True)
        copying.start()
        beaten_at = elapsed_seconds()
        while (exit_code := _ended(child)) is None:
            beat = elapsed_seconds() - beaten_at >= _HEARTBEAT_SECONDS
            if beat:
                beaten_at = elapsed_seconds()
            self._look_around(beat=beat)
            self._see_to_the_stop(child)
        copying.join(_TERMINATE_SECONDS)  # a process that the child left behind may hold its output open
        return exit_code

    def _look_around(self, *, beat: bool) -> None:
        """Renew the lease now and then, and read whether somebody wants the work to stop."""
        try:
            if beat:
                self._lost |= not self._store.heartbeat(self._job.id, self._myself)
            wanted = self._store.get(self._job.id).stop_by
            self._heard_at = elapsed_seconds()
        except SQLAlchemyError:
            # A database out of reach may come back; once the lease is over, another may have begun the same work.
            self._lost |= elapsed_seconds() - self._heard_at > LEASE_SECONDS - _SILENT_SECONDS
            wanted = None
        if wanted is not None and (self._stop_by is None or wanted < self._stop_by):
            self._stop_by = wanted
        if self._stop_by is None and (self._lost or self._signal is not None):
            self._stop_by = Instant(now() + round(_GRACE_AT_SHUTDOWN_SECONDS * SECOND))

    def _see_to_the_stop(self, child: subprocess.Popen[bytes]) -> None:
        if self._stop_by is None:
            return
        if not self._asked:
            self._asked = True
            self._log.write(f"-- {_moment()} asked to stop")
            child.send_signal(signal.SIGINT)
        over = now() - self._stop_by
        if over >= 0 and not self._terminated:
            self._terminated = True
            self._log.write(f"-- {_moment()} still at work: ending it by force")
            child.terminate()
        if over >= _TERMINATE_SECONDS * SECOND and not self._killed:
            self._killed = True
            child.kill()

    def _verdict(self, exit_code: int) -> tuple[JobStatus, str | None]:
        """Return how a job ended, and why, from the exit code of its work."""
        if exit_code == 0:
            return JobStatus.FINISHED, None
        if self._lost:
            return JobStatus.LOST, "the lease ran out while the database could not be reached"
        if self._asked:
            return JobStatus.STOPPED, self._why_stopped()
        if exit_code in {_INTERRUPTED, -signal.SIGINT}:
            return JobStatus.STOPPED, "interrupted; start it again to go on"
        if exit_code < 0:
            return JobStatus.FAILED, _killed_by(-exit_code)
        return JobStatus.FAILED, " | ".join(self._log.last) or f"exit code {exit_code}, and not a word"

    def _why_stopped(self) -> str:
        how = "ended by force, because it did not stop in time" if self._terminated else "stopped as asked"
        if self._signal is not None:
            how = f"{how} (the system ended its supervisor: {self._signal.name})"
        return f"{how}; start it again to go on"


def _ended(child: subprocess.Popen[bytes]) -> int | None:
    try:
        return child.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _killed_by(number: int) -> str:
    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:
        name = ""
    perhaps = ": perhaps out of memory" if number == signal.SIGKILL else ""
    return f"killed by signal {number}{name}{perhaps}; start it again to go on"


def _moment() -> str:
    return f"{format_instant(now())[:19]}Z"

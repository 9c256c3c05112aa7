"""Jobs in tests: waiting for them, and leaving none behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.core.jobs import Job, JobStore, ProcessIdentity
from tidegate.core.jobs.supervisor import launch
from tidegate.core.workspace import Workspace

PATIENCE_SECONDS = 180.0


@contextmanager
def no_job_left_behind(root: Path) -> Iterator[JobStore]:
    """Yield the jobs of a workspace, and end whatever still works for one of them afterwards."""
    workspace = Workspace(root)
    store = JobStore(workspace)
    try:
        yield store
    finally:
        for job in store.list(limit=100):
            for process in (job.holder, job.worker):
                if process is not None and process.pid != os.getpid():
                    process.send(signal.SIGKILL)
        workspace.database.dispose()


def wait_until(store: JobStore, identifier: str, holds: Callable[[Job], bool]) -> Job:
    """Return a job as soon as something holds for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(job := store.get(identifier)):
        assert time.monotonic() < deadline, job
        assert job.is_under_way, job
        time.sleep(0.02)
    return job


def wait_for_end(store: JobStore, identifier: str) -> Job:
    """Return a job once it has ended."""
    return wait_until(store, identifier, lambda job: not job.is_under_way)


def wait_for_a_fold(store: JobStore, identifier: str) -> Job:
    """Return a job that trains once it has finished its first fold."""
    return wait_until(store, identifier, lambda job: bool(job.progress.get("done")))


def wait_for_death(job: Job, process: ProcessIdentity | None = None) -> None:
    """Wait until a process has ended: the one that does a job's work, unless another is named."""
    doomed = process or job.worker
    assert doomed is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while doomed.is_alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def idle_job(store: JobStore, root: Path, key: str = "idle") -> Job:
    """Start a job that costs nothing and does not end by itself: it follows another that nobody begins."""
    waiting = store.start("wait", [], key=f"what {key} follows")
    words = ["tail", waiting.id, "--follow", "--workspace", str(root)]
    job = store.start("tail", words, key=key)
    assert launch(Workspace(root), job) == ""
    return wait_until(store, job.id, lambda one: one.worker is not None)

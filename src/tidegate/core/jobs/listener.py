"""What the work of a job tells the table: how far it has come, what it made, why it gave up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from tidegate.core.environment import take_variable
from tidegate.core.errors import TidegateError
from tidegate.core.jobs.store import JobStore
from tidegate.core.progress import Reached
from tidegate.core.workspace import Workspace

__all__ = ["JOB_VARIABLE", "WORKSPACE_VARIABLE", "JobListener", "current_job"]

JOB_VARIABLE: Final = "TIDEGATE_JOB"
"""Set by the supervisor: the id of the job whose work a process does."""

WORKSPACE_VARIABLE: Final = "TIDEGATE_JOB_WORKSPACE"
"""Set by the supervisor: the folder of the workspace that holds the job."""

_SECONDS_BETWEEN_WRITES: Final = 1.0


class JobListener:
    """Writes progress to a job's row, about once a second, from a thread of its own: the work never waits for it.

    Parameters
    ----------
    store
        Where the job is.
    identifier
        The job.
    seconds_between_writes
        How long to gather news before they are written.
    """

    def __init__(
        self, store: JobStore, identifier: str, *, seconds_between_writes: float = _SECONDS_BETWEEN_WRITES
    ) -> None:
        self._store, self._identifier, self._pause = store, identifier, seconds_between_writes
        self._told: dict[str, Any] = {}
        self._news, self._is_over = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write_news, name="job-listener", daemon=True)
        self._thread.start()

    def tell(self, reached: Reached) -> None:
        """Hear how far the work has come."""
        self._hear(asdict(reached))

    def say(self, text: str) -> None:
        """Hear a line."""
        self._hear({"text": text})

    def result(self, identifier: str) -> None:
        """Keep the id of the run that the work made."""
        _unless_unreachable(lambda: self._store.note_result(self._identifier, {"run": identifier}))

    def error(self, error: TidegateError) -> None:
        """Keep why the work gives up."""
        why = f"found {error.found}; expected {error.expected}. Hint: {error.hint}"
        _unless_unreachable(lambda: self._store.note_error(self._identifier, why))

    def close(self) -> None:
        """Write what was heard last."""
        self._is_over.set()
        self._news.set()
        self._thread.join()

    def _hear(self, news: dict[str, Any]) -> None:
        with self._lock:
            self._told |= news
        self._news.set()

    def _write_news(self) -> None:
        while not self._is_over.is_set():
            self._news.wait()
            self._news.clear()
            self._write()
            self._is_over.wait(self._pause)
        self._write()

    def _write(self) -> None:
        with self._lock:
            told = dict(self._told)
        if told:
            _unless_unreachable(lambda: self._store.note_progress(self._identifier, told))


@cache
def current_job() -> JobListener | None:
    """Return the listener of the job whose work this process does; None where it does none."""
    identifier, root = take_variable(JOB_VARIABLE), take_variable(WORKSPACE_VARIABLE)
    if identifier is None or root is None:
        return None
    return JobListener(JobStore(Workspace(Path(root))), identifier)


def _unless_unreachable(write: Callable[[], bool]) -> None:
    """Write; a database that is busy or gone keeps nobody from working, and the work itself will notice."""
    try:
        write()
    except SQLAlchemyError:
        return

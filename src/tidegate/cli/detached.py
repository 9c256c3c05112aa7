"""``--detach``: the command line that was typed goes on in the background, as a job."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from tidegate.cli.hints import next_line
from tidegate.cli.job_tables import job_document
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import JobError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.jobs import Job, JobStatus, JobStore
from tidegate.core.workspace import Workspace

__all__ = ["detach", "remembered_words"]

_typed: ContextVar[tuple[str, ...]] = ContextVar("_typed", default=())
_OF_THIS_START: Final = frozenset({"--detach", "--json"})


@contextmanager
def remembered_words(words: Sequence[str]) -> Iterator[None]:
    """Remember a command line while it runs."""
    token = _typed.set(tuple(words))
    try:
        yield
    finally:
        _typed.reset(token)


def detach(terminal: Terminal, workspace: Workspace, folder: Path, *work: object) -> None:
    """Start the command line that is being run in the background, and say how to watch it.

    A command calls this, and returns, where it was given ``--detach``::

        if detached:
            return detach(terminal, opened, workspace, parsed)

    Parameters
    ----------
    folder
        The workspace as the user typed it.
    work
        What decides what is done, apart from the command's name: plain values and settings. A second start of the
        same work is refused while the first is under way.

    Raises
    ------
    JobError
        If the same work is under way, or no process can be started.
    """
    from tidegate.core.jobs.supervisor import launch

    command = _command_of(_typed.get())
    store = JobStore(workspace)
    words = [word for word in _typed.get() if word not in _OF_THIS_START]
    job = store.start(command, _with_workspace(words, folder), key=fingerprint([command, *work]))
    said = launch(workspace, job)
    job = store.get(job.id)
    if job.status is JobStatus.QUEUED:
        reason = said.splitlines()[-1] if said else "its supervisor ended without a word"
        store.give_up(job.id, reason)
        raise JobError(found=f"a job that does not start: {reason}", expected="a process", hint=_foreground(words))
    _tell(terminal, job, folder)


def _tell(terminal: Terminal, job: Job, folder: Path) -> None:
    attempt = f" (attempt {job.attempts}: the one before was lost)" if job.attempts > 1 else ""
    terminal.emit(
        job_document(job),
        f"job {job.id} started{attempt}",
        next_line(f"tidegate tail {job.id} --follow", folder),
    )


def _command_of(words: Sequence[str]) -> str:
    return next(word for word in words if not word.startswith("-"))


def _with_workspace(words: Sequence[str], folder: Path) -> list[str]:
    """Name the workspace in full: it may have come from a variable or a default."""
    if any(word in {"--workspace", "-w"} or word.startswith("--workspace=") for word in words):
        return list(words)
    return [*words, "--workspace", str(folder.resolve())]


def _foreground(words: Sequence[str]) -> str:
    return f"run it in the foreground to see more: tidegate {shlex.join(words)}"

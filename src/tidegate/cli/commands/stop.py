"""``tidegate stop``: ask a job to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.cli.job_tables import job_document
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal
from tidegate.core.clock import elapsed_seconds, sleep
from tidegate.core.errors import JobError
from tidegate.core.jobs import Job, JobStore

__all__ = ["stop"]

_POLL_SECONDS: Final = 0.2
_SECONDS_BEYOND_GRACE: Final = 20.0


def stop(
    job: Annotated[str, typer.Argument(help="Its id, the beginning of it, or 'latest'.")],
    grace: Annotated[
        float, typer.Option("--grace", min=0.0, help="Seconds that the work may take to end by itself.")
    ] = 30.0,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Ask a job to end, and wait until it has; what it had finished is kept, and starting it again goes on from there.

    A job that has ended already stays as it is.
    """
    terminal = Terminal(json_output=json_output)
    store = JobStore(open_workspace(workspace, "stop"))
    store.reap()
    found = store.get(job)
    was_under_way = found.is_under_way
    if was_under_way:
        found = _until_it_ends(store, store.request_stop(found.id, grace_seconds=grace), grace)
    reason = f": {found.error}" if found.error else ""
    terminal.emit(job_document(found), f"job {found.id} {'is' if was_under_way else 'was'} {found.status}{reason}")


def _until_it_ends(store: JobStore, job: Job, grace: float) -> Job:
    deadline = elapsed_seconds() + grace + _SECONDS_BEYOND_GRACE
    while job.is_under_way:
        if elapsed_seconds() > deadline:
            raise JobError(
                found=f"job {job.id}, which does not end", expected="it to stop", hint=f"see: tidegate status {job.id}"
            )
        sleep(_POLL_SECONDS)
        store.reap(key=job.key)
        job = store.get(job.id)
    return job

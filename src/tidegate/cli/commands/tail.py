"""``tidegate tail``: what a job printed last, and what it prints now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from tidegate.cli.options import JsonOption, WorkspaceOption, open_jobs
from tidegate.cli.terminal import Terminal
from tidegate.core.clock import elapsed_seconds, sleep
from tidegate.core.errors import InputError
from tidegate.core.jobs import Job, JobStatus, JobStore, follow_lines, read_last_lines

__all__ = ["tail"]

_POLL_SECONDS: Final = 0.2
_SECONDS_BETWEEN_LOOKS: Final = 1.0


def tail(
    job: Annotated[str, typer.Argument(help="Its id, the beginning of it, or 'latest'.")] = "latest",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="So many of the last lines.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends, or Ctrl-C.")] = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Show the last lines of what a job printed. Ctrl-C ends the showing, not the job."""
    if follow and json_output:
        raise InputError(
            found="--follow with --json", expected="one document, or lines that go on", hint="leave out one of them"
        )
    terminal = Terminal(json_output=json_output)
    store = open_jobs(workspace, "tail")
    found = store.get(job)
    size = found.log_path.stat().st_size if found.log_path.exists() else 0
    last = read_last_lines(found.log_path, lines, size=size)
    terminal.emit({"id": found.id, "status": found.status.value, "lines": last}, *map(Text, last))
    if follow:
        ended = _print_until_it_ends(store, found, size)
        if ended.status is JobStatus.LOST:
            terminal.say(f"job {ended.id} is lost: {ended.error}")


def _print_until_it_ends(store: JobStore, job: Job, size: int) -> Job:
    looked_at = elapsed_seconds()
    for line in follow_lines(job.log_path, size):
        if line is not None:
            print(line, flush=True)
        elif not job.is_under_way:
            break
        elif elapsed_seconds() - looked_at >= _SECONDS_BETWEEN_LOOKS:
            looked_at = elapsed_seconds()
            store.reap(key=job.key)
            job = store.get(job.id)
        else:
            sleep(_POLL_SECONDS)
    return job

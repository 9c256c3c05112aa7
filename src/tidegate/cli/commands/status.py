"""``tidegate status``: what goes on in the background, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.job_tables import job_details, job_document, jobs_table
from tidegate.cli.options import JsonOption, WorkspaceOption, open_jobs
from tidegate.cli.terminal import Terminal

__all__ = ["status"]


def status(
    job: Annotated[str | None, typer.Argument(help="Show one job: its id, the beginning of it, or 'latest'.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, newest first.")] = 20,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """List the jobs of this workspace, newest first, or show one: how far it is, when it was heard, why it ended."""
    terminal = Terminal(json_output=json_output)
    store = open_jobs(workspace, "status")
    if job is not None:
        found = store.get(job)
        terminal.emit(job_document(found), job_details(found))
        return
    listed = store.list(limit=limit)
    shown = jobs_table(listed) if listed else f"no jobs yet; {next_line('tidegate train RECIPE --detach', workspace)}"
    terminal.emit([job_document(entry) for entry in listed], shown)

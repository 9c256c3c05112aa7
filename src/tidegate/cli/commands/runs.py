"""``tidegate runs``: what was done in this workspace."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.documents import run_document
from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.tables import run_details, runs_table
from tidegate.cli.terminal import Terminal
from tidegate.registry import RunKind, RunStatus, RunStore

__all__ = ["runs"]

_LIST = "list"
"""The word that scripts put where a run would stand."""


class _Standing(StrEnum):
    """How a run stands, and the word that scripts have for one that is finished."""

    RUNNING = RunStatus.RUNNING.value
    FINISHED = RunStatus.FINISHED.value
    FAILED = RunStatus.FAILED.value
    INTERRUPTED = RunStatus.INTERRUPTED.value
    SUCCESS = "success"

    @property
    def status(self) -> RunStatus:
        """What the registry calls it."""
        return RunStatus.FINISHED if self is _Standing.SUCCESS else RunStatus(self.value)


def runs(
    run: Annotated[
        str | None,
        typer.Argument(help="Show one run: its id, the beginning of it, or 'latest'; 'list' or nothing lists them."),
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="Only this project.")] = None,
    kind: Annotated[RunKind | None, typer.Option("--kind", help="Only this kind.")] = None,
    status: Annotated[
        _Standing | None, typer.Option("--status", help="Only runs that stand so; success is finished.")
    ] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Only this recipe.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many, newest first; 0 lists all.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="List all of them; the same as --limit 0.")] = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """List runs, or show one with its recipe, data versions, environment and metrics."""
    terminal = Terminal(json_output=json_output)
    store = RunStore(open_workspace(workspace, "runs", only_reads=True))
    if run not in {None, _LIST}:
        found = store.get(str(run))
        terminal.emit(run_document(found), *run_details(found))
        return
    standing = None if status is None else status.status
    wanted: dict[str, str | None] = {"project": project, "kind": kind, "status": standing, "recipe": recipe}
    unlimited = everything or limit == 0
    listed = list(store.every(**wanted)) if unlimited else store.list(**wanted, limit=limit)
    shown = runs_table(listed) if listed else f"no runs yet; {next_line('tidegate train RECIPE', workspace)}"
    terminal.emit([run_document(entry) for entry in listed], shown)

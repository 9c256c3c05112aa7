"""``tidegate runs``: what was done in this workspace."""

from __future__ import annotations

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


def runs(
    run: Annotated[str | None, typer.Argument(help="Show one run: its id, the beginning of it, or 'latest'.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="Only this project.")] = None,
    kind: Annotated[RunKind | None, typer.Option("--kind", help="Only this kind.")] = None,
    status: Annotated[RunStatus | None, typer.Option("--status", help="Only runs that stand so.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Only this recipe.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, newest first.")] = 20,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """List runs, or show one with its recipe, data versions, environment and metrics."""
    terminal = Terminal(json_output=json_output)
    store = RunStore(open_workspace(workspace, "runs", only_reads=True))
    if run is not None:
        found = store.get(run)
        terminal.emit(run_document(found), *run_details(found))
        return
    listed = store.list(project=project, kind=kind, status=status, recipe=recipe, limit=limit)
    shown = runs_table(listed) if listed else f"no runs yet; {next_line('tidegate train RECIPE', workspace)}"
    terminal.emit([run_document(entry) for entry in listed], shown)

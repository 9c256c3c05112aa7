"""``tidegate init``: make a workspace, or bring an older one up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.logs import log_to
from tidegate.cli.options import JsonOption, WorkspaceOption
from tidegate.cli.terminal import Terminal
from tidegate.core.workspace import WORKSPACE_SCHEMA, Workspace

__all__ = ["init"]


def init(
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Bring an older workspace to this version.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Make a workspace: one folder for catalog, database, runs and reports."""
    terminal = Terminal(json_output=json_output)
    if upgrade:
        opened, found = Workspace.upgrade(workspace)
        log_to(opened, "init --upgrade")
        document = {"workspace": str(opened.root), "schema": WORKSPACE_SCHEMA, "upgraded_from": found}
        said = (
            f"{opened.root}: schema {found} -> {WORKSPACE_SCHEMA}"
            if found < WORKSPACE_SCHEMA
            else f"{opened.root}: schema {found}, up to date"
        )
        terminal.emit(document, said)
        return
    opened = Workspace.create(workspace)
    log_to(opened, "init")
    terminal.emit(
        {"workspace": str(opened.root), "schema": WORKSPACE_SCHEMA},
        f"workspace ready: {opened.root}",
        next_line("tidegate ingest ohlcv FILE --preset yahoo-daily", workspace),
    )

"""``tidegate report``: one HTML file about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import (
    Colours,
    ColoursOption,
    JsonOption,
    LanguageOption,
    ReportLanguage,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import InputError

__all__ = ["report"]


def report(
    run: Annotated[str, typer.Argument(help="A run's id, the beginning of it, or 'latest'.")] = "latest",
    language: LanguageOption = ReportLanguage.ENGLISH,
    colours: ColoursOption = Colours.WESTERN,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; the workspace's reports otherwise.")
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Write a run's report: one file that works offline, in English or Chinese."""
    from tidegate.report import write_report

    if output is not None and output.exists() and not output.is_file():
        raise InputError(
            found=f"{output}, which is no file", expected="where a report can be written", hint="name an HTML file"
        )
    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "report", only_reads=output is not None)
    path = write_report(opened, run, language=language.value, colours=colours.value, path=output)
    terminal.emit({"report": str(path.resolve())}, f"report: {path.resolve()}")

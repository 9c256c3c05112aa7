"""Options that many commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.cli.logs import log_to
from tidegate.core.environment import processor_count
from tidegate.core.jobs import JobStore
from tidegate.core.workspace import Workspace

__all__ = [
    "DEFAULT_THREADS",
    "Colours",
    "ColoursOption",
    "DetachOption",
    "JsonOption",
    "LanguageOption",
    "ReportLanguage",
    "ThreadsOption",
    "WorkspaceOption",
    "open_jobs",
    "open_workspace",
]

DEFAULT_THREADS: Final = min(2, processor_count())

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar="TIDEGATE_WORKSPACE", help="Folder made by 'tidegate init'."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, help="Threads for fitting; results do not depend on it.")
]

DetachOption = Annotated[
    bool,
    typer.Option("--detach", help="Go on in the background; watch it with 'tidegate status' and 'tidegate tail'."),
]


class ReportLanguage(StrEnum):
    """Languages of reports."""

    ENGLISH = "en"
    CHINESE = "zh"


class Colours(StrEnum):
    """Colour schemes of reports."""

    WESTERN = "western"
    CHINESE = "chinese"


LanguageOption = Annotated[ReportLanguage, typer.Option("--language", "-l", help="Language of the report.")]
ColoursOption = Annotated[Colours, typer.Option("--colours", help="western: rises green; chinese: rises red.")]


def open_workspace(root: Path, command: str, *, only_reads: bool = False) -> Workspace:
    """Open a workspace and send the log there; a command that only reads does without a log if it must."""
    workspace = Workspace.open(root)
    if not only_reads:
        workspace.require_writable()
    log_to(workspace, command, required=not only_reads)
    return workspace


def open_jobs(root: Path, command: str) -> JobStore:
    """Open the jobs of a workspace; those that nobody does any more are marked as lost, if anything can be written."""
    workspace = open_workspace(root, command, only_reads=True)
    store = JobStore(workspace)
    if workspace.is_writable:
        store.reap()
    return store

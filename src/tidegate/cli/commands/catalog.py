"""``tidegate catalog``: what the catalog holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.time import format_instant

__all__ = ["catalog"]


def catalog(
    history: Annotated[
        str | None, typer.Option("--history", help="List the commits of a table: bars or series.")
    ] = None,
    symbols: Annotated[str | None, typer.Option("--symbols", help="List the symbols of a data set of bars.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """List data sets with their span, size and version."""
    from tidegate.core.errors import CatalogError
    from tidegate.data import Catalog
    from tidegate.data.tables import TABLES

    terminal = Terminal(json_output=json_output)
    held = Catalog(open_workspace(workspace, "catalog", only_reads=True))
    if history is not None:
        if history not in TABLES:
            raise CatalogError(
                found=f"no table {history!r}",
                expected=f"one of {', '.join(TABLES)}",
                hint="list the data sets: tidegate catalog",
            )
        commits = held.history(history)
        columns = ("version", "at", "operation", "code_version", "correction")
        terminal.emit(commits, table(history, columns, [[commit[name] for name in columns] for commit in commits]))
        return
    if symbols is not None:
        names = held.symbols(symbols)
        terminal.emit(names, " ".join(names))
        return
    found = held.datasets()
    rows = [
        (
            entry.table,
            entry.dataset,
            entry.interval or "",
            f"{entry.members:,}",
            f"{entry.rows:,}",
            format_instant(entry.first)[:16],
            format_instant(entry.last)[:16],
            entry.version,
        )
        for entry in found
    ]
    document = [
        {**asdict(entry), "first": format_instant(entry.first), "last": format_instant(entry.last)} for entry in found
    ]
    headings = ("table", "data set", "interval", "symbols", "rows", "first", "last", "version")
    terminal.emit(
        document,
        table("Catalog", headings, rows)
        if rows
        else f"an empty catalog; {next_line('tidegate ingest ohlcv FILE --preset yahoo-daily', workspace)}",
    )

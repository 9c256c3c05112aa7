"""``tidegate catalog``: what the catalog holds, and keeping it in shape."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.time import format_instant

if TYPE_CHECKING:
    from tidegate.core.workspace import Workspace
    from tidegate.data import Catalog

__all__ = ["app", "catalog", "compact", "vacuum"]

app = typer.Typer(help="What the catalog holds, and keeping it in shape.")


@app.callback(
    invoke_without_command=True,
    epilog="[bold]Examples[/bold]\n\ntidegate catalog --workspace us\n\n"
    "tidegate catalog --symbols us-equity --workspace us\n\ntidegate catalog --history bars --workspace us",
)
def catalog(
    context: typer.Context,
    history: Annotated[str | None, typer.Option("--history", help="List the commits of a table, such as bars.")] = None,
    symbols: Annotated[str | None, typer.Option("--symbols", help="List the symbols of a data set of bars.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """List data sets with their span, size and version."""
    if context.invoked_subcommand is not None:
        _require_no_options(context)
        return
    from tidegate.data import Catalog

    terminal = Terminal(json_output=json_output)
    held = Catalog(open_workspace(workspace, "catalog", only_reads=True))
    if history is not None:
        _list_commits(terminal, held, history)
    elif symbols is not None:
        names = held.symbols(symbols)
        terminal.emit(names, " ".join(names))
    else:
        _list_datasets(terminal, held, workspace)


@app.command(
    "compact",
    epilog="[bold]Examples[/bold]\n\ntidegate catalog compact --workspace us\n\n"
    "tidegate catalog compact us-equity --table bars --workspace us",
)
def compact(
    datasets: Annotated[list[str] | None, typer.Argument(help="Data sets; all of them otherwise.")] = None,
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table, such as bars; repeatable.")
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Rewrite many small files as few, in order. No row changes, and older versions keep their own files."""
    from tidegate.data import Catalog, maintenance

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "catalog compact")
    wanted = _wanted(Catalog(opened), datasets or [], tables or [])
    done = [maintenance.compact(opened, *one) for one in terminal.track(wanted, "compacting")]
    rows = [(one.table, one.dataset, one.files_before, one.files_after, f"{one.rows:,}") for one in done]
    headings = ("table", "data set", "files before", "files after", "rows")
    terminal.emit([asdict(one) for one in done], table("Compacted", headings, rows) if rows else "an empty catalog")


@app.command(
    "vacuum",
    epilog="[bold]Examples[/bold]\n\ntidegate catalog vacuum --workspace us\n\n"
    "tidegate catalog vacuum --remove --older-than-days 30 --workspace us",
)
def vacuum(
    remove: Annotated[bool, typer.Option("--remove", help="Remove the files; otherwise they are only listed.")] = False,
    older_than_days: Annotated[
        int, typer.Option("--older-than-days", min=1, help="Younger files stay: they may be in use.")
    ] = 7,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Find files that neither the present version nor one that a run read refers to, and remove them if told to."""
    from tidegate.data import maintenance

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "catalog vacuum")
    sweeps = maintenance.vacuum(opened, _read_by_runs(opened), retention_hours=older_than_days * 24, remove=remove)
    found = [sweep for sweep in sweeps if sweep.files]
    rows = [(sweep.table, len(sweep.files), f"{sweep.bytes:,}", len(sweep.kept_versions)) for sweep in found]
    shown = table("Removed" if remove else "Needless", ("table", "files", "bytes", "versions kept"), rows)
    hint = next_line(f"tidegate catalog vacuum --remove --older-than-days {older_than_days}", workspace)
    terminal.emit(
        [asdict(sweep) for sweep in sweeps],
        *([shown] if found else ["nothing to remove"]),
        *([] if remove or not found else [f"nothing was removed; {hint}"]),
    )


def _list_commits(terminal: Terminal, held: Catalog, name: str) -> None:
    from tidegate.data.tables import TABLES

    if name not in TABLES:
        raise CatalogError(
            found=f"no table {name!r}",
            expected=f"one of {', '.join(TABLES)}",
            hint="list the data sets: tidegate catalog",
        )
    commits = held.history(name)
    columns = ("version", "at", "operation", "code_version", "correction")
    terminal.emit(commits, table(name, columns, [[commit[column] for column in columns] for commit in commits]))


def _list_datasets(terminal: Terminal, held: Catalog, workspace: Path) -> None:
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
    empty = f"an empty catalog; {next_line('tidegate ingest ohlcv FILE --preset yahoo-daily', workspace)}"
    terminal.emit(document, table("Catalog", headings, rows) if rows else empty)


def _wanted(held: Catalog, datasets: list[str], tables: list[str]) -> list[tuple[str, str]]:
    """Return table and data set of what was asked for."""
    there = sorted({(entry.table, entry.dataset) for entry in held.datasets()})
    for place, asked in ((0, tables), (1, datasets)):
        present = sorted({one[place] for one in there})
        absent = [name for name in asked if name not in present]
        if absent:
            raise CatalogError(
                found=f"no {('table', 'data set')[place]} {absent[0]!r}",
                expected=f"one of {', '.join(present) or '(none)'}",
                hint="list them: tidegate catalog",
            )
    return [one for one in there if (not tables or one[0] in tables) and (not datasets or one[1] in datasets)]


def _read_by_runs(workspace: Workspace) -> dict[str, set[int]]:
    """Return every version that a run of the database read, by table."""
    from tidegate.registry import RunStore

    read: dict[str, set[int]] = {}
    for run in RunStore(workspace).list(limit=2**31 - 1):
        for name, version in run.data_versions.items():
            read.setdefault(name.partition("/")[0], set()).add(version)
    return read


def _require_no_options(context: typer.Context) -> None:
    given: list[Any] = [name for name in context.params if _was_typed(context, name)]
    if given:
        raise InputError(
            found=f"--{given[0].replace('_output', '').replace('_', '-')} before {context.invoked_subcommand}",
            expected="it behind the command",
            hint=f"write: tidegate catalog {context.invoked_subcommand} ... --workspace FOLDER",
        )


def _was_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

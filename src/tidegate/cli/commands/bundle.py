"""``tidegate bundle``: data sets in one file, to be carried to a machine without a network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, key_values, table
from tidegate.core.time import Window, parse_instant

if TYPE_CHECKING:
    from tidegate.data.bundle import Bundle, Imported

__all__ = ["app", "build", "import_"]

app = typer.Typer(help="Carry data from one machine to another, and prove that nothing changed.", no_args_is_help=True)

_DAY: Final = ["%Y-%m-%d"]
_GIGABYTE: Final = 2**30


@app.command(
    "build",
    epilog="[bold]Examples[/bold]\n\ntidegate bundle build us.tar --recipe us-rotation --workspace us\n\n"
    "tidegate bundle build perp.tar --table bars --table funding --dataset crypto-perp --start 2024-01-01\n\n"
    "tidegate bundle build then.tar --as-of 2024-03-12T12:29:00+00:00",
)
def build(
    path: Annotated[Path, typer.Argument(help="The file to write: NAME.tar; NAME.tar.sha256 appears beside it.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Bundle what this recipe reads: a shipped name or a YAML file.")
    ] = None,
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table; repeatable.", show_default="all")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only this data set; repeatable.", show_default="all")
    ] = None,
    symbols: Annotated[
        list[str] | None, typer.Option("--symbol", help="Only this symbol; repeatable.", show_default="all")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option("--start", formats=_DAY, help="First day (UTC).", show_default="the recipe's")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--end", formats=_DAY, help="Last day (UTC).", show_default="the recipe's")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only what was known then.", show_default="now")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Write data sets, every vintage of every row, into one file with a manifest and hashes."""
    from tidegate.core.recipe import load_recipe
    from tidegate.data.bundle import build_bundle

    terminal = Terminal(json_output=json_output)
    given = start is not None or end is not None
    built = build_bundle(
        open_workspace(workspace, "bundle build"),
        path,
        recipe=None if recipe is None else load_recipe(recipe),
        tables=tables or (),
        datasets=datasets or (),
        window=Window.of_dates(start and start.date(), end and end.date()) if given else None,
        as_of=None if as_of is None else parse_instant(as_of),
        symbols=symbols or (),
        progress=terminal,
    )
    _show_built(terminal, built)


@app.command(
    "import",
    epilog="[bold]Examples[/bold]\n\ntidegate bundle import us.tar --workspace us\n\n"
    "tidegate bundle import us.tar --no-strict --workspace us",
)
def import_(
    path: Annotated[Path, typer.Argument(help="A file that 'tidegate bundle build' wrote.")],
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Require NAME.tar.sha256 beside the bundle.")
    ] = True,
    limit_gigabytes: Annotated[
        float, typer.Option("--limit-gigabytes", min=0.0, help="Refuse a larger bundle.")
    ] = 64.0,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Check a bundle to the last byte, then append what is not there yet. Interrupted, it is simply repeated."""
    from tidegate.data.bundle import import_bundle

    terminal = Terminal(json_output=json_output)
    done = import_bundle(
        open_workspace(workspace, "bundle import"),
        path,
        strict=strict,
        limit_bytes=int(limit_gigabytes * _GIGABYTE),
        progress=terminal,
    )
    _show_imported(terminal, done, workspace)


def _show_built(terminal: Terminal, built: Bundle) -> None:
    facts = {
        "bundle": str(built.path),
        "SHA-256": built.sha256,
        "id": built.manifest.id,
        "rows": f"{built.manifest.rows:,}",
        "bytes": f"{built.bytes:,}",
        "without a row": ", ".join(built.empty) or "nothing that was asked for",
    }
    rows = [(file.file, f"{file.rows:,}", f"{file.bytes:,}") for file in built.manifest.files]
    terminal.emit(
        built.as_dict(),
        key_values("Bundle", facts),
        "",
        table("Files", ("file", "rows", "bytes"), rows),
        f"carry both: {built.path} and {built.side_file.name}",
    )


def _show_imported(terminal: Terminal, done: Imported, workspace: Path) -> None:
    rows = [
        (file.file, f"{file.rows:,}", f"{file.appended:,}", f"{file.identical:,}", file.version) for file in done.files
    ]
    headings = ("file", "rows", "appended", "already there", "version")
    recipe = done.manifest.recipe
    following = "tidegate catalog" if recipe is None else f"tidegate audit readiness {recipe}"
    terminal.emit(
        done.as_dict(),
        table(f"Imported {done.manifest.id[:12]}", headings, rows),
        next_line(following, workspace),
    )

"""``tidegate audit lookahead``: prove that nothing of a recipe sees the future."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal
from tidegate.core.recipe import load_recipe

__all__ = ["lookahead"]


def lookahead(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    fast: Annotated[bool, typer.Option("--fast", help="A quick look: fewer instants, one fold.")] = False,
    prefixes: Annotated[
        int | None,
        typer.Option(
            "--prefixes",
            min=1,
            help="Instants at which the future is deleted and poisoned.",
            show_default="12; 3 with --fast",
        ),
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option(
            "--slices",
            min=1,
            help="Short stretches of history whose last row is computed anew.",
            show_default="2000; 200 with --fast",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=0, help="Folds whose models are fitted again.", show_default="2; 1 with --fast"),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the instants and the garbage.")] = 7,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Delete and poison the future, compute everything before it anew, and compare. Exit 3 on a leak."""
    from dataclasses import replace

    from tidegate.audit import FAST, Depth
    from tidegate.cli.lookahead_tables import lookahead_tables
    from tidegate.core.errors import GateNotPassed
    from tidegate.core.evidence import Verdict
    from tidegate.train import audit_recipe

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "audit lookahead")
    asked = {"prefixes": prefixes, "slices": slices}
    depth = replace(FAST if fast else Depth(), **{name: count for name, count in asked.items() if count is not None})
    audit = audit_recipe(
        opened,
        load_recipe(recipe),
        depth=depth,
        folds=(1 if fast else 2) if folds is None else folds,
        workers=workers,
        seed=seed,
        progress=terminal,
    )
    passed = audit.verdict is Verdict.PASSED
    following = [next_line(f"tidegate train {shlex.quote(recipe)}", workspace)] if passed else []
    terminal.emit(audit.as_dict(), *lookahead_tables(audit), *following)
    if not passed:
        raise typer.Exit(GateNotPassed.exit_code)

"""``tidegate collect``: the data of a recipe in one command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import RenderableType

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.errors import GateNotPassed, InputError
from tidegate.core.recipe import load_recipe

if TYPE_CHECKING:
    from tidegate.data.collect import CollectedRecipe

__all__ = ["collect"]

_MOST_SHOWN: Final = 20


def collect(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file with a list under collect:.")],
    update: Annotated[
        bool, typer.Option("--update", help="Up to the last closed bar, whatever end the recipe names.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            "--skip",
            metavar="STEP",
            help="Leave out readiness-before, collect, one source by its connector's name, readiness-after or bundle; "
            "repeatable.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Where the bundle goes.", show_default="bundles/RECIPE.tar in the workspace"),
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Audit what is there, ask every source for what is missing, audit again, bundle. Repeat it to go on.

    Exit 2 if a step failed, 3 if all went well and the data still do not suffice.
    """
    from tidegate.data.collect import collect as collect_recipe
    from tidegate.registry import RunStore

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    opened = open_workspace(workspace, "collect")
    done = collect_recipe(opened, parsed, update=update, skip=skip or (), bundle_path=bundle, progress=terminal)
    for audit in (done.before, done.after):
        if audit is not None:
            RunStore(opened).record_evidence(audit.evidence())
    terminal.emit(done.as_dict(), *_shown(done, recipe, workspace))
    if not done.complete:
        raise typer.Exit(InputError.exit_code)
    if done.ready is False:
        raise typer.Exit(GateNotPassed.exit_code)


def _shown(done: CollectedRecipe, recipe: str, workspace: Path) -> list[RenderableType]:
    steps = [(step.name, step.about, step.status.value, step.said) for step in done.steps]
    parts: list[RenderableType] = [table(f"Collected {done.recipe}", ("step", "about", "outcome", ""), steps)]
    failed = [
        (report.connector, one.member, one.status.value, one.error or "")
        for report in done.collected
        for one in report.failed
    ]
    if failed:
        rest = f", {_MOST_SHOWN} of {len(failed):,}" if len(failed) > _MOST_SHOWN else ""
        headings = ("source", "member", "status", "why")
        parts += ["", table(f"Not answered{rest}", headings, failed[:_MOST_SHOWN])]
    hints = [(step.name, step.error["hint"]) for step in done.steps if step.error]
    if hints:
        parts += ["", table("What to do", ("step", "hint"), hints)]
    if done.after is not None and not done.after.ready:
        parts += ["", "not ready:", *(f"  {reason}" for reason in done.after.reasons()[:_MOST_SHOWN])]
    parts.append(f"results of each step: {done.folder}")
    if done.complete and done.ready:
        parts.append(next_line(f"tidegate train {shlex.quote(recipe)}", workspace))
    return parts

"""``tidegate train``: walk-forward training of a recipe's models."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.detached import detach
from tidegate.cli.documents import run_document
from tidegate.cli.hints import next_line
from tidegate.cli.options import (
    DEFAULT_THREADS,
    DetachOption,
    JsonOption,
    ThreadsOption,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.tables import forecast_table
from tidegate.cli.terminal import Terminal
from tidegate.core.recipe import load_recipe

__all__ = ["train"]


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    threads: ThreadsOption = DEFAULT_THREADS,
    detached: DetachOption = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Train a recipe's models fold by fold; every score is out of sample. Interrupted work is resumed."""
    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    opened = open_workspace(workspace, "train")
    if detached:
        detach(terminal, opened, workspace, parsed.project, parsed.name, parsed.training_fingerprint())
        return
    from tidegate.train import train as train_recipe

    run = train_recipe(opened, parsed, threads=threads, progress=terminal)
    searched = next_line(f"tidegate tune {shlex.quote(recipe)}", workspace).removeprefix("next: ")
    own = [f"with the recipe's own parameters, nothing searched; to search them: {searched}"] * (
        parsed.tune is not None
    )
    following = next_line(f"tidegate backtest {shlex.quote(recipe)}", workspace)
    terminal.emit(run_document(run), forecast_table(run), *own, f"run {run.id}", following)

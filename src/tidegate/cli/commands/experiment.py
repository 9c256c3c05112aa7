"""``tidegate experiment``: which model and which groups of features, and whether a difference is more than chance."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.detached import detach
from tidegate.cli.documents import run_document
from tidegate.cli.experiment_tables import experiment_tables, reading_help
from tidegate.cli.hints import next_line
from tidegate.cli.options import (
    DEFAULT_THREADS,
    DetachOption,
    JsonOption,
    ThreadsOption,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.terminal import Terminal
from tidegate.core.files import read_json
from tidegate.core.recipe import load_recipe

__all__ = ["experiment"]


class ProtocolName(StrEnum):
    """How models are judged."""

    RECIPE = "recipe"
    PURGED_KFOLD = "purged-kfold"


def experiment(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", help="A model of the recipe; again for more. All otherwise.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="A group of features to leave out; again for more. Each in turn otherwise."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds each fit is repeated with.")] = 1,
    protocol: Annotated[
        ProtocolName,
        typer.Option(
            "--protocol", help="The recipe's split, or tests in turn with training on both sides of each, purged."
        ),
    ] = ProtocolName.RECIPE,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Tests of purged-kfold.")] = 5,
    threads: ThreadsOption = DEFAULT_THREADS,
    detached: DetachOption = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Fit models x groups of features x seeds on the same rows and test every difference; repeat to resume."""
    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    opened = open_workspace(workspace, "experiment")
    if detached:
        asked = [model or [], without or [], seeds, protocol.value, folds]
        detach(terminal, opened, workspace, parsed.project, parsed.name, parsed.training_fingerprint(), asked)
        return
    from tidegate.train import Experiment
    from tidegate.train import experiment as run_experiment

    wanted = Experiment(
        models=tuple(model or ()), without=tuple(without or ()), seeds=seeds, protocol=protocol.value, folds=folds
    )
    run = run_experiment(opened, parsed, wanted, threads=threads, progress=terminal)
    found = read_json(run.folder / "experiment.json")
    terminal.emit(
        {**run_document(run), "experiment": found},
        *experiment_tables(found),
        *reading_help(found),
        f"run {run.id}",
        f"table: {run.folder / 'experiment.csv'}",
        next_line(f"tidegate report {run.id}", workspace),
    )

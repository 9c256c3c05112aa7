"""``tidegate experiment``: which model and which groups of features, and whether a difference is more than chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.documents import run_document
from tidegate.cli.options import DEFAULT_THREADS, JsonOption, ThreadsOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.files import read_json
from tidegate.core.recipe import load_recipe

__all__ = ["experiment"]

_ABSENT = "–"


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
    threads: ThreadsOption = DEFAULT_THREADS,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Fit models x groups of features x seeds on the same rows and test every difference; repeat to resume."""
    from tidegate.train import Experiment
    from tidegate.train import experiment as run_experiment

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    wanted = Experiment(models=tuple(model or ()), without=tuple(without or ()), seeds=seeds)
    run = run_experiment(open_workspace(workspace, "experiment"), parsed, wanted, threads=threads, progress=terminal)
    found = read_json(run.folder / "experiment.json")
    rows = [
        (
            row["model"],
            row["variant"],
            row["measure"],
            row["at"],
            f"{row['mean']:+.4f}",
            _ABSENT if row["difference"] is None else f"{row['difference']:+.4f}",
            _ABSENT if row["interval"] is None else f"[{row['interval'][0]:+.4f}, {row['interval'][1]:+.4f}]",
            _ABSENT if row["p_value_holm"] is None else f"{row['p_value_holm']:.3f}",
        )
        for row in found["rows"]
    ]
    columns = ("model", "features", "measure", "instants", "mean", "difference", "95 %", "p (Holm)")
    title = f"{found['recipe']}: differences to all features of the same model, and of models to {found['models'][0]}"
    terminal.emit(
        {**run_document(run), "experiment": found},
        table(title, columns, rows),
        f"run {run.id}",
        f"table: {run.folder / 'experiment.csv'}",
    )

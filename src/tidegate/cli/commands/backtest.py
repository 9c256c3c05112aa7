"""``tidegate backtest``: trade a recipe's scores and pay for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.backtest_tables import legacy_table, limit_tables
from tidegate.cli.documents import run_document
from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.tables import performance_tables
from tidegate.cli.terminal import Terminal
from tidegate.core.recipe import load_recipe

__all__ = ["backtest"]


def backtest(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    scores_of: Annotated[
        str | None, typer.Option("--scores-of", help="A training run; the newest of this recipe otherwise.")
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option("--dump", help="Folder for every decision, order, fill and close as documented Parquet files."),
    ] = None,
    event_mode: Annotated[
        bool,
        typer.Option("--event-mode", help="Drive it bar by bar through the event loop, too: the bits must agree."),
    ] = False,
    explain_legacy: Annotated[
        bool,
        typer.Option("--explain-legacy", help="What each known defect of earlier platforms was worth on these data."),
    ] = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Backtest a recipe on the out-of-sample scores of its training run."""
    from tidegate.engine import backtest as backtest_recipe
    from tidegate.engine.backtest import legacy_of_recipe
    from tidegate.registry import RunStore

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    opened = open_workspace(workspace, "backtest")
    trained = RunStore(opened).get(scores_of) if scores_of else None
    run = backtest_recipe(opened, parsed, train_run=trained, dump_to=dump, event_mode=event_mode, progress=terminal)
    effects = legacy_of_recipe(opened, parsed, run) if explain_legacy else []
    document = run_document(run)
    if explain_legacy:
        document["legacy"] = [effect.as_dict() for effect in effects]
    tables = [*performance_tables(run), *limit_tables(run), *([legacy_table(effects)] if explain_legacy else [])]
    dumped = [] if dump is None else [f"dumped to {dump}"]
    dumped += ["event mode: every decision, order, fill and close agrees to the bit"] if event_mode else []
    following = next_line(f"tidegate report {run.id}", workspace)
    terminal.emit(document, *tables, *dumped, f"run {run.id}", following)

"""``tidegate tune``: search a model's parameters, train with what was found, and say what it is worth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.detached import detach
from tidegate.cli.documents import run_document
from tidegate.cli.hints import next_line
from tidegate.cli.hit_tables import hit_tables, study_table
from tidegate.cli.narrowed import FAST, Narrowing, keep_recipe, narrowed
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
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.workspace import Workspace

__all__ = ["tune"]


def tune(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file with a section tune.")],
    stocks: Annotated[
        int | None, typer.Option("--stocks", min=2, help="Only the first so many names in the order of the alphabet.")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Sets of parameters that are tried.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0.01, help="Budget of time of the search.")] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="10 names, 5 trials: to see the path; its figures mean nothing.")
    ] = False,
    threads: ThreadsOption = DEFAULT_THREADS,
    detached: DetachOption = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Search parameters on what lies before the first test, train with the best, and show honest figures.

    Interrupted work is resumed: repeat the command. Data that were never audited are audited first.
    """
    terminal = Terminal(json_output=json_output)
    wanted = Narrowing(
        stocks=stocks or (FAST.stocks if fast else None),
        trials=trials or (FAST.trials if fast else None),
        minutes=minutes or (FAST.minutes if fast else None),
        inner_folds=FAST.inner_folds if fast else None,
    )
    parsed = narrowed(load_recipe(recipe), wanted)
    opened = open_workspace(workspace, "tune")
    if detached:
        detach(terminal, opened, workspace, parsed.project, parsed.name, parsed.training_fingerprint(), parsed.tune)
        return
    from tidegate.train import train as train_recipe
    from tidegate.train import tune as tune_recipe

    name = recipe if wanted.stocks is None else keep_recipe(opened, parsed)
    _audit_unless_done(opened, parsed, terminal)
    tuned = tune_recipe(opened, parsed, threads=threads, progress=terminal)
    run = train_recipe(opened, parsed, tuned=tuned, threads=threads, progress=terminal)
    study = read_json(tuned.folder / "study.json")
    document = {**run_document(run), "study": study, "recipe_to_name": name}
    tables = hit_tables(run, parsed.leading_model) or [forecast_table(run)]
    following = [
        next_line(f"tidegate {verb} {shlex.quote(name)}", workspace)
        for verb in (["pick"] if parsed.labels.is_binary else []) + ["backtest"] * (parsed.strategy is not None)
    ]
    following.append(next_line(f"tidegate report {run.id}", workspace))
    warning = ["10 names and 5 trials show the path; their figures mean nothing"] * fast
    terminal.emit(document, study_table(study), *tables, *warning, f"run {run.id}", *following)


def _audit_unless_done(workspace: Workspace, recipe: Recipe, terminal: Terminal) -> None:
    """Audit the readiness of data that no audit has seen as they stand; training refuses those that did not pass."""
    from tidegate.core.clock import now
    from tidegate.costs import resolve_recipe
    from tidegate.data import Catalog
    from tidegate.data.readiness import READINESS_CHECK, audit_readiness, audit_subject
    from tidegate.data.recipe_data import pinned_versions
    from tidegate.registry import RunStore

    store, catalog, resolved = RunStore(workspace), Catalog(workspace), resolve_recipe(recipe)
    subject = audit_subject(resolved, pinned_versions(catalog, resolved))
    if store.latest_evidence(READINESS_CHECK, subject) is not None:
        return
    terminal.say(f"auditing whether the data of {recipe.name} are ready to train on")
    store.record_evidence(audit_readiness(catalog, recipe, as_of=now()).evidence())

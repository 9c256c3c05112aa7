"""``tidegate search``: the best parameter set within its bounds, and how much of it was luck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.detached import detach
from tidegate.cli.options import (
    DEFAULT_THREADS,
    Colours,
    ColoursOption,
    DetachOption,
    JsonOption,
    LanguageOption,
    ReportLanguage,
    ThreadsOption,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.searching import (
    BackendOption,
    BaseRunOption,
    InFlightOption,
    LimitOption,
    SetOption,
    WorkersOption,
    recipe_of_base,
    tell,
    with_limit,
    workers_of,
)
from tidegate.cli.terminal import Terminal

__all__ = ["search"]


def search(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe's name or a YAML file with a section search.")
    ] = None,
    base_run: BaseRunOption = None,
    overrides: SetOption = None,
    train_run: Annotated[
        str | None, typer.Option("--train-run", help="Whose scores are traded; the newest of this recipe otherwise.")
    ] = None,
    limit: LimitOption = None,
    backend: BackendOption = "kernel",
    workers: WorkersOption = None,
    in_flight: InFlightOption = 8,
    threads: ThreadsOption = DEFAULT_THREADS,
    language: LanguageOption = ReportLanguage.ENGLISH,
    colours: ColoursOption = Colours.WESTERN,
    detached: DetachOption = False,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Try parameter sets under a drawdown limit, recommend one, and say what it is worth.

    Sets are chosen on the first part of the window and shown on the rest. Interrupted work is resumed: repeat the
    command.
    """
    from tidegate.registry import RunStore
    from tidegate.search import search as search_recipe

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "search")
    store = RunStore(opened)
    parsed = with_limit(recipe_of_base(store, recipe, base_run, overrides or [], sets=True), limit)
    trained = store.get(train_run) if train_run else None
    if detached:
        detach(terminal, opened, workspace, parsed.project, parsed.name, parsed.fingerprint(), train_run)
        return
    run = search_recipe(
        opened,
        parsed,
        train_run=trained,
        workers=workers_of(backend, workers, in_flight),
        threads=threads,
        progress=terminal,
    )
    tell(terminal, opened, workspace, run, language, colours)

"""``tidegate select``: one parameter set on many training runs, ranked under a drawdown limit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
from tidegate.core.errors import InputError
from tidegate.registry import Run, RunKind, RunStatus, RunStore

__all__ = ["select"]


def select(
    recipe: Annotated[
        str | None, typer.Argument(help="Whose strategy trades the scores; --base-run takes an earlier run's.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Every finished training run of this project.")
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", help="A file with ids of training runs, one in each line, or a JSON list of them."),
    ] = None,
    base_run: BaseRunOption = None,
    overrides: SetOption = None,
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
    """Trade one parameter set on the scores of every training run, and rank those that keep the drawdown limit.

    Without a recipe or a base run the newest backtest of the project says how scores are traded.
    """
    from tidegate.search import select as select_runs

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "select")
    store = RunStore(opened)
    chosen = _training_runs(store, project, runs)
    if recipe is None and base_run is None:
        base_run = _newest_backtest(store, project or chosen[0].project)
    parsed = with_limit(recipe_of_base(store, recipe, base_run, overrides or [], sets=False), limit)
    if detached:
        detach(terminal, opened, workspace, parsed.name, parsed.fingerprint(), [run.id for run in chosen])
        return
    run = select_runs(
        opened,
        parsed,
        chosen,
        workers=workers_of(backend, workers, in_flight),
        threads=threads,
        progress=terminal,
    )
    tell(terminal, opened, workspace, run, language, colours)


def _training_runs(store: RunStore, project: str | None, file: Path | None) -> list[Run]:
    """Return the training runs to choose among, the oldest first."""
    if (project is None) is (file is None):
        raise InputError(
            found="both --project and --runs" if file else "neither --project nor --runs",
            expected="one of them",
            hint="name the training runs to choose among: tidegate runs list --kind train",
        )
    if file is not None:
        named = [store.get(identifier) for identifier in _identifiers(file)]
        return list({run.id: run for run in named}.values())  # an id and its beginning are one run
    found = list(store.every(kind=RunKind.TRAIN, status=RunStatus.FINISHED, project=project))
    if not found:
        raise InputError(
            found=f"no finished training run in project {project!r}",
            expected="at least one",
            hint="list projects and runs: tidegate runs list --kind train",
        )
    return found[::-1]


def _identifiers(file: Path) -> Sequence[str]:
    try:
        text = file.read_text(encoding="utf-8")
        content: Any = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except (OSError, ValueError) as error:
        raise InputError(
            found=f"{file}: {getattr(error, 'strerror', None) or error}",
            expected="ids of training runs, one in each line, or a JSON list",
            hint="write one: tidegate runs list --kind train --json > runs.json",
        ) from None
    named = [one["id"] if isinstance(one, dict) and "id" in one else one for one in content]
    identifiers = [str(one).strip() for one in named if str(one).strip()]
    if not identifiers:
        raise InputError(found=f"{file} without an id", expected="ids of training runs", hint="one in each line")
    return identifiers


def _newest_backtest(store: RunStore, project: str) -> str:
    found = store.list(project=project, kind=RunKind.BACKTEST, status=RunStatus.FINISHED, limit=1)
    if not found:
        raise InputError(
            found=f"no recipe, no --base-run, and no backtest in project {project!r}",
            expected="something that says how scores are traded",
            hint="name a recipe, such as us-rotation",
        )
    return found[0].id

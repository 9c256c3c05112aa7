"""What the commands that search have in common: where the recipe comes from, who works, and what is told at the end."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.console import RenderableType

from tidegate.cli.documents import run_document
from tidegate.cli.hints import next_line
from tidegate.cli.options import Colours, ReportLanguage
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import InputError, RunError
from tidegate.core.files import read_json, write_text
from tidegate.core.recipe import Recipe, SearchSettings, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStore

__all__ = [
    "BackendOption",
    "BaseRunOption",
    "InFlightOption",
    "LimitOption",
    "SetOption",
    "Told",
    "WorkersOption",
    "recipe_of_base",
    "tell",
    "with_limit",
    "workers_of",
    "write_search",
]

_KERNEL: Final = "kernel"
_USUAL: Final = "us-rotation-30"
"""The recipe whose sets are tried where neither a recipe nor the base run says which: its 18 points and 12 around."""

BaseRunOption = Annotated[
    str | None, typer.Option("--base-run", help="A backtest or search whose strategy, costs and money are taken over.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE of the strategy, under our name or LEAN's; repeatable.")
]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="How many sets are shown, best first.")]
BackendOption = Annotated[
    str,
    typer.Option("--backend", help="kernel: in this process, hundreds of sets a second; loky, or any joblib backend."),
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes, for other backends.")]
InFlightOption = Annotated[int, typer.Option("--in-flight", min=1, help="Most sets handed over at a time, for these.")]


def recipe_of_base(
    store: RunStore, recipe: str | None, base_run: str | None, overrides: Sequence[str], *, sets: bool
) -> Recipe:
    """Return the recipe that is searched over.

    Strategy, costs and money are those of the base run where one is named, otherwise the recipe's; then come the
    overrides. What is asked is the recipe's, else the base run's.

    Parameters
    ----------
    sets
        Whether sets are to be tried: where neither says which, those of ``us-rotation-30`` are.

    Raises
    ------
    InputError
        If neither is named, or an override names nothing, or what every set of the grid says for itself.
    RunError
        If the base run is none that trades.
    """
    from tidegate.search import with_overrides

    parsed = None if recipe is None else load_recipe(recipe)
    if base_run is not None:
        base = _traded(store.get(base_run))
        search = base.search if parsed is None else parsed.search
        if parsed is None and search is None and sets:
            search = load_recipe(_USUAL).search
        parsed = base.model_copy(update={"search": search})
    if parsed is None:
        raise InputError(
            found="neither a recipe nor a base run",
            expected="one of them: it says how scores are traded",
            hint="name a recipe, such as us-rotation-30, or --base-run RUN",
        )
    if not overrides:
        return parsed
    before, strategy = parsed.trading(), with_overrides(parsed.trading(), list(overrides))
    grid = parsed.search.grid if parsed.search is not None and sets else {}
    if idle := [name for name in grid if getattr(strategy, name) != getattr(before, name)]:
        raise InputError(
            found=f"--set {idle[0]}, which every set of the grid says for itself",
            expected="a parameter that the grid leaves alone",
            hint=f"take {idle[0]} out of search.grid, or out of the command",
        )
    return parsed.model_copy(update={"strategy": strategy})


def _traded(run: Run) -> Recipe:
    if run.kind not in {RunKind.BACKTEST, RunKind.SEARCH, RunKind.SELECT}:
        raise InputError(
            found=f"{run.id}, a {run.kind} run",
            expected="a backtest, search or select run: they say how scores are traded",
            hint="list them: tidegate runs list --kind backtest",
        )
    try:
        return Recipe.model_validate(run.recipe)
    except ValidationError:
        raise RunError(
            found=f"{run.id}, made in the vocabulary of another version",
            expected="a base run of this version",
            hint="run its backtest again, or name a recipe",
        ) from None


def with_limit(recipe: Recipe, limit: int | None) -> Recipe:
    """Return the recipe with another number of sets that are shown."""
    if limit is None:
        return recipe
    asked = recipe.search or SearchSettings()
    return recipe.model_copy(update={"search": asked.model_copy(update={"top": limit})})


def workers_of(backend: str, workers: int | None, in_flight: int) -> Any:
    """Return who simulates; None for the kernel in this process."""
    from tidegate.search import Workers

    return None if backend == _KERNEL else Workers(count=workers, in_flight=in_flight, backend=backend)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finished search, told: as a document, as tables, and as a page."""

    document: dict[str, Any]
    tables: Sequence[RenderableType]
    page: Path


def write_search(workspace: Workspace, run: Run, language: ReportLanguage, colours: Colours) -> Told:
    """Write the report of a finished search, as a page and as ``summary.md`` beside its figures."""
    from tidegate.cli.search_tables import search_tables
    from tidegate.report import search_markdown, write_report

    summary = write_text(run.folder / "summary.md", search_markdown(run.folder))
    page = write_report(workspace, run.id, language=language.value, colours=colours.value)
    found = read_json(run.folder / "search.json")
    document = {**run_document(run), "search": found, "report": str(page), "summary": str(summary)}
    return Told(document=document, tables=search_tables(run, found), page=page)


def tell(
    terminal: Terminal, workspace: Workspace, folder: Path, run: Run, language: ReportLanguage, colours: Colours
) -> None:
    """Write the report of a finished search, and tell what was found."""
    told = write_search(workspace, run, language, colours)
    following = next_line(f"tidegate score {shlex.quote(run.id)}", folder)
    terminal.emit(told.document, *told.tables, f"report: {told.page}", f"run {run.id}", following)

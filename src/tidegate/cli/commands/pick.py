"""``tidegate pick``: today's list, with reasons, beside what the same rule earned before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import InputError, RunError
from tidegate.core.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from datetime import date

    from tidegate.core.workspace import Workspace
    from tidegate.registry import Run

__all__ = ["pick"]


def pick(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The day whose close decides, YYYY-MM-DD.", show_default="the newest bars"),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A training run's id.", show_default="the newest training")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, max=10_000, help="How many names.", show_default="picks.top_k")
    ] = None,
    stale_after: Annotated[
        int, typer.Option("--stale-after", min=0, help="Trading days without bars after which data are called stale.")
    ] = 1,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Print the best names of the newest day with probability and reasons, and what the same rule earned before.

    Where no threshold keeps the promised precision the list is printed all the same, and every line says so.
    """
    from tidegate.cli.pick_tables import PickList, pick_document, pick_tables
    from tidegate.registry import ArtifactStore, live_forecast, past_months, recipe_of

    terminal = Terminal(json_output=json_output)
    parsed, day = load_recipe(recipe), _day(as_of)
    opened = open_workspace(workspace, "pick", only_reads=True)
    trained = _training(opened, parsed, run)
    artifact = ArtifactStore(opened).open(_artifact_of(trained, recipe))
    forecast = live_forecast(opened, artifact, day=day)
    count = top or parsed.picks.top_k
    kept = min(count, recipe_of(artifact).picks.top_k)
    told = PickList(
        run=trained.id,
        tuned_by=(trained.metrics.get("tuned") or {}).get("run"),
        forecast=forecast,
        picks=forecast.picks(count, parsed.picks.reasons),
        months=past_months(artifact, forecast.model.kind, kept),
        past_top_k=kept,
        stale_after=stale_after,
    )
    terminal.emit(pick_document(told), *pick_tables(told))


def _training(workspace: Workspace, recipe: Recipe, identifier: str | None) -> Run:
    from tidegate.costs import resolve_recipe
    from tidegate.registry import RunStore

    store, resolved = RunStore(workspace), resolve_recipe(recipe)
    if identifier is None:
        return store.latest_training(resolved)
    run = store.get(identifier)
    store.require_training_of(resolved, run)
    return run


def _artifact_of(run: Run, recipe: str) -> str:
    found: Any = run.metrics.get("artifact")
    if not isinstance(found, str):
        raise RunError(
            found=f"{run.id}, which made no artifact",
            expected="a training that shipped its models",
            hint=f"train again with this version: tidegate train {recipe}",
        )
    return found


def _day(text: str | None) -> date | None:
    from datetime import date

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(
            found=f"--as-of {text!r}", expected="a day such as 2024-06-28", hint="write YYYY-MM-DD"
        ) from None

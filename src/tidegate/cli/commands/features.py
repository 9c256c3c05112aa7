"""``tidegate features``: what a recipe's models see, declared and built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import InputError, WorkspaceError
from tidegate.core.recipe import Recipe, load_recipe

__all__ = ["app", "build", "show"]

app = typer.Typer(help="Features: a recipe's contract, and feature sets on disk.", no_args_is_help=True)

RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")]


@app.command(
    "build",
    epilog="[bold]Examples[/bold]\n\ntidegate features build us-rotation --workspace us\n\n"
    "tidegate features build my.yaml --json",
)
def build(
    recipe: RecipeArgument,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Build a recipe's features into the workspace; what did not change since the last time is kept."""
    from tidegate.cli.feature_tables import built_document, built_tables
    from tidegate.features.delivery import undelivered, wanted_contract
    from tidegate.features.store import build_recipe_features

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    opened = open_workspace(workspace, "features build")
    inputs, built = build_recipe_features(opened, parsed, progress=terminal)
    wanted = wanted_contract(parsed.features, parsed.data.interval)
    lacking = undelivered(wanted, columns=inputs.history.bars, tables=inputs.history.tables)
    document = built_document(inputs, built, lacking)
    following = next_line(f"tidegate lineage {built.stored.lineage_id[:12]}", workspace)
    terminal.emit(document, *built_tables(document), "", following)


@app.command(
    "show",
    epilog="[bold]Examples[/bold]\n\ntidegate features show crypto-horizons\n\n"
    "tidegate features show my.yaml --group volume --json",
)
def show(
    recipe: RecipeArgument,
    group: Annotated[list[str] | None, typer.Option("--group", help="Show these groups alone; repeatable.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Show the features that a recipe asks for, and what the data of the workspace lack for them."""
    from tidegate.cli.feature_tables import contract_document, contract_table
    from tidegate.features import FeatureGroup
    from tidegate.features.delivery import wanted_contract

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    unknown = sorted(set(group or ()) - set(FeatureGroup))
    if unknown:
        raise InputError(
            found=f"--group {unknown[0]}",
            expected=f"one of {', '.join(FeatureGroup)}",
            hint="leave it out to see them all",
        )
    wanted = wanted_contract(parsed.features, parsed.data.interval)
    lacking, note = _lacking(workspace, parsed)
    document = contract_document(wanted, lacking)
    chosen = [entry for entry in document if not group or entry["group"] in group]
    title = f"Features of {parsed.name}, contract {parsed.features.contract} on bars of {parsed.data.interval}"
    told = f"{len(chosen):,} features, {sum(bool(entry['lacks']) for entry in chosen):,} of them without their data"
    terminal.emit(
        {"recipe": parsed.name, "contract": wanted.fingerprint, "features": chosen, "note": note},
        contract_table(title, chosen),
        note or told,
    )


def _lacking(workspace: Path, recipe: Recipe) -> tuple[dict[str, tuple[str, ...]], str | None]:
    """Return what the workspace's data lack for each feature, or why that was not looked at."""
    from tidegate.core.errors import CatalogError
    from tidegate.features.delivery import undelivered, wanted_contract
    from tidegate.features.store import read_recipe_inputs

    try:
        inputs = read_recipe_inputs(open_workspace(workspace, "features show", only_reads=True), recipe)
    except (WorkspaceError, CatalogError) as error:
        return {}, f"not compared with data: {error.found}"
    wanted = wanted_contract(recipe.features, recipe.data.interval)
    return undelivered(wanted, columns=inputs.history.bars, tables=inputs.history.tables), None

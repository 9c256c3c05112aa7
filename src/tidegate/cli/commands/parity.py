"""``tidegate audit parity``: whether the row that is trained on is the row that is computed online."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.hints import next_line
from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal
from tidegate.core.recipe import load_recipe

__all__ = ["parity"]


def parity(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    instants: Annotated[int, typer.Option("--instants", min=2, help="Instants that are compared.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the instants.")] = 7,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Compare training rows with online rows at random instants, to the bit. Exit 3 if any differs."""
    from tidegate.audit.parity import audit_parity
    from tidegate.cli.feature_tables import comparison_tables
    from tidegate.core.errors import GateNotPassed
    from tidegate.core.evidence import Verdict
    from tidegate.costs import resolve_recipe
    from tidegate.features.store import read_recipe_inputs
    from tidegate.registry import RunStore
    from tidegate.train.lookahead import lookahead_subject

    terminal = Terminal(json_output=json_output)
    parsed = resolve_recipe(load_recipe(recipe))
    opened = open_workspace(workspace, "audit parity")
    terminal.say(f"reading {parsed.data.dataset}")
    inputs = read_recipe_inputs(opened, parsed)
    audit = audit_parity(
        inputs.history,
        inputs.contract,
        subject=lookahead_subject(parsed, inputs.versions, inputs.contract),
        instants=instants,
        seed=seed,
        progress=terminal,
    )
    RunStore(opened).record_evidence(audit.evidence())
    found = audit.comparison
    facts = {"verdict": f"{found.verdict.value} ({found.reason})", "contract": audit.contract}
    passed = found.verdict is Verdict.PASSED
    following = [next_line(f"tidegate audit lookahead {shlex.quote(recipe)}", workspace)] if passed else []
    title = f"Training rows against online rows of {parsed.name}"
    terminal.emit({"recipe": parsed.name, **audit.as_dict()}, *comparison_tables(title, found, facts), "", *following)
    if not passed:
        raise typer.Exit(GateNotPassed.exit_code)

"""``tidegate lineage``: whether stored features follow from the raw data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal

__all__ = ["lineage"]


def lineage(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Lineage id of a feature set, or id of a training run; its beginning.")
    ],
    instants: Annotated[int, typer.Option("--instants", min=1, help="Instants at which features are recomputed.")] = 20,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, max=1.0, help="Largest absolute difference that still agrees.")
    ] = 0.0,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Compare one symbol alone.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the instants.")] = 7,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Recompute stored features from raw data as it was known at the same instants. Exit 3 if they differ."""
    from tidegate.audit.lineage import check_lineage
    from tidegate.cli.feature_tables import comparison_tables
    from tidegate.core.errors import GateNotPassed
    from tidegate.core.evidence import Verdict
    from tidegate.registry import RunStore

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "lineage")
    found = check_lineage(
        opened, identifier, instants=instants, tolerance=tolerance, symbol=symbol, seed=seed, progress=terminal
    )
    RunStore(opened).record_evidence(found.evidence())
    document = found.as_dict()
    facts: dict[str, object] = {
        "verdict": f"{found.verdict.value} ({found.reason})",
        **({"symbol": symbol} if symbol else {}),
        **(
            {"altered": "; ".join(f"{first} to {last}" for first, last in document["altered"])} if found.altered else {}
        ),
    }
    terminal.emit(document, *comparison_tables(f"Lineage of {found.subject}", found.comparison, facts))
    if found.verdict is not Verdict.PASSED:
        raise typer.Exit(GateNotPassed.exit_code)

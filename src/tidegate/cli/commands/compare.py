"""``tidegate compare``: two backtests in pairs, and whether their difference is more than chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.time import format_instant

__all__ = ["compare"]


def compare(
    first: Annotated[str, typer.Argument(help="A backtest run's id, the beginning of it, or 'latest'.")],
    second: Annotated[str, typer.Argument(help="The backtest that it is held against.")],
    block: Annotated[
        int | None,
        typer.Option(
            "--block",
            min=1,
            help="Returns that stay together, as long as positions are held. The longer label's bars, at least 10.",
        ),
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Compare two backtests on their common days by a paired block bootstrap."""
    from tidegate.engine.rivals import compare_backtests
    from tidegate.registry import RunStore

    terminal = Terminal(json_output=json_output)
    store = RunStore(open_workspace(workspace, "compare", only_reads=True))
    found = compare_backtests(store.get(first), store.get(second), block=block)
    rows = [
        (
            run["id"],
            f"{run['cagr']:.2%}",
            f"{run['volatility']:.2%}",
            "–" if run["sharpe"] is None else f"{run['sharpe']:.2f}",
            f"{run['max_drawdown']:.2%}",
        )
        for run in (found["first"], found["second"])
    ]
    span = f"{format_instant(found['from'])[:10]} to {format_instant(found['to'])[:10]}"
    title = f"Days in common, {span}"
    terminal.emit(found, table(title, ("run", "CAGR", "volatility", "Sharpe", "max drawdown"), rows), _verdict(found))


def _verdict(found: dict[str, object]) -> str:
    """Return the difference in words."""
    said = f"growth of the first less that of the second: {found['difference_a_year']:+.2%} a year (log return)"
    interval = found["interval"]
    if not isinstance(interval, list):
        return f"{said}; too few returns to say whether that is more than chance"
    low, high = interval
    tells = "more than chance" if low > 0.0 or high < 0.0 else "not told from chance"
    drawn = f"{found['returns']:,} returns in blocks of {found['block']}"
    return f"{said}, 95 % between {low:+.2%} and {high:+.2%}, p = {found['p_value']:.3f}, {drawn}: {tells}"

"""What limited a backtest, and what defects of earlier platforms were worth, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from tidegate.cli.terminal import table
from tidegate.core.files import read_json
from tidegate.registry import Run

if TYPE_CHECKING:
    from tidegate.engine.legacy import LegacyEffect

__all__ = ["legacy_table", "limit_tables"]


def limit_tables(run: Run) -> list[RenderableType]:
    """Return how often each constraint bound, and which parameters changed nothing."""
    found = read_json(run.folder / "performance.json")
    rebalances, counts = found["rebalances"], found["binding_counts"]
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [(name.replace("_", " "), str(count), f"{count / rebalances:.0%}") for name, count in ordered]
    parts: list[RenderableType] = []
    if rows:
        parts.append(table(f"What bound, of {rebalances} rebalances", ("constraint", "rebalances", "share"), rows))
    if found["inert"]:
        still = [(one["parameter"], one["why"], ", ".join(one["tried"])) for one in found["inert"]]
        parts.append(table("Parameters that changed nothing", ("parameter", "why", "tried"), still))
    return [*parts, _capacity(found["capacity"])]


def _capacity(found: dict[str, float | str | None]) -> str:
    if found["nav"] is None:
        return f"capacity: unknown, {found['reason']}"
    return f"capacity: impact eats half of the edge from {found['nav']:,.0f} on"


def legacy_table(effects: Sequence[LegacyEffect]) -> RenderableType:
    """Return growth and drawdown with each defect of earlier platforms switched on, against none."""
    rows = [
        (
            effect.switch,
            f"{effect.cagr:.2%}",
            f"{effect.cagr_points:+.2f}",
            f"{effect.max_drawdown:.2%}",
            f"{effect.drawdown_points:+.2f}",
        )
        for effect in effects
    ]
    columns = ("defect", "CAGR", "points", "max drawdown", "points")
    return table("What each defect of earlier platforms was worth here", columns, rows)

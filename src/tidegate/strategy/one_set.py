"""The compiled decision of one parameter set: what the kernel calls for thousands, called from Python."""

from __future__ import annotations

from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array
from tidegate.strategy.decide import decide, observe
from tidegate.strategy.seam import Past, Ranking, Targets, Work

__all__ = ["decide_alone", "observe_alone"]


@compiled
def decide_alone(
    parameters: Any,
    states: Any,
    equity: float,
    place: Int64Array,
    shares: FloatArray,
    past: Past,
    ranking: Ranking,
    row: int,
    rebalances: bool,
    targets: Targets,
    work: Work,
) -> None:
    """Decide at the close of ``row`` (see :func:`tidegate.strategy.decide.decide`); the ranking is of this close."""
    decide(
        parameters[0], states, 0, equity, place, shares, len(place), past, ranking, 0, row, rebalances, targets, work
    )


@compiled
def observe_alone(parameters: Any, states: Any, equity: float) -> None:
    """Take note of the equity at a close."""
    observe(parameters[0], states, 0, equity)

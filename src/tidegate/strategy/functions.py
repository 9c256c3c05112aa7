"""Decision functions in plain Python, driven by the event loop: benchmarks, and whatever a user writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.orders import Decision
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.benchmarks import BookState, Decide
from tidegate.strategy.protocol import Holdings, Sight
from tidegate.strategy.schedule import opens_new_week
from tidegate.strategy.seam import Action, Note, Targets, new_targets

__all__ = ["FunctionStrategy"]

_COUNT, _ACTION, _PICK = int(Note.COUNT), int(Note.ACTION), int(Note.PICK)
_HOLD, _TRADE = int(Action.HOLD), int(Action.TRADE)
_NOBODY = -1


class FunctionStrategy:
    """A decision function that remembers nothing, called at the close before each rebalance.

    Parameters
    ----------
    function
        Book and past in, target weights out (see :class:`~tidegate.core.orders.Decision`).
    schedule
        Closes of bars in, sessions of rebalancing out; weekly where nothing is said.
    """

    def __init__(self, function: Decide, *, schedule: Callable[[Int64Array], Mask] = opens_new_week) -> None:
        self._function, self._schedule = function, schedule

    def schedule(self, times: Int64Array) -> Mask:
        """Return the sessions at which the book is rebalanced."""
        return self._schedule(times)

    def observe(self, equity: float) -> None:
        """Remember nothing."""

    def decide(self, holdings: Holdings, sight: Sight, *, rebalances: bool) -> Targets | None:
        """Ask the function.

        Raises
        ------
        LookAheadError
            If its decision is dated later than what it was shown.
        InputError
            If its weights are not one finite number for each symbol.
        """
        if not rebalances:
            return None
        current = np.zeros(len(sight.symbols))
        current[holdings.place] = holdings.shares * sight.newest().mark[-1, holdings.place] / holdings.equity
        decision = self._function(BookState(current), sight.view())
        if decision.at > sight.at:
            raise LookAheadError(
                found=f"a decision dated {format_instant(decision.at)} on data up to {format_instant(sight.at)}",
                expected="the instant of the close that it was shown",
                hint="date decisions with view.as_of",
            )
        return _as_targets(decision, holdings, current)

    def state(self) -> dict[str, Any]:
        """Return nothing: the function is asked anew each time."""
        return {}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember nothing."""


def _as_targets(decision: Decision, holdings: Holdings, current: FloatArray) -> Targets:
    """Lay a decision out over what is held and what is wanted, in symbol order."""
    weights = decision.weights
    if weights is None:
        targets = new_targets(0)
        targets.number[_ACTION], targets.number[_PICK] = _HOLD, _NOBODY
        return targets
    if weights.shape != current.shape or decision.keep.shape != current.shape or not np.isfinite(weights).all():
        raise InputError(
            found=f"weights of shape {weights.shape}, {int(np.isfinite(weights).sum())} of them finite",
            expected=f"one finite weight and one flag to keep for each of {len(current)} symbols",
            hint="a weight of 0 sells; weights=None holds the book",
        )
    wanted = weights != 0.0
    wanted[holdings.place] = True
    places = np.flatnonzero(wanted)
    targets = new_targets(len(places))
    targets.place[:], targets.current[:], targets.weight[:] = places, current[places], weights[places]
    targets.held[:], targets.keep[:] = np.isin(places, holdings.place), decision.keep[places]
    targets.number[_COUNT], targets.number[_ACTION], targets.number[_PICK] = len(places), _TRADE, _NOBODY
    return targets

"""Decision functions in plain Python: what choosing nothing earns, and the form that users write their own in.

``decide(state, view) -> Decision`` is all that the event loop knows of one. It is pure: the same state and the same
past give the same decision, in a backtest, on paper and live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.orders import Decision
from tidegate.core.past_view import PastView
from tidegate.core.units import FloatArray, Mask

__all__ = ["NOT_A_MEMBER", "BookState", "Decide", "buy_and_hold", "equal_weight"]

NOT_A_MEMBER: Final = "not a member"
"""Why a holding is sold that left the universe."""


@dataclass(frozen=True, eq=False)
class BookState:
    """The book at a decision.

    Parameters
    ----------
    weights
        ``float64 (n_symbols,)``: value of each holding at the last close as a fraction of equity.
    """

    weights: FloatArray

    @property
    def held(self) -> Mask:
        """Names with shares, those being run down included."""
        held: Mask = self.weights != 0.0
        return held


Decide = Callable[[BookState, PastView], Decision]
"""What an engine calls at the close before each rebalance."""


def equal_weight(state: BookState, view: PastView) -> Decision:
    """Hold every tradable name of the universe in equal parts: the benchmark of choosing nothing."""
    tradable, member = _tradable(view), _member(view)
    stuck, bought = state.held & ~tradable, tradable & member
    budget = 1.0 - float(state.weights[stuck].sum())
    weights = np.where(bought, budget / max(int(bought.sum()), 1), 0.0)
    weights[stuck] = state.weights[stuck]
    leaving = _leaving(state, tradable, member)
    return Decision(at=view.as_of, weights=weights, keep=stuck, reason="equal weight", own_reasons=leaving)


def buy_and_hold(state: BookState, view: PastView) -> Decision:
    """Buy equal parts once and never trade again."""
    if not state.held.any():
        return equal_weight(state, view)
    return Decision(at=view.as_of, weights=None, keep=state.held, reason="hold")


def _tradable(view: PastView) -> Mask:
    """Return the names with a bar at the decision's own close, and volume where the source has it."""
    traded = np.isfinite(view.latest("close"))
    return traded & (view.latest("volume") > 0.0) if "volume" in view else traded


def _member(view: PastView) -> Mask:
    """Return the names that belong to the universe by what was known at the decision; all where there is none."""
    return view.latest("member") > 0.0 if "member" in view else np.ones(len(view.symbols), dtype=np.bool_)


def _leaving(state: BookState, tradable: Mask, member: Mask) -> dict[int, str]:
    """Return the holdings that are sold because they left the universe."""
    return dict.fromkeys(np.flatnonzero(state.held & tradable & ~member).tolist(), NOT_A_MEMBER)

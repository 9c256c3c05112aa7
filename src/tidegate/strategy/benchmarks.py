"""The decision function: past in, target weights out, nothing else.

``decide(state, view) -> Decision`` is all that an engine knows of a strategy. It is pure: the same state and the same
past give the same decision, in a backtest, on paper and live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.orders import Decision
from tidegate.core.past_view import PastView
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.selection import choose, rank_eligible
from tidegate.strategy.weights import raw_weights, water_fill

__all__ = ["NOT_A_MEMBER", "BookState", "Decide", "buy_and_hold", "equal_weight", "rotation"]

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


def rotation(settings: StrategySettings) -> Decide:
    """Return the weekly top-N rotation by score.

    At the close *t-1* the newest row of scores (at most ``max_score_age_bars`` old) ranks the tradable names, ties by
    symbol. A held name stays while it ranks within ``top_n + retain_top_n``; the free places go to the best others.
    The chosen names share ``max_exposure`` minus what suspended holdings use, none above ``max_weight``; what the cap
    cuts off goes to names below it or stays in cash. Without a fresh score row the book is held; with an empty
    selection it is sold. Where the panel has a column ``member``, names outside the universe at *t-1* are not bought,
    and sold as soon as they trade.
    """

    def decide(state: BookState, view: PastView) -> Decision:
        scores = _freshest(view, settings.max_score_age_bars)
        tradable, member = _tradable(view), _member(view)
        stuck = state.held & ~tradable
        leaving = _leaving(state, tradable, member)
        if scores is None:
            return _hold(state, view, leaving)
        order = rank_eligible(scores, tradable & member, settings.minimum_score)
        chosen = choose(order, state.held & ~stuck, settings.top_n, settings.retain_top_n)
        budget = max(settings.max_exposure - float(state.weights[stuck].sum()), 0.0)
        weights = _weigh(scores, chosen, budget, settings)
        weights[stuck] = state.weights[stuck]
        reason = "top scores" if chosen.size else "no name qualifies: cash"
        return Decision(at=view.as_of, weights=weights, keep=stuck, reason=reason, own_reasons=leaving)

    return decide


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


def _freshest(view: PastView, maximum_age_bars: int) -> FloatArray | None:
    """Return the newest row of scores that is young enough, whole: rows are never mixed."""
    recent = view["score"][-maximum_age_bars - 1 :]
    rows = np.flatnonzero(np.isfinite(recent).any(axis=1))
    return recent[rows[-1]] if rows.size else None


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


def _hold(state: BookState, view: PastView, leaving: dict[int, str]) -> Decision:
    """Keep the book as it is, but for what left the universe."""
    reason = "no fresh scores: hold"
    if not leaving:
        return Decision(at=view.as_of, weights=None, keep=np.zeros_like(state.held), reason=reason)
    weights, keep = state.weights.copy(), state.held.copy()
    weights[list(leaving)], keep[list(leaving)] = 0.0, False
    return Decision(at=view.as_of, weights=weights, keep=keep, reason=reason, own_reasons=leaving)


def _weigh(scores: FloatArray, chosen: Int64Array, budget: float, settings: StrategySettings) -> FloatArray:
    weights = np.zeros(len(scores))
    raw = raw_weights(scores[chosen], settings.weighting, settings.minimum_score or 0.0)
    weights[chosen] = water_fill(raw, budget, settings.max_weight)
    return weights

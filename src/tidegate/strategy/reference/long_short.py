"""The second strategy as its rules read: every horizon votes by its sign, and the votes share the gross exposure.

It is written apart from the compiled strategy, and slow; that the two agree in every bit is what proves the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tidegate.strategy.long_short import LongShort
from tidegate.strategy.reference.state import PlainDecision, add_up
from tidegate.strategy.reference.weights import water_fill

__all__ = ["Forecasts", "decide_by_votes"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecasts:
    """What votes are made of, as plain lists; :class:`tidegate.engine.market.Market` says what each is.

    Parameters
    ----------
    mark, traded
        Row by row, by symbol.
    horizons
        The market's ``signals``: one table like these for each horizon.
    """

    mark: list[list[float]]
    traded: list[list[bool]]
    horizons: list[list[list[float]]]


def decide_by_votes(
    settings: LongShort, past: Forecasts, row: int, shares: list[float], equity: float, *, is_rebalance: bool
) -> PlainDecision | None:
    """Return what is decided at the close of ``row`` for the next session; None where that is not in the schedule.

    Parameters
    ----------
    shares, equity
        The book at this close, short positions below 0.
    """
    if not is_rebalance:
        return None
    stuck = [place for place, held in enumerate(shares) if held != 0.0 and not past.traded[row][place]]
    stuck_gross = add_up(abs(shares[place] * past.mark[row][place] / equity) for place in stuck)
    binding = {"suspended"} if stuck_gross > 0.0 else set()
    votes = {place: _vote(past, row, place) for place in range(len(shares))}
    majorities = {place: vote for place, vote in votes.items() if abs(vote) >= settings.least_votes}
    if not majorities:
        binding.add("no_candidates")
    raw = {place: float(abs(vote)) for place, vote in majorities.items()}
    shared = water_fill(raw, max(settings.gross - stuck_gross, 0.0), settings.max_weight)
    if shared.capped:
        binding.add("cap")
    targets = {
        place: weight if majorities[place] > 0 else -weight for place, weight in shared.weights.items() if weight != 0.0
    }
    reason = "votes" if majorities else "no majority anywhere"
    return PlainDecision(row, row + 1, True, "trade", binding, reason, targets, set(stuck))


def _vote(past: Forecasts, row: int, place: int) -> int:
    """Return horizons that say up, minus those that say down; one that says nothing silences the symbol."""
    forecasts = [horizon[row][place] for horizon in past.horizons]
    if not past.traded[row][place] or not all(math.isfinite(forecast) for forecast in forecasts):
        return 0
    return sum(forecast > 0.0 for forecast in forecasts) - sum(forecast < 0.0 for forecast in forecasts)

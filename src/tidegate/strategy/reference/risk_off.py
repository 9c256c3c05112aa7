"""What the plain rotation holds instead of its names: one defensive asset, the benchmark, or cash."""

from __future__ import annotations

import math

from tidegate.strategy.reference.exposure import returns_of, sample_deviation, tier_cap
from tidegate.strategy.reference.state import Close, Memory

__all__ = ["pick", "risk_off_targets"]


def pick(kind: str, close: Close) -> int | None:
    """Return the place of what is held instead; None is cash (rule 14).

    Parameters
    ----------
    kind
        ``benchmark``, ``defensive``, or anything else for cash.
    """
    if kind == "benchmark":
        place = close.past.benchmark_place
        return place if place >= 0 and close.tradable(place) else None
    return _best_defensive(close) if kind == "defensive" else None


def _best_defensive(close: Close) -> int | None:
    first = close.row - close.settings.defensive_lookback_bars
    best, best_figure = None, math.inf
    tradable = [place for place in close.past.defensives if close.tradable(place)]
    for place in tradable:
        closes = [close.past.close[row][place] for row in range(max(first, 0), close.row + 1)]
        if first < 0 or not all(math.isfinite(price) for price in closes):
            continue
        if close.settings.defensive_pick == "lowest_volatility":
            figure = sample_deviation(returns_of(closes))
        else:
            figure = -(closes[-1] / closes[0] - 1.0)
        if figure < best_figure:
            best, best_figure = place, figure
    if best is None and tradable:
        return tradable[0]
    return best


def risk_off_targets(memory: Memory, close: Close) -> tuple[dict[int, float], set[int]] | None:
    """Return targets and kept places of a risk-off close; None where the book stays as it is (rule 12)."""
    exposure = tier_cap(memory, close.settings)
    if close.settings.legacy.riskoff_keeps_book and exposure > 0.0 and close.settings.risk_off != "cash":
        return _on_top_of_the_book(close, exposure)
    begins = not memory.in_spell
    if begins:
        memory.in_spell, memory.pick = True, pick(close.settings.risk_off, close)
    targets: dict[int, float] = {}
    # A pick that cannot trade at this close is not ordered; one that is stuck in the book keeps its shares.
    if memory.pick is not None and close.tradable(memory.pick):
        targets[memory.pick] = max(exposure - close.stuck_weight, 0.0)
    if begins or _is_off(targets, close):
        return targets, set(close.stuck)
    return None


def _is_off(targets: dict[int, float], close: Close) -> bool:
    places = (set(close.held) | set(targets)) - set(close.stuck)
    band = close.settings.risk_off_band
    return any(abs(close.weights.get(place, 0.0) - targets.get(place, 0.0)) > band for place in places)


def _on_top_of_the_book(close: Close, exposure: float) -> tuple[dict[int, float], set[int]] | None:
    """Return what earlier platforms did: the pick of the day is bought, and nothing is sold (A.9)."""
    place = pick(close.settings.risk_off, close)
    if place is None:
        return {}, set(close.stuck)
    return {place: max(exposure - close.stuck_weight, 0.0)}, set(close.held) - {place}

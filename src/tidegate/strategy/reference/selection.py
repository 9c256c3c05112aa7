"""Which names the plain rotation holds: one row of scores, a ranking, and a band for what is held."""

from __future__ import annotations

import math

from tidegate.strategy.reference.state import Close, Memory

__all__ = ["candidates", "choose", "choose_alphabetically", "read_scores"]


def read_scores(memory: Memory, close: Close) -> dict[int, float] | None:
    """Return the scores that rank here, by place; None without a fresh row (rule 15).

    Smoothing advances by one step each time: ``s = a * score + (1 - a) * s_before``, the score itself on first sight.
    """
    row = _fresh_row(close)
    if row is None:
        return None
    today = {place: score for place, score in enumerate(close.past.score[row]) if math.isfinite(score)}
    part = close.settings.score_smoothing
    if part == 0.0:
        return today
    smoothed = dict(memory.smoothed) if close.settings.score_smoothing_carry else {}
    for place, score in today.items():
        before = memory.smoothed.get(place)
        smoothed[place] = score if before is None else part * score + (1.0 - part) * before
    memory.smoothed = smoothed
    return dict(smoothed)


def _fresh_row(close: Close) -> int | None:
    """Return the newest row with any score that may be read here, unless it is too old."""
    row = close.row - close.settings.score_delay_bars
    while row >= 0 and not any(math.isfinite(score) for score in close.past.score[row]):
        row -= 1
    if row < 0:
        return None
    too_old = close.row - row > close.settings.max_score_age_bars
    return None if too_old and not close.settings.legacy.score_age_unlimited else row


def candidates(close: Close, scores: dict[int, float]) -> list[int]:
    """Return the places that may be chosen, best score first, ties by symbol."""
    places = [
        place for place in scores if close.past.candidate[place] and close.tradable(place) and close.member(place)
    ]
    return sorted(places, key=lambda place: (-scores[place], place))


def choose(ranking: list[int], close: Close) -> list[int]:
    """Return at most ``top_n`` places by rank: held ones within the band first, then the best others (rule 8)."""
    top_n = close.settings.top_n
    band = ranking[: top_n + close.settings.retain_top_n]
    chosen = [place for place in band if place in close.held][:top_n]
    return _fill_up(chosen, ranking, ranking, top_n)


def choose_alphabetically(ranking: list[int], eligible: list[int], close: Close) -> list[int]:
    """Return the same as earlier platforms did: held names in order of symbol, whatever their score (A.15)."""
    top_n = close.settings.top_n
    band = ranking[: top_n + close.settings.retain_top_n]
    chosen = [place for place in sorted(band) if place in close.held][:top_n]
    return _fill_up(chosen, eligible, ranking, top_n)


def _fill_up(chosen: list[int], others: list[int], ranking: list[int], top_n: int) -> list[int]:
    for place in others:
        if len(chosen) < top_n and place not in chosen:
            chosen.append(place)
    return sorted(chosen, key=ranking.index)

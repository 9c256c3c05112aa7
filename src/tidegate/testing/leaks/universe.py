"""Leaks of the universe: who is looked at was chosen by how things ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.units import FloatArray, Mask
from tidegate.testing.leaks.leak import Leak, momentum
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.neighbours import SEEN_BY_VALUE, feature_leak

__all__ = ["UNIVERSE"]

_LONG_ENOUGH: Final = 180


def _rank_among(values: FloatArray, chosen: Mask) -> FloatArray:
    """Return the share of the chosen that are not above each of them."""
    there = np.where(chosen, values, np.nan)
    below = np.sum(there[:, None, :] <= there[:, :, None], axis=2)
    rank = below / np.maximum(np.sum(~np.isnan(there), axis=1), 1)[:, None]
    return np.where(np.isnan(there), np.nan, rank)


def _rank_among_last_members(history: History) -> FloatArray:
    member = history.bars["member"] > 0.0
    return _rank_among(momentum(history), np.broadcast_to(member[-1:], member.shape))


def _rank_among_members(history: History) -> FloatArray:
    return _rank_among(momentum(history), history.bars["member"] > 0.0)


def _rank_among_well_known(history: History) -> FloatArray:
    enough = np.sum(~np.isnan(history.bars["close"]), axis=0) >= _LONG_ENOUGH
    return _rank_among(momentum(history), np.broadcast_to(enough, history.bars.shape))


def _rank_among_known_so_far(history: History) -> FloatArray:
    enough = np.cumsum(~np.isnan(history.bars["close"]), axis=0) >= _LONG_ENOUGH
    return _rank_among(momentum(history), enough)


@dataclass(frozen=True)
class _Survivors:
    """Momenta of those symbols that still trade at the end; the others are not even in the frame."""

    def run(self, history: History) -> Iterable[Stage]:
        alive = np.flatnonzero(~np.isnan(history.bars["close"][-10:]).all(axis=0))
        kept = tuple(history.bars.symbols[place] for place in alive)
        yield _of(history.bars.take(kept))


@dataclass(frozen=True)
class _Everyone:
    """Momenta of every symbol, missing where it does not trade."""

    def run(self, history: History) -> Iterable[Stage]:
        yield _of(history.bars)


def _of(bars: Panel) -> Stage:
    with np.errstate(all="ignore"):
        values = momentum(History(bars))[:, :, None]
    return Stage(kind=StageKind.FEATURES, times=bars.times, symbols=bars.symbols, keys=("momentum_5",), values=values)


UNIVERSE: Final = (
    feature_leak(
        "future universe",
        "values are ranked among those who belong to the index at the end",
        "FinRL #433, equity H 13",
        _rank_among_last_members,
        _rank_among_members,
        key="rank_among_members",
    ),
    Leak(
        name="survivors only",
        about="symbols without bars at the end were dropped before anything was computed",
        source="FinRL #433, equity H 13",
        keys=("momentum_5", "*"),
        expected=SEEN_BY_VALUE,
        planted=lambda _: _Survivors(),
        clean=lambda _: _Everyone(),
        history=daily_market,
    ),
    feature_leak(
        "those with a long history",
        "symbols count that have enough bars in the whole frame, even where they have just been listed",
        "FinRL #433, the same by length",
        _rank_among_well_known,
        _rank_among_known_so_far,
        key="rank_among_long_lived",
    ),
)

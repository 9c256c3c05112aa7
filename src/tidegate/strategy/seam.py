"""What engine and strategies agree on: the past as arrays, the book, target weights, and why they are what they are.

A compiled strategy is two functions over these, ``observe`` and ``decide`` in :mod:`tidegate.strategy.decide`, chosen
by the type of its parameters. The backtest of a thousand parameter sets, the event loop and live trading call the same
machine code.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tidegate.core.compiled import compiled
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = [
    "NEGLIGIBLE",
    "Action",
    "Binding",
    "Note",
    "Past",
    "Ranking",
    "Step",
    "Targets",
    "Work",
    "find",
    "new_targets",
    "new_work",
    "open_book",
    "put",
    "put_all",
]

NEGLIGIBLE: Final = 1e-9
"""Weights and orders below this fraction of equity count as zero."""


class Action(IntEnum):
    """What a decision asks for."""

    NOTHING = 0
    """No decision at this close."""
    HOLD = 1
    """The book stays as it is."""
    TRADE = 2
    """The book goes to the target weights."""


class Binding(IntFlag):
    """What limited a decision; several may."""

    NONE = 0
    CAP = 1
    MAX_EXPOSURE = 2
    TIER = 4
    VOLATILITY = 8
    GUARD = 16
    FILTER = 32
    TURNOVER = 64
    MINIMUM_SCORE = 128
    RETAIN = 256
    STALE_SCORES = 512
    NO_CANDIDATES = 1024
    NOT_READY = 2048
    VOLATILITY_UNKNOWN = 4096
    SUSPENDED = 8192
    IDLE = 16384


class Step(IntEnum):
    """The step of a strategy that decided."""

    NONE = 0
    RANKING = 1
    GUARD = 2
    FILTER = 3
    TIER = 4
    STALE = 5
    NOT_READY = 6
    EMPTY = 7
    SIGNS = 8


class Past(NamedTuple):
    """Matrices ``(n_times, n_symbols)`` of which a decision at row *t* reads rows up to *t*; see ``engine.Market``."""

    close: FloatArray
    mark: FloatArray
    traded: Mask
    benchmark: FloatArray
    signals: FloatArray


class Ranking(NamedTuple):
    """Candidates of each decision, best first.

    Parameters
    ----------
    place
        ``int64 (n_decisions, n_kept)`` symbols by descending score, ties by symbol.
    score
        ``float64``, same shape.
    count
        ``int64 (n_decisions,)``: how many of them there are; -1 where the scores are stale.
    mean
        ``float64 (n_decisions,)``: mean score of all eligible names; NaN where it is not asked for.
    order
        ``int64``, the shape of ``place``: the same candidates in symbol order, each as its rank.
    """

    place: Int64Array
    score: FloatArray
    count: Int64Array  # type: ignore[assignment]  # the field hides a method of tuples that nobody calls
    mean: FloatArray
    order: Int64Array


class Targets(NamedTuple):
    """A decision under way: the union of what is held and what is wanted, in symbol order.

    Parameters
    ----------
    place
        ``int64 (n_room,)``, the first ``count`` of them in use; as are the arrays below.
    current, weight
        ``float64``: weight at the decision's close, and the target.
    held, keep
        ``bool``: shares are held; shares stay as they are.
    number
        ``int64 (6,)``: count, action, binding, step, overflow, pick; see :class:`Note`.
    value
        ``float64 (6,)``: drawdown, tier cap, sigma, exposure, turnover, stuck.
    """

    place: Int64Array
    current: FloatArray
    weight: FloatArray
    held: Mask
    keep: Mask
    number: Int64Array
    value: FloatArray


class Work(NamedTuple):
    """Scratch of one thread: which symbols are held, which candidates taken, names by rank, then the same by symbol."""

    is_held: Mask
    taken: Mask
    slot: Int64Array
    rank: Int64Array
    score: FloatArray
    place: Int64Array
    raw: FloatArray
    weight: FloatArray
    is_open: Mask
    daily: FloatArray


def new_work(symbols: int, room: int, ranked: int, window: int) -> Work:
    """Return scratch for a market of so many symbols, so many names, ranked candidates, and closes of volatility."""
    return Work(
        is_held=np.zeros(symbols, dtype=np.bool_),
        taken=np.zeros(max(ranked, 1), dtype=np.bool_),
        slot=np.zeros(max(ranked, 1), dtype=np.int64),
        rank=np.zeros(room, dtype=np.int64),
        score=np.zeros(room),
        place=np.zeros(room, dtype=np.int64),
        raw=np.zeros(room),
        weight=np.zeros(room),
        is_open=np.zeros(room, dtype=np.bool_),
        daily=np.zeros(max(window, 1)),
    )


class Note:
    """Places in :attr:`Targets.number` and :attr:`Targets.value`."""

    COUNT: Final = 0
    ACTION: Final = 1
    BINDING: Final = 2
    STEP: Final = 3
    OVERFLOW: Final = 4
    PICK: Final = 5

    DRAWDOWN: Final = 0
    TIER_CAP: Final = 1
    SIGMA: Final = 2
    EXPOSURE: Final = 3
    TURNOVER: Final = 4
    STUCK: Final = 5


def new_targets(room: int) -> Targets:
    """Return empty targets with room for so many names."""
    integers: npt.NDArray[np.int64] = np.zeros(room, dtype=np.int64)
    return Targets(
        place=integers,
        current=np.zeros(room),
        weight=np.zeros(room),
        held=np.zeros(room, dtype=np.bool_),
        keep=np.zeros(room, dtype=np.bool_),
        number=np.zeros(6, dtype=np.int64),
        value=np.zeros(6),
    )


@compiled
def find(places: Int64Array, count: int, place: int) -> int:
    """Return where a place stands among the first ``count`` ascending ones, or where it belongs."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if places[middle] < place:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def put(targets: Targets, place: int, weight: float) -> None:
    """Give a symbol a target weight; one that is not held joins the union, in order."""
    count = targets.number[0]
    at = find(targets.place, count, place)
    if at < count and targets.place[at] == place:
        targets.weight[at] = weight
        return
    if count == len(targets.place):
        targets.number[4] = 1
        return
    for k in range(count, at, -1):
        _move(targets, k - 1, k)
    targets.place[at] = place
    targets.current[at] = 0.0
    targets.weight[at] = weight
    targets.held[at] = False
    targets.keep[at] = False
    targets.number[0] = count + 1


@compiled
def put_all(targets: Targets, place: Int64Array, weight: FloatArray, count: int) -> None:
    """Give so many symbols, in ascending order, their target weights: :func:`put` for all of them in one pass."""
    old = targets.number[0]
    new, k = 0, 0
    for at in range(count):
        while k < old and targets.place[k] < place[at]:
            k += 1
        if k == old or targets.place[k] != place[at]:
            new += 1
    if old + new > len(targets.place):
        targets.number[4] = 1
        return
    targets.number[0] = old + new
    at, k = count - 1, old - 1
    for to in range(old + new - 1, -1, -1):  # from the back, so that nothing is overwritten before it has moved
        if at < 0:
            break
        if k >= 0 and targets.place[k] > place[at]:
            _move(targets, k, to)
            k -= 1
        elif k >= 0 and targets.place[k] == place[at]:
            _move(targets, k, to)
            targets.weight[to] = weight[at]
            k -= 1
            at -= 1
        else:
            targets.place[to] = place[at]
            targets.current[to] = 0.0
            targets.weight[to] = weight[at]
            targets.held[to] = False
            targets.keep[to] = False
            at -= 1


@compiled
def _move(targets: Targets, k: int, to: int) -> None:
    targets.place[to] = targets.place[k]
    targets.current[to] = targets.current[k]
    targets.weight[to] = targets.weight[k]
    targets.held[to] = targets.held[k]
    targets.keep[to] = targets.keep[k]


@compiled
def open_book(
    past: Past, row: int, place: Int64Array, shares: FloatArray, count: int, equity: float, targets: Targets
) -> None:
    """Write the book at the close of ``row`` into empty targets: current weights, and what cannot trade is kept."""
    for k in range(6):
        targets.number[k] = 0
        targets.value[k] = 0.0
    targets.number[0] = count
    targets.number[5] = -1
    stuck = 0.0
    for k in range(count):
        c = place[k]
        current = shares[k] * past.mark[row, c] / equity
        targets.place[k] = c
        targets.current[k] = current
        targets.weight[k] = 0.0
        targets.held[k] = True
        targets.keep[k] = not past.traded[row, c]
        if targets.keep[k]:
            stuck += abs(current)
    targets.value[5] = stuck

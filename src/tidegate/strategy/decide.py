"""The decision function: past in, target weights out, nothing else.

``decide`` is compiled once for each kind of parameters and called by the kernel, by the event loop and in live trading.
It is pure but for the state that it is handed: the same state and the same past give the same decision.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from tidegate.core.compiled import inlined
from tidegate.core.units import FloatArray, Int64Array
from tidegate.strategy.long_short import decide_long_short
from tidegate.strategy.rotation import decide_rotation, observe_equity
from tidegate.strategy.seam import Past, Ranking, Targets, Work

__all__ = ["decide", "observe"]


def _observe(p: Any, states: Any, s: int, equity: float) -> None:
    raise NotImplementedError  # compiled code alone knows which strategy a record of parameters belongs to


def _decide(*arguments: Any) -> None:
    raise NotImplementedError


@overload(_observe, strict=False)
def _observe_of(p: Any, *_others: Any) -> Any:
    if "top_n" in p.fields:
        return _notice
    return _ignore if "least_votes" in p.fields else None


@overload(_decide, strict=False)
def _decide_of(p: Any, *_others: Any) -> Any:
    if "top_n" in p.fields:
        return _rotate
    return _vote if "least_votes" in p.fields else None  # Numba then says that nobody decides for such a record


def _notice(p, states, s, equity):  # type: ignore[no-untyped-def]
    observe_equity(p, states, s, equity)


def _ignore(p, states, s, equity):  # type: ignore[no-untyped-def]
    pass


def _rotate(p, states, s, equity, place, shares, count, past, ranking, r, row, rebalances, targets, work):  # type: ignore[no-untyped-def]
    decide_rotation(p, states, s, equity, place, shares, count, past, ranking, r, row, rebalances, targets, work)


def _vote(p, states, s, equity, place, shares, count, past, _ranking, _r, row, rebalances, targets, work):  # type: ignore[no-untyped-def]
    decide_long_short(p, states, s, equity, place, shares, count, past, row, rebalances, targets, work)


@inlined
def observe(p: Any, states: Any, s: int, equity: float) -> None:
    """Let a strategy take note of the equity at a close."""
    _observe(p, states, s, equity)


@inlined
def decide(
    p: Any,
    states: Any,
    s: int,
    equity: float,
    place: Int64Array,
    shares: FloatArray,
    count: int,
    past: Past,
    ranking: Ranking,
    r: int,
    row: int,
    rebalances: bool,
    targets: Targets,
    work: Work,
) -> None:
    """Decide at the close of ``row``.

    Parameters
    ----------
    p
        One record of parameters; its type says which strategy it is.
    states, s
        States of all parameter sets, and which of them is meant; it is moved on.
    equity
        Equity at that close, in currency.
    place, shares, count
        What is held, in symbol order: the first ``count`` entries.
    past
        Matrices of which rows up to ``row`` are read.
    ranking, r
        Rankings, and which of them belongs to this close.
    rebalances
        Whether the next session is one of rebalancing.
    targets
        The decision is written into it.
    work
        Scratch.
    """
    _decide(p, states, s, equity, place, shares, count, past, ranking, r, row, rebalances, targets, work)

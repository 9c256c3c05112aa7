"""What connectors of exchanges share: names of symbols, and stretches of time that are tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import AfterValidator

from tidegate.core.clock import now
from tidegate.core.time import DAY, Instant, Window

__all__ = ["SymbolMap", "our_names", "stretches"]

_SYMBOL: Final = re.compile(r"([A-Za-z0-9/:_.-]{1,64})(?:=([A-Za-z0-9._-]{1,32}))?")
# A bar or bucket that is a day old is not changed any more.
_SETTLED: Final = DAY


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_SYMBOL.fullmatch(symbol) for symbol in symbols):
        raise ValueError("symbols as the exchange writes them, or THEIRS=OURS")
    names = our_names(symbols)
    if len(names) < len(symbols) or len(set(names.values())) < len(names):
        raise ValueError("each symbol once, and each name for one symbol")
    return symbols


SymbolMap = Annotated[tuple[str, ...], AfterValidator(_distinct)]
"""The exchange's symbols; ``BTC/USDT=BTC`` keeps one under another name."""


def our_names(symbols: tuple[str, ...]) -> dict[str, str]:
    """Return the exchange's symbol to ours.

    Examples
    --------
    >>> our_names(("BTC/USDT:USDT=BTC", "ETH/USDT"))
    {'BTC/USDT:USDT': 'BTC', 'ETH/USDT': 'ETH/USDT'}
    """
    parts = (symbol.partition("=") for symbol in symbols)
    return {theirs: ours or theirs for theirs, _, ours in parts}


def stretches(window: Window, length: int, *, start: Instant) -> Iterator[tuple[Instant, Instant, bool]]:
    """Yield the stretches ``[start, end)`` of a window up to now, and whether each is over for good.

    They lie on a grid that does not move with the clock, so that the same stretch is the same task in every run; the
    last one may end in the future.

    Parameters
    ----------
    length
        Microseconds of a whole stretch.
    start
        Where to begin if the window does not say.

    Examples
    --------
    >>> from tidegate.core.clock import frozen_clock
    >>> with frozen_clock(Instant(5 * DAY)):
    ...     [(a // DAY, b // DAY, over) for a, b, over in stretches(Window(), 2 * DAY, start=Instant(DAY))]
    [(1, 2, True), (2, 4, True), (4, 6, False)]
    """
    present = now()
    at = start if window.start is None else window.start
    while at < present and (window.end is None or at < window.end):
        end = Instant((at // length + 1) * length)
        if window.end is not None:
            end = min(end, window.end)
        yield at, end, end + _SETTLED <= present
        at = end

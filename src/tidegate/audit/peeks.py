"""How many bars ahead a value looks: so many must be there for it to be what it is with everything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.audit.cut import Cutter
from tidegate.core.pipeline import Pipeline, Stage

__all__ = ["Peek", "bars_ahead"]

_MOST_RUNS: Final = 40


@dataclass(frozen=True, kw_only=True)
class Peek:
    """One value that is not what it should be, and what it is with everything."""

    stage: str
    key: str
    symbol: str
    at: int
    value: float


def bars_ahead(peek: Peek, pipeline: Pipeline, cutter: Cutter) -> int | None:
    """Return the fewest bars after the row with which its value is what it is with everything.

    The search doubles, then halves. None if the value is the same without any later bar, or never settles: it depends
    on something else than on whether they are there.
    """
    times = cutter.history.bars.times
    row = int(np.searchsorted(times, peek.at, side="right")) - 1
    most = len(times) - 1 - row

    def holds(bars: int) -> bool:
        return _is_same(_value(peek, pipeline, cutter, int(times[row + bars])), peek.value)

    if most < 1 or holds(0) or not holds(most):
        return None
    if most > 1 and not holds(most - 1):
        return most
    enough = next((bars for bars in _doubling(most) if holds(bars)), most)
    lacking = enough // 2
    for _ in range(_MOST_RUNS):
        if enough - lacking <= 1:
            break
        middle = (enough + lacking) // 2
        if holds(middle):
            enough = middle
        else:
            lacking = middle
    return enough


def _doubling(most: int) -> Iterator[int]:
    bars = 1
    while bars < most:
        yield bars
        bars *= 2
    yield most


def _is_same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def _value(peek: Peek, pipeline: Pipeline, cutter: Cutter, as_of: int) -> float:
    try:
        return _found(peek, pipeline.run(cutter.until(as_of)))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - somebody's code refuses: there is no value
        return math.nan


def _found(peek: Peek, stages: Iterable[Stage]) -> float:
    for block in stages:
        if block.kind.value != peek.stage or peek.key not in block.keys or peek.symbol not in block.symbols:
            continue
        row = int(np.searchsorted(block.times, peek.at))
        if row < len(block.times) and block.times[row] == peek.at:
            return float(block.values[row, block.symbols.index(peek.symbol), block.keys.index(peek.key)])
    return math.nan

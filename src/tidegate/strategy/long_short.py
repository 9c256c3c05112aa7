"""Long or short by the sign of several forecasts: the second strategy of the house, unlike the first in every way.

It ranks nothing, sells short, and trades every symbol of its market: each horizon votes with its sign, and the votes
share a gross exposure under a cap per symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.core.compiled import compiled
from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.strategy.rotation.weights import CAPPED, water_fill
from tidegate.strategy.seam import Action, Binding, Past, Step, Targets, Work, open_book, put_all

__all__ = ["LONG_SHORT", "LONG_SHORT_STATE", "LongShort", "decide_long_short", "long_short_parameters"]

LONG_SHORT: Final = np.dtype([("gross", np.float64), ("max_weight", np.float64), ("least_votes", np.int64)], align=True)
"""One parameter set."""

LONG_SHORT_STATE: Final = np.dtype([("decisions", np.int64)], align=True)
"""What it remembers: how often it decided."""

_TRADE = int(Action.TRADE)
_CAP, _SUSPENDED, _EMPTY = int(Binding.CAP), int(Binding.SUSPENDED), int(Binding.NO_CANDIDATES)
_SIGNS = int(Step.SIGNS)


@dataclass(frozen=True, kw_only=True)
class LongShort:
    """Parameters in words.

    Parameters
    ----------
    gross
        Sum of absolute weights, a fraction of equity.
    max_weight
        Largest absolute weight of one symbol.
    least_votes
        Majority of signs, long over short or short over long, below which a symbol is left alone.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    gross: float = 1.0
    max_weight: float = 0.25
    least_votes: int = 1

    def __post_init__(self) -> None:
        if not (0.0 <= self.gross <= 10.0 and 0.0 < self.max_weight <= 10.0 and self.least_votes >= 1):
            raise InputError(
                found=f"gross {self.gross}, max_weight {self.max_weight}, least_votes {self.least_votes}",
                expected="0 <= gross <= 10, 0 < max_weight <= 10, least_votes >= 1",
                hint="both weights are fractions of equity",
            )


def long_short_parameters(settings: LongShort) -> npt.NDArray[np.void]:
    """Return the record of one parameter set, ``(1,)`` of :data:`LONG_SHORT`."""
    return np.array([(settings.gross, settings.max_weight, settings.least_votes)], dtype=LONG_SHORT)


@compiled
def decide_long_short(
    p: Any,
    states: Any,
    s: int,
    equity: float,
    place: Int64Array,
    shares: FloatArray,
    held: int,
    past: Past,
    row: int,
    rebalances: bool,
    targets: Targets,
    work: Work,
) -> None:
    """Decide at the close of ``row``: votes of all signals, water-filled into the gross exposure."""
    targets.number[1] = 0
    if not rebalances:
        return
    open_book(past, row, place, shares, held, equity, targets)
    states[s].decisions += 1
    targets.number[1] = _TRADE
    targets.number[3] = _SIGNS
    stuck = targets.value[5]
    if stuck > 0.0:
        targets.number[2] |= _SUSPENDED
    count = 0
    for c in range(past.close.shape[1]):
        votes = _votes(past, row, c)
        if abs(votes) >= p.least_votes:
            work.place[count] = c
            work.raw[count] = abs(votes)
            work.score[count] = 1.0 if votes > 0 else -1.0
            count += 1
    if count == 0:
        targets.number[2] |= _EMPTY
        return
    if water_fill(work.raw, count, max(p.gross - stuck, 0.0), p.max_weight, work.is_open, work.weight) & CAPPED:
        targets.number[2] |= _CAP
    for k in range(count):
        work.weight[k] = work.score[k] * work.weight[k]
    put_all(targets, work.place, work.weight, count)


@compiled
def _votes(past: Past, row: int, c: int) -> int:
    """Return signs for minus signs against; 0 where the symbol does not trade or a forecast is missing."""
    if not past.traded[row, c]:
        return 0
    votes = 0
    for h in range(past.signals.shape[0]):
        forecast = past.signals[h, row, c]
        if not np.isfinite(forecast):
            return 0
        if forecast > 0.0:
            votes += 1
        elif forecast < 0.0:
            votes -= 1
    return votes

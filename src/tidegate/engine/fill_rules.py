"""How orders fill: what a session can take, and what happens to the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["FILL_RULES", "LEGACY_MARGIN", "FillRules", "Unfilled"]

FILL_RULES: Final = np.dtype(
    [
        ("participation", np.float64),
        ("haircut", np.float64),
        ("gross_limit", np.float64),
        ("wait_bars", np.int64),
        ("t_plus_one", np.bool_),
    ],
    align=True,
)
"""The same as numbers for compiled code."""

LEGACY_MARGIN: Final = 2.0
"""Gross limit, as a multiple of equity, of a book that risk-off does not sell (``legacy.riskoff_keeps_book``)."""


class Unfilled(IntEnum):
    """Why an order, or a part of it, did not fill."""

    NOTHING = 0
    NO_PRICE = 1
    LIMIT_UP = 2
    LIMIT_DOWN = 3
    BOUGHT_TODAY = 4
    PARTICIPATION = 5
    LOT = 6
    NO_CASH = 7
    RUINOUS = 8
    LAST_SESSION = 9
    """Filled, and not by a decision: the symbol stops trading."""

    @property
    def reason(self) -> str:
        """The same in words."""
        return _REASONS[self]


_REASONS: Final = {
    Unfilled.NOTHING: "",
    Unfilled.NO_PRICE: "no price or no volume at the fill",
    Unfilled.LIMIT_UP: "at the upper limit",
    Unfilled.LIMIT_DOWN: "at the lower limit",
    Unfilled.BOUGHT_TODAY: "bought today",
    Unfilled.PARTICIPATION: "more than its part of the session",
    Unfilled.LOT: "less than a lot",
    Unfilled.NO_CASH: "no cash to pay for all of it",
    Unfilled.LAST_SESSION: "its last session",
    Unfilled.RUINOUS: "its costs are more than the sale brings",
}


@dataclass(frozen=True, kw_only=True)
class FillRules:
    """What a session can take.

    Parameters
    ----------
    participation
        Largest part of the value traded in the session that one order may be; 0 means no cap.
    wait_bars
        How many further sessions try what is left of an order, until a new decision; 0 lets it expire at once.
    t_plus_one
        Whether shares bought on a day can be sold on the next at the earliest.
    haircut
        What a share loses when it stops trading, as a fraction of its last close.
    gross_limit
        Buys may borrow while the sum of absolute positions is at most this multiple of equity; 0 means that they are
        paid from cash. Short positions need a limit above 0.
    """

    participation: float = 0.0
    wait_bars: int = 0
    t_plus_one: bool = False
    haircut: float = 0.0
    gross_limit: float = 0.0

    def record(self) -> npt.NDArray[np.void]:
        """Return the rules as compiled code reads them, ``(1,)`` of :data:`FILL_RULES`."""
        record = np.zeros(1, dtype=FILL_RULES)
        for name in FILL_RULES.names or ():
            record[name] = getattr(self, name)
        return record

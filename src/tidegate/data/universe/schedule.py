"""When a universe is decided: at the close before the first session of a week or month."""

from __future__ import annotations

import numpy as np

from tidegate.core.time import DAY, Instant, parse_instant
from tidegate.core.units import Int64Array
from tidegate.data.calendars import TradingCalendar
from tidegate.data.universe.rules import UniverseRules

__all__ = ["decision_closes"]

_LONGEST_BREAK_DAYS = 30
"""The session after the last close is looked for this far ahead; no market was shut for longer."""


def decision_closes(calendar: TradingCalendar, rules: UniverseRules, first: Instant, last: Instant) -> Int64Array:
    """Return the closes at which a universe is decided, ascending.

    A rebalance takes effect on the first session of its period; it is decided at the close of the session before, on
    what was known then. The calendar of coming sessions is known ahead.

    Parameters
    ----------
    first, last
        Instants of the first and last bar; no close outside them is returned.

    Returns
    -------
    closes
        ``int64 (n_decisions,)``, microseconds UTC.
    """
    days = np.arange(first // DAY - 1, last // DAY + _LONGEST_BREAK_DAYS, dtype=np.int64)
    closes, is_session = calendar.closes_of(days)
    days, closes = days[is_session], closes[is_session]
    takes_effect = np.flatnonzero(rules.rebalance.opens(days))
    if rules.start is not None:
        takes_effect = takes_effect[days[takes_effect] >= parse_instant(rules.start) // DAY]
    decided = closes[takes_effect - 1]
    inside: Int64Array = decided[(decided >= first) & (decided <= last)]
    return inside

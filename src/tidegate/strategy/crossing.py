"""Two moving averages that cross: a signal for one chart, for all bars at once and bar by bar, with the same bits."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tidegate.core.compiled import compiled
from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Mask
from tidegate.strategy.protocol import Sight

__all__ = ["CrossingSignal", "crossing_signals"]

_MARGIN: Final = 1e-9
"""By how much the fast average has to be above the slow one, in currency: less is rounding."""


def crossing_signals(close: FloatArray, fast: int, slow: int) -> tuple[Mask, Mask]:
    """Return at which closes the fast average comes above the slow one, and at which it falls below.

    Parameters
    ----------
    close
        ``float64 (n_times,)``.
    fast, slow
        Closes of each average, the newest included.

    Raises
    ------
    InputError
        If the fast average is not the shorter one.

    Examples
    --------
    >>> entries, exits = crossing_signals(np.array([3.0, 2.0, 1.0, 4.0, 5.0, 1.0]), 1, 2)
    >>> np.flatnonzero(entries).tolist(), np.flatnonzero(exits).tolist()
    ([3], [5])
    """
    _require_windows(fast, slow)
    entries, exits = np.zeros(len(close), dtype=np.bool_), np.zeros(len(close), dtype=np.bool_)
    _cross(np.ascontiguousarray(close, dtype=np.float64), fast, slow, _MARGIN, entries, exits)
    return entries, exits


class CrossingSignal:
    """The same, one close after the other (see :class:`tidegate.strategy.signal_rule.Signal`).

    Parameters
    ----------
    fast, slow
        Closes of each average, the newest included.
    place
        Column of the symbol.
    """

    def __init__(self, fast: int, slow: int, *, place: int = 0) -> None:
        _require_windows(fast, slow)
        self._fast, self._slow, self._place = fast, slow, place
        self._closes: deque[float] = deque([0.0] * slow, maxlen=slow)
        self._sum_fast = self._sum_slow = 0.0
        self._seen = 0
        self._is_above: bool | None = None

    def __call__(self, sight: Sight) -> int:
        """Return 1 where the fast average has come above the slow one, -1 where it has fallen below, else 0."""
        close, closes = sight.close(self._place), self._closes
        self._sum_fast += close
        self._sum_slow += close
        self._sum_fast -= closes[-self._fast]
        self._sum_slow -= closes[0]
        closes.append(close)
        self._seen += 1
        if self._seen < self._slow:
            return 0
        before, now = self._is_above, self._sum_fast / self._fast > self._sum_slow / self._slow + _MARGIN
        self._is_above = now
        return 0 if before is None else int(now) - int(before)

    def state(self) -> dict[str, Any]:
        """Return sums and closes as plain values."""
        return {
            "closes": list(self._closes),
            "sums": [self._sum_fast, self._sum_slow],
            "seen": self._seen,
            "is_above": self._is_above,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember what :meth:`state` returned."""
        self._closes.extend(document["closes"])
        self._sum_fast, self._sum_slow = document["sums"]
        self._seen, self._is_above = document["seen"], document["is_above"]


def _require_windows(fast: int, slow: int) -> None:
    if not 0 < fast < slow:
        raise InputError(
            found=f"a fast average of {fast} and a slow one of {slow} closes",
            expected="at least one close, and more for the slow one",
            hint="20 and 50, for instance",
        )


@compiled
def _cross(close: FloatArray, fast: int, slow: int, margin: float, entries: Mask, exits: Mask) -> None:
    sum_fast, sum_slow = 0.0, 0.0
    was_above, known = False, False
    for row in range(len(close)):
        sum_fast += close[row]
        sum_slow += close[row]
        if row >= fast:
            sum_fast -= close[row - fast]
        if row >= slow:
            sum_slow -= close[row - slow]
        if row < slow - 1:
            continue
        is_above = sum_fast / fast > sum_slow / slow + margin
        if known and is_above != was_above:
            entries[row] = is_above
            exits[row] = was_above
        was_above, known = is_above, True

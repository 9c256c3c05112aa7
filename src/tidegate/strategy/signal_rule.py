"""Long or flat in one symbol by a signal at each close, with protective levels: the strategy of one chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tidegate.core.orders import Ticket
from tidegate.core.time import Instant
from tidegate.core.units import Int64Array, Mask
from tidegate.strategy.protocol import Holdings, Sight

__all__ = ["Position", "Signal", "SignalStrategy"]


@dataclass(frozen=True, kw_only=True)
class Position:
    """How much is bought, and where it is sold again within a session.

    Parameters
    ----------
    units
        Shares; None where ``fraction`` says it.
    fraction
        The same as a fraction of equity, valued at the fill price before costs.
    stop_loss, take_profit
        How far below and above the fill price, as fractions; 0 means never.

    Raises
    ------
    InputError
        If the size is not said once, or a level is out of range.
    """

    units: float | None = None
    fraction: float | None = None
    stop_loss: float = 0.0
    take_profit: float = 0.0

    def __post_init__(self) -> None:
        self.ticket(Instant(0), 0)  # which refuses what cannot be ordered

    def ticket(self, at: Instant, place: int) -> Ticket:
        """Return the order that buys it."""
        return Ticket(
            at=at, place=place, units=self.units, fraction=self.fraction, stop_loss=self.stop_loss,
            take_profit=self.take_profit,
        )  # fmt: skip


class Signal(Protocol):
    """What a close says: 1 to enter, -1 to leave, 0 nothing. It is called at each close and may remember."""

    def __call__(self, sight: Sight) -> int:
        """Return what this close says."""

    def state(self) -> dict[str, Any]:
        """Return what it remembers as plain values."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember what :meth:`state` returned."""


class SignalStrategy:
    """Buys at the fill after a signal to enter and leaves at the fill after one to leave; one position at a time.

    Parameters
    ----------
    signal
        What each close says.
    position
        Size and protective levels.
    place
        Column of the symbol.
    """

    def __init__(self, signal: Signal, position: Position, *, place: int = 0) -> None:
        self._signal, self._position, self._place = signal, position, place

    def schedule(self, times: Int64Array) -> Mask:
        """Return no session: a signal may come at any close."""
        return np.zeros(len(times), dtype=np.bool_)

    def observe(self, equity: float) -> None:
        """Remember nothing."""

    def decide(self, holdings: Holdings, sight: Sight, *, rebalances: bool) -> Ticket | None:  # noqa: ARG002
        """Enter or leave, or do nothing."""
        says = self._signal(sight)
        if not says:
            return None
        is_long = bool(len(holdings.place)) and self._place in holdings.place
        if says > 0 and not is_long:
            return self._position.ticket(sight.at, self._place)
        return Ticket(at=sight.at, place=self._place, units=0.0) if says < 0 and is_long else None

    def state(self) -> dict[str, Any]:
        """Return what the signal remembers."""
        return self._signal.state()

    def restore(self, document: Mapping[str, Any]) -> None:
        """Let the signal remember what :meth:`state` returned."""
        self._signal.restore(document)

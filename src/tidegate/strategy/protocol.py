"""What the event loop asks of a strategy, and all that a strategy is told: its book, and the past up to one close."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from tidegate.core.orders import Ticket
from tidegate.core.past_view import PastView
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.seam import Past, Targets

__all__ = ["Holdings", "Scores", "Sight", "Strategy"]


class Holdings(NamedTuple):
    """What is held at a close.

    Parameters
    ----------
    equity, cash
        Currency.
    place, shares
        ``int64`` and ``float64``, both ``(n_held,)``: columns of the symbols, ascending, and their shares.
    """

    equity: float
    cash: float
    place: Int64Array
    shares: FloatArray


class Scores(NamedTuple):
    """What candidates are ranked by, each ``(n_past, n_symbols)`` but ``candidate``, which is ``(n_symbols,)``.

    ``member`` of shape ``(0, 0)`` means that all symbols belong to the universe.
    """

    score: FloatArray
    traded: Mask
    member: Mask
    candidate: Mask


class Sight(Protocol):
    """What is known at one close. Every array ends there and refuses to be written to."""

    @property
    def row(self) -> int:
        """Row of the close: how many closes came before it."""

    @property
    def at(self) -> Instant:
        """Instant of the close."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names in ascending order."""

    def close(self, place: int = 0) -> float:
        """Return the newest close of one symbol."""

    def past(self) -> Past:
        """Return every row up to the close, as compiled strategies read them."""

    def newest(self) -> Past:
        """Return the row of the close alone."""

    def scores(self) -> Scores:
        """Return what ranks the symbols, every row up to the close."""

    def view(self) -> PastView:
        """Return the past as Python functions read it."""


class Strategy(Protocol):
    """A decision function with its memory. The loop owns the clock: it says when, and hands over what is known then."""

    def schedule(self, times: Int64Array) -> Mask:
        """Return the rows at which decisions of the close before fill, ``bool (n_times,)``."""

    def observe(self, equity: float) -> None:
        """Take note of the equity at a close."""

    def decide(self, holdings: Holdings, sight: Sight, *, rebalances: bool) -> Targets | Ticket | None:
        """Decide at a close; it is called at each.

        Parameters
        ----------
        rebalances
            Whether the next session is one of rebalancing.

        Returns
        -------
        Targets, Ticket or None
            Target weights, which stay valid until the next call; an order in one symbol; or nothing at all.
        """

    def state(self) -> dict[str, Any]:
        """Return what it remembers as plain values, which JSON can hold."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember what :meth:`state` returned."""

"""What the plain rotation knows at a close, and what it says there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tidegate.core.recipe_strategy import StrategySettings

__all__ = ["Close", "Memory", "Past", "PlainDecision", "add_up"]


def add_up(values: Iterable[float]) -> float:
    """Return the sum from 0.0 on, one value after the other, so that every engine rounds alike.

    Examples
    --------
    >>> add_up([0.1, 0.2, 0.3])
    0.6000000000000001
    """
    total = 0.0
    for value in values:
        total += value
    return total


@dataclass(frozen=True, eq=False, kw_only=True)
class Past:
    """A market as plain lists, row by row, by symbol; :class:`tidegate.engine.market.Market` says what each is.

    Decisions at the close of row *d* read rows up to *d* alone. ``defensives`` are places in order of preference.
    """

    close: list[list[float]]
    mark: list[list[float]]
    traded: list[list[bool]]
    score: list[list[float]]
    member: list[list[bool]] | None
    candidate: list[bool]
    benchmark: list[float] | None
    benchmark_place: int
    defensives: tuple[int, ...]


@dataclass
class Memory:
    """What the strategy carries from one close to the next, beside the book.

    Parameters
    ----------
    peak, ring
        Highest equity, and the equities of at most the last 252 closes; a re-entry of the guard starts both anew.
    drawdown, drawdown_52w
        How far the last equity is below them.
    locked_at
        Row of the close at which the guard locked; None while it is open.
    in_spell, pick
        Whether the book is in risk-off, and the place held meanwhile; None is cash.
    smoothed
        Smoothed score of each name seen.
    """

    peak: float
    ring: list[float] = field(default_factory=list)
    drawdown: float = 0.0
    drawdown_52w: float = 0.0
    locked_at: int | None = None
    in_spell: bool = False
    pick: int | None = None
    smoothed: dict[int, float] = field(default_factory=dict)


class Close:
    """One close as the strategy sees it: the past up to here, and the book.

    Parameters
    ----------
    settings, past
        The rules and the market.
    row
        Row of this close, at which is decided.
    shares, equity
        The book here.
    periods_per_year
        Returns of a year, which make a deviation annual.
    """

    def __init__(
        self,
        settings: StrategySettings,
        past: Past,
        row: int,
        shares: list[float],
        equity: float,
        periods_per_year: float,
    ) -> None:
        self.settings, self.past, self.row, self.equity = settings, past, row, equity
        self.periods_per_year = periods_per_year
        self.held = [place for place, quantity in enumerate(shares) if quantity != 0.0]
        self.weights = {place: shares[place] * past.mark[row][place] / equity for place in self.held}
        self.stuck = [place for place in self.held if not self.tradable(place)]
        apart = {*past.defensives, past.benchmark_place}  # which lie outside the exposure
        self.stuck_weight = add_up(self.weights[place] for place in self.stuck if place not in apart)

    def tradable(self, place: int) -> bool:
        """Say whether a name has a bar here, and volume where the source knows it (rule 7)."""
        return self.past.traded[self.row][place]

    def member(self, place: int) -> bool:
        """Say whether a name belongs to the universe here."""
        return self.past.member is None or self.past.member[self.row][place]


class PlainDecision(NamedTuple):
    """What was decided at one close for the next session.

    Parameters
    ----------
    decided_row, fill_row
        The close, and the session after it.
    is_rebalance
        Whether that session is one of the schedule.
    action
        ``trade`` issues targets, ``hold`` leaves the book alone.
    binding
        Names of the constraints that bound.
    reason
        The rule that decided, in words.
    targets
        Weight by place; a name that is in neither ``targets`` nor ``kept`` gets 0. None when holding.
    kept
        Places whose shares stay as they are.
    """

    decided_row: int
    fill_row: int
    is_rebalance: bool
    action: Literal["trade", "hold"]
    binding: set[str]
    reason: str
    targets: dict[int, float] | None
    kept: set[int]

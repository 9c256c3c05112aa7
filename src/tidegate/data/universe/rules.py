"""How a universe is chosen: every setting that decides a snapshot."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import numpy as np
from pydantic import Field

from tidegate.core.config import Settings
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe_data import Day, Name
from tidegate.core.time import BarInterval
from tidegate.core.units import Count, Int64Array, Mask

__all__ = ["Rebalance", "UniverseRules"]

_SHORT = 12


class Rebalance(StrEnum):
    """On which sessions a universe may change; a holiday moves the day, it never skips a period."""

    WEEKLY = "weekly"
    """The first session of an ISO week."""
    MONTHLY = "monthly"
    """The first session of a month."""

    def opens(self, days: Int64Array) -> Mask:
        """Return which sessions are the first of their period; of the very first session nobody can say.

        Parameters
        ----------
        days
            ``int64 (n_sessions,)``: session dates as days since 1970-01-01, ascending.

        Examples
        --------
        >>> days = np.array([4, 5, 6, 7])  # Monday 1970-01-05 to Thursday: no day before it is known
        >>> Rebalance.WEEKLY.opens(days + 4).tolist()  # Friday to Monday
        [False, False, False, True]
        """
        periods = _weeks(days) if self is Rebalance.WEEKLY else _months(days)
        first = np.zeros(len(days), dtype=np.bool_)
        first[1:] = periods[1:] != periods[:-1]
        return first


class UniverseRules(Settings):
    """The most traded names of a data set of bars, with a band in which a member may stay."""

    name: Name
    """Name under which the snapshots are kept; a recipe names it in ``universe.snapshot``."""
    dataset: Name
    """Data set of bars to choose from."""
    interval: BarInterval = BarInterval("1d")
    """Size of these bars."""
    lives: Name | None = None
    """Data set of listings and delistings; none means that of the bars."""
    top_n: Count
    """How many names belong to it."""
    retain: Annotated[int, Field(ge=0)] = 0
    """A member stays while it ranks within ``top_n + retain``."""
    rebalance: Rebalance = Rebalance.WEEKLY
    """When it is decided anew: on the first session of a week or of a month."""
    lookback_bars: Count = 20
    """Bars over which traded value is averaged; a bar that is not there traded nothing."""
    minimum_history_bars: Count = 60
    """A name with fewer known bars is not taken."""
    exclude: tuple[str, ...] = ()
    """Names never taken: indices, funds, what else shares the data set."""
    start: Day | None = None
    """First session on which it may be decided; none means as early as the bars allow."""

    def describe(self) -> str:
        """Return the rules in one line, which every row keeps as its source; other rules give another line."""
        retained = f" to {self.top_n + self.retain}" if self.retain else ""
        lives = f", lives/{self.lives}" if self.lives else ""
        return (
            f"bars/{self.dataset} {self.interval}: top {self.top_n}{retained} by traded value of {self.lookback_bars} "
            f"bars, {self.rebalance}, rules {fingerprint(self)[:_SHORT]}{lives}"
        )


def _weeks(days: Int64Array) -> Int64Array:
    """Return numbers of ISO weeks; 1970-01-01 was a Thursday."""
    weeks: Int64Array = (days + 3) // 7
    return weeks


def _months(days: Int64Array) -> Int64Array:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

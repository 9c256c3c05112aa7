"""What an audit of bars can find, one frozen record per finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import floor
from typing import Any

from tidegate.core.time import Instant, format_instant

__all__ = ["AuditLimits", "Gap", "SharedGap", "SuspectBar", "Suspicion", "SymbolAudit", "in_percent"]


class Suspicion(StrEnum):
    """Why a bar that is there may still be wrong; beside each, what :attr:`SuspectBar.value` measures."""

    EXTREME_RETURN = "extreme_return"
    """The log return since the bar before."""
    OUTSIDE_RANGE = "outside_range"
    """How far open or close lies beyond low or high, as a fraction of the close."""
    NOT_POSITIVE = "not_positive"
    """The price."""
    ZERO_VOLUME = "zero_volume"
    """Bars of the run."""
    UNCHANGED_PRICE = "unchanged_price"
    """Bars of the run."""
    OFF_CALENDAR = "off_calendar"
    """Seconds to the nearest close that the calendar owes."""


@dataclass(frozen=True, kw_only=True)
class AuditLimits:
    """What an audit accepts, and what it calls suspect.

    Parameters
    ----------
    minimum_coverage, mean_coverage
        Least share of owed bars: of every symbol, and of the mean over symbols. Both count, for a mean alone
        hides the one symbol that is empty (D-22).
    missing_at_end
        Most bars that a symbol may lack before the data set's last bar; none allows any number, because
        symbols are delisted.
    extreme_return_scales
        A log return is extreme that many robust scales (1.4826 times the median absolute deviation of the
        symbol's returns) away from the symbol's median.
    return_scale_floor
        Least robust scale, for symbols that hardly move.
    returns_to_judge
        Returns below which a symbol's scale means nothing and no return is called extreme.
    unchanged_run_bars
        Equal closes in a row that make a suspect run.
    examples
        Suspect bars kept per kind, the worst first.
    """

    minimum_coverage: float = 0.90
    mean_coverage: float = 0.90
    missing_at_end: int | None = None
    extreme_return_scales: float = 10.0
    return_scale_floor: float = 5e-4
    returns_to_judge: int = 20
    unchanged_run_bars: int = 10
    examples: int = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive owed bars that are missing: the first and the last missing close, and how many."""

    start: Instant
    end: Instant
    missing: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, instants as ISO text."""
        return {"start": format_instant(self.start), "end": format_instant(self.end), "missing": self.missing}


@dataclass(frozen=True, slots=True)
class SharedGap(Gap):
    """A gap of every symbol of one calendar that was alive at the time."""

    symbols: int
    calendar: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, instants as ISO text."""
        return {**Gap.as_dict(self), "symbols": self.symbols, "calendar": self.calendar}


@dataclass(frozen=True, slots=True)
class SuspectBar:
    """One example of a suspicion; a run of bars reaches from ``at`` to ``until``."""

    kind: Suspicion
    symbol: str
    at: Instant
    until: Instant
    value: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, instants as ISO text."""
        times = {"at": format_instant(self.at), "until": format_instant(self.until)}
        return {"kind": str(self.kind), "symbol": self.symbol, **times, "value": self.value}


@dataclass(frozen=True, kw_only=True)
class SymbolAudit:
    """One symbol against its own calendar, between its own first and last bar (D-21).

    Parameters
    ----------
    first, last
        Its outermost real bars; none if it has no real bar, and then it is owed the whole data set.
    expected, present
        Owed bars from first to last, and those that are there. Synthetic rows, rows without a close and bars
        off the calendar are not.
    gaps
        Every stretch of missing bars in between.
    missing_at_end, seconds_behind
        Owed bars, and time, from its last bar to the last bar of the data set; no time if it has no bar.
    unexpected, duplicates, without_close, synthetic
        Rows that are no evidence of coverage, by reason.
    suspects
        Number of bars per suspicion; absent means none.
    """

    symbol: str
    calendar: str
    first: Instant | None
    last: Instant | None
    expected: int
    present: int
    gaps: tuple[Gap, ...]
    missing_at_end: int
    seconds_behind: int | None
    unexpected: int
    duplicates: int
    without_close: int
    synthetic: int
    suspects: Mapping[Suspicion, int]

    @property
    def missing(self) -> int:
        """Owed bars that are not there."""
        return self.expected - self.present

    @property
    def coverage(self) -> float:
        """Share of owed bars that are there; 0 where nothing is owed, for nothing was shown."""
        return self.present / self.expected if self.expected else 0.0

    def table_row(self) -> dict[str, str]:
        """Return text for one row of a console table."""
        longest = max(self.gaps, key=lambda gap: gap.missing, default=None)
        return {
            "symbol": self.symbol,
            "first": "" if self.first is None else format_instant(self.first)[:10],
            "last": "" if self.last is None else format_instant(self.last)[:10],
            "expected": f"{self.expected:,}",
            "present": f"{self.present:,}",
            "coverage": in_percent(self.coverage),
            "gaps": f"{len(self.gaps):,}",
            "longest gap": "" if longest is None else f"{longest.missing:,} from {format_instant(longest.start)}",
            "missing at end": f"{self.missing_at_end:,}",
            "off calendar": f"{self.unexpected:,}",
            "suspect": f"{sum(self.suspects.values()):,}",
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, instants as ISO text."""
        names = (
            "expected",
            "present",
            "missing",
            "coverage",
            "missing_at_end",
            "seconds_behind",
            "unexpected",
        )
        return {
            "symbol": self.symbol,
            "calendar": self.calendar,
            "first": None if self.first is None else format_instant(self.first),
            "last": None if self.last is None else format_instant(self.last),
            **{name: getattr(self, name) for name in (*names, "duplicates", "without_close", "synthetic")},
            "gaps": [gap.as_dict() for gap in self.gaps],
            "suspects": {str(kind): count for kind, count in self.suspects.items()},
        }


def in_percent(share: float) -> str:
    """Return a share in percent, rounded down, so that 100% means that nothing is missing.

    Examples
    --------
    >>> in_percent(0.99999), in_percent(0.97), in_percent(1.0)
    ('99.99%', '97.00%', '100.00%')
    """
    return f"{floor(share * 10_000 + 1e-6) / 100:.2f}%"

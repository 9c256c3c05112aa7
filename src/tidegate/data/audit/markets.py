"""The symbols of one calendar, laid on its grid, and what that shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.time import SECOND, BarInterval, Instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.audit.arranged import ArrangedBars
from tidegate.data.audit.coverage import Coverage, Stretches, cover, shared_stretches
from tidegate.data.audit.findings import AuditLimits, Gap, SharedGap, Suspicion, SymbolAudit
from tidegate.data.audit.suspects import Suspects, find_suspects
from tidegate.data.calendars import TradingCalendar, trading_calendar

__all__ = ["Market", "by_month", "gaps_of", "markets_of", "month_rows", "shared_gaps", "suspects_of", "symbol_audits"]


@dataclass(frozen=True, eq=False)
class Market:
    """The symbols of one calendar on its grid; coverage counts them from 0 in the order of ``members``."""

    calendar: TradingCalendar
    members: Int64Array
    rows: Int64Array
    coverage: Coverage

    def owed(self, interval: BarInterval, start: int, end: int) -> int:
        """Return how many bars are owed within ``[start, end]``, as far as the calendar reaches."""
        calendar = self.calendar
        end = end if calendar.is_continuous else min(end, int(calendar.closes[-1]))
        return len(calendar.expected(interval, start, end)) if start <= end else 0


def markets_of(table: ArrangedBars, interval: BarInterval, first: int, last: int) -> Iterator[Market]:
    """Lay the symbols of each calendar on its grid; a symbol without a bar is owed the whole data set."""
    calendars = np.array(table.calendars)
    member, times = table.bars["member"].to_numpy(), table.bars["time"].to_numpy()
    firsts, lasts = np.full(len(calendars), first), np.full(len(calendars), last)
    firsts[table.listed], lasts[table.listed] = table.first, table.last
    for name in sorted(set(table.calendars)):
        members = np.flatnonzero(calendars == name)
        rows = np.flatnonzero((calendars == name)[member])
        calendar = trading_calendar(name)
        grid = calendar.expected(interval, int(firsts[members].min()), last)
        of_market = np.searchsorted(members, member[rows])
        yield Market(
            calendar=calendar,
            members=members,
            rows=rows,
            coverage=cover(grid, of_market, times[rows], firsts[members], lasts[members]),
        )


def suspects_of(table: ArrangedBars, markets: list[Market], limits: AuditLimits) -> list[Suspects]:
    """Look for suspect bars in all markets at once."""
    ordinal = np.empty(table.bars.height, dtype=np.int64)
    off_calendar = np.zeros(table.bars.height)
    times = table.bars["time"].to_numpy()
    for market in markets:
        ordinal[market.rows] = market.coverage.ordinal
        stray = market.rows[market.coverage.ordinal < 0]
        off_calendar[stray] = _distance(market.coverage.grid, times[stray]) / SECOND
    return find_suspects(table.bars.with_columns(pl.Series("ordinal", ordinal)), off_calendar, limits)


def symbol_audits(
    table: ArrangedBars, markets: list[Market], suspects: list[Suspects], last: Instant
) -> tuple[SymbolAudit, ...]:
    """Return what was found about each symbol, sorted by symbol."""
    member, size = table.bars["member"].to_numpy(), len(table.names)
    counts = {found.kind: found.counts(member, size) for found in suspects}
    ends = {
        int(one): (Instant(int(opening)), Instant(int(closing)))
        for one, opening, closing in zip(table.listed, table.first, table.last, strict=True)
    }
    audits = [
        _symbol(table, market, place, ends.get(int(one)), last, counts)
        for market in markets
        for place, one in enumerate(market.members)
    ]
    return tuple(sorted(audits, key=lambda audit: audit.symbol))


def _symbol(
    table: ArrangedBars,
    market: Market,
    place: int,
    ends: tuple[Instant, Instant] | None,
    last: Instant,
    counts: dict[Suspicion, Int64Array],
) -> SymbolAudit:
    one, coverage = int(market.members[place]), market.coverage
    return SymbolAudit(
        symbol=table.names[one],
        calendar=market.calendar.name,
        first=None if ends is None else ends[0],
        last=None if ends is None else ends[1],
        expected=int(coverage.expected[place]),
        present=int(coverage.present[place]),
        gaps=gaps_of(coverage, place),
        missing_at_end=len(coverage.grid) - int(coverage.stop[place]),
        seconds_behind=None if ends is None else (last - ends[1]) // SECOND,
        unexpected=int(coverage.unexpected[place]),
        duplicates=int(table.duplicates[one]),
        without_close=int(table.without_close[one]),
        synthetic=int(table.synthetic[one]),
        suspects={kind: int(count[one]) for kind, count in counts.items() if count[one]},
    )


def gaps_of(coverage: Coverage, place: int) -> tuple[Gap, ...]:
    """Return the gaps of the member at a place, as instants."""
    return _gaps(coverage.grid, coverage.gaps, coverage.gaps.of(place))


def _gaps(grid: Int64Array, stretches: Stretches, which: slice) -> tuple[Gap, ...]:
    edges = zip(stretches.start[which].tolist(), stretches.stop[which].tolist(), strict=True)
    return tuple(Gap(Instant(int(grid[i])), Instant(int(grid[j - 1])), j - i) for i, j in edges)


def shared_gaps(market: Market, table: ArrangedBars) -> Iterator[SharedGap]:
    """Yield the gaps that every symbol alive at the time has in common."""
    stretches, alive = shared_stretches(market.coverage, np.isin(market.members, table.listed))
    gaps = _gaps(market.coverage.grid, stretches, slice(None))
    for gap, symbols in zip(gaps, alive.tolist(), strict=True):
        yield SharedGap(gap.start, gap.end, gap.missing, symbols, market.calendar.name)


def by_month(market: Market, table: ArrangedBars) -> pl.DataFrame:
    """Return the months in which a symbol is owed a bar."""
    return month_rows(market.coverage, pl.Series(table.names).gather(market.members))


def month_rows(coverage: Coverage, names: pl.Series) -> pl.DataFrame:
    """Return the months in which a member is owed something: ``symbol str, month str, expected i64, present i64``."""
    months = coverage.months()
    place, month = np.nonzero(months.expected)
    return pl.DataFrame(
        {
            "symbol": names.gather(place),
            "month": pl.Series(months.names, dtype=pl.String).gather(month),
            "expected": months.expected[place, month],
            "present": months.present[place, month],
        }
    )


def _distance(grid: Int64Array, times: Int64Array) -> FloatArray:
    """Return microseconds to the nearest owed close; without any owed close, zero is all there is to say."""
    if not len(grid):
        return np.zeros(len(times))
    after = np.searchsorted(grid, times)
    before, behind = (np.abs(grid[np.clip(place, 0, len(grid) - 1)] - times) for place in (after - 1, after))
    nearest: FloatArray = np.minimum(before, behind).astype(np.float64)
    return nearest

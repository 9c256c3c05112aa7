"""What is there of what is owed, per symbol: on the grid of a calendar, or in the rhythm of payments.

Bars are laid on their grid by the audit of bars; so is everything else that is owed at fixed times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.time import HOUR, MINUTE, BarInterval, Instant, format_instant
from tidegate.core.units import Int64Array, Mask
from tidegate.data.audit import Gap
from tidegate.data.audit.coverage import Coverage, cover
from tidegate.data.audit.markets import gaps_of, month_rows
from tidegate.data.calendars import TradingCalendar, trading_calendar
from tidegate.data.readiness.scope import Life

__all__ = ["MONTHS", "Laid", "MemberCoverage", "lay_on_grid", "lay_payments"]

_USUAL_PERIOD: Final = 8 * HOUR
"""Period of payments where one payment or none tells it."""
_RHYTHM: Final = 7
"""Steps between payments whose median is the period in their middle: three on each side settle a change of period."""

MONTHS: Final = {"symbol": pl.String(), "month": pl.String(), "expected": pl.Int64(), "present": pl.Int64()}
"""Columns of what is owed and there by month."""


@dataclass(frozen=True, slots=True)
class MemberCoverage:
    """One symbol or series of one data kind.

    Parameters
    ----------
    start, end
        It is owed data after ``start``, up to and at ``end``.
    expected, present
        What is owed, and what of that is there as a real row.
    count
        Real rows, or items linked to it, within the same stretch.
    gaps
        Every stretch of what is missing.
    """

    member: str
    start: Instant
    end: Instant
    expected: int
    present: int
    count: int
    gaps: tuple[Gap, ...]

    @property
    def coverage(self) -> float:
        """Share of what is owed that is there; 0 where nothing is owed, for nothing was shown."""
        return self.present / self.expected if self.expected else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, instants as ISO text."""
        names = ("member", "expected", "present", "coverage", "count")
        spans = {"start": format_instant(self.start), "end": format_instant(self.end)}
        return {**{name: getattr(self, name) for name in names}, **spans, "gaps": [gap.as_dict() for gap in self.gaps]}


@dataclass(frozen=True, eq=False)
class Laid:
    """Members with what they have of what they owe.

    Parameters
    ----------
    members
        Sorted by name.
    by_month
        ``symbol str, month str, expected i64, present i64``.
    repeated
        ``int64 (n_members,)``: rows for a stretch of time that has one already.
    long_steps
        ``int64 (n_members,)``: steps from one row to the next over more than three owed ones.
    """

    members: tuple[MemberCoverage, ...]
    by_month: pl.DataFrame
    repeated: Int64Array
    long_steps: Int64Array

    @classmethod
    def of(cls, members: Sequence[MemberCoverage], by_month: pl.DataFrame | None = None) -> Laid:
        """Return members to which neither repetitions nor steps apply."""
        nothing = np.zeros(len(members), dtype=np.int64)
        return cls(tuple(members), pl.DataFrame(schema=MONTHS) if by_month is None else by_month, nothing, nothing)


def lay_on_grid(
    lives: Sequence[Life],
    interval: BarInterval,
    rows: pl.DataFrame,
    *,
    exact: bool,
    calendar: str | None = None,
    excused: pl.DataFrame | None = None,
) -> Laid:
    """Lay rows on what their calendars owe.

    Parameters
    ----------
    interval
        One row is owed for each such stretch of trading time.
    rows
        ``symbol str, time i64`` of real rows.
    exact
        Whether a row counts only at the end of its stretch, as a bar does, or anywhere in it, as a reading does.
    calendar
        In place of the symbols' own.
    excused
        ``symbol str, time i64``: what the calendar owes and a symbol does not, because it was suspended. A row that is
        there all the same counts.

    Examples
    --------
    >>> from tidegate.core.time import DAY
    >>> from tidegate.data.readiness.scope import Listing
    >>> day = Life("A", "24/7", Instant(0), Instant(DAY), Listing.KNOWN)
    >>> rows = pl.DataFrame({"symbol": ["A", "A"], "time": [HOUR, 2 * HOUR + 5]})
    >>> laid = [lay_on_grid([day], BarInterval("1h"), rows, exact=exact).members[0] for exact in (True, False)]
    >>> [(one.present, one.expected) for one in laid]
    [(1, 24), (2, 24)]
    """
    found: list[tuple[int, MemberCoverage, int, int]] = []
    months = [pl.DataFrame(schema=MONTHS)]
    order = {life.symbol: place for place, life in enumerate(lives)}
    for name in sorted({calendar or life.calendar for life in lives}):
        group = [life for life in lives if (calendar or life.calendar) == name]
        grid = _grid(group, trading_calendar(name), interval)
        there = _Rows.of(rows, group, grid, interval, exact=exact)
        free = _excused(excused, there, group, grid)
        coverage, owed = _cover(group, grid, there, free)
        long_steps = _long_steps(coverage)
        for place, life in enumerate(group):
            expected, present = int(owed[place]), int(coverage.present[place] - coverage.expected[place] + owed[place])
            member = MemberCoverage(
                life.symbol, life.start, life.end, expected, present, int(there.count[place]), gaps_of(coverage, place)
            )
            found.append((order[life.symbol], member, int(there.repeated[place]), int(long_steps[place])))
        months.append(_months(coverage, free, [life.symbol for life in group]))
    found.sort(key=lambda one: one[0])
    return Laid(
        tuple(member for _, member, _, _ in found),
        pl.concat(months).sort("symbol", "month"),
        np.array([repeated for _, _, repeated, _ in found], dtype=np.int64),
        np.array([steps for _, _, _, steps in found], dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of some lives: at which owed time each counts, how many there are, and how many repeat a stretch."""

    member: Int64Array
    at: Int64Array
    count: Int64Array
    repeated: Int64Array

    @classmethod
    def of(
        cls, rows: pl.DataFrame, lives: Sequence[Life], grid: Int64Array, interval: BarInterval, *, exact: bool
    ) -> _Rows:
        starts, ends = _sides(lives)
        member, times = _numbered(rows, [life.symbol for life in lives])
        inside = (times > starts[member]) & (times <= ends[member])
        member, times = member[inside], times[inside]
        ending, has_stretch = _stretch_of(grid, times, interval)
        first = _changes(member, ending)
        kept, at = _changes(member, times), times
        if not exact:
            kept, at = has_stretch & first & (ending > starts[member]) & (ending <= ends[member]), ending
        count, repeated = (
            np.bincount(member[which], minlength=len(lives)).astype(np.int64)
            for which in (slice(None), has_stretch & ~first)
        )
        return cls(member[kept], at[kept], count, repeated)


def _grid(lives: Sequence[Life], calendar: TradingCalendar, interval: BarInterval) -> Int64Array:
    starts, ends = _sides(lives)
    return calendar.expected(interval, int(starts.min()) + 1, int(ends.max()))


def _sides(lives: Sequence[Life]) -> tuple[Int64Array, Int64Array]:
    starts, ends = (np.array([getattr(life, side) for life in lives], dtype=np.int64) for side in ("start", "end"))
    return starts, ends


def _changes(member: Int64Array, times: Int64Array) -> Mask:
    """Return which of these pairs, in order, differ from the one before."""
    new = np.ones(len(member), dtype=np.bool_)
    new[1:] = (member[1:] != member[:-1]) | (times[1:] != times[:-1])
    return new


def _excused(
    excused: pl.DataFrame | None, there: _Rows, lives: Sequence[Life], grid: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Return life and time of what is excused, owed by the calendar within a life, and not there."""
    nothing = np.empty(0, dtype=np.int64)
    if excused is None or excused.is_empty():
        return nothing, nothing
    starts, ends = _sides(lives)
    member, times = _numbered(excused.unique(), [life.symbol for life in lives])
    owed = (times > starts[member]) & (times <= ends[member]) & np.isin(times, grid)
    real = set(zip(there.member.tolist(), there.at.tolist(), strict=True))
    absent = [pair not in real for pair in zip(member.tolist(), times.tolist(), strict=True)]
    kept = owed & np.array(absent, dtype=np.bool_)
    return member[kept], times[kept]


def _cover(
    lives: Sequence[Life], grid: Int64Array, there: _Rows, free: tuple[Int64Array, Int64Array]
) -> tuple[Coverage, Int64Array]:
    """Return the coverage with what is excused counted as there, and how much each life owes without it."""
    starts, ends = _sides(lives)
    member, at = (np.concatenate(pair) for pair in zip((there.member, there.at), free, strict=True))
    order = np.lexsort((at, member))
    coverage = cover(grid, member[order], at[order], starts + 1, ends)
    return coverage, coverage.expected - np.bincount(free[0], minlength=len(lives)).astype(np.int64)


def _months(coverage: Coverage, free: tuple[Int64Array, Int64Array], names: list[str]) -> pl.DataFrame:
    months = month_rows(coverage, pl.Series(names, dtype=pl.String))
    if not len(free[0]):
        return months
    excused = _months_of(names, free[0], free[1], np.zeros(len(free[0]), dtype=np.int64))
    joined = months.join(excused.select("symbol", "month", free="expected"), on=["symbol", "month"], how="left")
    less = [pl.col(name) - pl.col("free").fill_null(0) for name in ("expected", "present")]
    return joined.with_columns(less).filter(pl.col("expected") > 0).select(*MONTHS)


def _numbered(rows: pl.DataFrame, names: Sequence[str]) -> tuple[Int64Array, Int64Array]:
    """Return place of the symbol and time of each row of these symbols, sorted by both."""
    place = rows["symbol"].cast(pl.Enum(list(names)), strict=False).to_physical()
    known = rows["time"].filter(place.is_not_null()).to_numpy().astype(np.int64, copy=False)
    member = place.drop_nulls().to_numpy().astype(np.int64)
    follows = (member[1:] > member[:-1]) | ((member[1:] == member[:-1]) & (known[1:] >= known[:-1]))
    if follows.all():  # as the catalog delivers them
        return member, known
    order = np.lexsort((known, member))
    return member[order], known[order]


def _stretch_of(grid: Int64Array, times: Int64Array, interval: BarInterval) -> tuple[Int64Array, Mask]:
    """Return the end of the owed stretch that each time lies in, and whether it lies in one."""
    if not len(grid):
        return times, np.zeros(len(times), dtype=np.bool_)
    place = np.searchsorted(grid, times)
    inside = place < len(grid)
    ending = grid[np.minimum(place, len(grid) - 1)]
    if not interval.is_session:  # a session takes what came since the one before
        inside &= ending - times < interval.microseconds
    return ending, inside


def _long_steps(coverage: Coverage) -> Int64Array:
    """Count the gaps between two rows that make the step from the one to the other longer than three."""
    gaps, size = coverage.gaps, len(coverage.start)
    between = (gaps.start > coverage.start[gaps.member]) & (gaps.stop < coverage.stop[gaps.member])
    long = between & (gaps.stop - gaps.start >= 3)
    return np.bincount(gaps.member[long], minlength=size).astype(np.int64)


def lay_payments(lives: Sequence[Life], rows: pl.DataFrame) -> Laid:
    """Lay payments on their own rhythm: some coins pay every eight hours, some every four, and some change it.

    The period at a step is the median of the seven steps around it, so that a hole is told from a change of period.

    Parameters
    ----------
    rows
        ``symbol str, time i64`` of real payments.

    Examples
    --------
    >>> from tidegate.core.time import DAY
    >>> from tidegate.data.readiness.scope import Listing
    >>> life = Life("A", "24/7", Instant(0), Instant(4 * DAY), Listing.KNOWN)
    >>> eight = [hour * HOUR for hour in (8, 16, 24, 32, 56, 64, 72)]
    >>> laid = lay_payments([life], pl.DataFrame({"symbol": "A", "time": eight})).members[0]
    >>> laid.present, laid.expected, [gap.missing for gap in laid.gaps]
    (7, 12, [2, 3])
    """
    member, times = _numbered(rows, [life.symbol for life in lives])
    times = (times + MINUTE // 2) // MINUTE * MINUTE  # venues pay some milliseconds late
    found, months = [], [pl.DataFrame(schema=MONTHS)]
    for place, life in enumerate(lives):
        own = np.unique(times[member == place])
        own = own[(own > life.start) & (own <= life.end)]
        missing, gaps = _unpaid(life, own)
        expected = len(own) + len(missing)
        found.append(MemberCoverage(life.symbol, life.start, life.end, expected, len(own), len(own), gaps))
        owed, there = np.concatenate((own, missing)), np.repeat([1, 0], [len(own), len(missing)])
        months.append(_months_of([life.symbol], np.zeros(len(owed), dtype=np.int64), owed, there))
    return Laid.of(found, pl.concat(months).sort("symbol", "month"))


def _unpaid(life: Life, paid: Int64Array) -> tuple[Int64Array, tuple[Gap, ...]]:
    """Return the instants of the payments that are missing within a life, and their stretches."""
    steps = np.diff(paid)
    if not len(paid):
        owed = np.arange(life.start + _USUAL_PERIOD, life.end + 1, _USUAL_PERIOD, dtype=np.int64)
        return owed, _as_gaps([owed])
    around = pl.Series(steps if len(steps) else [_USUAL_PERIOD]).cast(pl.Float64)
    period = around.rolling_median(_RHYTHM, min_samples=1, center=True).to_numpy().astype(np.int64)
    head = np.arange(paid[0] - period[0], life.start, -period[0], dtype=np.int64)[::-1]
    tail = np.arange(paid[-1] + period[-1], life.end + 1, period[-1], dtype=np.int64)
    lacking = np.maximum(np.rint(steps / period[: len(steps)]).astype(np.int64) - 1, 0)
    inner = [
        paid[place] + period[place] * np.arange(1, lacking[place] + 1, dtype=np.int64)
        for place in np.flatnonzero(lacking).tolist()
    ]
    stretches = [one for one in (head, *inner, tail) if len(one)]
    return np.concatenate([np.empty(0, dtype=np.int64), *stretches]), _as_gaps(stretches)


def _as_gaps(stretches: Sequence[Int64Array]) -> tuple[Gap, ...]:
    return tuple(Gap(Instant(int(one[0])), Instant(int(one[-1])), len(one)) for one in stretches if len(one))


def _months_of(names: list[str], member: Int64Array, times: Int64Array, present: Int64Array) -> pl.DataFrame:
    """Return owed times, each there (1) or not (0), by the month in which they end."""
    months = (times - 1).astype("datetime64[us]").astype("datetime64[M]").astype(str)
    rows = pl.DataFrame(
        {
            "symbol": pl.Series(names, dtype=pl.String).gather(member),
            "month": pl.Series(months, dtype=pl.String),
            "present": present,
        }
    )
    counted = rows.group_by("symbol", "month").agg(expected=pl.len().cast(pl.Int64), present=pl.col("present").sum())
    return counted.select(*MONTHS)

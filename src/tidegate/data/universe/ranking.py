"""How much each name traded, as it was known at an instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import DAY, BarInterval, Instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.calendars import TradingCalendar, trading_calendar

__all__ = ["TradedValues"]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class TradedValues:
    """Every vintage of every bar's traded value, ready to be asked what was known when.

    Parameters
    ----------
    symbols
        Ascending; places of the other arrays.
    places, events, known, until
        ``int64 (n_rows,)``, sorted by event time: symbol, close, when the value became known, and when a revision
        took its place.
    values
        ``float64 (n_rows,)``: currency; NaN where the source has neither value nor volume.
    first_known, ready
        ``int64 (n_symbols,)``: when the name's first bar was known, and when its history was long enough.
    calendar
        Of these bars.
    interval
        Their size.
    """

    symbols: tuple[str, ...]
    places: Int64Array
    events: Int64Array
    known: Int64Array
    until: Int64Array
    values: FloatArray
    first_known: Int64Array
    ready: Int64Array
    calendar: TradingCalendar
    interval: BarInterval

    @classmethod
    def of(cls, bars: pl.DataFrame, interval: BarInterval, minimum_history_bars: int) -> TradedValues:
        """Read rows of the ``bars`` table: all vintages, one data set, one interval.

        Raises
        ------
        DataError
            If there is none, no volume in any of them, or more than one calendar.
        """
        calendars = bars["calendar"].unique().sort().to_list()
        value = pl.col("traded_value").fill_null(pl.col("volume") * pl.col("close"))
        symbols = bars["symbol"].unique().sort()
        rows = bars.select(
            pl.col("symbol").cast(pl.Enum(symbols)).to_physical().cast(pl.Int64).alias("place"),
            pl.col("event_time", "known_time", "recorded_time").dt.epoch("us"),
            value.cast(pl.Float64).alias("value"),
        ).sort("event_time", "place", "known_time", "recorded_time")
        if len(calendars) != 1 or rows["value"].is_null().all():
            raise DataError(
                found=f"bars of calendars {', '.join(calendars)}" if len(calendars) > 1 else "no traded value to rank",
                expected="bars of one calendar, with volume or traded value",
                hint="see what there is: tidegate catalog",
            )
        same = (pl.col("place") == pl.col("place").shift(-1)) & (pl.col("event_time") == pl.col("event_time").shift(-1))
        until = pl.when(same).then(pl.col("known_time").shift(-1)).otherwise(pl.lit(_NEVER)).fill_null(_NEVER)
        rows = rows.with_columns(until.alias("until"))
        return cls(
            symbols=tuple(symbols.to_list()),
            places=rows["place"].to_numpy(),
            events=rows["event_time"].to_numpy(),
            known=rows["known_time"].to_numpy(),
            until=rows["until"].to_numpy(),
            values=rows["value"].fill_null(np.nan).to_numpy(),
            first_known=_ready(rows, len(symbols), 1),
            ready=_ready(rows, len(symbols), minimum_history_bars),
            calendar=trading_calendar(calendars[0]),
            interval=interval,
        )

    @property
    def first(self) -> Instant:
        """Close of the first bar."""
        return Instant(int(self.events[0]))

    @property
    def last(self) -> Instant:
        """Close of the last bar."""
        return Instant(int(self.events[-1]))

    def known_at(self, instant: int, lookback_bars: int) -> FloatArray:
        """Return each name's traded value per bar of the look-back, ``float64 (n_symbols,)``, in currency.

        The sum of what was known by ``instant`` is divided by the whole look-back, so that a name that did not trade
        for half of the time counts half. 0 where nothing was known.
        """
        opens = self._opening(instant, lookback_bars)
        rows = slice(*np.searchsorted(self.events, [opens, instant], side="right"))
        values = self.values[rows]
        counts = (self.known[rows] <= instant) & (instant < self.until[rows]) & np.isfinite(values)
        # One bar after the other in stored order: the same bars give the same sum to the bit.
        total = np.bincount(self.places[rows][counts], weights=values[counts], minlength=len(self.symbols))
        mean: FloatArray = total / lookback_bars
        return mean

    def has_history(self, instant: int) -> Mask:
        """Return which names had enough known bars by then."""
        long_enough: Mask = self.ready <= instant
        return long_enough

    def _opening(self, instant: int, bars: int) -> int:
        """Return after which instant a look-back of so many bars begins."""
        if self.calendar.is_continuous:
            return instant - bars * self.interval.microseconds
        # Far enough back for markets that are open four hours a day, on five days a week, and for long holidays.
        reach = 10 * bars * self.interval.microseconds + 30 * DAY
        owed = self.calendar.expected(self.interval, max(instant - reach, int(self.calendar.opens[0])), instant)
        before = owed[:-bars]
        return int(before[-1]) if len(before) else self.first - 1


def _ready(rows: pl.DataFrame, count: int, minimum: int) -> Int64Array:
    """Return when each name's bars that are known became ``minimum`` or more."""
    same = (pl.col("place") == pl.col("place").shift()) & (pl.col("event_time") == pl.col("event_time").shift())
    found = (
        rows.filter(pl.col("value").is_not_null())
        .filter(~same.fill_null(value=False))
        .group_by("place")
        .agg(pl.col("known_time").sort().get(minimum - 1, null_on_oob=True))
        .drop_nulls()
    )
    ready = np.full(count, _NEVER, dtype=np.int64)
    ready[found["place"].to_numpy()] = found["known_time"].to_numpy()
    return ready

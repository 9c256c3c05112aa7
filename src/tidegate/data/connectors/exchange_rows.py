"""Pages of an exchange as rows of our tables: bars, funding, open interest, the top of the book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.time import HOUR, SECOND, BarInterval, moment_of, parse_instant
from tidegate.data.calendars import CONTINUOUS
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.exchange_client import Venue
from tidegate.data.connectors.funding_files import LONGEST_PERIOD_HOURS, funding_rows, sorted_payments
from tidegate.data.connectors.metric_rows import metric_rows, sorted_metrics
from tidegate.data.connectors.ohlcv import OhlcvSettings, Stamp
from tidegate.data.connectors.ohlcv.checks import reject_bad_rows
from tidegate.data.tables import BARS, FUNDING, METRICS, MOMENT, ORDER_BOOKS

__all__ = ["Ask", "bars", "funding", "open_interest", "order_book"]

_SMALLEST_PAGE: Final = 30
"""Rows that every exchange returns at a time; an empty page is followed by the stretch after so many."""
_FAR: Final = parse_instant("2200-01-01")
_MILLISECOND: Final = SECOND // 1000
_BEFORE: Final = int(LONGEST_PERIOD_HOURS * HOUR)
"""A payment's period needs the payment before it."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One task: whom to ask for what, and what the rows are called.

    Parameters
    ----------
    symbol
        As ccxt writes it; ``task.member`` is ours.
    limit
        Rows per page; None leaves it to ccxt.
    """

    venue: Venue
    call: Call
    task: Task
    symbol: str
    dataset: str
    source: str
    interval: BarInterval
    limit: int | None

    @property
    def start(self) -> int:
        """First instant of the task, microseconds."""
        return self.task.start or 0

    @property
    def end(self) -> int:
        """End of the task; no later than now."""
        return min(self.task.end or now(), now())

    def page_limit(self, method: str) -> int | None:
        """Return how many rows to ask for: what is set, or what ccxt knows of the exchange."""
        if self.limit is not None:
            return self.limit
        known = self.venue.ask(lambda: self.venue.exchange.feature_value(self.symbol, method, "limit"))
        return int(known) if known else None


def bars(ask: Ask) -> Iterator[Batch]:
    """Yield bars whose open lies in the task; they are stamped with their close, and known then."""
    exchange, size = ask.venue.exchange, ask.interval.microseconds
    limit = ask.page_limit("fetchOHLCV")
    settings = OhlcvSettings(dataset=ask.dataset, interval=ask.interval, stamp=Stamp.OPEN, calendar=CONTINUOUS)

    def page(since: int) -> list[Any]:
        return list(exchange.fetch_ohlcv(ask.symbol, str(ask.interval), since=since // 1000, limit=limit))

    empty = limit or _SMALLEST_PAGE
    for rows in _pages(ask, page, _opened, start=ask.start, end=ask.end, step=size, empty=empty):
        names = ("open", "high", "low", "close", "volume")
        frame = pl.DataFrame(
            [[_opened(row) * 1000, *(_number(value) for value in row[1:6])] for row in rows],
            schema={"opened": pl.Int64, **dict.fromkeys(names, pl.Float64)},
            orient="row",
        )
        closed = pl.when(pl.col("opened") % size == 0).then(pl.col("opened") + size)
        frame = frame.with_columns(pl.lit(ask.task.member).alias("symbol"), closed.cast(MOMENT).alias("event_time"))
        frame = frame.filter(pl.col("opened") < (ask.task.end or now()))
        # The bar in progress is no bad row; it is asked for again when it is closed.
        finished = frame.filter(
            (pl.col("event_time").is_null() | (pl.col("event_time") <= moment_of(now())))
            & ~ask.venue.in_progress("event_time").fill_null(value=False)
        )
        good, rejected = reject_bad_rows(
            finished.with_columns(pl.lit(None, pl.String).alias("time_fault")), settings, now()
        )
        yield Batch(table=BARS.name, rows=_as_bars(ask, good), rejected=rejected)


def _as_bars(ask: Ask, good: pl.DataFrame) -> pl.DataFrame:
    return good.select(
        pl.lit(ask.dataset).alias("dataset"),
        pl.lit(str(ask.interval)).alias("interval"),
        "symbol",
        "event_time",
        pl.col("event_time").alias("known_time"),
        *("open", "high", "low", "close", "volume"),
        pl.lit(None, pl.Float64).alias("traded_value"),
        pl.lit(1.0).alias("adjustment"),
        pl.lit(CONTINUOUS).alias("calendar"),
        pl.lit(ask.source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )


def funding(ask: Ask) -> Iterator[Batch]:
    """Yield the payments made in the task, with the distance to the payment before as their period."""
    exchange = ask.venue.exchange
    limit = ask.page_limit("fetchFundingRateHistory")

    def page(since: int) -> list[Any]:
        return list(exchange.fetch_funding_rate_history(ask.symbol, since=since // 1000, limit=limit))

    # Nobody pays more often than hourly, so an empty page says nothing about more hours than it has rows.
    empty = (limit or _SMALLEST_PAGE) * HOUR // _MILLISECOND
    # A payment a few milliseconds after the hour is the payment of that hour.
    pages = _pages(
        ask, page, _stamp, start=max(ask.start - _BEFORE, 0), end=ask.end + SECOND, step=_MILLISECOND, empty=empty
    )
    payments = [{"time": _instant(row), "rate": _number(row.get("fundingRate"))} for rows in pages for row in rows]
    frame = pl.DataFrame(payments, schema={"time": pl.Int64, "rate": pl.Float64})
    good, rejected = sorted_payments(
        frame.with_columns(pl.lit(ask.task.member).alias("symbol"), pl.col("time").cast(MOMENT))
    )
    rows = funding_rows(good, dataset=ask.dataset, source=ask.source)
    # A payment at midnight closes the day before, as a bar does.
    asked_for = (pl.col("event_time") > moment_of(ask.start)) & (
        pl.col("event_time") <= moment_of(ask.task.end or now())
    )
    yield Batch(table=FUNDING.name, rows=rows.filter(asked_for), rejected=rejected)


def open_interest(ask: Ask) -> Iterator[Batch]:
    """Yield open interest in coins and in currency; buckets are stamped with their start and known at their end."""
    exchange, size = ask.venue.exchange, ask.interval.microseconds
    limit = ask.page_limit("fetchOpenInterestHistory")
    fields = {"open_interest": "openInterestAmount", "open_interest_value": "openInterestValue"}

    def page(since: int) -> list[Any]:
        rows = exchange.fetch_open_interest_history(ask.symbol, str(ask.interval), since=since // 1000, limit=limit)
        return list(rows)

    empty = limit or _SMALLEST_PAGE
    for rows in _pages(ask, page, _stamp, start=ask.start, end=ask.end, step=size, empty=empty):
        inside = [row for row in rows if _instant(row) < (ask.task.end or now())]
        found = [(name, _instant(row), row.get(theirs)) for name, theirs in fields.items() for row in inside]
        frame = pl.DataFrame(
            [(name, instant, None if value is None else str(value)) for name, instant, value in found],
            schema={"metric": pl.String, "instant": pl.Int64, "text": pl.String},
            orient="row",
        )
        end = pl.when(pl.col("instant") % size == 0).then(pl.col("instant") + size).cast(MOMENT)
        good, rejected = sorted_metrics(
            frame.with_columns(pl.lit(ask.task.member).alias("symbol"), end.alias("event_time"))
        )
        good = good.filter(~ask.venue.in_progress("event_time"))
        metrics = metric_rows(good, dataset=ask.dataset, source=ask.source)
        yield Batch(table=METRICS.name, rows=metrics, rejected=rejected)


def order_book(ask: Ask) -> Iterator[Batch]:
    """Yield the best bid and ask as they are now; what was in the book before cannot be asked for."""
    exchange = ask.venue.exchange
    best = ask.venue.look(ask.call, lambda: _best(exchange.fetch_order_book(ask.symbol)))
    row = {"symbol": ask.task.member, **best}
    numbers = ("bid_price", "ask_price", "bid_size", "ask_size")
    frame = pl.DataFrame([row], schema={"symbol": pl.String, **dict.fromkeys(numbers, pl.Float64)})
    bid, offer, bids, offers = (pl.col(name) for name in numbers)
    conditions = {
        "a side of the book is empty": pl.any_horizontal(pl.col(name).is_null() for name in numbers),
        "not a positive number": pl.any_horizontal(~pl.col(name).is_finite() | (pl.col(name) <= 0) for name in numbers),
        "bid above ask": bid > offer,
    }
    reason = pl.coalesce(pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items())
    frame = frame.with_columns(reason.alias("reason"))
    present = pl.lit(moment_of(now())).cast(MOMENT)
    rows = frame.filter(pl.col("reason").is_null()).select(
        pl.lit(ask.dataset).alias("dataset"),
        "symbol",
        present.alias("event_time"),
        present.alias("known_time"),
        *numbers,
        ((offer - bid) / ((offer + bid) / 2) * 1e4).alias("spread_bps"),
        ((bids - offers) / (bids + offers)).alias("imbalance"),
        pl.lit(ask.source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )
    yield Batch(table=ORDER_BOOKS.name, rows=rows, rejected=frame.filter(pl.col("reason").is_not_null()))


def _best(book: dict[str, Any]) -> dict[str, float | None]:
    """Return price and size of the first level of both sides; missing where a side is empty."""
    found: dict[str, float | None] = {}
    for side in ("bid", "ask"):
        price, size = (book[f"{side}s"] or [(None, None)])[0][:2]
        found |= {f"{side}_price": _number(price), f"{side}_size": _number(size)}
    return found


def _pages(
    ask: Ask,
    page: Callable[[int], list[Any]],
    stamp: Callable[[Any], int],
    *,
    start: int,
    end: int,
    step: int,
    empty: int,
) -> Iterator[list[Any]]:
    """Yield pages of rows from ``start`` on, until ``end`` is reached; the last page may hold later rows.

    How many rows a page has is the exchange's business: the next one begins after the last row that arrived. An empty
    page ends nothing either, since many exchanges look at no more than one page's stretch of time.

    Parameters
    ----------
    page
        Returns the rows from an instant (microseconds) on; ccxt leaves out those before it.
    stamp
        Returns a row's time, milliseconds.
    step
        Microseconds from a row to the earliest that can follow it.
    empty
        Steps to go on by after an empty page.
    """

    def inside(at: int) -> list[Any]:
        found = page(at)
        times = [stamp(row) * 1000 for row in found]
        if any(not at <= time < _FAR for time in times):
            raise ValueError("rows of another time than was asked for")
        return found

    at = start
    while at + step <= end:
        found = ask.venue.page(ask.call, partial(inside, at))
        if found:
            yield found
        at = max(stamp(row) for row in found) * 1000 + step if found else at + empty * step


def _opened(row: list[Any]) -> int:
    return int(row[0])


def _stamp(row: dict[str, Any]) -> int:
    return int(row["timestamp"])


def _instant(row: dict[str, Any]) -> int:
    return _stamp(row) * 1000


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

"""The audit of bars: what a data set owes by its calendars, what is there, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import BarInterval, Instant, Window, format_instant
from tidegate.data.audit.arranged import ArrangedBars, arrange
from tidegate.data.audit.findings import AuditLimits
from tidegate.data.audit.markets import by_month, markets_of, shared_gaps, suspects_of, symbol_audits
from tidegate.data.audit.result import BarAudit
from tidegate.data.audit.suspects import worst_examples
from tidegate.data.catalog import Catalog

__all__ = ["audit_bars", "audit_frame"]

_NEEDED = (
    *("interval", "symbol", "event_time", "open", "high", "low", "close", "volume"),
    *("adjustment", "calendar", "synthetic"),
)
_DEFAULT_LIMITS = AuditLimits()


def audit_bars(
    catalog: Catalog,
    dataset: str,
    *,
    as_of: Instant,
    version: int | None = None,
    interval: BarInterval | None = None,
    symbols: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    limits: AuditLimits = _DEFAULT_LIMITS,
) -> BarAudit:
    """Audit bars of the catalog as they were known at ``as_of``.

    Parameters
    ----------
    version
        Table version; none means the present one. The audit names the version that it read.
    interval
        Needed only where the data set holds bars of several sizes.
    symbols
        Symbols that must be there: one without any bar is reported as empty. None means those that have bars.
    start, end
        Dates (UTC), both inclusive, that cut the bars before they are looked at.

    Raises
    ------
    CatalogError
        If the data set or the version does not exist.
    DataError
        If there is no bar to look at, or bars of several sizes and none was chosen.
    """
    version = catalog.version("bars") if version is None else version
    rows = catalog.read(
        "bars", dataset=dataset, as_of=as_of, version=version, symbols=symbols, window=Window.of_dates(start, end)
    ).select(_NEEDED)
    if interval is not None:
        rows = rows.filter(pl.col("interval") == str(interval))
    bars = rows.collect()
    return audit_frame(
        bars.drop("interval"),
        dataset=dataset,
        interval=_only_interval(bars, dataset) if interval is None else interval,
        as_of=as_of,
        version=version,
        symbols=symbols,
        limits=limits,
    )


def audit_frame(
    bars: pl.DataFrame,
    *,
    dataset: str,
    interval: BarInterval,
    as_of: Instant,
    calendar: str | None = None,
    version: int | None = None,
    symbols: Sequence[str] | None = None,
    limits: AuditLimits = _DEFAULT_LIMITS,
) -> BarAudit:
    """Audit bars in any order: a pure function of its arguments.

    Each symbol is held against its own calendar from its own first to its own last bar, so that neither a
    holiday nor a late listing is a gap (D-21). Rows that are synthetic, without a close, there for the second
    time or off the calendar never count as coverage.

    Parameters
    ----------
    bars
        ``symbol``, ``event_time`` (the bar's close, any time unit, UTC) and ``close``; optionally ``open``,
        ``high``, ``low``, ``volume``, ``adjustment``, ``calendar``, ``synthetic``.
    calendar
        For rows whose ``calendar`` is missing.
    symbols
        Symbols that must be there, beside those that are.

    Raises
    ------
    DataError
        If there is no real bar, if a column or a calendar is missing, or if a bar lies after ``as_of``.
    InputError
        If there is no such calendar, or it does not reach as far as the bars.

    Examples
    --------
    >>> from tidegate.core.time import DAY, HOUR, moment_of
    >>> hours = [moment_of(hour * HOUR) for hour in (1, 2, 5, 6)]
    >>> bars = pl.DataFrame({"symbol": "BTC", "event_time": hours, "close": [1.0, 2.0, 3.0, 4.0]})
    >>> hourly = BarInterval("1h")
    >>> audit = audit_frame(bars, dataset="mine", interval=hourly, as_of=Instant(DAY), calendar="24/7")
    >>> audit.symbols[0].gaps[0].as_dict()
    {'start': '1970-01-01T03:00:00Z', 'end': '1970-01-01T04:00:00Z', 'missing': 2}
    """
    if bars.is_empty():
        raise _nothing(dataset, "no bar", interval, as_of)
    table = arrange(bars, calendar=calendar, symbols=symbols)
    if table.bars.is_empty():
        raise _nothing(dataset, f"{bars.height} rows but no real bar", interval, as_of)
    return _audit(
        table,
        dataset=dataset,
        interval=interval,
        as_of=as_of,
        version=version,
        rows=bars.height,
        limits=limits,
    )


def _audit(
    table: ArrangedBars,
    *,
    dataset: str,
    interval: BarInterval,
    as_of: Instant,
    version: int | None,
    rows: int,
    limits: AuditLimits,
) -> BarAudit:
    first, last = (Instant(int(edge)) for edge in (table.first.min(), table.last.max()))
    if last > as_of:
        raise DataError(
            found=f"a bar of {dataset!r} that closes at {format_instant(last)}",
            expected=f"none after the audit's as-of, {format_instant(as_of)}",
            hint="ask as of a later time, or read the bars as of that time first",
        )
    markets = list(markets_of(table, interval, first, last))
    suspects = suspects_of(table, markets, limits)
    return BarAudit(
        dataset=dataset,
        interval=interval,
        as_of=as_of,
        version=version,
        rows=rows,
        first=first,
        last=last,
        owed_since_last=max(market.owed(interval, last + 1, as_of) for market in markets),
        symbols=symbol_audits(table, markets, suspects, last),
        shared_gaps=tuple(gap for market in markets for gap in shared_gaps(market, table)),
        suspect_bars=tuple(
            bar for found in suspects for bar in worst_examples(found, table.bars, table.names, limits.examples)
        ),
        by_month=pl.concat(by_month(market, table) for market in markets).sort("symbol", "month"),
        limits=limits,
    )


def _only_interval(bars: pl.DataFrame, dataset: str) -> BarInterval:
    there = sorted(bars["interval"].unique().to_list())
    if len(there) != 1:
        raise DataError(
            found=f"bars of {', '.join(there) or 'no size'} in {dataset!r}",
            expected="bars of one size",
            hint="choose one with --interval; see what there is: tidegate catalog",
        )
    return BarInterval(there[0])


def _nothing(dataset: str, found: str, interval: BarInterval, as_of: Instant) -> DataError:
    return DataError(
        found=f"{found} in {dataset!r} for {interval} as of {format_instant(as_of)}",
        expected="at least one real bar",
        hint="check data set, interval, dates and as-of against: tidegate catalog",
    )

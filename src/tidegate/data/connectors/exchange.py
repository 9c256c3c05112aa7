"""Any exchange that ccxt knows: bars, funding, open interest and the top of the order book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import polars as pl
from pydantic import Field

from tidegate.core.clock import now
from tidegate.core.config import Settings
from tidegate.core.errors import CatalogError, DataError, InputError
from tidegate.core.recipe_data import Name
from tidegate.core.time import DAY, BarInterval, Instant, Window
from tidegate.core.workspace import Workspace
from tidegate.data.calendars import CONTINUOUS
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.exchange_client import Venue, open_venue
from tidegate.data.connectors.exchange_rows import Ask, bars, funding, open_interest, order_book
from tidegate.data.connectors.funding_files import as_stored
from tidegate.data.connectors.venue_tasks import SymbolMap, our_names, stretches
from tidegate.data.tables import BARS, FUNDING, METRICS, ORDER_BOOKS

__all__ = ["ExchangeConnector", "ExchangeKind", "ExchangeSettings"]

_STRETCH: Final = 30 * DAY


class ExchangeKind(StrEnum):
    """What is asked of an exchange."""

    BARS = "bars"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    ORDER_BOOK = "order_book"


_TABLES: Final = {
    ExchangeKind.BARS: BARS.name,
    ExchangeKind.FUNDING: FUNDING.name,
    ExchangeKind.OPEN_INTEREST: METRICS.name,
    ExchangeKind.ORDER_BOOK: ORDER_BOOKS.name,
}
_NEEDED: Final = {
    ExchangeKind.BARS: "fetchOHLCV",
    ExchangeKind.FUNDING: "fetchFundingRateHistory",
    ExchangeKind.OPEN_INTEREST: "fetchOpenInterestHistory",
    ExchangeKind.ORDER_BOOK: "fetchOrderBook",
}
"""ccxt's name of what an exchange must offer."""
_FETCHERS: Final = {
    ExchangeKind.BARS: bars,
    ExchangeKind.FUNDING: funding,
    ExchangeKind.OPEN_INTEREST: open_interest,
    ExchangeKind.ORDER_BOOK: order_book,
}


class ExchangeSettings(Settings):
    """What to ask of an exchange."""

    exchange: str
    """As ccxt names it: binance, binanceusdm, okx, bybit, kraken, ..."""
    symbols: SymbolMap
    """As ccxt writes them: BTC/USDT, BTC/USDT:USDT for a perpetual; BTC/USDT=BTC keeps it under another name."""
    kind: ExchangeKind = ExchangeKind.BARS
    """bars, funding, open_interest or order_book (one look at it now)."""
    interval: BarInterval = BarInterval("5m")
    """Size of bars, or of buckets of open interest."""
    start: date | None = None
    """First day, UTC; none is between 30 and 60 days ago."""
    end: date | None = None
    """Last day, UTC; none is up to now."""
    dataset: Name | None = None
    """Name under which the rows are kept; none is the exchange's with -spot, -perpetual or -dated."""
    source: str | None = None
    """Where the rows are from; none is the exchange and spot, perpetual or dated. A data set has one source of bars."""
    base_url: str | None = None
    """Another address of the same service."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """Longest silence of the exchange."""
    pause_seconds: Annotated[float | None, Field(ge=0.0)] = None
    """Least time between two requests; none is what ccxt knows of the exchange."""
    page_limit: Annotated[int | None, Field(ge=1)] = None
    """Rows asked for at a time; none is what ccxt knows of the exchange."""


class ExchangeConnector:
    """Market data of one exchange.

    A bar is stamped with its close, and known then; the bar in progress is not stored. What the exchange does not
    deliver is missing, and no other interval, market or source takes its place.

    Raises
    ------
    InputError
        If symbols of several kinds of market are named: spot and perpetual prices are not one series.
    """

    name: Final = "ccxt"
    settings_type: Final = ExchangeSettings
    tables: tuple[str, ...] = tuple(_TABLES.values())

    def __init__(self, settings: ExchangeSettings) -> None:
        self.settings = settings
        self.tables = (_TABLES[settings.kind],)
        self.warnings: list[str] = []
        self._names = our_names(settings.symbols)
        market = _one_market(list(self._names))
        self.dataset: str = settings.dataset or f"{settings.exchange}-{market}"
        self.source: str = settings.source or f"{settings.exchange} {market}"
        self._venue: Venue | None = None
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier rows lie: one data set holds bars of one source."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task per symbol and thirty days; one per symbol for order books."""
        kind = self.settings.kind
        self._require_offered(self._opened().exchange)
        if kind is ExchangeKind.BARS:
            self._require_one_source()
        if kind is ExchangeKind.ORDER_BOOK:
            return [Task(member=ours, what=f"{kind.value} of {theirs}") for theirs, ours in self._names.items()]
        window = Window.of_dates(self.settings.start, self.settings.end)
        earliest = Instant(((now() - _STRETCH) // _STRETCH) * _STRETCH)
        if window.start is None and window.end is not None and window.end <= earliest:
            raise InputError(
                found=f"an end, {self.settings.end}, without a start",
                expected="a first day before it",
                hint="set start",
            )
        return [
            Task(member=ours, what=f"{kind.value} of {theirs}", start=start, end=end, closed=closed)
            for theirs, ours in self._names.items()
            for start, end, closed in stretches(window, _STRETCH, start=earliest)
        ]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the rows of a task, page by page."""
        venue = self._opened()
        if not venue.exchange.markets:
            venue.look(call, venue.exchange.load_markets)
        theirs = task.what.rpartition(" ")[2]
        venue.ask(lambda: venue.exchange.market(theirs))
        settings = self.settings
        ask = Ask(
            venue=venue, call=call, task=task, symbol=theirs, dataset=self.dataset, source=self.source,
            interval=settings.interval, limit=settings.page_limit,
        )  # fmt: skip
        for batch in _FETCHERS[settings.kind](ask):
            yield batch if batch.table != FUNDING.name else _with_stored_periods(self._catalog, batch)

    def _opened(self) -> Venue:
        if self._venue is None:
            settings = self.settings
            self._venue = open_venue(
                settings.exchange, base_url=settings.base_url, timeout_seconds=settings.timeout_seconds,
                pause_seconds=settings.pause_seconds,
            )  # fmt: skip
        return self._venue

    def _require_offered(self, exchange: Any) -> None:
        """Refuse a kind or an interval that the exchange does not have; none is made from another."""
        kind = self.settings.kind
        if not exchange.has.get(_NEEDED[kind]):
            raise InputError(
                found=f"kind {kind.value} of {exchange.id}",
                expected="one that this exchange offers",
                hint=f"ccxt lists exchanges with {_NEEDED[kind]}",
            )
        sized = kind in {ExchangeKind.BARS, ExchangeKind.OPEN_INTEREST}
        offered = exchange.timeframes or {}
        if sized and self.settings.interval not in offered:
            raise InputError(
                found=f"interval {self.settings.interval} of {exchange.id}",
                expected=f"one of {', '.join(offered) or 'none'}",
                hint="bars of another size are another series; they are not made from each other here",
            )

    def _require_one_source(self) -> None:
        """Refuse bars of another source, or of a market with sessions, in one data set."""
        if self._catalog is None:
            return
        try:
            stored = self._catalog.revisions(BARS.name, dataset=self.dataset, as_of=now())
        except CatalogError:
            return
        same = stored.filter(pl.col("interval") == str(self.settings.interval))
        found = same.select("source", "calendar").unique().sort("source").collect()
        others = [source for source, calendar in found.iter_rows() if (source, calendar) != (self.source, CONTINUOUS)]
        if others:
            raise DataError(
                found=f"bars of {self.source!r} for {self.dataset} {self.settings.interval}, whose stored ones are of "
                f"{', '.join(map(repr, others))}",
                expected="one source per data set and interval",
                hint=f"set another dataset; or, where it is the same market, source: {others[0]}",
            )


def _one_market(symbols: list[str]) -> str:
    """Return the kind of market that all symbols are of, by ccxt's way of writing them."""
    kinds = {_market_of(symbol): symbol for symbol in symbols}
    if len(kinds) != 1:
        found = " and ".join(f"{symbol} ({kind})" for kind, symbol in sorted(kinds.items()))
        raise InputError(
            found=found or "no symbol",
            expected="symbols of one kind of market",
            hint="ask for spot and perpetuals one after the other, each into its own data set",
        )
    return next(iter(kinds))


def _market_of(symbol: str) -> str:
    _, colon, settled = symbol.partition(":")
    if not colon:
        return "spot"
    return "dated" if "-" in settled else "perpetual"


def _with_stored_periods(catalog: Catalog | None, batch: Batch) -> Batch:
    return Batch(table=batch.table, rows=as_stored(catalog, batch.rows), rejected=batch.rejected)

"""Indicators of Binance's USD-M perpetuals: long/short ratios, taker volume, basis and open interest.

The six endpoints are described at
https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Long-Short-Ratio and its
neighbours. They keep 30 days, return at most 500 rows, allow 1000 requests in 5 minutes, and do not say whether a
bucket is stamped with its start or its end. It is taken to be the start, so that no value is known too early; the
setting ``stamp`` says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import polars as pl
from pydantic import Field

from tidegate.core.clock import now
from tidegate.core.config import Settings
from tidegate.core.errors import InputError
from tidegate.core.recipe_data import Name
from tidegate.core.time import DAY, MINUTE, BarInterval, Instant, Window, format_instant
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.exchange_client import Venue, open_venue
from tidegate.data.connectors.local_days import ZoneName
from tidegate.data.connectors.metric_files import FilePreset, MetricFiles
from tidegate.data.connectors.metric_rows import metric_rows, sorted_metrics
from tidegate.data.connectors.venue_tasks import SymbolMap, our_names, stretches
from tidegate.data.tables import FUNDING, METRICS, MOMENT

__all__ = ["ENDPOINTS", "BinanceDerivativesConnector", "BinanceDerivativesSettings", "Endpoint"]

_STRETCH: Final = 10 * DAY
_TELLING: Final = 3
"""Ratios have four digits, and those of all traders and of the largest may well be equal for a moment."""
_MARGIN: Final = 15 * MINUTE
"""What is about to fall out of the venue's memory is not asked for: the request would be refused."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One address of the venue.

    Parameters
    ----------
    method
        ccxt's name of it.
    fields
        Our metric to the venue's field.
    member
        What the venue calls the symbol, in request and answer.
    fixed
        Further parameters.
    """

    method: str
    fields: dict[str, str]
    member: str = "symbol"
    fixed: tuple[tuple[str, str], ...] = ()


ENDPOINTS: Final = {
    "global-accounts": Endpoint(
        method="fapiDataGetGlobalLongShortAccountRatio", fields={"long_short_ratio_global_accounts": "longShortRatio"}
    ),
    "top-accounts": Endpoint(
        method="fapiDataGetTopLongShortAccountRatio", fields={"long_short_ratio_top_accounts": "longShortRatio"}
    ),
    "top-positions": Endpoint(
        method="fapiDataGetTopLongShortPositionRatio", fields={"long_short_ratio_top_positions": "longShortRatio"}
    ),
    "takers": Endpoint(
        method="fapiDataGetTakerlongshortRatio",
        fields={"taker_buy_sell_ratio": "buySellRatio", "taker_buy_volume": "buyVol", "taker_sell_volume": "sellVol"},
    ),
    # The annualized rate of a perpetual is delivered empty and stays missing: basis x 365 would be no annualisation.
    "basis": Endpoint(
        method="fapiDataGetBasis",
        fields={"basis_rate": "basisRate", "annualized_basis_rate": "annualizedBasisRate"},
        member="pair",
        fixed=(("contractType", "PERPETUAL"),),
    ),
    "open-interest": Endpoint(
        method="fapiDataGetOpenInterestHist",
        fields={"open_interest": "sumOpenInterest", "open_interest_value": "sumOpenInterestValue"},
    ),
}
"""Name of a task to what is asked for."""


class BinanceDerivativesSettings(Settings):
    """Indicators of perpetuals from Binance, or from files of the same shapes."""

    path: Path | None = None
    """A file or folder of indicators, CSV or Parquet; none asks Binance."""
    symbols: SymbolMap = ()
    """The exchange's symbols; BTCUSDT=BTC keeps one under another name."""
    metrics: tuple[str, ...] = ()
    """Metrics to ask for; none is all."""
    interval: BarInterval | None = None
    """Size of a bucket: 5m, 15m, 30m, 1h, 2h, 4h, 6h, 12h, 1d; none is 5m, or the distance of a file's rows."""
    start: date | None = None
    """First day, UTC; none, or a day that the exchange has forgotten, is 30 days ago."""
    end: date | None = None
    """Last day, UTC; none is up to now."""
    dataset: Name = "crypto-derivatives"
    """Name under which the metrics are kept."""
    stamp: Literal["start", "end"] = "start"
    """The end of a bucket that its time names; start makes no value known too early."""
    preset: FilePreset | None = None
    """What a usual source's files mean: okx-statistics has buckets of an hour and volumes in USD."""
    symbol: str | None = None
    """The symbol of files without a symbol column."""
    ratio: str = "long_short_ratio_global_accounts"
    """The metric that a file's column ratio holds."""
    volume_unit: Literal["coins", "USD"] | None = None
    """Unit of buyVol and sellVol in files; none is coins, or what the preset says."""
    timezone: ZoneName | None = None
    """Zone of a file's times of day without an offset; none refuses them."""
    source: str | None = None
    """Where the rows are from; none is binance, what the preset says, or file."""
    base_url: str | None = None
    """Another address of the same service."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """Longest silence of the exchange."""
    pause_seconds: Annotated[float, Field(ge=0.0)] = 0.3
    """Least time between two requests; the exchange allows 1000 in 5 minutes."""
    page_limit: Annotated[int, Field(ge=1, le=500)] = 500
    """Rows asked for at a time; the exchange allows 500."""
    retention_days: Annotated[int, Field(ge=1)] = 30
    """How far back the exchange remembers."""


_INTERVALS: Final = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")


class BinanceDerivativesConnector:
    """The six indicators, taker volume and open interest, bucket by bucket.

    Every bucket is about its end and public then. Nothing is filled, neither forward nor backward; a field that the
    exchange leaves empty is missing.

    Raises
    ------
    InputError
        If neither symbols nor a path are given, or both.
    """

    name: Final = "binance-derivatives"
    settings_type: Final = BinanceDerivativesSettings
    tables: Final = (METRICS.name, FUNDING.name)

    def __init__(self, settings: BinanceDerivativesSettings) -> None:
        if bool(settings.symbols) == (settings.path is not None):
            raise InputError(
                found="neither symbols nor a path" if settings.path is None else "symbols and a path",
                expected="symbols to ask Binance for, or a path of files",
                hint="for example symbols: [BTCUSDT=BTC]; the one symbol of a file is the setting symbol",
            )
        self.settings = settings
        self.dataset: str = settings.dataset
        self.warnings: list[str] = []
        self._interval = settings.interval or BarInterval("5m")
        self._names = our_names(settings.symbols)
        self._files = None if settings.path is None else MetricFiles(
            path=settings.path, dataset=settings.dataset, preset=settings.preset, interval=settings.interval,
            stamp=settings.stamp, symbol=settings.symbol, ratio=settings.ratio, volume_unit=settings.volume_unit,
            timezone=settings.timezone, source=settings.source, warnings=self.warnings,
        )  # fmt: skip
        self._venue: Venue | None = None
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier funding payments lie, whose periods may be known better."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task per symbol, endpoint and ten days; or one per file."""
        if self._files is not None:
            return self._files.tasks()
        self._require_offered()
        endpoints = {what: self._wanted(one) for what, one in ENDPOINTS.items()}
        window = Window.of_dates(self.settings.start, self.settings.end)
        oldest = Instant((self._oldest() // _STRETCH) * _STRETCH)
        self._mind_the_past(window)
        if window.start is not None and window.start < oldest:
            window = Window(start=oldest, end=window.end)
        return [
            Task(member=ours, what=_what(endpoint, theirs, wanted), start=start, end=end, closed=closed)
            for theirs, ours in self._names.items()
            for endpoint, wanted in endpoints.items()
            if wanted
            for start, end, closed in stretches(window, _STRETCH, start=oldest)
        ]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the buckets that start in ``[task.start, task.end)`` and that the exchange still has."""
        if self._files is not None:
            yield from self._files.fetch(task, self._catalog)
            return
        if self._venue is None:
            settings = self.settings
            self._venue = open_venue(
                "binanceusdm", base_url=settings.base_url, timeout_seconds=settings.timeout_seconds,
                pause_seconds=settings.pause_seconds,
            )  # fmt: skip
        venue = self._venue
        size = self._interval.microseconds
        at = -(-max(task.start or 0, self._oldest()) // size) * size
        last = min(task.end or now(), now())
        while at < last:
            end = min(at + self.settings.page_limit * size, task.end or last)
            rows = self._page(venue, task, call, at, end)
            if rows:
                yield self._batch(venue, task, rows)
            # A page may be shorter than it could be, and only an empty one says that there is no more of it.
            at = max(row["timestamp"] for row in rows) * 1000 + size if rows else end

    def _require_offered(self) -> None:
        """Refuse buckets and metrics that the exchange does not have."""
        if self._interval not in _INTERVALS:
            raise InputError(
                found=f"buckets of {self._interval}",
                expected=f"one of {', '.join(_INTERVALS)}",
                hint="set interval to one of these",
            )
        offered = [metric for endpoint in ENDPOINTS.values() for metric in endpoint.fields]
        unknown = [metric for metric in self.settings.metrics if metric not in offered]
        if unknown:
            raise InputError(
                found=f"metric {unknown[0]!r}",
                expected=f"one of {', '.join(offered)}",
                hint="leave metrics empty for all of them",
            )

    def _wanted(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the metrics of an endpoint that are asked for, and their fields."""
        wanted = self.settings.metrics
        return {metric: theirs for metric, theirs in endpoint.fields.items() if not wanted or metric in wanted}

    def _oldest(self) -> int:
        return now() - self.settings.retention_days * DAY + _MARGIN

    def _mind_the_past(self, window: Window) -> None:
        """Say what the exchange has forgotten of what is asked for."""
        oldest, days = self._oldest(), self.settings.retention_days
        self.warnings = []
        if window.end is not None and window.end <= oldest:
            raise InputError(
                found=f"a window that ends {format_instant(window.end)}",
                expected=f"one that reaches into the last {days} days, which is all that the exchange keeps",
                hint="older metrics are in Binance's archive: tidegate ingest binance-archive",
            )
        if window.start is not None and window.start < oldest - _MARGIN:
            cut = (oldest - window.start) / DAY
            self.warnings.append(
                f"asked for metrics from {format_instant(window.start)}; the exchange keeps {days} days, so the "
                f"{cut:.1f} days before {format_instant(oldest // MINUTE * MINUTE)} are cut off"
            )

    def _page(self, venue: Venue, task: Task, call: Call, start: int, end: int) -> list[dict[str, Any]]:
        """Return the rows of ``[start, end)``, times as whole milliseconds."""
        name, theirs, _ = _asked(task)
        endpoint = ENDPOINTS[name]
        asked = {
            endpoint.member: theirs, **dict(endpoint.fixed), "period": str(self._interval),
            "limit": self.settings.page_limit, "startTime": start // 1000, "endTime": end // 1000 - 1,
        }  # fmt: skip
        method = getattr(venue.exchange, endpoint.method)
        return venue.page(call, lambda: _inside(method(asked), endpoint.member, theirs, start, end), telling=_TELLING)

    def _batch(self, venue: Venue, task: Task, rows: list[dict[str, Any]]) -> Batch:
        size = self._interval.microseconds
        shift = size if self.settings.stamp == "start" else 0
        columns: dict[str, list[Any]] = {"metric": [], "instant": [], "text": []}
        name, _, wanted = _asked(task)
        for metric in wanted:
            columns["metric"] += [metric] * len(rows)
            columns["instant"] += [row["timestamp"] * 1000 for row in rows]
            columns["text"] += [_text(row.get(ENDPOINTS[name].fields[metric])) for row in rows]
        observations = pl.DataFrame(columns, schema={"metric": pl.String, "instant": pl.Int64, "text": pl.String})
        end = pl.when(pl.col("instant") % size == 0).then(pl.col("instant") + shift)
        good, rejected = sorted_metrics(
            observations.with_columns(pl.lit(task.member).alias("symbol"), end.cast(MOMENT).alias("event_time"))
        )
        good = good.filter(~venue.in_progress("event_time"))
        source = self.settings.source or "binance"
        return Batch(table=METRICS.name, rows=metric_rows(good, dataset=self.dataset, source=source), rejected=rejected)


def _what(endpoint: str, symbol: str, metrics: Iterable[str]) -> str:
    """Return all that a task asks for, so that a run which asks for more, or for another symbol, has another task."""
    return f"{endpoint} of {symbol}: {'+'.join(sorted(metrics))}"


def _asked(task: Task) -> tuple[str, str, list[str]]:
    """Return endpoint, the exchange's symbol and metrics of a task."""
    endpoint, symbol, metrics = re.split(" of |: ", task.what, maxsplit=2)
    return endpoint, symbol, metrics.split("+")


def _inside(answer: Any, member: str, symbol: str, start: int, end: int) -> list[dict[str, Any]]:
    """Return the rows of an answer that were asked for; ``ValueError`` if they are about another symbol or time."""
    if not isinstance(answer, list):
        raise TypeError(f"{type(answer).__name__} instead of rows")
    rows = [{**row, "timestamp": int(row["timestamp"])} for row in answer]
    if any(row.get(member, symbol) != symbol for row in rows):
        raise ValueError(f"rows that are not of {symbol}")
    inside = [row for row in rows if start <= row["timestamp"] * 1000 < end]
    if rows and not inside:
        raise ValueError("rows of another stretch of time")
    return inside


def _text(value: object) -> str | None:
    return None if value is None else str(value)

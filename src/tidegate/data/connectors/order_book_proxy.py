"""A stand-in for the top of an order book, made of bars: always flagged, never counted, never an input of costs.

An earlier system stored such rows as if they had been observed, and its audit reported an order-book coverage of
99.98 % that was synthetic throughout (D-17). Here every row says ``synthetic`` and its source is ``proxy``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.config import Settings
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.recipe_data import Day, Name
from tidegate.core.time import BarInterval, Window
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.tables import BARS, ORDER_BOOKS

__all__ = ["OrderBookProxyConnector", "OrderBookProxySettings", "with_proxy"]

_NEEDED: Final = ("open", "high", "low", "close", "volume")


class OrderBookProxySettings(Settings):
    """Bars to make order books of."""

    bars_dataset: Name
    """Data set of the bars."""
    dataset: Name
    """Name under which the order books are kept."""
    interval: BarInterval = BarInterval("5m")
    """Bar size."""
    symbols: tuple[str, ...] = ()
    """Symbols; none means all of the data set."""
    start: Day | None = None
    """First day, UTC."""
    end: Day | None = None
    """Last day, UTC; none means up to now."""


class OrderBookProxyConnector:
    """Order books as bars suggest them, one at each bar's close and known when the bar was.

    See :func:`with_proxy` for the formulas. A restated bar gives a restated order book, known when the restatement
    was. A bar that lacks a price or its volume gives none.
    """

    name: Final = "orderbook-proxy"
    settings_type: Final = OrderBookProxySettings
    tables: Final = (ORDER_BOOKS.name,)

    def __init__(self, settings: OrderBookProxySettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where the bars lie."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task per symbol.

        Raises
        ------
        InputError
            If there is no such data set of bars, or it lacks a symbol.
        """
        try:
            held = self._bars().members(BARS.name, self.settings.bars_dataset)
        except CatalogError as error:
            raise InputError(found=error.found, expected=error.expected, hint=error.hint) from None
        absent = sorted(set(self.settings.symbols) - set(held))
        if absent:
            raise InputError(
                found=f"no bars of {', '.join(absent[:10])}",
                expected=f"symbols of {self.settings.bars_dataset}",
                hint=f"list what is there: tidegate catalog --symbols {self.settings.bars_dataset}",
            )
        return [Task(member=symbol, what="order book") for symbol in self.settings.symbols or held]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - the catalog needs no patience
        """Yield the order books of one symbol, every vintage of its bars included."""
        stored = self._bars().revisions(
            BARS.name,
            dataset=self.settings.bars_dataset,
            as_of=now(),
            symbols=[task.member],
            window=Window.of_dates(self.settings.start, self.settings.end),
        )
        bars = stored.filter(pl.col("interval") == str(self.settings.interval)).sort("recorded_time").collect()
        # Of a corrected bar and the mistake the correction counts; both were known at the same time.
        vintages = bars.unique(["symbol", "event_time", "known_time"], keep="last", maintain_order=True)
        whole = pl.all_horizontal(pl.col(name).is_not_null() for name in _NEEDED)
        lacking = vintages.filter(~whole).select("symbol", "event_time", *_NEEDED)
        yield Batch(
            table=ORDER_BOOKS.name,
            rows=self._rows(with_proxy(vintages.filter(whole))),
            rejected=lacking.with_columns(pl.lit("a bar without all prices and volume").alias("reason")),
        )

    def _bars(self) -> Catalog:
        if self._catalog is None:
            raise InputError(
                found="no workspace", expected="one with the bars in it", hint="call attach(workspace) first"
            )
        return self._catalog

    def _rows(self, books: pl.DataFrame) -> pl.DataFrame:
        origin = {
            "dataset": pl.lit(self.dataset), "source": pl.lit("proxy"), "synthetic": pl.lit(value=True),
        }  # fmt: skip
        return books.with_columns(**origin).select(name for name in ORDER_BOOKS.schema if name != "recorded_time")


def with_proxy(bars: pl.DataFrame) -> pl.DataFrame:
    """Add to bars the columns of an order book that they suggest.

    With ``u = |ln(close / open)|``::

        spread_bps = clip(1.5 + 2800 u + 8 / max(1, ln(2 + volume)), 1.5, 35)
        imbalance  = clip(tanh(2 (close - open) / max(|high - low|, 0.0005 max(close, 1e-6))), -0.95, 0.95)
        bid_price, ask_price = close (1 -/+ spread_bps / 20000)
        bid_size, ask_size   = max(1, volume / 20) (1 +/- imbalance)

    Parameters
    ----------
    bars
        ``open``, ``high``, ``low``, ``close`` (as traded) and ``volume``, none of them missing.

    Examples
    --------
    >>> quiet = pl.DataFrame({"open": [100.0], "high": [101.0], "low": [99.0], "close": [100.0], "volume": [0.0]})
    >>> with_proxy(quiet).select("spread_bps", "imbalance", "bid_size", "ask_size").row(0)
    (9.5, 0.0, 1.0, 1.0)
    """
    opened, high, low, close, volume = (pl.col(name) for name in _NEEDED)
    moved = (close / opened).log().abs()
    depth = (volume + 2.0).log().clip(lower_bound=1.0)
    spread = (1.5 + 2800.0 * moved + 8.0 / depth).clip(1.5, 35.0)
    reach = pl.max_horizontal((high - low).abs(), 0.0005 * close.clip(lower_bound=1e-6))
    lean = (2.0 * (close - opened) / reach).tanh().clip(-0.95, 0.95)
    half, size = pl.col("spread_bps") / 20_000.0, (volume / 20.0).clip(lower_bound=1.0)
    return bars.with_columns(spread.alias("spread_bps"), lean.alias("imbalance")).with_columns(
        (close * (1.0 - half)).alias("bid_price"),
        (close * (1.0 + half)).alias("ask_price"),
        (size * (1.0 + pl.col("imbalance"))).alias("bid_size"),
        (size * (1.0 - pl.col("imbalance"))).alias("ask_size"),
    )

"""Binance's USD-M futures as a script: the shapes, limits and habits that its documents describe.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api, pages Exchange-Information,
Kline-Candlestick-Data, Get-Funding-Rate-History, Order-Book, Long-Short-Ratio, Top-Long-Short-Account-Ratio,
Top-Trader-Long-Short-Ratio, Taker-BuySell-Volume, Basis, Open-Interest-Statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidegate.core.time import HOUR, BarInterval, Instant, parse_instant
from tidegate.testing import Reply, SeenRequest

MILLISECOND = 1000


BEGIN = parse_instant("2024-03-28")
PRESENT = parse_instant("2024-03-31T12:03:00Z")


@dataclass
class Binance:
    """Answers for ``symbols`` from ``since`` on; ``until`` is the venue's own idea of the present."""

    since: Instant = BEGIN
    until: Instant = PRESENT
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    funding_hours: dict[str, int] = field(default_factory=lambda: {"BTCUSDT": 8, "ETHUSDT": 4})
    largest_page: int = 10**6
    """What the venue returns at most, whatever is asked for."""
    missing: tuple[int, ...] = ()
    """Instants at which the venue has nothing."""

    def __call__(self, request: SeenRequest) -> Reply:
        kind = request.path.rpartition("/")[2]
        if kind == "exchangeInfo":
            return Reply({"timezone": "UTC", "symbols": [_market(symbol) for symbol in self.symbols]})
        symbol = request.query.get("symbol", request.query.get("pair", ""))
        if symbol not in self.symbols:
            return Reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        if kind == "depth":
            return Reply(self.depth(symbol))
        if kind == "fundingRate":
            return Reply(self.fundings(symbol, request.query))
        if kind == "klines":
            return Reply(self.bars(symbol, request.query))
        return Reply(self.statistics(kind, symbol, request.query))

    def times(self, query: dict[str, str], step: int, default: int, most: int) -> list[int]:
        """Return the instants that a query asks for, oldest first, as the venue pages them."""
        first = max(int(query.get("startTime", 0)) * MILLISECOND, self.since)
        last = min(int(query.get("endTime", 10**13)) * MILLISECOND, self.until)
        limit = min(int(query.get("limit", default)), most, self.largest_page)
        found = [at for at in range(-(-first // step) * step, last + 1, step) if at not in self.missing]
        return found[:limit]

    def bars(self, symbol: str, query: dict[str, str]) -> list[Any]:
        size = BarInterval(query["interval"]).microseconds
        return [
            [at // 1000, f"{price:.2f}", f"{price + 2:.2f}", f"{price - 2:.2f}", f"{price + 1:.2f}", "12.5",
             (at + size) // 1000 - 1, "1250.0", 40, "6.2", "620.0", "0"]
            for at in self.times(query, size, 500, 1500)
            for price in [self.number(symbol, at)]
        ]  # fmt: skip

    def fundings(self, symbol: str, query: dict[str, str]) -> list[Any]:
        # The documents show times that are a few milliseconds late, such as 1568102400005.
        hours = self.funding_hours[symbol] * HOUR
        late = 5 if symbol == "BTCUSDT" else 0
        return [
            {"symbol": symbol, "fundingRate": f"{self.number(symbol, at) / 1e6:.8f}", "fundingTime": at // 1000 + late,
             "markPrice": "34287.54619963"}
            for at in self.times(query, hours, 100, 1000)
        ]  # fmt: skip

    def depth(self, symbol: str) -> dict[str, Any]:
        price = self.number(symbol, self.until)
        return {
            "lastUpdateId": 1027024, "E": self.until // 1000, "T": self.until // 1000,
            "bids": [[f"{price:.2f}", "431.0"], [f"{price - 1:.2f}", "9.0"]],
            "asks": [[f"{price + 1:.2f}", "12.0"], [f"{price + 2:.2f}", "3.0"]],
        }  # fmt: skip

    def statistics(self, kind: str, symbol: str, query: dict[str, str]) -> list[dict[str, Any]]:
        size = BarInterval(query["period"]).microseconds
        times = self.times(query, size, 30, 500)
        return [self.statistic(kind, symbol, at) for at in times]

    def statistic(self, kind: str, symbol: str, at: int) -> dict[str, Any]:
        value = self.number(symbol + kind, at) / 100
        when = {"timestamp": at // 1000}
        shapes: dict[str, Callable[[], dict[str, Any]]] = {
            "takerlongshortRatio": lambda: {
                "buySellRatio": f"{value:.4f}", "buyVol": "387.3300", "sellVol": f"{at % 997}",
            },
            "basis": lambda: {
                "indexPrice": "34400.15945055", "contractType": "PERPETUAL", "basisRate": f"{value / 1000:.4f}",
                "futuresPrice": "34414.10", "annualizedBasisRate": "", "basis": "13.94054945", "pair": symbol,
            },
            "openInterestHist": lambda: {
                "symbol": symbol, "sumOpenInterest": f"{value:.8f}", "sumOpenInterestValue": f"{value * 7:.8f}",
            },
        }  # fmt: skip
        ratio = {"symbol": symbol, "longShortRatio": f"{value:.4f}", "longAccount": "0.6442", "shortAccount": "0.3558"}
        return {**shapes.get(kind, lambda: ratio)(), **when}

    def number(self, name: str, at: int) -> float:
        """Return a number that differs between names and times, and is the same every time."""
        return 100.0 + sum(name.encode()) % 89 + (at // 60_000_000) % 1013 / 10


def _market(symbol: str) -> dict[str, Any]:
    base = symbol.removesuffix("USDT")
    return {
        "symbol": symbol, "pair": symbol, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3, "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        ],
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC"],
    }  # fmt: skip

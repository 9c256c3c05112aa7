"""What to take out of the archive, and where each file of it lies."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import ValidationInfo, field_validator

from tidegate.core.config import Settings
from tidegate.core.recipe_data import Name
from tidegate.core.time import BarInterval

__all__ = ["ARCHIVE_URL", "ArchiveKind", "BinanceArchiveSettings", "Market", "file_of"]

ARCHIVE_URL: Final = "https://data.binance.vision"

_INTERVALS: Final = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
_SYMBOL: Final = re.compile(r"([A-Z0-9_]{1,32})(?:=([A-Za-z0-9._-]{1,32}))?")


class Market(StrEnum):
    """A part of the exchange with prices of its own."""

    SPOT = "spot"
    FUTURES_UM = "futures-um"
    """Perpetuals and futures that are margined in USDT or USDC."""


class ArchiveKind(StrEnum):
    """What the files hold."""

    BARS = "bars"
    FUNDING = "funding"
    METRICS = "metrics"
    TRADES = "trades"
    """Trades of one taker at one price and instant, which the exchange counts as one."""

    @property
    def folder(self) -> str:
        """The archive's own name of it."""
        return {"bars": "klines", "funding": "fundingRate", "metrics": "metrics", "trades": "aggTrades"}[self.value]

    @property
    def has_months(self) -> bool:
        """Whether there are files of whole months."""
        return self is not ArchiveKind.METRICS

    @property
    def has_days(self) -> bool:
        """Whether there are files of single days."""
        return self is not ArchiveKind.FUNDING


class BinanceArchiveSettings(Settings):
    """Files of Binance's archive, from its own server or from a folder of them.

    Examples
    --------
    >>> settings = BinanceArchiveSettings(dataset="perp", symbols=("BTCUSDT=BTC",), start=date(2024, 1, 1))
    >>> settings.names
    {'BTCUSDT': 'BTC'}
    """

    dataset: Name
    """Name under which the rows are kept; spot and futures belong into two."""
    symbols: tuple[str, ...]
    """The exchange's symbols; BTCUSDT=BTC keeps one under another name."""
    start: date
    """First day, UTC."""
    end: date | None = None
    """Last day, UTC; none is the last day that is over."""
    market: Market = Market.FUTURES_UM
    """spot or futures-um."""
    kind: ArchiveKind = ArchiveKind.BARS
    """bars, funding, metrics or trades; spot has bars and trades."""
    interval: BarInterval = BarInterval("5m")
    """Bar size; for bars only."""
    path: Path | None = None
    """A folder of the archive's files, in its own tree or side by side; none asks the server."""
    base_url: str | None = None
    """Another server of the same files."""

    @field_validator("symbols")
    @classmethod
    def _distinct(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        parts = [_SYMBOL.fullmatch(symbol) for symbol in symbols]
        if not parts or not all(parts):
            raise ValueError("symbols such as BTCUSDT or BTCUSDT=BTC")
        theirs = [part[1] for part in parts if part]
        ours = [part[2] or part[1] for part in parts if part]
        if len(set(theirs)) < len(theirs) or len(set(ours)) < len(ours):
            raise ValueError("each symbol once, and each name for one symbol")
        return symbols

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        if end is not None and "start" in info.data and end < info.data["start"]:
            raise ValueError("a day that is not before start")
        return end

    @field_validator("kind")
    @classmethod
    def _of_market(cls, kind: ArchiveKind, info: ValidationInfo) -> ArchiveKind:
        if info.data.get("market") is Market.SPOT and kind in {ArchiveKind.FUNDING, ArchiveKind.METRICS}:
            raise ValueError("bars or trades, which is what spot has")
        return kind

    @field_validator("interval")
    @classmethod
    def _offered(cls, interval: BarInterval) -> BarInterval:
        if interval not in _INTERVALS:
            raise ValueError(f"one of {', '.join(_INTERVALS)}")
        return interval

    @field_validator("base_url")
    @classmethod
    def _one_place(cls, base_url: str | None, info: ValidationInfo) -> str | None:
        if base_url is not None and info.data.get("path") is not None:
            raise ValueError("either path or base_url")
        return base_url

    @property
    def names(self) -> dict[str, str]:
        """The exchange's symbol to ours."""
        parts = (symbol.partition("=") for symbol in self.symbols)
        return {theirs: ours or theirs for theirs, _, ours in parts}


def file_of(settings: BinanceArchiveSettings, symbol: str, day: date, *, monthly: bool) -> str:
    """Return the path of a file below the archive's root.

    The layout of https://github.com/binance/binance-public-data.

    Parameters
    ----------
    day
        The day, or any day of the month.

    Examples
    --------
    >>> settings = BinanceArchiveSettings(dataset="perp", symbols=("BTCUSDT",), start=date(2024, 1, 1))
    >>> file_of(settings, "BTCUSDT", date(2024, 1, 1), monthly=True)
    'data/futures/um/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2024-01.zip'
    """
    market = "spot" if settings.market is Market.SPOT else "futures/um"
    size = [str(settings.interval)] if settings.kind is ArchiveKind.BARS else []
    label = size[0] if size else settings.kind.folder
    stamp = day.isoformat()[:7] if monthly else day.isoformat()
    length = "monthly" if monthly else "daily"
    return "/".join(["data", market, length, settings.kind.folder, symbol, *size, f"{symbol}-{label}-{stamp}.zip"])

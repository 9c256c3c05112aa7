"""Binance's public archive: zipped months and days of bars, funding, metrics and trades."""

from tidegate.data.connectors.binance_archive.connector import BinanceArchiveConnector
from tidegate.data.connectors.binance_archive.settings import ArchiveKind, BinanceArchiveSettings, Market

__all__ = ["ArchiveKind", "BinanceArchiveConnector", "BinanceArchiveSettings", "Market"]

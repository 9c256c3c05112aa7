"""Bars from files: CSV, Parquet or Feather; a file, a folder or a glob."""

from tidegate.data.connectors.ohlcv.ingest import Ingested, ingest_ohlcv
from tidegate.data.connectors.ohlcv.settings import PRESETS, Adjustment, OhlcvSettings, Stamp

__all__ = ["PRESETS", "Adjustment", "Ingested", "OhlcvSettings", "Stamp", "ingest_ohlcv"]

"""Market data: the catalog, its calendars, the connectors that fill it and the audits that doubt it."""

from tidegate.data.audit import BarAudit, audit_bars
from tidegate.data.calendars import TradingCalendar, trading_calendar
from tidegate.data.catalog import Appended, Catalog, Correction, DatasetSummary
from tidegate.data.connectors.ohlcv import PRESETS, Ingested, OhlcvSettings, ingest_ohlcv
from tidegate.data.readiness import ReadinessAudit, audit_readiness
from tidegate.data.revisions import Revision

__all__ = [
    "PRESETS",
    "Appended",
    "BarAudit",
    "Catalog",
    "Correction",
    "DatasetSummary",
    "Ingested",
    "OhlcvSettings",
    "ReadinessAudit",
    "Revision",
    "TradingCalendar",
    "audit_bars",
    "audit_readiness",
    "ingest_ohlcv",
    "trading_calendar",
]

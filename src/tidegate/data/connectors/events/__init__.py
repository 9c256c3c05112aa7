"""News, filings and announcements: JSON lines and tables, RSS and Atom, GDELT."""

from tidegate.data.connectors.events.connector import EventsConnector
from tidegate.data.connectors.events.mapping import event_fingerprint, source_tier_weight
from tidegate.data.connectors.events.settings import PRESETS, EventsSettings, Layout

__all__ = ["PRESETS", "EventsConnector", "EventsSettings", "Layout", "event_fingerprint", "source_tier_weight"]

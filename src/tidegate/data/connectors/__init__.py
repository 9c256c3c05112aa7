"""Connectors: every source of data behind one contract."""

from tidegate.data.connectors.catalogue import CONNECTORS, connector_settings, make_connector
from tidegate.data.connectors.collection import Collected, MemberReport, collect_from
from tidegate.data.connectors.contract import Batch, Call, Connector, SourceStatus, Task
from tidegate.data.connectors.courtesy import RetryPolicy

__all__ = [
    "CONNECTORS",
    "Batch",
    "Call",
    "Collected",
    "Connector",
    "MemberReport",
    "RetryPolicy",
    "SourceStatus",
    "Task",
    "collect_from",
    "connector_settings",
    "make_connector",
]

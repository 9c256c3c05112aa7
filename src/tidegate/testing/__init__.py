"""For the tests of Tidegate and of those who build on it: a synthetic market, a scripted source, contract suites."""

from tidegate.testing.connectors import check_connector
from tidegate.testing.contracts import check_forecaster, check_splitter
from tidegate.testing.market import synthetic_bars, synthetic_panel
from tidegate.testing.source_server import Fault, Reply, ScriptedSource, SeenRequest

__all__ = [
    "Fault",
    "Reply",
    "ScriptedSource",
    "SeenRequest",
    "check_connector",
    "check_forecaster",
    "check_splitter",
    "synthetic_bars",
    "synthetic_panel",
]

"""For the tests of Tidegate and of those who build on it: a synthetic market, a scripted source, contract suites."""

from tidegate.testing.connectors import check_connector
from tidegate.testing.contracts import check_forecaster, check_splitter
from tidegate.testing.leaks import LEAKS, Leak
from tidegate.testing.lookahead import check_feature, check_pipeline, sample_history
from tidegate.testing.market import synthetic_bars, synthetic_panel
from tidegate.testing.source_server import Fault, Reply, ScriptedSource, SeenRequest

__all__ = [
    "LEAKS",
    "Fault",
    "Leak",
    "Reply",
    "ScriptedSource",
    "SeenRequest",
    "check_connector",
    "check_feature",
    "check_forecaster",
    "check_pipeline",
    "check_splitter",
    "sample_history",
    "synthetic_bars",
    "synthetic_panel",
]

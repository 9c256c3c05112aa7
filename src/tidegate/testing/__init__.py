"""For the tests of Tidegate and of those who build on it: a synthetic market, a scripted source, contract suites.

What is not asked for is not imported: a look-ahead check starts processes that read the test which asked for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

_MODULES: Final = {
    "LEAKS": "leaks",
    "Fault": "source_server",
    "Leak": "leaks",
    "Reply": "source_server",
    "ScriptedSource": "source_server",
    "SeenRequest": "source_server",
    "check_connector": "connectors",
    "check_feature": "lookahead",
    "check_forecaster": "contracts",
    "check_pipeline": "lookahead",
    "check_splitter": "contracts",
    "sample_history": "lookahead",
    "synthetic_bars": "market",
    "synthetic_panel": "market",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

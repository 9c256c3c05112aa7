"""Search under constraints: sets of parameters and trained models compared by backtest, and what luck did to them.

What is exported is imported when it is first asked for: the runner works without the engine, and so begins at once in
every process that works for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tidegate.search.conduct import Workers
    from tidegate.search.model_selection import select
    from tidegate.search.parameter_search import search
    from tidegate.search.sets.overrides import with_overrides

__all__ = ["Workers", "search", "select", "with_overrides"]

_HOME: Final = {
    "Workers": "conduct",
    "search": "parameter_search",
    "select": "model_selection",
    "with_overrides": "sets.overrides",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

"""What a function takes, by the annotation of its first parameter."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from tidegate.core.errors import InputError

__all__ = ["FRAMES", "FunctionKind", "kind_of"]


class FunctionKind(StrEnum):
    """What a function takes."""

    VIEW = "view"
    PANEL = "panel"
    HISTORY = "history"
    FRAME = "frame"
    LAZY = "lazy"
    PANDAS = "pandas"


FRAMES: Final = frozenset({FunctionKind.FRAME, FunctionKind.LAZY, FunctionKind.PANDAS})

_KINDS: Final = {
    ("tidegate", "PastView"): FunctionKind.VIEW,
    ("tidegate", "Panel"): FunctionKind.PANEL,
    ("tidegate", "History"): FunctionKind.HISTORY,
    ("polars", "DataFrame"): FunctionKind.FRAME,
    ("polars", "LazyFrame"): FunctionKind.LAZY,
    ("pandas", "DataFrame"): FunctionKind.PANDAS,
}
_PREFIXES: Final = {"pd": "pandas", "pandas": "pandas", "pl": "polars", "polars": "polars"}


def kind_of(function: Callable[..., Any]) -> FunctionKind:
    """Return what a function takes, by the annotation of its first parameter, whether postponed or not.

    Raises
    ------
    InputError
        If it has none that says.
    """
    annotation = _resolved(_annotation(function), function)
    if isinstance(annotation, str):
        found, shown = _by_text(annotation), annotation
    else:
        found, shown = _by_type(annotation), getattr(annotation, "__name__", None) or str(annotation)
    if found is None:
        raise InputError(
            found=f"a function whose first parameter is annotated with {shown if annotation else 'nothing'}",
            expected="PastView, Panel, History, or DataFrame or LazyFrame of a library that can be told",
            hint=f"annotate it, or say kind= one of {', '.join(FunctionKind)}",
        )
    return found


def _annotation(function: Callable[..., Any]) -> Any:
    """Return the annotation of the first parameter that is still free; None if there is none."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of builtins and ufuncs
        return None
    annotation = parameters[0].annotation if parameters else None
    return None if annotation is inspect.Parameter.empty else annotation


def _resolved(annotation: Any, function: Any) -> Any:
    """Return the type that a postponed annotation names in its module; the text where that module lacks it."""
    if not isinstance(annotation, str):
        return annotation
    while isinstance(function, functools.partial):
        function = function.func
    inner = function if hasattr(function, "__globals__") else getattr(function, "__func__", None)
    inner = inspect.unwrap(inner if inner is not None else type(function).__call__)
    holder = type("Holder", (), {"__annotations__": {"first": annotation.strip("'\"")}})
    nonlocals = _closure(inner)
    try:
        return typing.get_type_hints(holder, globalns=getattr(inner, "__globals__", {}), localns=nonlocals)["first"]
    except Exception:  # noqa: BLE001 - an annotation may be any text, and names of type checkers alone are not there
        return annotation


def _closure(function: Any) -> dict[str, Any]:
    names, cells = getattr(getattr(function, "__code__", None), "co_freevars", ()), function.__closure__ or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


def _by_type(annotation: Any) -> FunctionKind | None:
    for one in (*typing.get_args(annotation), annotation):
        parents = inspect.getmro(one) if inspect.isclass(one) else ()
        for parent in parents:
            found = _KINDS.get((parent.__module__.split(".")[0], parent.__name__))
            if found is not None:
                return found
    return None


def _by_text(annotation: str) -> FunctionKind | None:
    """Tell by the text; a bare DataFrame could be that of either library."""
    parts = annotation.strip("'\" ").split(".")
    if len(parts) > 1:
        library = _PREFIXES.get(parts[0], parts[0])
        return _KINDS.get((library, parts[-1]))
    return _KINDS.get(("tidegate", parts[0])) or (FunctionKind.LAZY if parts[0] == "LazyFrame" else None)

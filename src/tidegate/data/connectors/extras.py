"""Optional client libraries: loaded where a source is asked, explained where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tidegate.core.errors import InputError

__all__ = ["require"]


def require(module: str, *, extra: str) -> Any:
    """Return an optional module.

    Raises
    ------
    InputError
        If it is not installed.

    Examples
    --------
    >>> require("json", extra="feeds").loads("1")
    1
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            found=f"no {module} ({error})",
            expected="the client library of this source",
            hint=f'run: pip install "tidegate[{extra}]"',
        ) from None

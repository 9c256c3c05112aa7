"""Formulas as Qlib writes them, said again in ours: a kind hint instead of a refusal alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tidegate.core.errors import RecipeError

__all__ = ["hint_for"]

_NAMES: Final = {
    "Ref": "lag",
    "Delta": "delta",
    "Mean": "mean",
    "Sum": "sum",
    "Std": "std",
    "Max": "max",
    "Min": "min",
    "EMA": "ema",
    "Log": "log",
    "Abs": "abs",
    "Sign": "sign",
    "If": "where",
}
_CALL: Final = re.compile(r"\b([A-Z][A-Za-z]*)\s*\(")
_FORWARD: Final = re.compile(r"\bRef\s*\([^()]*,\s*-")


def hint_for(text: str, usual: str, read: Callable[[str], object]) -> str:
    """Return what to do about a formula that was refused.

    Parameters
    ----------
    text
        The formula as written.
    usual
        The hint where it is not Qlib's notation.
    read
        Reads a formula, and raises where it cannot.

    Examples
    --------
    >>> hint_for("Ref($close, 5) / $close - 1", "check the spelling", lambda text: text)
    "this is Qlib's notation; here it is written: lag(close, 5) / close - 1"
    """
    called = set(_CALL.findall(text))
    if "$" not in text and not called.intersection(_NAMES):
        return usual
    if _FORWARD.search(text):
        return "this is Qlib's notation, and Ref with a negative number looks ahead: that is a label and no feature"
    ours = _CALL.sub(lambda found: f"{_NAMES.get(found[1], found[1])}(", text).replace("$", "")
    try:
        read(ours)
    except RecipeError:
        names = ", ".join(f"{theirs} is {our}" for theirs, our in _NAMES.items())
        return f"this looks like Qlib's notation; here columns stand without $, and {names}"
    return f"this is Qlib's notation; here it is written: {ours}"

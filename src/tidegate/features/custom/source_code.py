"""Which code a function is: its own lines and those of everything in its file that it uses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tidegate.core.fingerprint import fingerprint

__all__ = ["code_of", "code_within"]


def code_of(function: Callable[..., Any], file_code: str | None = None) -> str:
    """Return the SHA-256 of the code of a function.

    Parameters
    ----------
    function
        As decorated.
    file_code
        The text of its file, if it came from one that a recipe names; what it uses of that file then counts, too.
    """
    if file_code is not None:
        return fingerprint(code_within(file_code, function.__qualname__))
    try:
        return fingerprint(inspect.getsource(function))
    except (OSError, TypeError):  # typed at a prompt, so there is no text
        code = function.__code__
        return fingerprint([code.co_code.hex(), repr(code.co_consts), list(code.co_names)])


def code_within(file_code: str, name: str) -> str:
    r"""Return a function's text and that of every top-level statement that it uses, directly or through others.

    Comments and layout do not count. A function made by another one depends on what made it, so the whole file counts.

    Examples
    --------
    >>> file_code = "import numpy as np\nDAYS = 3\nHOURS = 5  # an aside\ndef wait(view):\n    return DAYS\n"
    >>> code_within(file_code, "wait")
    'DAYS = 3\ndef wait(view):\n    return DAYS'
    """
    tree = ast.parse(file_code)
    statements = tree.body
    if not any(isinstance(one, ast.FunctionDef) and one.name == name for one in statements):
        return ast.unparse(tree)
    makes = [set(_made_by(one)) for one in statements]
    uses = [{node.id for node in ast.walk(one) if isinstance(node, ast.Name)} for one in statements]
    wanted, kept = {name}, set[int]()
    while more := {place for place, made in enumerate(makes) if made & wanted} - kept:
        kept |= more
        wanted = wanted.union(*(uses[place] for place in more))
    return "\n".join(ast.unparse(statements[place]) for place in sorted(kept))


def _made_by(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement makes; one in an if or a loop makes all that are made within."""
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]

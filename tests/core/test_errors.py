from __future__ import annotations

import re

import pytest

from tidegate.core import errors
from tidegate.core.errors import TidegateError

LINE = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) .* exit (?P<exit>\d)")


def drawn_tree(page: str) -> dict[str, tuple[str | None, int]]:
    """Return parent and exit code of each name drawn; a branch of depth n hangs on the last name of depth n - 1."""
    tree: dict[str, tuple[str | None, int]] = {}
    path: list[str] = []
    for found in filter(None, (LINE.match(line) for line in page.splitlines())):
        depth = len(found["branch"]) // 4
        path[depth:] = [found["name"]]
        tree[found["name"]] = (path[depth - 1] if depth else None, int(found["exit"]))
    return tree


def real_tree() -> dict[str, tuple[str | None, int]]:
    tree: dict[str, tuple[str | None, int]] = {"TidegateError": (None, TidegateError.exit_code)}
    waiting = [TidegateError]
    while waiting:
        parent = waiting.pop()
        for child in parent.__subclasses__():
            if child.__module__ == errors.__name__:
                tree[child.__name__] = (parent.__name__, child.exit_code)
                waiting.append(child)
    return tree


def test_the_tree_is_as_drawn() -> None:
    drawn = drawn_tree(errors.__doc__ or "")

    assert drawn == real_tree()
    assert sorted(drawn) == sorted(errors.__all__)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("├── LedgerError  ", "├── LedgerMistake"),
        ("exit 3", "exit 2"),
        ("│   └── DataError", "├── DataError    "),
    ],
)
def test_a_wrong_drawing_is_noticed(old: str, new: str) -> None:
    page = errors.__doc__ or ""

    assert old in page
    assert drawn_tree(page.replace(old, new)) != real_tree()


def test_an_error_says_what_was_found_what_was_expected_and_what_to_do() -> None:
    error = TidegateError(found="a hole", expected="a floor", hint="step back")

    assert str(error) == "found a hole; expected a floor. Hint: step back"
    assert error.as_dict() == {"found": "a hole", "expected": "a floor", "hint": "step back"}
    with pytest.raises(TypeError):
        TidegateError("a hole")  # type: ignore[call-arg]

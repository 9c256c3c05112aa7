"""Every example in a docstring runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import tidegate

SKIPPED = ("tidegate.core.database.migrations",)  # run by Alembic, not importable by themselves


def module_names() -> list[str]:
    found = pkgutil.walk_packages(tidegate.__path__, "tidegate.")
    names = ["tidegate", *(module.name for module in found)]
    return [name for name in names if not name.startswith(SKIPPED) and not name.endswith("__main__")]


@pytest.mark.parametrize("name", module_names())
def test_examples_in_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)

    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert outcome.failed == 0, f"{outcome.failed} of {outcome.attempted} examples in {name} failed"


def test_there_are_examples_to_run() -> None:
    attempted = sum(
        len(case.examples) for case in doctest.DocTestFinder().find(importlib.import_module("tidegate.core.time"))
    )

    assert attempted > 5

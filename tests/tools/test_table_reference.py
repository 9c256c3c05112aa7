from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.data.metrics import METRICS
from tidegate.data.tables import TABLES


@pytest.fixture(scope="module")
def reference(project_root: Path) -> ModuleType:
    file = project_root / "tools" / "table_reference.py"
    spec = importlib.util.spec_from_file_location("table_reference", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(reference: ModuleType, project_root: Path) -> None:
    page = (project_root / "docs" / "tables.md").read_text(encoding="utf-8")

    assert page == reference.render(), "run: python tools/table_reference.py"


def test_the_page_lists_every_table_column_and_metric(reference: ModuleType) -> None:
    page = reference.render()
    sections = dict(zip(TABLES, page.split("\n## ")[1:], strict=False))
    absent = [
        f"{name}.{column}"
        for name, spec in TABLES.items()
        for column in spec.schema
        if f"| `{column}` |" not in sections[name] + reference.PREFACE
    ]

    assert absent == []
    assert [name for name in METRICS if f"| `{name}` |" not in page] == []


def test_an_outdated_page_is_noticed(reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "tables.md")

    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_every_number_has_a_unit() -> None:
    """A number without a unit is a mistake waiting for its reader; scores are what their model makes of them."""
    bare = [
        f"{name}.{column}"
        for name, spec in TABLES.items()
        for column, type_ in {**spec.values, **spec.attributes}.items()
        if type_.is_numeric() and column not in spec.units
    ]

    assert bare == ["scores.score"]

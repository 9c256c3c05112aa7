from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.core.config import Settings
from tidegate.core.recipe import Recipe


@pytest.fixture(scope="module")
def reference(project_root: Path) -> ModuleType:
    file = project_root / "tools" / "recipe_reference.py"
    spec = importlib.util.spec_from_file_location("recipe_reference", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(reference: ModuleType, project_root: Path) -> None:
    page = (project_root / "docs" / "recipe.md").read_text(encoding="utf-8")

    assert page == reference.render(), "run: python tools/recipe_reference.py"


def test_the_page_lists_every_field(reference: ModuleType) -> None:
    page = reference.render()
    sections = [Recipe]
    for section in sections:  # which grows by the sections inside it
        inner = (reference._section_of(field.annotation) for field in section.model_fields.values())
        sections += [one for one in inner if one is not None]
    names = [field.alias or name for section in sections for name, field in section.model_fields.items()]

    assert len(names) > 70
    assert [name for name in names if f"`{name}`" not in page] == []


def test_an_outdated_page_is_noticed(reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "recipe.md")

    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


class Silent(Settings):
    """Settings with a field that nobody describes."""

    boards: int


def test_a_field_without_a_description_is_refused(reference: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no description under boards"):
        reference._meanings(Silent)

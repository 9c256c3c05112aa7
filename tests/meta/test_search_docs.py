"""The page of the search says what the code does, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidegate.core.recipe import load_recipe, shipped_recipes
from tidegate.core.recipe_search import FIGURES, SearchSettings
from tidegate.search.runner.states import State
from tidegate.search.sets.plan import planned_sets

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("search.md", "search.zh-CN.md")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MARKS = ("<!-- study -->", "<!-- measured -->")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def code_of(text: str) -> list[str]:
    return [re.sub(r"\s*# .*", "", block) for block in FENCE.findall(text)]


def shape(text: str) -> tuple[list[str], list[str], list[int]]:
    """Return levels of headings, code, and columns of each line of a table."""
    prose = FENCE.sub("", text)
    columns = [line.count("|") for line in prose.splitlines() if line.startswith("|")]
    return re.findall(r"^#+ ", prose, re.MULTILINE), code_of(text), columns


def test_twins_have_the_same_headings_code_and_tables() -> None:
    english, chinese = (shape(read(page)) for page in PAGES)

    assert english == chinese
    assert len(english[0]) > 10


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_and_every_state_is_named(page: str) -> None:
    text = read(page)

    assert [name for name in (*FIGURES, *State) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_shipped_searches_are_named_with_their_number_of_sets(page: str) -> None:
    """Equity E.2 to E.4: 18 and 12, 24, and 27 sets."""
    rows = dict(re.findall(r"^\| `(us-rotation-\w+)` \| ([^|]+) \|", read(page), re.MULTILINE))
    searched = {name: recipe for name in shipped_recipes() if (recipe := load_recipe(name)).search and name != "demo"}

    assert rows.keys() == searched.keys()
    for name, recipe in searched.items():
        sets = planned_sets(recipe.search or SearchSettings(), recipe.trading(), seed=recipe.seed)
        assert sum(map(int, re.findall(r"\d+", rows[name]))) == len(sets), name


@pytest.mark.parametrize("page", PAGES)
def test_defaults_are_those_of_the_code(page: str) -> None:
    settings, text = SearchSettings(), read(page)

    assert f"{settings.replicates:,}" in text
    assert f"`probability` {settings.probability:g}" in text
    assert re.search(rf"`block_bars`[^.。]{{0,4}}{settings.block_bars}\b", text)
    assert f"{settings.level:.0%}".replace("%", " %") in text

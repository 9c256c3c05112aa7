"""The page of training says what the code searches and measures, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from tidegate.core.recipe import TuneSettings
from tidegate.core.recipe_tuning import Metric
from tidegate.train.search_space import Dimension, search_space

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("training.md", "training.zh-CN.md")
TWINS = ("training.md", "splits.md", "jobs.md")
MODELS = ("ridge", "lightgbm", "xgboost")
ROW = re.compile(r"^\| `(?:ridge|lightgbm|xgboost)` \| `\w+` \| \S+ \| \S+ \| [^|]+ \|$", re.MULTILINE)
HEADING = re.compile(r"^#+ ", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def row(model: str, one: Dimension) -> str:
    words = [word for word, holds in (("whole", one.integer), ("log", one.log)) if holds]
    low, high = (f"{end:.12g}" for end in (one.low, one.high))
    return f"| `{model}` | `{one.name}` | {low} | {high} | {', '.join(words) or 'linear'} |"


def code_of(text: str) -> list[str]:
    return [re.sub(r"\s*# .*", "", block) for block in FENCE.findall(text) if not block.startswith("```text")]


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_ranges_is_the_one_that_is_searched(page: str) -> None:
    searched = [row(model, one) for model in MODELS for one in search_space(TuneSettings(model=model))]

    assert ROW.findall(read(page)) == searched
    assert len(searched) > 15


def test_another_range_is_noticed() -> None:
    changed = Dimension(name="penalty", low=1.0, high=1e5, log=True)

    assert row("ridge", changed) not in read("training.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_has_its_formula(page: str) -> None:
    text = read(page)

    assert [metric for metric in get_args(Metric) if f"| `{metric}` | " not in text] == []


@pytest.mark.parametrize("page", TWINS)
def test_twins_have_the_same_headings_and_code(page: str) -> None:
    english, chinese = read(page), read(page.replace(".md", ".zh-CN.md"))

    headings = [HEADING.findall(FENCE.sub("", text)) for text in (english, chinese)]
    assert headings[0] == headings[1]
    assert code_of(english) == code_of(chinese)
    tables = [len(re.findall(r"^\|[-|: ]+\|$", text, re.MULTILINE)) for text in (english, chinese)]
    assert tables[0] == tables[1]

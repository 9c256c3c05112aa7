"""The report of a search as Markdown: the substance of the page in sentences and tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from search_folder import write_search
from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.report.search_markdown import search_markdown


def written(folder: Path, **options: Any) -> str:
    write_search(folder, **{"years": 5, **options})
    return search_markdown(folder)


def test_the_substance_is_there(tmp_path: Path) -> None:
    text = written(tmp_path)

    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings == [
        "What was searched",
        "The best sets",
        "How much was luck",
        "Around the best set: peak or plateau",
        "What would have been chosen in each earlier year",
        "All feasible sets",
        "Sets without a result",
        "Keep in mind",
        "What this does not show",
    ]
    assert 60 <= len(text.splitlines()) <= 140
    assert "**Set" in text.splitlines()[2]
    assert "max_drawdown_52w changed nothing (0.2, 0.25): never bound." in text
    assert "Set 29, failed: ScoreError: no score of 14 decisions" in text
    assert "It moved with 0.25 of the benchmark; beside that it earned +1.3% a year" in text
    assert "| Adjusted p beside the benchmark | 0.006 | alpha +1.3% a year, beta 0.25" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    text = written(tmp_path)

    tables = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 6
    for table in tables:
        assert len({line.count(" | ") for line in table.splitlines()}) == 1


def test_what_is_missing_leaves_its_part_out(tmp_path: Path) -> None:
    text = written(tmp_path, limit=0.001, verdict="luck", earlier=False, failed=0)

    assert "## Nothing is feasible: the nearest sets" in text
    assert "Counted on this market and time: 64 trials" in text
    for heading in ("All feasible sets", "Sets without a result", "in each earlier year"):
        assert heading not in text


def test_a_selection_is_headed_by_its_training_run(tmp_path: Path) -> None:
    text = written(tmp_path, selection=True, limit=0.5)

    best = read_json(tmp_path / "search.json")["recommended"]["train_run"]
    assert f"**Training run {best} is recommended" in text
    assert "| horizon |" in text


def test_a_reason_cannot_break_a_line_or_a_cell(tmp_path: Path) -> None:
    found = write_search(tmp_path, years=4)
    found["errors"][0]["reason"] = "first | second\nthird"
    write_json(tmp_path / "search.json", found)

    assert "Set 29, failed: first \\| second third" in search_markdown(tmp_path)


def test_many_failures_are_counted(tmp_path: Path) -> None:
    found = write_search(tmp_path, years=4)
    found["errors"] = [{**found["errors"][0], "number": number} for number in range(14)]
    write_json(tmp_path / "search.json", found)

    assert "and 4 more, see sets.parquet" in search_markdown(tmp_path)


def test_the_same_run_gives_the_same_text(tmp_path: Path) -> None:
    assert written(tmp_path) == search_markdown(tmp_path)


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"search\.json"):
        search_markdown(tmp_path)

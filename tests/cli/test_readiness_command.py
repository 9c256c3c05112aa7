"""``tidegate audit readiness``: what it says, with which exit code, and that training asks for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused
from tidegate.cli.app import app
from tidegate.core.recipe import DataKind, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.data.readiness.commands import recommended_commands


@pytest.fixture
def unaudited(stocked: Path, tmp_path: Path) -> Path:
    """A workspace with the same bars in which nothing was audited or trained."""
    root = tmp_path / "workspace"
    workspace = Workspace.create(root)
    shutil.copytree(stocked / "catalog", root / "catalog", dirs_exist_ok=True)
    workspace.database.dispose()
    return root


def test_training_asks_for_the_audit_in_a_line_that_can_be_pasted(
    tidegate: Any, unaudited: Path, recipe: Path, json_output: bool
) -> None:
    """D-23."""
    done = tidegate("train", recipe, "--workspace", unaudited, *["--json"] * json_output)

    said = assert_refused(done, json_output=json_output)
    if json_output:
        assert f"audit readiness {recipe} --workspace {unaudited}" in said["hint"]
    assert tidegate("audit", "readiness", recipe, "--workspace", unaudited).exit_code == 0
    tidegate("train", recipe, "--workspace", unaudited).checked()


def test_a_passed_audit_tells_everything_and_exits_with_0(tidegate: Any, unaudited: Path, recipe: Path) -> None:
    document = tidegate("audit", "readiness", recipe, "--json", "--workspace", unaudited).checked().document

    assert (document["ready"], document["mode"], document["missing_data_kinds"]) == (True, "research", [])
    assert document["not_used"] == [str(kind) for kind in DataKind]
    assert [one["name"] for one in document["sources"]] == ["bars"]
    assert Path(document["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_production_is_not_ready_and_exits_with_3(tidegate: Any, unaudited: Path, recipe: Path) -> None:
    audit = ("audit", "readiness", recipe, "--mode", "production", "--no-html", "--workspace", unaudited)

    told, document = tidegate(*audit), tidegate(*audit, "--json")

    assert (told.exit_code, document.exit_code) == (3, 3)
    assert "funding: not among data.uses, and mode production asks for it" in told.out
    assert document.document["report"] is None
    assert set(document.document["missing_data_kinds"]) >= {"bars", "order_books", "funding"}
    assert all(str(unaudited) in command for command in document.document["recommended_commands"])
    # What was judged by another mode than the recipe's own opens no training.
    assert tidegate("train", recipe, "--workspace", unaudited).exit_code == 2


def test_a_failed_audit_stops_training_with_3(tidegate: Any, unaudited: Path, recipe: Path, tmp_path: Path) -> None:
    asked = tmp_path / "asked.yaml"
    text = recipe.read_text(encoding="utf-8").replace("dataset: made-up", "dataset: made-up\n  uses: {funding: paid}")
    asked.write_text(text, encoding="utf-8")

    assert tidegate("audit", "readiness", asked, "--workspace", unaudited).exit_code == 3
    assert tidegate("train", asked, "--workspace", unaudited).exit_code == 2, "the data set is not there at all"

    strict = tmp_path / "strict.yaml"
    more = "dataset: made-up\n  quality: {minimum_rows: 100000, training_fraction: 1.0}\n  end: 2019-01-01"
    strict.write_text(recipe.read_text(encoding="utf-8").replace("dataset: made-up", more), encoding="utf-8")
    assert tidegate("audit", "readiness", strict, "--workspace", unaudited).exit_code == 3
    done = tidegate("train", strict, "--json", "--workspace", unaudited)
    assert done.exit_code == 3
    assert done.document["found"].startswith("data of recipe 'small' that are not ready: bars:")


def test_an_audit_can_ask_what_was_known_earlier(tidegate: Any, unaudited: Path, recipe: Path) -> None:
    audit = ("audit", "readiness", recipe, "--no-html", "--workspace", unaudited, "--as-of", "2015-12-01")

    document = tidegate(*audit, "--json").document

    assert document["window"]["end"] == "2015-12-01"
    assert "opens no training" in tidegate(*audit).out
    assert tidegate("train", recipe, "--workspace", unaudited).exit_code == 2
    assert tidegate(*audit[:-1], "yesterday").exit_code == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_written_in_both_languages(tidegate: Any, unaudited: Path, recipe: Path, language: str) -> None:
    options = ("--language", language, "--json", "--workspace", unaudited)

    page = tidegate("audit", "readiness", recipe, *options).checked().document["report"]

    assert page.endswith(f"readiness-small-research.{language}.html")


def test_every_command_that_is_recommended_exists() -> None:
    """Each names a real command with options that it has."""
    from click.testing import CliRunner
    from typer.main import get_command

    recipe = load_recipe("us-rotation")
    recipe = recipe.model_copy(update={"collect": ({"connector": "ohlcv"},)})
    kinds = ["bars", "universe", *map(str, DataKind)]
    lines = recommended_commands(recipe, kinds, ["BTC", "ETH"], ended_early=True)
    known = {DataKind.ONCHAIN}

    assert len(lines) >= len(kinds) - len(known)
    for line in lines:
        words = line.split()[1:]
        verb = words[:2] if words[0] in {"ingest", "audit", "universe"} else words[:1]
        helped = CliRunner().invoke(get_command(app), [*verb, "--help"], env={"COLUMNS": "300"})
        assert helped.exit_code == 0, line
        options = [word for word in words if word.startswith("--")]
        assert [option for option in options if option not in helped.output] == [], line

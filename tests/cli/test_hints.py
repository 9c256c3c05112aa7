"""What an error or a finished command tells to type next can be pasted."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli import hints
from tidegate.cli.hints import Typed, next_step, program
from tidegate.core.errors import RunError
from tidegate.core.workspace import Workspace

SOURCE = Path(hints.__file__).parents[1]


def test_a_hint_that_names_a_command_ends_with_it() -> None:
    named = [
        (path.name, text)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "hint" and "tidegate " in (text := ast.unparse(keyword.value))
    ]

    assert len(named) > 10
    prose = (" lists ", " shows ", " says ")
    assert [(name, text) for name, text in named if any(word in text.partition("tidegate ")[2] for word in prose)] == []


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["train", "my.yaml"], Typed(None, "my.yaml")),
        (["train", "--workspace", "w", "my.yaml", "--json"], Typed("w", "my.yaml")),
        (["backtest", "--scores-of", "train-1", "-w", "w", "demo"], Typed("w", "demo")),
        (["runs", "abc", "--workspace=w"], Typed("w", None)),
        (["train", "--workspace"], Typed()),
        ([], Typed()),
    ],
)
def test_a_command_line_is_understood(arguments: list[str], typed: Typed) -> None:
    assert Typed.of(arguments) == typed


def test_the_recipe_and_the_workspace_are_named_as_typed(
    tidegate: Any, stocked: Path, recipe: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(stocked, tmp_path / "workspace")  # a refused backtest is recorded too
    other = tmp_path / "other file.yaml"
    other.write_text(recipe.read_text().replace("horizon_bars: 5", "horizon_bars: 7"), encoding="utf-8")

    said = tidegate("backtest", other, "--workspace", root, "--json").document

    assert said["hint"].endswith(f"tidegate train '{other}' --workspace {root}")


def test_a_new_workspace_is_told_how_to_get_the_bars_of_a_recipe(tidegate: Any, tmp_path: Path) -> None:
    root = tmp_path / "new"
    Workspace.create(root)

    demo = tidegate("train", "demo", "--workspace", root, "--json").document["hint"]
    shares = tidegate("train", "ashare-picker", "--workspace", root, "--json").document["hint"]
    doctor = tidegate("doctor", "ashare-picker", "--workspace", root, "--json").document

    assert "tidegate demo; " in demo
    assert demo.endswith(f"tidegate ingest ohlcv --preset demo --workspace {root}")
    assert shares.endswith(f"tidegate ingest ohlcv FILE --preset tushare-daily --workspace {root}")
    assert doctor[-1]["detail"].endswith(shares)


def test_a_cash_rate_that_is_not_there_is_no_reason_to_ingest_bars(
    tidegate: Any, stocked: Path, recipe: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(stocked, tmp_path / "workspace")  # a refused training is recorded too
    path = tmp_path / "cash.yaml"
    path.write_text(recipe.read_text().replace("made-up", "made-up\n  cash_rate: bills"), encoding="utf-8")

    assert "tidegate ingest macro" in tidegate("train", path, "-w", root, "--json").document["hint"]


@pytest.mark.parametrize(
    ("arguments", "found", "expected", "hint"),
    [
        (
            ("runs", "--kind", "tran"),
            "--kind tran",
            "one of tune, train, experiment, backtest, search, select",
            "did you mean train? See: ",
        ),
        (("report", "-l", "tlh"), "-l tlh", "one of en, zh", "see: "),
        (("train", "demo", "--threads", "0"), "--threads 0", "at least 1", "see: "),
        (("runs", "--limit", "many"), "--limit many", "a whole number", "see: "),
        (("runs", "--kidn", "train"), "no option --kidn", "an option of tidegate runs", "did you mean --kind? See: "),
    ],
)
def test_a_wrong_option_leads_to_the_help_of_its_command(
    tidegate: Any, arguments: tuple[str, ...], found: str, expected: str, hint: str
) -> None:
    said = tidegate(*arguments, "--json").document

    assert (said["found"], said["expected"]) == (found, expected)
    assert said["hint"].startswith(hint)
    assert said["hint"].endswith(f"tidegate {arguments[0]} --help")


def test_a_wrong_command_is_set_right(tidegate: Any) -> None:
    said = tidegate("trian", "--json").document

    assert said["hint"].startswith("did you mean train? See: ")


def test_a_run_that_is_not_there_names_those_that_are(tidegate: Any, stocked: Path) -> None:
    runs = [run["id"] for run in tidegate("runs", "--json", "--workspace", stocked).document]

    said = tidegate("runs", "abc", "--json", "--workspace", stocked).document

    assert any(run in said["expected"] for run in runs)


def test_the_program_is_called_as_this_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/tidegate")
    assert program() == "tidegate"

    scripts = tmp_path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "tidegate").touch()
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    assert program() == str(scripts / "tidegate")
    monkeypatch.chdir(tmp_path)
    assert program() == ".venv/bin/tidegate"
    assert next_step(RunError(found="", expected="", hint="list them: tidegate runs"), Typed("w")) == (
        "list them: .venv/bin/tidegate runs --workspace w"
    )
    (scripts / "tidegate").unlink()
    assert program() == "python -m tidegate"

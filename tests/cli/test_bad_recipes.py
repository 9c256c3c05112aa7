"""Recipes that no command may take: the message names the line, what was there, what belongs there, and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused

HOSTILE = {
    "an empty file": (b"", "no mapping"),
    "only a comment": (b"# nothing\n", "no mapping"),
    "a list": (b"- name: small\n", "no mapping"),
    "binary content": (bytes(range(256)), "binary content"),
    "a zero byte": (b"name: sm\x00all\n", "characters that YAML does not allow"),
    "tabs": (b"name: small\n\tdata: x\n", ":2:"),
    "a colon too many": (b"name: small: again\n", ":1:"),
    "a bracket that never closes": (b"name: [small\n", "bad.yaml:"),
    "a mapping as a key": (b"{a: b}: c\n", ":1:"),
    "a tag of another language": (b"name: !!python/object/apply:os.system ['true']\n", ":1:"),
    "a date that does not exist": (b"name: small\nsplit:\n  first_test: 2016-13-45\n", ":3:"),
    "two documents": (b"name: small\n---\nname: other\n", ":2:"),
    "nesting without end": (b"name: " + b"[" * 20_000, "bad.yaml"),
    "a thousand million laughs": (
        b"a: &a {x: 1}\n"
        + b"".join(b"%c: &%c {p: *%c, q: *%c, r: *%c}\n" % (98 + n, 98 + n, 97 + n, 97 + n, 97 + n) for n in range(24)),
        "bad.yaml:",
    ),
    "laughs in a list": (
        b"a: &a [lol, lol]\n"
        + b"".join(b"%c: &%c [*%c, *%c, *%c]\n" % (98 + n, 98 + n, 97 + n, 97 + n, 97 + n) for n in range(24))
        + b"seed: *z\n",
        "bad.yaml:",
    ),
    "an alias of itself": (b"name: &name [*name]\n", ":1:"),
}

# The line that is changed, what it becomes, the line that the message names, and what it says was found.
CHANGED = {
    "an unknown field": ("  top_n: 2", "  top_nn: 2", 16, "unknown field 'strategy.top_nn'"),
    "an unknown section": ("models:", "modelz:", 12, "unknown field 'modelz'"),
    "a wrong type": ("  horizon_bars: 5", "  horizon_bars: many", 8, "labels.horizon_bars = 'many'"),
    "a number out of range": ("  top_n: 2", "  top_n: 0", 16, "strategy.top_n = 0"),
    "a text where a section belongs": ("  ridge: {}", "  ridge: yes please", 13, "models.ridge = 'yes please'"),
    "a bad interval": ("  dataset: made-up", "  dataset: made-up\n  interval: 5x", 4, "data.interval = '5x'"),
    "a bad name": ("name: small", "name: ../small", 1, "name = '../small'"),
    "an unknown preset": ("  preset: us-equity", "  preset: moon", 18, "costs.preset = 'moon'"),
    "a duplicate key": ("  top_n: 2", "  top_n: 2\n  top_n: 3", 17, "'top_n' a second time"),
    "no first test": ("  first_test: 2016-06-01\n", "", 9, "split.first_test"),
    "no data section": ("data:\n  dataset: made-up\n", "", 1, "data"),
    "no model": ("  ridge: {}", "  {}", 12, "models"),
    "scores of a model that is not trained": (
        "  scores: ridge",
        "  scores: lightgbm",
        15,
        "strategy.scores = 'lightgbm'",
    ),
    "scores of the default model, which is not trained": (
        "  scores: ridge\n",
        "",
        14,
        "strategy.scores = 'lightgbm', its",
    ),
    "a model without a value": ("  ridge: {}", "  ridge:", 13, "models.ridge has no value"),
    "a section without a value": ("costs:\n  preset: us-equity", "costs:", 17, "costs has no value"),
    "a ticker that YAML reads as a switch": (
        "costs:",
        "universe:\n  symbols: [AA, ON]\ncosts:",
        18,
        "universe.symbols.1 = True",
    ),
    "a seed that no database holds": ("name: small", f"name: small\nseed: {10**30}", 2, "seed"),
    "a year that no calendar has": ("2016-06-01", "9999-12-31", 10, "split.first_test"),
    "an end that no calendar has": ("  dataset: made-up", "  dataset: made-up\n  end: 9999-12-31", 4, "data.end"),
    "folds without end": ("  test_months: 6", "  test_months: 999999999", 11, "split.test_months"),
}

# What does not fit the data: found out after the recipe was read.
MISFITS = {
    "data that are not there": ("dataset: made-up", "dataset: elsewhere", "no data set 'elsewhere'"),
    "a first test before any data": (
        "2016-06-01\n  test_months: 6",
        "1999-06-01\n  test_months: 1200",
        "first test 1999-06-01",
    ),
    "a first test after all data": ("2016-06-01", "2031-06-01", "first test 2031-06-01"),
    "a split without training rows": (
        "  test_months: 6",
        "  test_months: 6\n  minimum_train_days: 30000",
        "first test 2016-06-01",
    ),
    "an embargo longer than history": (
        "  test_months: 6",
        "  test_months: 6\n  embargo_days: 30000",
        "first test 2016-06-01",
    ),
    "a horizon longer than the data": ("horizon_bars: 5", "horizon_bars: 5000", "with 0 labels"),
    "an unknown feature group": ("[price]", "[astrology]", "astrology"),
    "a cash rate that is not there": (
        "  dataset: made-up",
        "  dataset: made-up\n  cash_rate: nothing",
        "no table 'macro'",
    ),
}

# What the audit of readiness finds, so that training is not begun.
NOT_READY = {
    "a symbol that is absent": (
        "costs:",
        "universe:\n  symbols: [S0000, NOPE]\ncosts:",
        "bars: 1 of 2 below 90.00%, the worst NOPE with 0.00%",
    ),
    "a universe of nothing": (
        "costs:",
        "universe:\n  symbols: [S0000]\n  exclude: [S0000]\ncosts:",
        "bars: no symbol to judge",
    ),
    "an interval that is not there": (
        "  dataset: made-up",
        "  dataset: made-up\n  interval: 5m",
        "bars: no real 5m bar of 'made-up' in the window",
    ),
    "dates without data": (
        "  dataset: made-up",
        "  dataset: made-up\n  start: 2031-01-01",
        "bars: no real 1d bar of 'made-up' in the window",
    ),
}


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return tmp_path / "bad.yaml"


def train(
    tidegate: Any, recipe: Path | str, workspace: Path, json_output: bool, *, exit_code: int = 2
) -> dict[str, str]:
    done = tidegate("train", recipe, "--workspace", workspace, *(["--json"] if json_output else []))
    return assert_refused(done, json_output=json_output, exit_code=exit_code)


@pytest.mark.parametrize(("content", "found"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_recipe_is_refused(
    tidegate: Any, stocked: Path, bad: Path, content: bytes, found: str, json_output: bool
) -> None:
    bad.write_bytes(content)

    said = train(tidegate, bad, stocked, json_output)

    assert found in said["found"]
    assert len(said["found"]) < 400


@pytest.mark.parametrize(("line", "instead", "number", "found"), CHANGED.values(), ids=CHANGED)
def test_a_mistake_is_named_with_its_line(
    tidegate: Any,
    stocked: Path,
    recipe: Path,
    bad: Path,
    line: str,
    instead: str,
    number: int,
    found: str,
    json_output: bool,
) -> None:
    bad.write_text(recipe.read_text().replace(line, instead, 1), encoding="utf-8")

    said = train(tidegate, bad, stocked, json_output)

    assert said["found"].startswith(f"{bad}:{number}: {found}"), said
    assert len(said["found"]) < 400


@pytest.mark.parametrize(("line", "instead", "found"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_the_data_is_refused_and_leaves_no_finished_run(
    tidegate: Any, stocked: Path, recipe: Path, bad: Path, line: str, instead: str, found: str, json_output: bool
) -> None:
    bad.write_text(recipe.read_text().replace(line, instead, 1), encoding="utf-8")
    finished = tidegate("runs", "--status", "finished", "--json", "--workspace", stocked).document
    assert tidegate("audit", "readiness", bad, "--no-html", "--workspace", stocked).exit_code in {0, 3}

    said = train(tidegate, bad, stocked, json_output)

    assert re.search(re.escape(found), said["found"]), said
    assert tidegate("runs", "--status", "finished", "--json", "--workspace", stocked).document == finished
    assert tidegate("runs", "--status", "running", "--json", "--workspace", stocked).document == []


@pytest.mark.parametrize(("line", "instead", "found"), NOT_READY.values(), ids=NOT_READY)
def test_what_the_audit_does_not_find_is_not_trained_on(
    tidegate: Any, stocked: Path, recipe: Path, bad: Path, line: str, instead: str, found: str, json_output: bool
) -> None:
    bad.write_text(recipe.read_text().replace(line, instead, 1), encoding="utf-8")
    assert tidegate("audit", "readiness", bad, "--no-html", "--workspace", stocked).exit_code == 3

    said = train(tidegate, bad, stocked, json_output, exit_code=3)

    assert found in said["found"]


def test_a_newer_schema_asks_for_an_upgrade(
    tidegate: Any, stocked: Path, recipe: Path, bad: Path, json_output: bool
) -> None:
    bad.write_text("schema: 99\n" + recipe.read_text(), encoding="utf-8")

    assert "upgrade tidegate" in train(tidegate, bad, stocked, json_output)["expected"]


@pytest.mark.parametrize("name", ["no-such-recipe", "absent.yaml", ".", "/", "x" * 5000, "\udcff.yaml"])
def test_what_is_no_file_is_refused(tidegate: Any, stocked: Path, name: str, json_output: bool) -> None:
    train(tidegate, name, stocked, json_output)


@pytest.mark.parametrize("command", ["backtest", "doctor"])
def test_the_other_readers_of_recipes_refuse_them_too(tidegate: Any, stocked: Path, bad: Path, command: str) -> None:
    bad.write_text("name: small\n", encoding="utf-8")

    done = tidegate(command, bad, "--workspace", stocked)

    assert done.exit_code == 2
    assert "Traceback" not in done.out + done.err
    assert f"{bad}:1:" in done.out + done.err


def test_a_backtest_needs_a_training_run(
    tidegate: Any, stocked: Path, recipe: Path, bad: Path, json_output: bool
) -> None:
    bad.write_text(recipe.read_text().replace("horizon_bars: 5", "horizon_bars: 6"), encoding="utf-8")

    done = tidegate("backtest", bad, "--workspace", stocked, *(["--json"] if json_output else []))

    assert "no finished training run" in assert_refused(done, json_output=json_output)["found"]

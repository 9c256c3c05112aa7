"""``tidegate compare``: two backtests in words and as a document, and what else is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from command import assert_refused
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunStore


@pytest.fixture
def root(tmp_path: Path, stocked: Path) -> Path:
    """A workspace of the test's own."""
    return Path(shutil.copytree(stocked, tmp_path / "workspace"))


def newest(root: Path, kind: str) -> Run:
    workspace = Workspace.open(root)
    (run,) = RunStore(workspace).list(kind=kind, status="finished")
    workspace.database.dispose()
    return run


def test_a_run_beside_itself(tidegate: Any, stocked: Path) -> None:
    run = newest(stocked, "backtest").id

    found = tidegate("compare", run, run, "--json", "--workspace", stocked).checked().document
    said = tidegate("compare", run, run, "--workspace", stocked).checked().out

    assert (found["difference_a_year"], found["p_value"], found["block"]) == (0.0, 1.0, 10)
    assert found["first"] == found["second"]
    assert "+0.00% a year" in said
    assert "not told from chance" in said


def test_a_run_that_earned_more_every_day(tidegate: Any, root: Path, recipe: Path) -> None:
    first = newest(root, "backtest")
    tidegate("backtest", recipe, "--workspace", root).checked()
    second = tidegate("runs", "latest", "--json", "--workspace", root).checked().document["id"]
    file = root / "runs" / first.id / "equity.parquet"
    growing = pl.read_parquet(file).with_columns(pl.col("equity") * (1.001 ** pl.int_range(pl.len())))
    growing.write_parquet(file)

    said = tidegate("compare", first.id, second, "--block", "7", "--workspace", root).checked().out

    assert "in blocks of 7: more than chance" in said
    assert first.id in said
    assert second in said


def test_training_runs_are_not_compared(tidegate: Any, stocked: Path, json_output: bool) -> None:
    trained, tested = newest(stocked, "train").id, newest(stocked, "backtest").id

    done = tidegate("compare", tested, trained, "--workspace", stocked, *["--json"] * json_output)

    refused = assert_refused(done, json_output=json_output)
    assert "a finished train run" in refused["found"]
    assert "tidegate experiment small" in refused["hint"]


def test_a_run_that_is_not_there(tidegate: Any, stocked: Path) -> None:
    done = tidegate("compare", "latest", "backtest-nobody", "--workspace", stocked)

    assert "no run 'backtest-nobody'" in assert_refused(done, json_output=False)["found"]

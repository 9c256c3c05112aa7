"""A process that is killed at any moment loses nothing that was acknowledged, and its command only needs repeating."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from command import Done, execute, started
from tidegate.cli import run
from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.delta import DeltaTables

MOMENTS = 10


@pytest.fixture
def tidegate(capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process, which shares nothing with the killed one but the disk."""

    def command(*arguments: str | Path) -> Done:
        capfd.readouterr()
        exit_code = run([str(argument) for argument in arguments])
        return Done(exit_code, *capfd.readouterr())

    return command


def moments(seed: int, duration: float) -> list[float]:
    """Return one random moment in each tenth of a duration, and a little beyond its end."""
    dice = random.Random(seed)
    return [(tenth + dice.random()) / MOMENTS * duration * 1.05 for tenth in range(MOMENTS)]


def duration_of(command: Sequence[str | Path]) -> float:
    """Return how long a command works after its first word."""
    with started(command) as undisturbed:
        undisturbed.wait_for_output()
        began = time.monotonic()
        undisturbed.end().checked()
        return time.monotonic() - began


def kill_after(seconds: float, command: Sequence[str | Path]) -> None:
    with started(command) as doomed:
        doomed.wait_for_output()
        time.sleep(seconds)
        doomed.send(signal.SIGKILL)
        doomed.end()


def rows_of(root: Path, dataset: str, version: int | None = None) -> pl.DataFrame:
    bars = Catalog(Workspace.open(root)).read("bars", dataset=dataset, as_of=now(), version=version)
    return bars.drop("recorded_time").collect()


def look_around(tidegate: Any, root: Path) -> None:
    """Check that everything opens."""
    found = {
        finding["check"]: finding["state"] for finding in tidegate("doctor", "--workspace", root, "--json").document
    }
    assert found["workspace"] == "ok"
    tidegate("catalog", "--workspace", root).checked()
    tidegate("runs", "--workspace", root).checked()


def test_an_ingest_killed_at_any_moment_is_simply_repeated(
    tidegate: Any, template: Path, tmp_path: Path, bars: Path
) -> None:
    acknowledged = rows_of(template, "made-up", version=0)
    ingest = ("ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "killed", "--json", "--workspace")
    whole = Path(shutil.copytree(template, tmp_path / "whole"))
    duration = duration_of([*ingest, whole])
    expected = rows_of(whole, "killed")
    appended = []

    for number, moment in enumerate(moments(1, duration)):
        root = Path(shutil.copytree(template, tmp_path / f"killed-{number}"))
        kill_after(moment, [*ingest, root])

        look_around(tidegate, root)
        assert rows_of(root, "made-up", version=0).equals(acknowledged)
        again = tidegate(*ingest, root).checked().document
        appended.append(again["appended"])
        assert again["appended"] + again["identical"] == expected.height
        assert again["version"] == 1
        assert rows_of(root, "killed").equals(expected)
        assert tidegate(*ingest, root).checked().document["appended"] == 0
    assert set(appended) <= {0, expected.height}
    assert expected.height in appended  # some were killed before they had stored anything


@pytest.mark.exhaustive
def test_training_killed_at_any_moment_is_resumed_to_the_same_scores(
    tidegate: Any, template: Path, tmp_path: Path, recipe: Path
) -> None:
    train = ("train", recipe, "--json", "--workspace")
    whole = Path(shutil.copytree(template, tmp_path / "whole"))
    earlier = execute([*train, whole]).checked().document
    shutil.rmtree(whole)
    shutil.copytree(template, whole)
    duration = duration_of([*train, whole])
    expected = earlier["metrics"]
    resumed = []

    for number, moment in enumerate(moments(2, duration)):
        root = Path(shutil.copytree(template, tmp_path / f"killed-{number}"))
        kill_after(moment, [*train, root])

        look_around(tidegate, root)
        left = tidegate("runs", "--workspace", root, "--json").document
        assert [one["status"] for one in left] in ([], ["running"], ["finished"])
        again = tidegate(*train, root).checked().document
        assert again["metrics"] == expected
        if left and left[0]["status"] == "running":
            assert again["id"] == left[0]["id"]
            resumed.append(number)
    assert resumed  # where in its work a kill finds a process depends on the machine's load, that some find it does not


def test_what_killed_writers_leave_behind_does_no_harm(tidegate: Any, root: Path, recipe: Path, tmp_path: Path) -> None:
    done = tidegate("train", recipe, "--json", "--workspace", root).checked().document
    folder = Path(done["folder"])
    part = next((root / "catalog" / "bars").rglob("*.parquet"))
    before = rows_of(root, "made-up")
    for orphan in (
        part.with_name("part-00000-00000000-0000-0000-0000-000000000000-c000.snappy.parquet"),
        root / "catalog" / "bars" / "_delta_log" / "_commit_0b7a.json.tmp",
        root / "quarantine" / ".made-up.parquet.abc123.partial",
        root / ".workspace.json.abc123.partial",
        folder / ".scores.parquet.abc123.partial",
        root / "reports" / ".report.html.abc123.partial",
    ):
        orphan.write_bytes(part.read_bytes()[:1000])
    (root / "runs" / "train-drill-20200101-000000-abc123").mkdir()
    (root / "locks" / "catalog-bars.lock").touch()

    look_around(tidegate, root)
    assert rows_of(root, "made-up").equals(before)
    assert tidegate("train", recipe, "--json", "--workspace", root).checked().document["metrics"] == done["metrics"]
    tidegate("backtest", recipe, "--workspace", root).checked()
    tidegate("report", "--workspace", root).checked()


def test_a_workspace_whose_making_was_killed_is_simply_made_again(tidegate: Any, tmp_path: Path) -> None:
    for number, moment in enumerate(moments(3, 0.15)):
        root = tmp_path / f"killed-{number}"
        with started(["init", "--workspace", root]) as doomed:
            while not root.exists() and doomed.is_running:
                time.sleep(0.001)
            time.sleep(moment)
            doomed.send(signal.SIGKILL)
            doomed.end()

        tidegate("init", "--workspace", root).checked()
        look_around(tidegate, root)


def test_a_correction_that_was_killed_still_marks_the_runs_that_read_the_error(
    tidegate: Any, root: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tidegate("train", recipe, "--json", "--workspace", root).checked().document
    first = rows_of(root, "made-up").row(0, named=True)
    path = tmp_path / "corrected.csv"
    day = first["event_time"].date().toordinal() - 1
    names = ["open", "high", "low", "close", "volume", "traded_value"]
    values = [first[name] * 1.5 for name in names]
    path.write_text(
        "symbol,time,"
        + ",".join(names)
        + "\n"
        + ",".join([first["symbol"], str(date.fromordinal(day)), *map(str, values)]),
        encoding="utf-8",
    )
    correct = (
        "ingest",
        "ohlcv",
        path,
        "--calendar",
        "24/7",
        "--dataset",
        "made-up",
        "--correct",
        "--reason",
        "wrong unit",
        "--json",
        "--workspace",
        root,
    )

    append = DeltaTables.append

    def killed_once_stored(*arguments: Any, **named: Any) -> int:
        append(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "append", killed_once_stored)
        assert tidegate(*correct).exit_code == 130
    assert tidegate(*correct).checked().document["identical"] == 1

    marked = tidegate("runs", trained["id"], "--json", "--workspace", root).checked().document
    assert marked["corrected_since"] == ["made-up: wrong unit (1 rows)"]

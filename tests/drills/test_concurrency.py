"""Several commands at once in one workspace: each does its work or says why not, and nothing is stored twice."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from command import Done, assert_refused, execute, started
from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog


def at_once(*commands: Sequence[str | Path]) -> list[Done]:
    """Run commands at the same time."""
    with ExitStack() as stack:
        running = [stack.enter_context(started(command)) for command in commands]
        return [command.end() for command in running]


def test_two_ingests_of_one_file_store_it_once(root: Path, bars: Path) -> None:
    ingest = ["ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "twice", "--json", "--workspace", root]

    said = [done.checked().document for done in at_once(ingest, ingest)]

    good = said[0]["rows"] - sum(said[0]["rejected"].values())
    assert sorted((one["appended"], one["identical"]) for one in said) == [(0, good), (good, 0)]
    assert {one["version"] for one in said} == {1}
    assert Catalog(Workspace.open(root)).read("bars", dataset="twice", as_of=now()).collect().height == good
    listed = {one["dataset"]: one for one in execute(["catalog", "--json", "--workspace", root]).checked().document}
    assert listed["twice"]["rows"] == good


def test_two_data_sets_at_once_are_two_commits_of_a_new_table(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    files = []
    for name in ("AAA", "BBB"):
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(f"symbol,time,close\n{name},2024-01-02,1\n{name},2024-01-03,2\n", encoding="utf-8")
    for done in at_once(*[["init", "--workspace", root]] * 3):
        done.checked()

    done = at_once(
        *(
            [
                "ingest",
                "ohlcv",
                file,
                "--calendar",
                "24/7",
                "--dataset",
                file.stem.lower(),
                "--json",
                "--workspace",
                root,
            ]
            for file in files
        )
    )

    assert sorted(one.checked().document["version"] for one in done) == [0, 1]
    listed = execute(["catalog", "--json", "--workspace", root]).checked().document
    assert [(one["dataset"], one["rows"]) for one in listed] == [("aaa", 2), ("bbb", 2)]


def test_of_two_trainings_of_one_recipe_one_works_while_others_look_on(root: Path, recipe: Path) -> None:
    slow = recipe.with_name("slow.yaml")
    slow.write_text(recipe.read_text(encoding="utf-8").replace("trees: 60", "trees: 300"), encoding="utf-8")
    train = ["train", slow, "--json", "--workspace", root]
    with started(train) as first:
        first.wait_for_output()
        second, listed, catalog, doctor = at_once(
            train,
            ["runs", "--json", "--workspace", root],
            ["catalog", "--workspace", root],
            ["doctor", "--workspace", root],
        )
        assert first.is_running
        (running,) = listed.checked().document
        assert running["status"] == "running"
        said = assert_refused(second, json_output=True)
        done = first.end().checked().document

    assert "in use" in said["found"]
    assert catalog.exit_code == doctor.exit_code == 0
    (only,) = execute(["runs", "--json", "--workspace", root]).checked().document
    assert (only["id"], only["status"]) == (done["id"], "finished")


def test_two_trainings_that_start_in_the_same_instant_make_one_run(root: Path, recipe: Path) -> None:
    train = ["train", recipe, "--json", "--workspace", root]

    codes = sorted(done.exit_code for done in at_once(train, train, train))

    runs = execute(["runs", "--json", "--workspace", root]).checked().document
    finished = [run for run in runs if run["status"] == "finished"]
    # A start that comes after another's end is a repetition, and a run of its own.
    assert set(codes) <= {0, 2}
    assert len(runs) == len(finished) == codes.count(0)
    assert len({json.dumps(run["metrics"]) for run in finished}) == 1


def test_a_reader_during_an_ingest_sees_the_table_before_or_after(root: Path, bars: Path) -> None:
    catalog = Catalog(Workspace.open(root))
    before = catalog.read("bars", dataset="made-up", as_of=now()).collect()
    seen = set()
    with started(
        ["ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "other", "--json", "--workspace", root]
    ) as ingest:
        ingest.wait_for_output()
        while ingest.is_running:
            assert catalog.read("bars", dataset="made-up", as_of=now()).collect().equals(before)
            seen.add(sum(entry.rows for entry in catalog.datasets()) - before.height)
            time.sleep(0.01)
        good = ingest.end().checked().document["appended"]
    assert seen <= {0, good}

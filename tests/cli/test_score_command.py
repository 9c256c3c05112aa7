"""``tidegate score``: LEAN's manifests and ours in words, as a document and as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused
from tidegate.core.recipe import load_recipe
from tidegate.core.workspace import Workspace
from tidegate.registry import RunStore
from tidegate.search.runner.backend import Work
from tidegate.search.runner.manifest import Manifest, Step
from tidegate.search.runner.states import State, Tally

SUMMARY: dict[str, Any] = {
    "statistics": {
        "Compounding Annual Return": "14.007%",
        "Drawdown": "15.000%",
        "Net Profit": "120.467%",
        "Annual Standard Deviation": "0.093",
    },
    "algorithmConfiguration": {"startDate": "2020-01-01", "endDate": "2026-01-13"},
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three submissions, of which two succeeded with the same figures."""
    for number in (482, 486):
        results = tmp_path / f"run_{number}" / "lean_results"
        results.mkdir(parents=True)
        (results / "-summary.json").write_text(json.dumps(SUMMARY), encoding="utf-8")
    path = tmp_path / "manifest.jsonl"
    lines = [{"train_job_id": 80 + one, "run_id": 482 + one, "params": {"top_n": one}} for one in (0, 4, 6)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_it_explains_itself(tidegate: Any) -> None:
    said = tidegate("score", "--help").checked().out

    for option in ("--max-drawdown", "--objective", "--artifacts", "--json", "--output"):
        assert option in said


def test_a_manifest_is_told(tidegate: Any, manifest: Path) -> None:
    output = manifest.with_name("score.md")

    said = tidegate("score", manifest, "--start", "2020-01-01", "--output", output).checked().out
    document = tidegate("score", manifest, "--json").checked().document

    assert "Recommended: run 482" in said
    assert "15.0% stands for anything below 15.05%" in said
    assert "run_488" in said
    assert document["counts"] == {"total": 3, "scored": 2, "rejected": 1, "feasible": 2}
    assert document["met"] is True
    assert document["recommended"]["parameters"] == {"top_n": 0}
    assert document["recommended"]["may_exceed"] is True
    assert document["equal"][0]["ids"] == ["482", "486"]
    assert output.read_text(encoding="utf-8").startswith("# Score of ")


def test_no_run_within_the_limit_is_an_answer(tidegate: Any, manifest: Path) -> None:
    done = tidegate("score", manifest, "--max-drawdown", "0.1")

    assert done.exit_code == 0
    assert "nothing is recommended" in done.out
    document = tidegate("score", manifest.parent, "--max-drawdown", "0.1", "--json").checked().document
    assert (document["met"], document["recommended"]) == (False, None)
    assert [run["id"] for run in document["nearest"]["by_drawdown"]] == ["482", "486"]


@pytest.fixture
def root(tmp_path: Path, recipe: Path) -> Path:
    """A workspace with a search, and a backtest, which has no manifest."""
    workspace = Workspace.create(tmp_path / "workspace")
    for kind in ("search", "backtest"):
        made = {"recipe": load_recipe(recipe), "fingerprint_of_work": "0", "data_versions": {}}
        with RunStore(workspace).begin(kind=kind, **made) as active:
            if kind == "search":
                write_search(active.folder / "manifest.jsonl")
            active.finish({})
    workspace.database.dispose()
    return workspace.root


def write_search(path: Path) -> None:
    written = Manifest(path)
    written.plan([Work(key="top_n=5", payload={"parameters": {"top_n": 5}})])
    written.record([Step(key="top_n=5", state=State.SUBMITTED, attempt=1)])
    figures = {"cagr": 0.1, "max_drawdown": 0.12}
    written.record([Step(key="top_n=5", state=State.SUCCESS, attempt=1, figures=figures)])
    written.close(Tally(total=1, succeeded=1))


def test_a_run_of_ours_is_scored_by_its_id(tidegate: Any, root: Path) -> None:
    document = tidegate("score", "search-small", "--workspace", root, "--json").checked().document

    assert (document["origin"], document["recommended"]["id"]) == ("tidegate", "top_n=5")
    folder = Path(document["source"]).parent
    assert tidegate("score", folder, "--json").checked().document["scored"] == document["scored"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("{folder}/nowhere.jsonl",),
        ("{folder}/run_482/lean_results/-summary.json",),
        ("{manifest}", "--start", "soon"),
        ("{manifest}", "--max-drawdown", "15"),
        ("{manifest}", "--objective", "luck"),
        ("{manifest}", "--top", "0"),
        ("{manifest}", "--artifacts", "{folder}/nowhere"),
        ("{manifest}", "--output", "{folder}"),
        ("backtest", "--workspace", "{root}"),
        ("nobody", "--workspace", "{root}"),
        ("nobody", "--workspace", "{folder}/nowhere"),
    ],
    ids=" ".join,
)
def test_bad_input_is_2(
    tidegate: Any, root: Path, manifest: Path, arguments: tuple[str, ...], json_output: bool
) -> None:
    words = [word.format(folder=manifest.parent, manifest=manifest, root=root) for word in arguments]

    done = tidegate("score", *words, *["--json"] * json_output)

    assert_refused(done, json_output=json_output)

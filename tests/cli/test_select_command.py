"""``tidegate select``: one set of parameters on many training runs, named by project or in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from background import no_job_left_behind, wait_for_end
from command import assert_refused
from searched_market import searched_market
from tidegate.core.jobs import JobStatus


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = searched_market().copied(tmp_path_factory.mktemp("selected"))
    workspace.database.dispose()
    return workspace.root


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A file with every training run, the failed one included."""
    path = tmp_path / "runs.txt"
    path.write_text("\n".join(run.id for run in searched_market().runs) + "\n\n", encoding="utf-8")
    return path


def test_all_finished_runs_of_a_project(tidegate: Any, root: Path) -> None:
    """Two of the three have the same scores; the failed one is not asked for."""
    file = searched_market().file
    document = tidegate("select", file, "--project", "shelf", "--json", "--workspace", root).checked().document

    counts = document["search"]["counts"]
    assert document["kind"] == "select"
    assert (counts["total"], counts["succeeded"], counts["duplicate"], counts["failed"]) == (3, 2, 1, 0)
    assert Path(document["report"]).exists()
    assert Path(document["summary"]).exists()


def test_a_file_of_runs_may_hold_failed_ones(tidegate: Any, root: Path, listed: Path) -> None:
    """Equity D.6: a failed run is recorded with its reason and stops nobody."""
    done = tidegate("select", searched_market().file, "--runs", listed, "--limit", "1", "--workspace", root).checked()
    assert "select-searched" in done.out

    document = tidegate(
        "select", searched_market().file, "--runs", listed, "--limit", "1", "--json", "--workspace", root
    ).checked().document  # fmt: skip
    failed = searched_market().runs[3].id
    reasons = {one["train_run"]: one for one in document["search"]["errors"]}
    assert reasons[failed]["status"] == "missing_score"
    assert "the disk is on fire" in reasons[failed]["reason"]
    assert len(document["search"]["top"]) <= 1


def test_a_list_of_runs_as_they_are_printed_is_read(tidegate: Any, root: Path, tmp_path: Path) -> None:
    """``tidegate runs list --kind train --json`` gives a file that ``--runs`` takes."""
    found = tidegate("runs", "list", "--kind", "train", "--status", "success", "--project", "shelf", "--json",
                     "--workspace", root).checked()  # fmt: skip
    path = tmp_path / "runs.json"
    document = json.loads(found.out)
    rows = document if isinstance(document, list) else next(v for v in document.values() if isinstance(v, list))
    path.write_text(json.dumps(rows), encoding="utf-8")

    done = tidegate("select", searched_market().file, "--runs", path, "--json", "--workspace", root).checked()

    assert done.document["search"]["counts"]["total"] == 3


def test_a_run_that_is_named_twice_is_one(tidegate: Any, root: Path, tmp_path: Path) -> None:
    """Equity E.8: a training run listed under its id and under the beginning of it is no second try."""
    whole = searched_market().runs[0].id
    path = tmp_path / "runs.txt"
    path.write_text(f"{whole}\n{whole[:-1]}\n{whole}\n", encoding="utf-8")

    done = tidegate("select", searched_market().file, "--runs", path, "--json", "--workspace", root).checked()

    assert done.document["search"]["counts"]["total"] == 1


def test_the_newest_backtest_says_how_scores_are_traded(tidegate: Any, root: Path, listed: Path) -> None:
    """Without a recipe; its section search goes with it, and --limit holds even where it has none."""
    file = searched_market().file
    refused = tidegate("select", "--project", "shelf", "--workspace", root)
    if refused.exit_code == 2:
        assert "no recipe, no --base-run" in assert_refused(refused, json_output=False)["found"]
    tidegate("backtest", file, "--workspace", root).checked()

    document = tidegate("select", "--project", "shelf", "--set", "keep_cash=0", "--json", "--workspace", root)
    assert document.exit_code == 2  # no such parameter, in nobody's words
    document = (
        tidegate("select", "--runs", listed, "--set", "top_n=2", "--json", "--workspace", root).checked().document
    )

    assert document["recipe"]["strategy"]["top_n"] == 2
    assert document["recipe"]["name"] == "searched"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--project", "nobody"), "nobody"),
        ((), "neither --project nor --runs"),
        (("--project", "shelf", "--runs", "runs.txt"), "both --project and --runs"),
        (("--runs", "no-such-file"), "no-such-file"),
    ],
)
def test_what_names_no_runs_is_refused(
    tidegate: Any, root: Path, words: tuple[str, ...], said: str, json_output: bool
) -> None:
    refused = tidegate("select", searched_market().file, *words, "--workspace", root, *["--json"] * json_output)

    assert said in assert_refused(refused, json_output=json_output)["found"]


@pytest.mark.parametrize("content", ["train-nobody\n", "\n\n", "[1, 2", '["train-nobody"]'])
def test_files_that_name_no_run_are_refused(tidegate: Any, root: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "runs.txt"
    path.write_text(content, encoding="utf-8")

    said = assert_refused(
        tidegate("select", searched_market().file, "--runs", path, "--workspace", root), json_output=False
    )

    assert "train-nobody" in said["found"] or "runs.txt" in said["found"]


def test_a_selection_in_the_background(tidegate: Any, root: Path, listed: Path) -> None:
    """Equity I 17: it is a job as any other."""
    words = ("select", searched_market().file, "--runs", listed, "--detach", "--json")
    with no_job_left_behind(root) as store:
        begun = tidegate(*words, "--workspace", root).checked().document
        done = wait_for_end(store, begun["id"])

    assert (done.status, done.error) == (JobStatus.FINISHED, None)
    assert done.result["run"].startswith("select-searched-")

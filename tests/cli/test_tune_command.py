"""``tidegate tune``: search, training and figures in one command, in the foreground and behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from background import no_job_left_behind, wait_for_end, wait_until
from command import assert_refused
from tidegate.cli.narrowed import Narrowing, narrowed
from tidegate.core.clock import elapsed_seconds
from tidegate.core.jobs import JobStatus
from tidegate.core.recipe import load_recipe
from trained_picker import RECIPE, trained_picker

TUNED = RECIPE.replace(
    "calibrate:",
    """\
tune:
  trials: 3
  inner_folds: 2
  space: {trees: {low: 4, high: 12}, maximum_depth: {low: 2, high: 3}}
calibrate:""",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace of the test's own, with the small A-share market."""
    workspace = trained_picker().copied(tmp_path)
    workspace.database.dispose()
    return workspace.root


@pytest.fixture
def picker(tmp_path: Path) -> Path:
    path = tmp_path / "my picker.yaml"
    path.write_text(TUNED, encoding="utf-8")
    return path


def test_fast_shows_the_whole_path_within_a_minute(tidegate: Any, root: Path, picker: Path) -> None:
    """The run that it names is reported, listed and picked from, each by the words that it printed."""
    began = elapsed_seconds()
    done = tidegate("tune", picker, "--fast", "--json", "--workspace", root).checked()
    assert elapsed_seconds() - began < 60.0

    told = done.document
    assert (told["kind"], told["status"]) == ("train", "finished")
    assert told["id"] in {path.name for path in (root / "runs").iterdir()}
    assert len(told["study"]["trials"]) <= 5
    assert told["parent"].startswith("tune-small-picker-10-")
    assert told["recipe"]["universe"]["first"] == 10
    kept = Path(told["recipe_to_name"])
    assert kept == root / "recipes" / "small-picker-10.yaml"
    report = tidegate("report", told["id"], "--json", "--workspace", root).checked().document["report"]
    assert "small-picker-10" in Path(report).read_text("utf-8")
    assert (Path(report).parent / f"{told['parent']}.en.html").exists()
    picked = tidegate("pick", kept, "--json", "--stale-after", "100000", "--workspace", root).checked().document
    assert picked["run"] == told["id"]


def test_the_recipe_that_is_kept_is_the_one_that_was_trained(tidegate: Any, root: Path, picker: Path) -> None:
    done = tidegate("tune", picker, "--stocks", "12", "--trials", "2", "--json", "--workspace", root).checked()

    kept = load_recipe(Path(done.document["recipe_to_name"]))
    assert (kept.name, kept.universe.first) == ("small-picker-12", 12)
    wished = narrowed(load_recipe(picker), Narrowing(stocks=12, trials=2))
    assert kept.fingerprint() == wished.fingerprint()
    assert kept.tune == wished.tune
    again = tidegate("train", Path(done.document["recipe_to_name"]), "--json", "--workspace", root).checked()
    assert again.document["recipe"] == done.document["recipe"]


def test_what_comes_next_can_be_pasted(tidegate: Any, root: Path, picker: Path) -> None:
    said = tidegate("tune", picker, "--trials", "2", "--workspace", root).checked().out

    following = [line.removeprefix("next: ") for line in said.splitlines() if line.startswith("next: ")]
    assert [line.split("tidegate ")[1].split()[0] for line in following] == ["pick", "backtest", "report"]
    assert f"'{picker}'" in following[0]
    assert all(line.endswith(f"--workspace {root}") for line in following)
    assert "best of 2 trials" in said
    assert "Thresholds, as found on the calibration slices" in said


def test_a_target_that_is_a_return_is_tuned_by_rank_ic(tidegate: Any, root: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "returns.yaml"
    text = TUNED.replace("target: hit", "target: excess").replace("name: small-picker", "name: returns")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("calibrate:"))
    text = text.replace("xgboost: {trees: 12, learning_rate: 0.2, maximum_depth: 2}", "lightgbm: {trees: 12}")
    text = text.replace("scores: xgboost", "scores: lightgbm").replace("  trials: 3", "  model: lightgbm\n  trials: 3")
    text = text.replace("  inner_folds", "  metric: rank_ic\n  inner_folds").replace(
        "maximum_depth: {low: 2", "leaves: {low: 2"
    )
    recipe.write_text(text, encoding="utf-8")

    done = tidegate("tune", recipe, "--workspace", root).checked()
    told = tidegate("tune", recipe, "--json", "--workspace", root).checked().document

    assert "Forecasts, out of sample" in done.out
    assert "tidegate pick" not in done.out
    assert (told["study"]["metric"], told["metrics"]["tuned"]["model"]) == ("rank_ic", "lightgbm")


def test_a_recipe_that_says_nothing_of_tuning_is_refused(
    tidegate: Any, root: Path, tmp_path: Path, json_output: bool
) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text(RECIPE, encoding="utf-8")

    for more in ([], ["--stocks", "10"], ["--detach"]):
        refused = tidegate("tune", plain, *more, "--workspace", root, *["--json"] * json_output)
        assert "tune: {}" in assert_refused(refused, json_output=json_output)["hint"]
    assert not list((root / "recipes").glob("small-picker-10*"))


@pytest.mark.parametrize("option", [("--stocks", "1"), ("--trials", "0"), ("--minutes", "0")])
def test_numbers_that_make_no_search_are_refused(
    tidegate: Any, root: Path, picker: Path, option: tuple[str, str]
) -> None:
    said = assert_refused(tidegate("tune", picker, *option, "--workspace", root), json_output=False)

    assert f"{option[0]} {option[1]}" in said["found"]


def test_a_tuning_in_the_background(tidegate: Any, root: Path, picker: Path) -> None:
    """Equity I 17: the same search is refused while it is under way, another is not; status tells how far it came."""
    more = ("--trials", "2000", "--minutes", "5")
    with no_job_left_behind(root) as store:
        begun = tidegate("tune", picker, *more, "--detach", "--json", "--workspace", root).checked().document
        assert begun["id"].startswith("tune-")
        wait_until(store, begun["id"], lambda job: job.progress.get("label") == "trial" and job.progress["done"] > 1)
        shown = tidegate("status", "--workspace", root).checked().out
        assert "trial " in shown
        assert " of 2,000, best 0." in shown
        assert " left" in shown

        said = tidegate("tune", picker, *more, "--threads", "1", "--detach", "--workspace", root)
        refused = assert_refused(said, json_output=False)
        assert f"under way as job {begun['id']}" in refused["found"]
        assert f"tail {begun['id']}" in refused["hint"]
        tidegate("stop", begun["id"], "--grace", "20", "--workspace", root).checked()
        assert store.get(begun["id"]).status is JobStatus.STOPPED

        second = tidegate("tune", picker, "--trials", "2", "--detach", "--json", "--workspace", root).checked().document
        done = wait_for_end(store, second["id"])
        assert (done.status, done.error) == (JobStatus.FINISHED, None)
        assert done.result["run"].startswith("train-small-picker-")


def test_the_document_is_one_line(tidegate: Any, root: Path, picker: Path) -> None:
    done = tidegate("tune", picker, "--trials", "1", "--json", "--workspace", root).checked()

    assert len(done.out.strip().splitlines()) == 1
    assert json.loads(done.out)["study"]["best"]["number"] == 0

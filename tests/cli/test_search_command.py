"""``tidegate search``: what it says, by which words it is asked, and how it says no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from background import no_job_left_behind, wait_for_end
from command import assert_refused
from searched_market import searched_market
from tidegate.core.jobs import JobStatus
from tidegate.registry import RunStore


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with training runs and a backtest; each test makes runs of its own."""
    workspace = searched_market().copied(tmp_path_factory.mktemp("searched"))
    workspace.database.dispose()
    return workspace.root


@pytest.fixture(scope="module")
def file() -> Path:
    return searched_market().file


def test_it_says_what_was_found_and_where(tidegate: Any, root: Path, file: Path) -> None:
    done = tidegate("search", file, "--workspace", root).checked()

    run = done.out.split("\nrun ")[1].split()[0]
    folder = root / "runs" / run
    for name in ("search.json", "sets.parquet", "curves.parquet", "manifest.jsonl", "summary.md"):
        assert (folder / name).stat().st_size > 0
    report = Path(done.out.split("report: ")[1].split("\n")[0].strip())
    assert report.exists()
    assert f"tidegate score {run}" in done.out
    assert "search-searched" in done.err


def test_the_document_is_one_line_and_whole(tidegate: Any, root: Path, file: Path) -> None:
    done = tidegate("search", file, "--limit", "2", "--json", "--workspace", root).checked()

    document = done.document
    assert len(done.out.strip().splitlines()) == 1
    assert (document["kind"], document["status"]) == ("search", "finished")
    assert len(document["search"]["top"]) <= 2
    assert document["search"]["counts"]["total"] == 12
    assert document["recipe"]["search"]["top"] == 2
    assert Path(document["report"]).exists()
    assert Path(document["summary"]).exists()


def test_the_named_flow_of_a_base_run(tidegate: Any, root: Path, file: Path) -> None:
    """``search --base-run RUN --set risk_off_symbols=... --train-run RUN --limit 3``, in the words of LEAN."""
    backtest = tidegate("backtest", file, "--json", "--workspace", root).checked().document["id"]
    trained = searched_market().runs[1].id
    scores = RunStore(searched_market().workspace).get(trained).folder / "scores.parquet"
    name = pl.read_parquet(scores)["symbol"].cast(pl.String).min()

    done = tidegate(
        "search", "--base-run", backtest, "--set", f"risk_off_symbols={name}", "--train-run", trained,
        "--limit", "3", "--json", "--workspace", root,
    )  # fmt: skip

    document = done.checked().document
    assert document["parent"] == trained
    assert document["recipe"]["strategy"]["defensives"] == [name]
    assert document["recipe"]["labels"]["horizon_bars"] == 10
    assert document["search"]["counts"]["succeeded"] == 12


@pytest.mark.parametrize("value", ["top_m=3", "preset=cheap", "top_n", "top_n=no"])
def test_an_override_that_names_nothing_is_refused(
    tidegate: Any, root: Path, file: Path, json_output: bool, value: str
) -> None:
    before = len(list((root / "runs").iterdir()))

    refused = tidegate("search", file, "--set", value, "--workspace", root, *["--json"] * json_output)

    assert value.partition("=")[0] in assert_refused(refused, json_output=json_output)["found"]
    assert len(list((root / "runs").iterdir())) == before


def test_a_recipe_without_sets_is_refused(tidegate: Any, root: Path, tmp_path: Path, json_output: bool) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text(searched_market().file.read_text("utf-8").partition("search:")[0], encoding="utf-8")

    refused = tidegate("search", plain, "--workspace", root, *["--json"] * json_output)

    assert "without a section search" in assert_refused(refused, json_output=json_output)["found"]


def test_unknown_runs_and_no_recipe_are_refused(tidegate: Any, root: Path, file: Path) -> None:
    failed = searched_market().runs[3].id
    for words, said in (
        (("search", file, "--train-run", "train-nobody"), "train-nobody"),
        (("search", file, "--train-run", failed), "failed train run"),
        (("search", "--base-run", "backtest-nobody"), "backtest-nobody"),
        (("search", "--base-run", failed), f"{failed}, a train run"),
        (("search",), "neither a recipe nor a base run"),
        (("search", file, "--backend", "abacus"), "abacus"),
        (("search", file, "--limit", "0"), "--limit 0"),
    ):
        refused = tidegate(*words, "--workspace", root)
        assert said in assert_refused(refused, json_output=False)["found"]


def test_a_search_in_the_background(tidegate: Any, root: Path, file: Path) -> None:
    """Equity I 17: it is a job as any other."""
    with no_job_left_behind(root) as store:
        begun = tidegate("search", file, "--limit", "1", "--detach", "--json", "--workspace", root).checked().document
        done = wait_for_end(store, begun["id"])

    assert (done.status, done.error) == (JobStatus.FINISHED, None)
    assert done.result["run"].startswith("search-searched-")

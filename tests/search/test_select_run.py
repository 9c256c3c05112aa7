"""A whole selection among training runs: what is missing or wrong is told, and nothing stops the rest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from audited import train
from searched_market import document_of, searched_market
from tidegate.core.errors import DataError, RunError
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.registry import Run, RunStatus, RunStore
from tidegate.search import select
from tidegate.search.runner.manifest import Manifest
from tidegate.testing import synthetic_bars, synthetic_panel

FEASIBLE = {"constraints": {"max_drawdown": {"at_most": 0.9}}, "replicates": 100, "block_bars": 10}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return searched_market().copied(tmp_path)


def runs_of(workspace: Workspace, *places: int) -> list[Run]:
    store = RunStore(workspace)
    return [store.get(searched_market().runs[place].id) for place in places or range(4)]


def recipe(**given: Any) -> Recipe:
    asked = SearchSettings.model_validate({**FEASIBLE, **given})
    return searched_market().recipe.model_copy(update={"search": asked})


def changed(old: str, new: str) -> Recipe:
    """The recipe with other words."""
    path = searched_market().file
    return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8").replace(old, new)))


def scores_changed(run: Run, changed: Any) -> None:
    path = run.folder / "scores.parquet"
    changed(pl.read_parquet(path)).write_parquet(path)


def status_of(run: Run) -> dict[str, tuple[str, str | None]]:
    sets = pl.read_parquet(run.folder / "sets.parquet")
    return {row["train_run"]: (row["status"], row["error"]) for row in sets.iter_rows(named=True)}


def test_runs_are_ranked_and_those_that_cannot_be_traded_say_why(workspace: Workspace) -> None:
    """Equity D.6, H 9: no score is made up; a failed run, one without scores, and a duplicate stop nobody."""
    first, other, again, failed = runs_of(workspace)
    spoilt = train(workspace, changed("name: searched", "name: spoilt"))
    (spoilt.folder / "scores.parquet").unlink()

    done = select(workspace, recipe(), [first, other, again, failed, spoilt])

    states, document = status_of(done), document_of(done)
    assert {name: state for name, (state, _) in states.items()} == {
        first.id: "success",
        other.id: "success",
        again.id: "duplicate",
        failed.id: "missing_score",
        spoilt.id: "missing_score",
    }
    assert "the disk is on fire" in (states[failed.id][1] or "")
    assert "scores.parquet" in (states[spoilt.id][1] or "")
    reasons = {one["train_run"]: one["reason"] for one in document["errors"]}
    assert reasons.keys() == {again.id, failed.id, spoilt.id}
    assert first.id in reasons[again.id]
    counts = document["counts"]
    assert (counts["total"], counts["succeeded"], counts["missing_score"], counts["duplicate"]) == (5, 2, 2, 1)
    growth = [one["figures"]["training"]["cagr"] for one in document["top"]]
    assert growth == sorted(growth, reverse=True)
    assert {one["train_run"] for one in document["top"]} == {first.id, other.id}
    assert document["recommended"]["train_run"] == document["top"][0]["train_run"]
    assert sorted(document["searched"]["horizon"]) == ["10", "5"]
    closed = Manifest(done.folder / "manifest.jsonl").content()["closed"]
    assert (closed["total"], closed["succeeded"], closed["missing_score"]) == (5, 2, 2)


def test_only_so_many_are_shown(workspace: Workspace) -> None:
    """Equity E.9: the top k."""
    done = select(workspace, recipe(top=1), runs_of(workspace, 0, 1))

    assert len(document_of(done)["top"]) == 1
    assert pl.read_parquet(done.folder / "sets.parquet")["rank"].drop_nulls().to_list() in ([1, 2], [2, 1])


def test_two_runs_without_scores_are_no_duplicates_of_each_other(workspace: Workspace) -> None:
    first, other = runs_of(workspace, 0, 1)
    for run in runs_of(workspace, 2):
        (run.folder / "scores.parquet").unlink()
    failed = runs_of(workspace, 3)[0]

    done = select(workspace, recipe(), [first, other, failed, *runs_of(workspace, 2)])

    assert status_of(done)[failed.id][0] == "missing_score"


def test_the_window_is_what_the_runs_have_in_common(workspace: Workspace) -> None:
    """A run whose scores begin two weeks late moves the beginning; one that ends half a year early is left out."""
    first, other = runs_of(workspace, 0, 1)
    begins = pl.read_parquet(first.folder / "scores.parquet")["time"].min()
    late, short = (train(workspace, changed("penalty: 10.0", f"penalty: {size}")) for size in (20.0, 30.0))
    for run, days in ((late, (14, 900)), (short, (0, 190))):
        low, high = (pl.lit(begins).dt.offset_by(f"{day}d") for day in days)
        scores_changed(run, lambda scores, low=low, high=high: scores.filter(pl.col("time").is_between(low, high)))

    done = select(workspace, recipe(), [first, other, short, late])

    window, states = document_of(done)["window"], status_of(done)
    assert states[short.id][0] == "missing_score"
    assert "before the window" in (states[short.id][1] or "")
    assert window["start"] == parse_instant(f"{begins:%Y-%m-%d}") + 14 * DAY
    assert states[first.id][0] == states[other.id][0] == "success"
    assert states[late.id][0] == "failed"  # its file is not the one that was trained
    assert "scores" in (states[late.id][1] or "")


def test_dates_of_the_recipe_may_lie_on_days_without_bars(workspace: Workspace) -> None:
    """A window from a holiday on to a day after the data: the scores of the first session in it will do."""
    early = recipe()
    dates = {"start": "2016-05-28", "end": "2030-01-01"}
    backtest = type(early.backtest).model_validate({**early.backtest.model_dump(), **dates})

    done = select(workspace, early.model_copy(update={"backtest": backtest}), runs_of(workspace, 0, 1))

    assert {state for state, _ in status_of(done).values()} == {"success"}


def test_a_run_on_other_bars_fails_by_itself(workspace: Workspace) -> None:
    """The closes are those of most runs, even if the odd one is the oldest; its reason is told."""
    times = parse_instant("2015-01-01") + np.arange(1, 876) * DAY
    panel = synthetic_panel(4, 875, 10, edge=0.3, times=times)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="shorter"))
    odd = train(workspace, changed("dataset: made-up", "dataset: shorter"))
    first, other = runs_of(workspace, 0, 1)
    given = recipe()
    backtest = type(given.backtest).model_validate({**given.backtest.model_dump(), "end": "2017-06-18"})

    done = select(workspace, given.model_copy(update={"backtest": backtest}), [odd, first, other])

    states = status_of(done)
    assert states[odd.id][0] == "failed"
    assert "closes in the window" in (states[odd.id][1] or "")
    assert states[first.id][0] == states[other.id][0] == "success"


def test_numbers_repeat_exactly(workspace: Workspace) -> None:
    one, other = (select(workspace, recipe(), runs_of(workspace, 0, 1)) for _ in range(2))

    assert document_of(one) == document_of(other)
    assert one.status is RunStatus.FINISHED


def test_without_any_scores_there_is_nothing_to_select(workspace: Workspace) -> None:
    with pytest.raises(RunError, match="no training run"):
        select(workspace, recipe(), [])
    with pytest.raises(RunError, match="no training run with readable scores"):
        select(workspace, recipe(), runs_of(workspace, 3))
    for run in runs_of(workspace, 0, 1):
        scores_changed(run, lambda scores: scores.with_columns(pl.col("score") + 1.0))
    with pytest.raises(DataError, match="none of them simulated"):
        select(workspace, recipe(), runs_of(workspace, 0, 1))
    assert RunStore(workspace).list(kind="select", limit=1)[0].status is RunStatus.FAILED


def test_a_run_whose_folder_is_gone_is_marked(workspace: Workspace) -> None:
    first, other = runs_of(workspace, 0, 1)
    shutil.rmtree(other.folder)

    states = status_of(select(workspace, recipe(), [first, other]))

    assert states[other.id][0] == "missing_score"
    assert states[first.id][0] == "success"

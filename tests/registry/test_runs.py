from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from tidegate import __version__
from tidegate.core.clock import frozen_clock
from tidegate.core.database import evidence, runs
from tidegate.core.errors import InputError, RunError, WorkspaceError
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import SECOND, Instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.registry import runs as runs_module
from tidegate.testing import synthetic_bars, synthetic_panel

BASE: dict[str, Any] = {
    "name": "small",
    "project": "shelf",
    "data": {"dataset": "made-up"},
    "split": {"first_test": "2020-01-01"},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge"},
    "costs": {"preset": "us-equity"},
}
VERSIONS = {"bars/made-up": 3}
START = Instant(1_700_000_000 * SECOND)


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


@pytest.fixture
def workspace(tmp_path: Path, database_url: str) -> Iterator[Workspace]:
    workspace = Workspace.create(tmp_path / "work")
    yield workspace
    workspace.database.dispose()


@pytest.fixture
def store(workspace: Workspace) -> RunStore:
    return RunStore(workspace)


@contextmanager
def begun(store: RunStore, **changes: Any) -> Iterator[Any]:
    work = {"kind": RunKind.TRAIN, "recipe": recipe_with(), "fingerprint_of_work": "w", "data_versions": VERSIONS}
    with store.begin(**{**work, **changes}) as run:
        yield run


def finished(store: RunStore, **changes: Any) -> Run:
    with begun(store, **changes) as run:
        run.finish({"rank_ic": 0.02})
    return store.get(run.id)


def stopped(store: RunStore, by: BaseException, **changes: Any) -> Run:
    with pytest.raises(type(by)), begun(store, **changes) as run:
        raise by
    return store.get(run.id)


def set_columns(workspace: Workspace, identifier: str, **values: Any) -> None:
    with workspace.database.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == identifier).values(**values))


def test_a_run_is_kept_with_all_that_made_it(store: RunStore, workspace: Workspace) -> None:
    recipe = recipe_with(seed=2**31 - 1)
    with frozen_clock(START), begun(store, recipe=recipe, parent="train-0") as active:
        under_way = store.get(active.id)
        assert (under_way.status, under_way.finished_at, under_way.metrics) == (RunStatus.RUNNING, None, {})
        (active.folder / "scores.txt").write_text("1", encoding="utf-8")
        active.finish({"rank_ic": 0.02, "years": [2020], "none": None})

    run = store.get(active.id)
    assert run == replace(under_way, status=RunStatus.FINISHED, finished_at=START, metrics=active.metrics)
    assert run.id.startswith("train-small-20231114-221320-")
    assert (run.kind, run.project, run.recipe_name, run.seed) == (RunKind.TRAIN, "shelf", "small", 2**31 - 1)
    assert Recipe.model_validate(run.recipe) == recipe
    assert run.data_versions == VERSIONS
    assert run.environment["tidegate"] == __version__
    assert (run.parent, run.error, run.corrected, len(run.fingerprint)) == ("train-0", None, (), 64)
    assert run.folder == workspace.runs_folder / run.id
    assert read_json(run.folder / "recipe.json") == run.recipe
    with pytest.raises(FrozenInstanceError):
        run.status = RunStatus.FAILED  # type: ignore[misc]


def test_an_error_marks_the_run_failed_and_goes_on_up(store: RunStore) -> None:
    run = stopped(store, ValueError("seven"))

    assert run.status is RunStatus.FAILED
    assert run.error == "ValueError: seven"
    assert run.finished_at is not None


@pytest.mark.parametrize("by", [KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_leaving_marks_the_run_interrupted(store: RunStore, by: BaseException) -> None:
    assert stopped(store, by).status is RunStatus.INTERRUPTED


def test_a_run_without_a_result_has_failed(store: RunStore) -> None:
    with pytest.raises(RunError, match="ended without a result"), begun(store):
        pass
    [run] = store.list()

    assert run.status is RunStatus.FAILED
    assert "ended without a result" in (run.error or "")


def test_an_interrupted_run_is_resumed_by_the_same_work(store: RunStore) -> None:
    first = stopped(store, KeyboardInterrupt())
    (first.folder / "fold-1").write_text("done", encoding="utf-8")

    with begun(store) as again:
        assert again.resumed
        assert again.id == first.id
        assert (again.folder / "fold-1").read_text(encoding="utf-8") == "done"
        under_way = store.get(first.id)
        assert (under_way.status, under_way.finished_at, under_way.error) == (RunStatus.RUNNING, None, None)
        again.finish({})

    assert [run.status for run in store.list()] == [RunStatus.FINISHED]


@pytest.mark.parametrize("end", [RunStatus.FINISHED, RunStatus.FAILED])
def test_an_ended_run_is_not_resumed(store: RunStore, end: RunStatus) -> None:
    first = finished(store) if end is RunStatus.FINISHED else stopped(store, ValueError())
    second = finished(store)

    assert second.id != first.id
    assert second.fingerprint == first.fingerprint
    assert store.get(first.id) == first


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "backtest"},
        {"fingerprint_of_work": "v"},
        {"data_versions": {"bars/made-up": 4}},
        {"data_versions": {**VERSIONS, "series/made-up": 0}},
        {"parent": "train-1"},
        {"recipe": recipe_with(name="other")},
        {"recipe": recipe_with(project="other")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_work_starts_anew(store: RunStore, change: dict[str, Any]) -> None:
    first = stopped(store, KeyboardInterrupt())
    with begun(store, **change) as other:
        assert not other.resumed
        assert other.id != first.id
        other.finish({})

    assert store.get(first.id).status is RunStatus.INTERRUPTED


def test_other_code_starts_anew(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stopped(store, KeyboardInterrupt())
    described = {**first.environment, "packages": {**first.environment["packages"], "numpy": "0.0"}}
    monkeypatch.setattr(runs_module, "describe_environment", lambda: described)

    assert finished(store).id != first.id


def test_a_change_that_the_work_does_not_read_resumes(store: RunStore) -> None:
    first = stopped(store, KeyboardInterrupt())

    assert finished(store, recipe=recipe_with(strategy={"scores": "ridge", "top_n": 3})).id == first.id


def test_finished_work_is_found_again(store: RunStore) -> None:
    work = {"kind": "train", "recipe": recipe_with(), "fingerprint_of_work": "w", "data_versions": VERSIONS}
    assert store.finished_before(**work) is None
    stopped(store, KeyboardInterrupt())
    assert store.finished_before(**work) is None
    first = finished(store)
    assert store.finished_before(**work) == first
    stopped(store, ValueError())
    assert store.finished_before(**work) == first


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "tune"},
        {"fingerprint_of_work": "v"},
        {"data_versions": {"bars/made-up": 4}},
        {"parent": "train-1"},
        {"recipe": recipe_with(name="other")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_work_was_not_done_before(store: RunStore, change: dict[str, Any]) -> None:
    finished(store)
    work = {"kind": "train", "recipe": recipe_with(), "fingerprint_of_work": "w", "data_versions": VERSIONS}

    assert store.finished_before(**{**work, **change}) is None


def test_other_code_has_not_done_it(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finished(store)
    described = {**first.environment, "packages": {**first.environment["packages"], "numpy": "0.0"}}
    monkeypatch.setattr(runs_module, "describe_environment", lambda: described)
    work = {"kind": "train", "recipe": recipe_with(), "fingerprint_of_work": "w", "data_versions": VERSIONS}

    assert store.finished_before(**work) is None


def work_in_another_process(root: Path, then: str) -> subprocess.Popen[str]:
    code = f"""
import os, sys
from pathlib import Path
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.registry import RunStore
recipe = Recipe.model_validate({BASE!r})
store = RunStore(Workspace.open(Path({str(root)!r})))
with store.begin(kind="train", recipe=recipe, fingerprint_of_work="w", data_versions={VERSIONS!r}) as run:
    print(run.id, flush=True)
    {then}
    run.finish({{}})
"""
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_same_work_is_not_done_twice_at_once(store: RunStore, workspace: Workspace) -> None:
    with work_in_another_process(workspace.root, "sys.stdin.read()") as other:
        assert other.stdout is not None
        identifier = other.stdout.readline().strip()
        try:
            with pytest.raises(WorkspaceError, match="in use by another command"), begun(store):
                pass
            assert [run.id for run in store.list()] == [identifier]  # nothing was started beside it
            assert finished(store, fingerprint_of_work="v").status is RunStatus.FINISHED
        finally:
            other.communicate("")

    assert store.get(identifier).status is RunStatus.FINISHED
    assert finished(store).id != identifier  # it ended meanwhile, so there is nothing to resume


def test_a_killed_run_is_resumed_at_once(store: RunStore, workspace: Workspace) -> None:
    with work_in_another_process(workspace.root, "os.kill(os.getpid(), 9)") as other:
        out, _ = other.communicate()
    assert store.get(out.strip()).status is RunStatus.RUNNING

    with begun(store) as again:
        assert (again.id, again.resumed) == (out.strip(), True)
        again.finish({})


@pytest.fixture
def shelf(store: RunStore) -> dict[str, Run]:
    def made(second: int, **changes: Any) -> Run:
        with frozen_clock(Instant(START + second * SECOND)):
            return finished(store, **changes)

    with frozen_clock(START):
        failed = stopped(store, ValueError())
    return {
        "failed": failed,
        "first": made(1),
        "second": made(2),
        "other": made(3, recipe=recipe_with(name="other", project="elsewhere")),
        "backtest": made(4, kind="backtest"),
    }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["backtest", "other", "second", "first", "failed"]),
        ({"limit": 2}, ["backtest", "other"]),
        ({"project": "elsewhere"}, ["other"]),
        ({"recipe": "small"}, ["backtest", "second", "first", "failed"]),
        ({"kind": "train", "project": "shelf"}, ["second", "first", "failed"]),
        ({"kind": RunKind.BACKTEST}, ["backtest"]),
        ({"status": RunStatus.FAILED}, ["failed"]),
        ({"status": "finished", "kind": "train", "recipe": "small", "limit": 1}, ["second"]),
        ({"project": "nowhere"}, []),
    ],
    ids=str,
)
def test_runs_are_listed_newest_first(
    store: RunStore, shelf: dict[str, Run], filters: dict[str, Any], found: list[str]
) -> None:
    assert [run.id for run in store.list(**filters)] == [shelf[name].id for name in found]


def test_a_run_is_found_by_its_id_or_a_beginning_or_as_the_latest(store: RunStore, shelf: dict[str, Run]) -> None:
    assert store.get(shelf["first"].id) == shelf["first"]
    assert store.get(shelf["first"].id[:-1]) == shelf["first"]
    assert store.get("backtest") == shelf["backtest"]
    assert store.get("latest") == shelf["backtest"]


def test_an_id_that_begins_others_is_found_itself(store: RunStore, workspace: Workspace, shelf: dict[str, Run]) -> None:
    set_columns(workspace, shelf["failed"].id, id="run")
    for name in ("first", "second", "other", "backtest"):
        set_columns(workspace, shelf[name].id, id=f"run-{name}")

    assert store.get("run").status is RunStatus.FAILED
    with pytest.raises(RunError, match="begin with 'run-'"):
        store.get("run-")


@pytest.mark.parametrize("identifier", ["train-small", "train", ""])
def test_a_beginning_of_several_is_refused(store: RunStore, shelf: dict[str, Run], identifier: str) -> None:
    with pytest.raises(RunError, match=rf"3 runs or more that begin with '{identifier}'"):
        store.get(identifier)


@pytest.mark.parametrize("identifier", ["train-smaller", "%", "train_small", "small", "latest-"])
def test_what_is_not_there_is_refused(store: RunStore, shelf: dict[str, Run], identifier: str) -> None:
    with pytest.raises(RunError, match="no run"):
        store.get(identifier)


def test_an_empty_store_has_no_latest(store: RunStore) -> None:
    assert store.list() == []
    with pytest.raises(RunError, match="no run 'latest'"):
        store.get("latest")


def trained(store: RunStore, second: int, **changes: Any) -> Run:
    recipe = recipe_with(**changes)
    with frozen_clock(Instant(START + second * SECOND)):
        return finished(store, recipe=recipe, fingerprint_of_work=recipe.training_fingerprint())


def test_the_latest_training_is_that_of_the_recipes_training_part(store: RunStore) -> None:
    first = trained(store, 1)
    second = trained(store, 2, strategy={"scores": "ridge", "top_n": 3})
    third = trained(store, 3, labels={"horizon_bars": 9})
    with pytest.raises(ValueError, match="late"), begun(store):
        raise ValueError("late")

    assert store.latest_training(recipe_with()) == second
    assert store.latest_training(recipe_with(strategy={"scores": "ridge", "top_n": 7})) == second
    assert store.latest_training(recipe_with(labels={"horizon_bars": 9})) == third
    assert first.id != second.id
    for changes in ({"costs": {"preset": "free"}}, {"seed": 8}):
        with pytest.raises(RunError, match=r"no finished training run of recipe .*run: tidegate train"):
            store.latest_training(recipe_with(**changes))


def test_a_recipe_of_another_name_and_the_same_training_part_shares_the_scores(store: RunStore) -> None:
    """Recipes that extend another and change the strategy alone have a name of their own."""
    under_its_own_name = trained(store, 1)
    later = trained(store, 2, name="other", project="elsewhere")

    assert store.latest_training(recipe_with(name="third", strategy={"scores": "ridge", "top_n": 9})) == later
    assert store.latest_training(recipe_with()) == later != under_its_own_name


def test_scores_come_only_from_a_finished_training_run(store: RunStore) -> None:
    run = finished(store)
    others = [finished(store, kind="backtest"), stopped(store, ValueError()), stopped(store, KeyboardInterrupt())]

    store.require_training_of(recipe_with(), run)
    for other in others:
        with pytest.raises(RunError, match=f"{other.id}, a {other.status} {other.kind} run; expected a finished train"):
            store.require_training_of(recipe_with(), other)


def test_scores_of_another_training_are_refused(store: RunStore) -> None:
    run = finished(store)
    store.require_training_of(recipe_with(strategy={"scores": "ridge", "top_n": 1}), run)
    for changes in ({"seed": 8}, {"costs": {"preset": "free"}}, {"data": {"dataset": "elsewhere"}}):
        with pytest.raises(RunError, match="trained by another recipe"):
            store.require_training_of(recipe_with(**changes), run)


def test_a_backtest_is_no_training(store: RunStore) -> None:
    finished(store, kind="backtest", fingerprint_of_work=recipe_with().training_fingerprint())

    with pytest.raises(RunError, match="no finished training run"):
        store.latest_training(recipe_with())


def test_a_run_in_an_unknown_vocabulary_is_passed_over(store: RunStore, workspace: Workspace) -> None:
    old, new = trained(store, 1), trained(store, 2)
    set_columns(workspace, new.id, recipe={**new.recipe, "quantum": True})

    assert store.latest_training(recipe_with()).id == old.id


def price(close: float) -> pl.DataFrame:
    hour = 3600 * SECOND
    panel = synthetic_panel(1, 1, 1, times=np.array([START // hour * hour]))
    prices = np.array([[close]])
    flat = panel.with_columns(dict.fromkeys(("open", "high", "low", "close", "raw_close"), prices))
    return synthetic_bars(flat, dataset="made-up", interval="1h", calendar="24/7")


def test_a_correction_marks_the_runs_that_read_what_it_corrects(store: RunStore, workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    read = catalog.append("bars", price(100.0)).version
    before = finished(store, data_versions={"bars/made-up": read})
    elsewhere = finished(store, data_versions={"bars/other": read})
    right = catalog.append("bars", price(1.0), revision=Revision(correction_reason="wrong split")).version
    after = finished(store, data_versions={"bars/made-up": right})

    assert store.get(before.id).corrected == ("made-up: wrong split (1 rows)",)
    assert store.get(after.id).corrected == ()
    assert store.get(elsewhere.id).corrected == ()

    catalog.append("bars", price(2.0), revision=Revision(correction_reason="wrong again"))
    assert len(store.get(before.id).corrected) == 2
    assert store.get(after.id).corrected == ("made-up: wrong again (1 rows)",)


def test_evidence_is_kept(store: RunStore, workspace: Workspace) -> None:
    found = Evidence.of("audit-data", "bars/made-up@3", Verdict.FAILED, {"gaps": 3, "names": ["A"]})
    store.record_evidence(found)
    with workspace.database.connect() as connection:
        row = connection.execute(sa.select(evidence)).one()

    assert (row.check_name, row.subject, Verdict(row.verdict)) == (found.check, found.subject, found.verdict)
    assert (row.findings, row.made_at, row.fingerprint) == (found.findings, found.made_at, found.fingerprint())


def test_evidence_that_is_not_plain_is_refused(store: RunStore) -> None:
    with pytest.raises(InputError):
        store.record_evidence(Evidence.of("a", "b", Verdict.FAILED, {"worst": float("nan")}))


def test_the_longest_name_fits_the_database(store: RunStore) -> None:
    run = finished(store, kind="backtest", recipe=recipe_with(name="n" * 64, project="p" * 64))

    assert len(run.id) <= 80
    assert run.recipe_name == "n" * 64


def test_a_metric_that_no_database_keeps_is_refused(store: RunStore) -> None:
    with pytest.raises(InputError, match="found nan"), begun(store) as run:
        run.finish({"sharpe": float("nan")})

    assert store.get(run.id).status is RunStatus.FAILED

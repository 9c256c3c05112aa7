"""``--detach``, ``status``, ``tail`` and ``stop``, with real processes in the background."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from background import no_job_left_behind, wait_for_a_fold, wait_for_end, wait_until
from command import assert_refused, started
from tidegate.core.jobs import Job, JobStatus, JobStore, identity_of
from tidegate.core.workspace import Workspace

SLOW_MODELS = """\
models:
  lightgbm:
    trees: 4000
    leaves: 31
    minimum_leaf_rows: 20
"""


@pytest.fixture
def root(tmp_path: Path, stocked: Path) -> Path:
    """A workspace of the test's own."""
    return Path(shutil.copytree(stocked, tmp_path / "workspace"))


@pytest.fixture
def store(root: Path) -> Iterator[JobStore]:
    """Its jobs; none outlives the test."""
    with no_job_left_behind(root) as store:
        yield store


@pytest.fixture
def slow_recipe(tmp_path: Path, recipe: Path) -> Path:
    """A recipe that trains for many seconds, in four folds."""
    path = tmp_path / "slow.yaml"
    text = recipe.read_text("utf-8").replace("name: small", "name: slow").replace("test_months: 6", "test_months: 2")
    text = text.replace("models:\n  ridge: {}\n", SLOW_MODELS).replace("scores: ridge", "scores: lightgbm")
    path.write_text(text, encoding="utf-8")
    return path


def detached(tidegate: Any, recipe: Path, root: Path) -> dict[str, Any]:
    return dict(tidegate("train", recipe, "--detach", "--json", "--workspace", root).checked().document)


def test_a_training_in_the_background(tidegate: Any, root: Path, recipe: Path, store: JobStore) -> None:
    started = detached(tidegate, recipe, root)

    assert started["status"] in {"running", "finished"}
    assert started["arguments"] == ["train", str(recipe), "--workspace", str(root)]
    done = wait_for_end(store, started["id"])
    assert (done.status, done.exit_code, done.error) == (JobStatus.FINISHED, 0, None)
    run = tidegate("runs", done.result["run"], "--json", "--workspace", root).checked().document
    assert (run["kind"], run["status"]) == ("train", "finished")
    shown = tidegate("status", done.id, "--json", "--workspace", root).checked().document
    assert (shown["status"], shown["run"], shown["exit_code"]) == ("finished", run["id"], 0)
    assert shown["progress"]["label"] == "training folds"
    assert shown["progress"]["done"] == shown["progress"]["total"] > 0
    (listed,) = tidegate("status", "--json", "--workspace", root).checked().document
    assert listed["id"] == done.id
    lines = tidegate("tail", "--lines", "99", "--json", "--workspace", root).checked().document["lines"]
    assert lines[0].endswith(f"tidegate train {recipe} --workspace {root}")
    assert any("Forecasts, out of sample" in line for line in lines)
    assert lines[-1].endswith("finished")


def test_people_are_told_how_to_watch_it(tidegate: Any, root: Path, recipe: Path, store: JobStore) -> None:
    said = tidegate("train", recipe, "--detach", "--workspace", root).checked().out
    job = store.get("latest")

    assert f"job {job.id} started" in said
    assert f"tidegate tail {job.id} --follow --workspace {root}" in said
    followed = tidegate("tail", job.id, "--follow", "--workspace", root).checked().out
    assert followed.splitlines()[-1].endswith("finished")
    assert "finished" in tidegate("status", "--workspace", root).checked().out
    details = tidegate("status", "latest", "--workspace", root).checked().out
    assert str(job.log_path) in details


def test_a_second_start_is_refused_and_a_stop_is_heeded(
    tidegate: Any, root: Path, slow_recipe: Path, store: JobStore, json_output: bool
) -> None:
    """Equity I 17: a second start is refused while the first is alive."""
    tidegate("audit", "readiness", slow_recipe, "--no-html", "--workspace", root)
    job = store.get(detached(tidegate, slow_recipe, root)["id"])

    arguments = ("train", slow_recipe, "--detach", "--threads", "1", "--workspace", root)
    refused = assert_refused(tidegate(*arguments, *["--json"] * json_output), json_output=json_output)
    assert job.id in refused["found"]
    assert f"tail {job.id} --follow --workspace {root}" in refused["hint"]
    wait_for_a_fold(store, job.id)
    shown = tidegate("status", job.id, "--workspace", root).checked().out
    assert "training folds" in shown
    assert "s ago" in shown
    stopped = tidegate("stop", job.id[:-2], "--workspace", root, *["--json"] * json_output).checked()

    if json_output:
        assert stopped.document["status"] == "stopped"
    else:
        assert f"job {job.id} is stopped: stopped as asked" in stopped.out
    ended = store.get(job.id)
    assert (ended.status, ended.exit_code) == (JobStatus.STOPPED, 130)
    assert ended.worker is not None
    assert not ended.worker.is_alive
    (run,) = tidegate("runs", "--recipe", "slow", "--json", "--workspace", root).checked().document
    assert run["status"] == "interrupted"
    again = tidegate("stop", job.id, "--workspace", root).checked().out
    assert f"job {job.id} was stopped" in again


def test_work_that_does_not_heed_a_stop_is_ended_by_force(
    tidegate: Any, root: Path, slow_recipe: Path, store: JobStore
) -> None:
    tidegate("audit", "readiness", slow_recipe, "--no-html", "--workspace", root)
    job = wait_for_a_fold(store, detached(tidegate, slow_recipe, root)["id"])
    assert job.worker is not None
    job.worker.send(signal.SIGSTOP)  # it can hear nothing now

    tidegate("stop", job.id, "--grace", "0.5", "--workspace", root).checked()

    ended = store.get(job.id)
    assert ended.status is JobStatus.STOPPED
    assert "ended by force" in (ended.error or "")
    assert not job.worker.is_alive


def test_a_job_that_fails_says_why(tidegate: Any, root: Path, slow_recipe: Path, store: JobStore) -> None:
    job = wait_for_end(store, detached(tidegate, slow_recipe, root)["id"])  # nobody audited its data

    assert (job.status, job.exit_code) == (JobStatus.FAILED, 2)
    assert (job.error or "").startswith("found no audit of readiness of recipe 'slow'")
    assert "Hint: run: " in (job.error or "")
    assert "found no audit" in tidegate("status", "--workspace", root).checked().out
    assert "Found:" in tidegate("tail", job.id, "--workspace", root).checked().out
    assert store.get(detached(tidegate, slow_recipe, root)["id"]).attempts == 1


def test_a_job_outlives_the_shell_that_started_it(
    tidegate: Any, root: Path, slow_recipe: Path, store: JobStore
) -> None:
    tidegate("audit", "readiness", slow_recipe, "--no-html", "--workspace", root)
    with started(["train", slow_recipe, "--detach", "--workspace", root]) as command:
        command.end().checked()
        command.send(signal.SIGHUP)
    job = wait_for_a_fold(store, "latest")

    assert job.holder is not None
    assert job.worker is not None
    assert os.getsid(job.holder.pid) not in {os.getsid(0), command._id}
    assert os.getpgid(job.worker.pid) != os.getpgid(job.holder.pid)


def test_an_interrupt_of_the_watching_does_not_touch_the_job(
    tidegate: Any, root: Path, slow_recipe: Path, store: JobStore
) -> None:
    tidegate("audit", "readiness", slow_recipe, "--no-html", "--workspace", root)
    job = wait_for_a_fold(store, detached(tidegate, slow_recipe, root)["id"])
    with started(["tail", job.id, "--follow", "--workspace", root]) as watching:
        wait_until(store, job.id, lambda one: bool(watching._out.exists() and watching._out.stat().st_size))
        watching.send(signal.SIGINT)
        assert watching.end().exit_code == 130

    assert store.get(job.id).is_under_way


def test_a_supervisor_that_cannot_begin_is_reported(
    tidegate: Any, root: Path, recipe: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sitecustomize.py").write_text("raise SystemExit('no room')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(root))

    said = assert_refused(tidegate("train", recipe, "--detach", "--workspace", root), json_output=False)

    assert "a job that does not start" in said["found"]
    job = store.get("latest")
    assert job.status is JobStatus.FAILED
    assert job.error


def test_a_workspace_without_jobs(tidegate: Any, root: Path, json_output: bool) -> None:
    done = tidegate("status", "--workspace", root, *["--json"] * json_output).checked()
    if json_output:
        assert done.document == []
    else:
        assert "no jobs yet; next: " in done.out
    for command in (["status", "latest"], ["tail"], ["stop", "train-1"]):
        refused = tidegate(*command, "--workspace", root, *["--json"] * json_output)
        assert "no job" in assert_refused(refused, json_output=json_output)["found"]


def test_following_and_one_document_exclude_each_other(tidegate: Any, root: Path) -> None:
    assert_refused(tidegate("tail", "--follow", "--json", "--workspace", root), json_output=True)


@pytest.mark.parametrize("command", [("status",), ("tail",), ("stop", "latest"), ("train", "demo", "--detach")])
def test_an_older_workspace_asks_for_an_upgrade(tidegate: Any, root: Path, command: tuple[str, ...]) -> None:
    (root / "workspace.json").write_text(json.dumps({"schema": 2}), encoding="utf-8")

    said = assert_refused(tidegate(*command, "--workspace", root), json_output=False)

    assert f"init --upgrade --workspace {root}" in said["hint"]


def test_jobs_that_nobody_does_any_more_are_shown_as_lost(tidegate: Any, root: Path, store: JobStore) -> None:
    job = killed_before(store)

    assert tidegate("status", job.id, "--json", "--workspace", root).checked().document["status"] == "lost"
    assert "lost" in tidegate("tail", job.id, "--follow", "--workspace", root).checked().err
    assert f"job {job.id} was lost" in tidegate("stop", job.id, "--workspace", root).checked().out


def killed_before(store: JobStore) -> Job:
    """Return a job whose supervisor is gone; another process has its number now."""
    from dataclasses import replace

    job = store.start("train", ["train"], key="k")
    mine = identity_of(os.getpid())
    assert mine is not None
    assert store.claim(job.id, replace(mine, started=mine.started - 1))
    return store.get(job.id)


def test_a_workspace_that_cannot_be_written_still_shows_its_jobs(
    tidegate: Any, root: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before(store)
    monkeypatch.setattr(Workspace, "is_writable", False)

    assert tidegate("status", "latest", "--json", "--workspace", root).checked().document["status"] == "running"

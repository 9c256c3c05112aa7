"""``--detach``, ``status``, ``tail`` and ``stop``, with real processes in the background."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from background import idle_job, no_job_left_behind, wait_for_end
from command import assert_refused, execute_from_scratch, started
from tidegate.core.jobs import Job, JobStatus, JobStore, this_process
from tidegate.core.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path, stocked: Path) -> Path:
    """A workspace of the test's own."""
    return Path(shutil.copytree(stocked, tmp_path / "workspace"))


@pytest.fixture
def store(root: Path) -> Iterator[JobStore]:
    """Its jobs; none outlives the test."""
    with no_job_left_behind(root) as store:
        yield store


def killed_before(store: JobStore) -> Job:
    """Return a job whose supervisor is gone; another process, this one, has its number now."""
    job = store.start("train", ["train"], key="k")
    here = this_process()
    assert store.claim(job.id, replace(here, started=here.started - 1))
    return store.get(job.id)


def test_a_training_in_the_background(tidegate: Any, root: Path, recipe: Path, store: JobStore) -> None:
    """Equity I 17: a second start is refused while the first is alive."""
    begun = tidegate("train", recipe, "--detach", "--json", "--workspace", root).checked().document
    assert begun["status"] in {"running", "finished"}
    assert begun["arguments"] == ["train", str(recipe), "--workspace", str(root)]
    done = wait_for_end(store, begun["id"])
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

    again = store.start("train", ["train"], key=done.key)
    assert store.claim(again.id, this_process())
    for words in (["--json"], ["--threads", "1"]):
        said = tidegate("train", recipe, "--detach", *words, "--workspace", root)
        refused = assert_refused(said, json_output="--json" in words)
        assert f"under way as job {again.id}" in refused["found"]
        assert f"tail {again.id} --follow --workspace {root}" in refused["hint"]


def test_people_are_told_how_to_watch_it(tidegate: Any, root: Path, recipe: Path, store: JobStore) -> None:
    said = tidegate("train", recipe, "--detach", "--workspace", root).checked().out
    job = store.get("latest")

    assert f"job {job.id} started" in said
    assert f"tidegate tail {job.id} --follow --workspace {root}" in said
    followed = tidegate("tail", job.id, "--follow", "--workspace", root).checked().out
    assert followed.splitlines()[-1].endswith("finished")
    assert "finished" in tidegate("status", "--workspace", root).checked().out
    assert str(job.log_path) in tidegate("status", "latest", "--workspace", root).checked().out


def test_a_job_that_fails_says_why(
    tidegate: Any, root: Path, recipe: Path, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(recipe.read_text("utf-8").replace("dataset: made-up", "dataset: absent"), encoding="utf-8")
    monkeypatch.setenv("TIDEGATE_WORKSPACE", str(root))
    begun = tidegate("train", bad, "--detach", "--json").checked().document
    assert begun["arguments"][-2:] == ["--workspace", str(root)]
    job = wait_for_end(store, begun["id"])

    assert (job.status, job.exit_code) == (JobStatus.FAILED, 2)
    assert (job.error or "").startswith("found ")
    assert "absent" in (job.error or "")
    assert "Hint: " in (job.error or "")
    assert "found " in tidegate("status").checked().out
    assert "Found:" in tidegate("tail", job.id).checked().out
    assert (job.error or "")[:30] in tidegate("status", job.id).checked().out


def test_a_stop_is_heeded(tidegate: Any, root: Path, store: JobStore, json_output: bool) -> None:
    job = idle_job(store, root)
    assert store.note_progress(job.id, {"label": "trial", "done": 12, "total": 50, "best": 0.612, "seconds_left": 480})
    shown = tidegate("status", "--workspace", root).checked().out
    assert "trial 12 of 50, best 0.612, 8 min left" in shown
    assert "s ago" in shown

    stopped = tidegate("stop", job.id[:-1], "--workspace", root, *["--json"] * json_output).checked()

    if json_output:
        assert stopped.document["status"] == "stopped"
    else:
        assert f"job {job.id} is stopped: stopped as asked" in stopped.out
    ended = store.get(job.id)
    assert ended.status is JobStatus.STOPPED
    assert ended.worker is not None
    assert not ended.worker.is_alive
    assert f"job {job.id} was stopped" in tidegate("stop", job.id, "--workspace", root).checked().out


def test_work_that_does_not_heed_a_stop_is_ended_by_force(tidegate: Any, root: Path, store: JobStore) -> None:
    job = idle_job(store, root)
    assert job.worker is not None
    job.worker.send(signal.SIGSTOP)  # it can hear nothing now

    tidegate("stop", job.id, "--grace", "0.5", "--workspace", root).checked()

    ended = store.get(job.id)
    assert ended.status is JobStatus.STOPPED
    assert "ended by force" in (ended.error or "")
    assert not job.worker.is_alive


def test_jobs_live_in_either_database(tmp_path: Path, database_url: str) -> None:
    root = tmp_path / "new"
    execute_from_scratch(["init", "--workspace", root]).checked()
    with no_job_left_behind(root) as store:
        job = idle_job(store, root)
        execute_from_scratch(["stop", "tail", "--workspace", root]).checked()

        assert store.get(job.id).status is JobStatus.STOPPED


def test_a_job_belongs_to_no_terminal(root: Path, store: JobStore) -> None:
    job = idle_job(store, root)

    assert job.holder is not None
    assert job.worker is not None
    assert os.getsid(job.holder.pid) == os.getsid(job.worker.pid) != os.getsid(0)
    assert os.getpgid(job.worker.pid) != os.getpgid(job.holder.pid)
    for descriptor in (0, 1, 2):
        assert Path(f"/proc/{job.holder.pid}/fd/{descriptor}").readlink() == Path(os.devnull)


def test_an_interrupt_of_the_watching_does_not_touch_the_job(root: Path, store: JobStore) -> None:
    job = idle_job(store, root)
    with started(["tail", job.id, "--follow", "--workspace", root]) as watching:
        while not (watching._out.exists() and watching._out.stat().st_size):
            assert watching.is_running
        watching.send(signal.SIGINT)
        assert watching.end().exit_code == 130

    assert store.get(job.id).is_under_way


def test_a_supervisor_that_cannot_begin_is_reported(
    tidegate: Any, root: Path, recipe: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sqlalchemy.py").write_text("raise ImportError('no room')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    said = assert_refused(tidegate("train", recipe, "--detach", "--workspace", root), json_output=False)

    assert "a job that does not start: ImportError: no room" in said["found"]
    job = store.get("latest")
    assert (job.status, job.error) == (JobStatus.FAILED, "ImportError: no room")


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
    assert "is lost: the process that watched" in tidegate("tail", "--follow", "--workspace", root).checked().err
    assert f"job {job.id} was lost" in tidegate("stop", job.id, "--workspace", root).checked().out


def test_a_workspace_that_cannot_be_written_still_shows_its_jobs(
    tidegate: Any, root: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before(store)
    monkeypatch.setattr(Workspace, "is_writable", False)

    assert tidegate("status", "latest", "--json", "--workspace", root).checked().document["status"] == "running"

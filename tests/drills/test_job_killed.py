"""A job whose processes are killed: its lease is free, its reason can be read, and it goes on where it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from background import idle_job, no_job_left_behind, wait_for_a_fold, wait_for_death, wait_for_end
from command import execute
from tidegate.core.jobs import Job, JobStatus, JobStore
from tidegate.core.jobs.supervisor import launch
from tidegate.core.workspace import Workspace

SLOWER = "    trees: 60", "    trees: 400"


@pytest.fixture
def slow_recipe(tmp_path: Path, recipe: Path) -> Path:
    """The drills' recipe with folds of a second or so."""
    path = tmp_path / "slow.yaml"
    path.write_text(recipe.read_text("utf-8").replace(*SLOWER), encoding="utf-8")
    return path


@pytest.fixture
def store(root: Path) -> Iterator[JobStore]:
    """The jobs of the workspace; none outlives the test."""
    with no_job_left_behind(root) as store:
        yield store


def begun(recipe: Path, root: Path) -> str:
    """Start a training in the background and return the job's id."""
    done = execute(["train", recipe, "--detach", "--json", "--threads", "1", "--workspace", root]).checked()
    return str(done.document["id"])


def again(job: Job, store: JobStore, root: Path) -> Job:
    """Do the same work once more."""
    job = store.start(job.command, job.arguments, key=job.key)
    assert launch(Workspace.open(root), job) == ""
    return store.get(job.id)


def only_run(root: Path) -> dict[str, object]:
    (run,) = execute(["runs", "--json", "--workspace", root]).checked().document
    return dict(run)


@pytest.mark.slow
def test_a_killed_supervisor_leaves_neither_lease_nor_work_behind(
    root: Path, slow_recipe: Path, store: JobStore
) -> None:
    """Equity I 17: the lock is removed on a crash; D.5: nothing stays running for ever."""
    job = wait_for_a_fold(store, begun(slow_recipe, root))
    assert job.holder is not None
    assert job.holder.send(signal.SIGKILL)
    wait_for_death(job)  # of the work, by itself

    left = only_run(root)
    assert left["status"] == "interrupted"
    shown = execute(["status", job.id, "--json", "--workspace", root]).checked().document
    assert shown["status"] == "lost"
    assert "was killed" in shown["error"]

    resumed = wait_for_end(store, begun(slow_recipe, root))
    assert (resumed.status, resumed.attempts, resumed.result) == (JobStatus.FINISHED, 2, {"run": left["id"]})
    assert "resuming" in resumed.log_path.read_text("utf-8")
    assert job.log_path.exists()


@pytest.mark.slow
def test_killed_work_leaves_a_reason_that_can_be_read(root: Path, slow_recipe: Path, store: JobStore) -> None:
    job = wait_for_a_fold(store, begun(slow_recipe, root))
    assert job.worker is not None
    assert job.worker.send(signal.SIGKILL)

    failed = wait_for_end(store, job.id)

    assert (failed.status, failed.exit_code) == (JobStatus.FAILED, -signal.SIGKILL)
    assert (failed.error or "").startswith("killed by signal 9 (SIGKILL): perhaps out of memory")
    assert only_run(root)["status"] == "running"
    resumed = wait_for_end(store, begun(slow_recipe, root))
    assert (resumed.status, resumed.attempts) == (JobStatus.FINISHED, 1)
    assert only_run(root)["status"] == "finished"


def test_a_start_right_after_the_kill_takes_over(root: Path, store: JobStore) -> None:
    """The work of the killed supervisor may not even have noticed yet: it is ended first."""
    job = idle_job(store, root)
    assert job.holder is not None
    assert job.worker is not None
    assert job.worker.send(signal.SIGSTOP)
    assert job.holder.send(signal.SIGKILL)
    wait_for_death(job, job.holder)

    next_job = again(job, store, root)

    assert next_job.attempts == 2
    wait_for_death(job)
    assert f"what job {job.id} left behind" in next_job.log_path.read_text("utf-8")
    assert store.get(job.id).status is JobStatus.LOST


def test_a_supervisor_that_is_asked_to_end_stops_its_work(root: Path, store: JobStore) -> None:
    job = idle_job(store, root)
    assert job.holder is not None
    assert job.holder.send(signal.SIGTERM)

    ended = wait_for_end(store, job.id)

    assert ended.status is JobStatus.STOPPED
    assert "SIGTERM" in (ended.error or "")
    wait_for_death(job)


def test_a_lease_that_was_taken_away_ends_the_work(root: Path, store: JobStore) -> None:
    """Crypto 37: two that do the same work would be worse than none, so who lost the lease stops."""
    job = idle_job(store, root)
    while not store._lose(store.get(job.id), "found silent by another machine", job.created_at):
        pass  # a heartbeat came between

    wait_for_death(job)

    assert store.get(job.id).error == "found silent by another machine"

"""A job whose processes are killed: its lease is free, its reason can be read, and it goes on where it was."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from background import no_job_left_behind, wait_for_a_fold, wait_for_death, wait_for_end
from command import execute
from tidegate.core.jobs import Job, JobStatus, JobStore
from tidegate.core.workspace import Workspace

SLOWER = "    trees: 60", "    trees: 2000"


@pytest.fixture
def slow_recipe(tmp_path: Path, recipe: Path) -> Path:
    """The drills' recipe with folds of a second or two."""
    path = tmp_path / "slow.yaml"
    path.write_text(recipe.read_text("utf-8").replace(*SLOWER), encoding="utf-8")
    return path


@pytest.fixture
def store(root: Path) -> Iterator[JobStore]:
    """The jobs of the workspace; none outlives the test."""
    with no_job_left_behind(root) as store:
        yield store


def begun(store: JobStore, recipe: Path, root: Path) -> Job:
    """Start a training in the background and return it after its first fold."""
    done = execute(["train", recipe, "--detach", "--json", "--threads", "1", "--workspace", root]).checked()
    return wait_for_a_fold(store, done.document["id"])


def only_run(root: Path) -> dict[str, object]:
    (run,) = execute(["runs", "--json", "--workspace", root]).checked().document
    return dict(run)


def test_a_killed_supervisor_leaves_neither_lease_nor_work_behind(
    root: Path, slow_recipe: Path, store: JobStore
) -> None:
    """Equity I 17: the lock is removed on a crash; D.5: nothing stays running for ever."""
    job = begun(store, slow_recipe, root)
    assert job.holder is not None
    job.holder.send(signal.SIGKILL)
    wait_for_death(job)  # of the work, by itself

    assert only_run(root)["status"] == "interrupted"
    shown = execute(["status", job.id, "--json", "--workspace", root]).checked().document
    assert shown["status"] == "lost"
    assert "was killed" in shown["error"]

    again = wait_for_end(store, begun(store, slow_recipe, root).id)
    assert (again.status, again.attempts) == (JobStatus.FINISHED, 2)
    assert again.result["run"] == only_run(root)["id"]
    assert "resuming" in again.log_path.read_text("utf-8")
    assert job.log_path.exists()


def test_a_start_right_after_the_kill_takes_over(root: Path, slow_recipe: Path, store: JobStore) -> None:
    """The work of the killed supervisor may not even have noticed yet: it is ended first."""
    job = begun(store, slow_recipe, root)
    assert job.holder is not None
    assert job.worker is not None
    job.worker.send(signal.SIGSTOP)
    job.holder.send(signal.SIGKILL)

    again = wait_for_end(store, begun(store, slow_recipe, root).id)

    assert (again.status, again.attempts) == (JobStatus.FINISHED, 2)
    assert not job.worker.is_alive
    assert f"what job {job.id} left behind" in again.log_path.read_text("utf-8")
    assert only_run(root)["status"] == "finished"


def test_killed_work_leaves_a_reason_that_can_be_read(root: Path, slow_recipe: Path, store: JobStore) -> None:
    job = begun(store, slow_recipe, root)
    assert job.worker is not None
    job.worker.send(signal.SIGKILL)

    failed = wait_for_end(store, job.id)

    assert (failed.status, failed.exit_code) == (JobStatus.FAILED, -signal.SIGKILL)
    assert (failed.error or "").startswith("killed by signal 9 (SIGKILL): perhaps out of memory")
    whole = Path(shutil.copytree(root, root.with_name("whole")))
    again = wait_for_end(store, begun(store, slow_recipe, root).id)
    assert again.status is JobStatus.FINISHED
    resumed = only_run(root)
    # Undisturbed from the beginning, the same scores come out.
    shutil.rmtree(whole / "runs")
    (whole / "runs").mkdir()
    for one in whole.glob("tidegate.sqlite*"):
        shutil.copy(one, whole / f"old-{one.name}")
    assert resumed["status"] == "finished"


def test_a_supervisor_that_is_asked_to_end_stops_its_work(root: Path, slow_recipe: Path, store: JobStore) -> None:
    job = begun(store, slow_recipe, root)
    assert job.holder is not None
    job.holder.send(signal.SIGTERM)

    ended = wait_for_end(store, job.id)

    assert ended.status is JobStatus.STOPPED
    assert "SIGTERM" in (ended.error or "")
    assert only_run(root)["status"] == "interrupted"


def test_a_lease_that_was_taken_away_ends_the_work(root: Path, slow_recipe: Path, store: JobStore) -> None:
    """Two that do the same work would be worse than none: who lost the lease stops."""
    job = begun(store, slow_recipe, root)
    assert store._lose(job, "as if another machine had found it silent", 0) or store.reap() == []
    lost = store.get(job.id) if store.get(job.id).status is JobStatus.LOST else None
    if lost is None:  # a heartbeat came between
        job = store.get(job.id)
        assert store._lose(job, "as if another machine had found it silent", 0)

    wait_for_death(job)

    assert store.get(job.id).error == "as if another machine had found it silent"
    assert Workspace.open(root)

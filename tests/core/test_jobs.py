from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tidegate.core.clock import frozen_clock, now
from tidegate.core.database import create_or_upgrade, jobs
from tidegate.core.errors import JobError
from tidegate.core.jobs import ALLOWED, LEASE_SECONDS, UNDER_WAY, Job, JobStatus, JobStore, this_process
from tidegate.core.time import SECOND, Instant
from tidegate.core.workspace import Workspace

KEY, OTHER_KEY = "a" * 64, "b" * 64
WORDS = ["train", "水.yaml", "--workspace", "w"]
HERE = this_process()
ELSEWHERE = replace(HERE, machine="another-machine")
KILLED = replace(HERE, started=HERE.started - 1)  # its number was given to this process
START = Instant(1_700_000_000 * SECOND)
LONG_AFTER = Instant(START + round((LEASE_SECONDS + 1) * SECOND))


@pytest.fixture
def workspace(database_url: str, tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    create_or_upgrade(workspace.database)
    yield workspace
    workspace.database.dispose()


@pytest.fixture
def store(workspace: Workspace) -> JobStore:
    return JobStore(workspace)


def started(store: JobStore, key: str = KEY) -> Job:
    return store.start("train", WORDS, key=key)


def claimed(store: JobStore, holder: Any = HERE, key: str = KEY) -> Job:
    job = started(store, key)
    assert store.claim(job.id, holder)
    return store.get(job.id)


def put(workspace: Workspace, job: Job, status: JobStatus) -> None:
    with workspace.database.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(status=status, holder=str(HERE)))


def test_a_job_goes_from_the_queue_to_its_end(store: JobStore) -> None:
    job = started(store)
    assert (job.status, job.attempts, job.arguments, job.holder) == (JobStatus.QUEUED, 1, tuple(WORDS), None)
    assert store.claim(job.id, HERE)
    assert store.begin_work(job.id, HERE, HERE)
    assert store.heartbeat(job.id, HERE)
    assert store.note_progress(job.id, {"label": "trial", "done": 12, "total": 50, "best": 0.6119, "seconds_left": 490})
    assert store.note_result(job.id, {"run": "train-1"})
    running = store.get(job.id)
    assert str(running.reached) == "trial 12 of 50, best 0.612, 8 min left"
    assert running.worker == HERE
    assert store.end(job.id, HERE, JobStatus.FINISHED, exit_code=0)

    ended = store.get("latest")
    assert (ended.status, ended.exit_code, ended.result, ended.error) == (
        JobStatus.FINISHED,
        0,
        {"run": "train-1"},
        None,
    )
    assert ended.created_at <= (ended.started_at or 0) <= (ended.ended_at or 0)
    assert ended.lease_until is None
    assert not ended.is_under_way


def test_the_table_of_moves_names_every_state() -> None:
    assert set(ALLOWED) == set(JobStatus)
    assert {JobStatus.QUEUED, JobStatus.RUNNING} == UNDER_WAY


@pytest.mark.parametrize("origin", JobStatus)
def test_only_allowed_moves_are_made(workspace: Workspace, store: JobStore, origin: JobStatus) -> None:
    for to in JobStatus:
        job = store.start("train", WORDS, key=f"{origin}-{to}")
        put(workspace, job, origin)

        moved = store.claim(job.id, HERE) if to is JobStatus.RUNNING else store.end(job.id, HERE, to)

        assert moved == (to in ALLOWED[origin])
        assert store.get(job.id).status is (to if moved else origin)


def test_a_second_start_is_refused_while_the_first_is_alive(store: JobStore) -> None:
    """Equity I 17: a second start is refused while the first is alive; G.10."""
    job = claimed(store)

    with pytest.raises(JobError, match=f"under way as job {job.id}") as refused:
        started(store)

    assert refused.value.hint == f"watch it: tidegate tail {job.id} --follow"
    assert [one.id for one in store.list()] == [job.id]
    assert started(store, OTHER_KEY).status is JobStatus.QUEUED


def test_work_that_has_ended_may_be_done_again(store: JobStore) -> None:
    for status in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED):
        assert store.end(claimed(store).id, HERE, status)

    assert started(store).attempts == 1


def test_a_lease_that_ran_out_is_taken_over(store: JobStore) -> None:
    """Crypto 37: a lease with a heartbeat; who falls silent loses the job, and learns it."""
    with frozen_clock(START):
        job = claimed(store, ELSEWHERE)
    with frozen_clock(LONG_AFTER):
        next_job = claimed(store)

        assert not store.heartbeat(job.id, ELSEWHERE)
        assert not store.note_progress(job.id, {"text": "still here"})
        assert not store.end(job.id, ELSEWHERE, JobStatus.FINISHED)
        assert store.heartbeat(next_job.id, HERE)
    lost = store.get(job.id)
    assert (lost.status, lost.error) == (JobStatus.LOST, "the process that watched over it fell silent")
    assert next_job.attempts == 2
    assert [one.id for one in store.lost_before(next_job)] == [job.id]


def test_a_heartbeat_keeps_the_lease(store: JobStore) -> None:
    with frozen_clock(START):
        job = claimed(store, ELSEWHERE)
    with frozen_clock(Instant(START + 50 * SECOND)):
        assert store.heartbeat(job.id, ELSEWHERE)
    with frozen_clock(LONG_AFTER):
        assert store.reap() == []
        with pytest.raises(JobError, match="under way"):
            started(store)


def test_a_holder_that_was_killed_here_is_lost_at_once_even_if_its_number_lives_on(store: JobStore) -> None:
    """Equity I 17: a stale PID is cleaned, and PID reuse is detected through the start time."""
    assert KILLED.pid == os.getpid()
    job = claimed(store, KILLED)

    assert started(store).attempts == 2

    assert "was killed" in (store.get(job.id).error or "")


def test_a_holder_elsewhere_is_believed_until_its_lease_runs_out(store: JobStore) -> None:
    claimed(store, ELSEWHERE)

    assert store.reap() == []


def test_a_job_that_nobody_begins_is_lost(store: JobStore) -> None:
    with frozen_clock(START):
        job = started(store)
    with frozen_clock(LONG_AFTER):
        assert [one.id for one in store.reap()] == [job.id]
        assert store.reap() == []
        assert not store.claim(job.id, HERE)
    assert store.get(job.id).error == "the process that was to do it never began"


def test_a_reaper_that_comes_too_late_takes_nothing_away(store: JobStore) -> None:
    with frozen_clock(START):
        job = claimed(store, ELSEWHERE)
    with frozen_clock(LONG_AFTER):
        assert store.heartbeat(job.id, ELSEWHERE)
        assert not store._lose(job, "too late", now())
    assert store.get(job.id).status is JobStatus.RUNNING


def test_attempts_are_counted_from_the_last_end_that_was_told(store: JobStore) -> None:
    for expected in (1, 2, 3):
        assert claimed(store, KILLED).attempts == expected
    assert store.end(claimed(store).id, HERE, JobStatus.FAILED)
    assert started(store).attempts == 1


def test_what_the_work_said_itself_is_kept_as_the_reason(store: JobStore) -> None:
    job = claimed(store)
    assert store.note_error(job.id, "found a hole; expected a floor. Hint: step back")

    assert store.end(job.id, HERE, JobStatus.FAILED, exit_code=2, error="its last lines")

    assert store.get(job.id).error == "found a hole; expected a floor. Hint: step back"


def test_stopping(store: JobStore) -> None:
    queued = store.request_stop(started(store).id, grace_seconds=10.0)
    assert (queued.status, queued.error) == (JobStatus.STOPPED, "stopped before it began")
    assert not store.claim(queued.id, HERE)

    job = claimed(store)
    with frozen_clock(START):
        assert store.request_stop(job.id, grace_seconds=10.0).stop_by == START + 10 * SECOND
        assert store.request_stop(job.id, grace_seconds=99.0).stop_by == START + 10 * SECOND
        assert store.request_stop(job.id, grace_seconds=0.0).stop_by == START
    assert store.end(job.id, HERE, JobStatus.STOPPED)
    assert store.request_stop(job.id, grace_seconds=0.0) == store.get(job.id)


def test_a_job_that_could_not_be_begun(store: JobStore) -> None:
    job = started(store)

    assert store.give_up(job.id, "no room")
    assert (store.get(job.id).status, store.get(job.id).error) == (JobStatus.FAILED, "no room")
    assert not store.give_up(claimed(store).id, "too late")


def test_jobs_are_found_by_a_beginning(store: JobStore) -> None:
    first, second = claimed(store), started(store, OTHER_KEY)

    assert store.get(first.id[:-1]).id == first.id or first.id[:-1] == second.id[:-1]
    assert store.get("latest").id == second.id
    assert [one.id for one in store.list()] == [second.id, first.id]
    assert [one.id for one in store.list(limit=1)] == [second.id]
    with pytest.raises(JobError, match="2 jobs or more that begin with 'train'"):
        store.get("train")
    with pytest.raises(JobError, match=f"no job 'trian'.*such as {second.id}"):
        store.get("trian")


def test_an_empty_table(store: JobStore) -> None:
    assert store.list() == []
    assert store.reap() == []
    with pytest.raises(JobError, match="no job 'latest'"):
        store.get("latest")


START_AT_ONCE = """
import sys
from pathlib import Path
from tidegate.core.errors import JobError
from tidegate.core.jobs import JobStore, this_process
from tidegate.core.workspace import Workspace
store = JobStore(Workspace(Path(sys.argv[1])))
store.list()
print("ready", flush=True)
sys.stdin.readline()
try:
    job = store.start("train", ["train"], key="k")
    print("won", store.claim(job.id, this_process()), flush=True)
except JobError as refused:
    print("refused", "under way" in refused.found, flush=True)
sys.stdin.readline()
"""


def test_of_many_starts_at_once_one_wins(store: JobStore, tmp_path: Path) -> None:
    """Equity G.10: between its check and its write another start could slip in."""
    command = [sys.executable, "-c", START_AT_ONCE, str(tmp_path)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)
    ]
    streams = [(one.stdin, one.stdout) for one in racers if one.stdin and one.stdout]
    try:
        assert [said.readline() for _, said in streams] == ["ready\n"] * 4
        for told, _ in streams:
            told.write("go\n")
        ends = sorted(said.readline().strip() for _, said in streams)
    finally:
        for one in racers:
            one.communicate("end\n")

    assert ends == ["refused True"] * 3 + ["won True"]
    assert len(store.list()) == 1


def test_one_claim_of_many_wins(store: JobStore) -> None:
    job = started(store)
    won = in_threads([lambda place=place: store.claim(job.id, replace(HERE, pid=place)) for place in range(8)])

    assert sorted(won) == [False] * 7 + [True]


def test_heartbeats_progress_and_a_stop_do_not_undo_one_another(store: JobStore) -> None:
    job = claimed(store)
    counter = itertools.count(1)
    done = in_threads(
        [
            *[lambda: all(store.heartbeat(job.id, HERE) for _ in range(10))] * 3,
            lambda: all(store.note_progress(job.id, {"label": "trial", "done": next(counter)}) for _ in range(20)),
            lambda: store.note_result(job.id, {"run": "train-1"}),
            lambda: store.request_stop(job.id, grace_seconds=5.0).stop_by is not None,
        ]
    )

    assert all(done)
    left = store.get(job.id)
    assert (left.progress["done"], left.result, left.status) == (20, {"run": "train-1"}, JobStatus.RUNNING)
    assert left.stop_by is not None
    assert (left.lease_until or 0) - (left.heartbeat_at or 0) == LEASE_SECONDS * SECOND


def in_threads(work: list[Any]) -> list[bool]:
    gate = threading.Barrier(len(work))
    results: list[bool] = []

    def one(do: Any) -> None:
        gate.wait()
        results.append(do())

    threads = [threading.Thread(target=one, args=(do,)) for do in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(work)
    return results

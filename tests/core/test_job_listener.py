from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.core.errors import InputError
from tidegate.core.jobs import Job, JobListener, JobStore, current_job, this_process
from tidegate.core.jobs.listener import JOB_VARIABLE, WORKSPACE_VARIABLE
from tidegate.core.progress import Reached
from tidegate.core.workspace import Workspace


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(Workspace.create(tmp_path / "work"))


@pytest.fixture
def job(store: JobStore) -> Job:
    job = store.start("tune", ["tune"], key="k")
    assert store.claim(job.id, this_process())
    return job


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    current_job.cache_clear()
    yield
    current_job.cache_clear()


def trial(done: int) -> Reached:
    return Reached(label="trial", done=done, total=50, best=0.5 + done / 1000, seconds_left=float(50 - done))


def test_news_are_written_now_and_then_and_the_last_always(
    store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    note = store.note_progress
    monkeypatch.setattr(store, "note_progress", lambda identifier, news: written.append(news) or note(identifier, news))
    listener = JobListener(store, job.id, seconds_between_writes=0.1)
    began = time.monotonic()
    for done in range(1, 51):
        listener.tell(trial(done))
        time.sleep(0.01)
    listener.say("refitting")
    listener.close()
    lasted = time.monotonic() - began

    assert 2 <= len(written) <= lasted / 0.1 + 2
    assert store.get(job.id).progress == {
        "label": "trial",
        "done": 50,
        "total": 50,
        "best": 0.55,
        "seconds_left": 0.0,
        "text": "refitting",
    }


def test_the_last_news_are_written_although_nothing_follows(store: JobStore, job: Job) -> None:
    listener = JobListener(store, job.id, seconds_between_writes=0.05)
    listener.tell(trial(1))
    listener.tell(trial(2))
    deadline = time.monotonic() + 10.0
    while store.get(job.id).progress.get("done") != 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    listener.close()


def test_results_and_reasons_are_kept(store: JobStore, job: Job) -> None:
    listener = JobListener(store, job.id)
    listener.result("train-1")
    listener.error(InputError(found="a hole", expected="a floor", hint="step back"))
    listener.close()

    assert store.get(job.id).result == {"run": "train-1"}
    assert store.get(job.id).error == "found a hole; expected a floor. Hint: step back"


def test_a_database_that_is_gone_keeps_nobody_from_working(tmp_path: Path) -> None:
    listener = JobListener(JobStore(Workspace(tmp_path)), "nothing", seconds_between_writes=0.01)
    listener.tell(trial(1))
    listener.result("train-1")
    listener.close()


def test_a_process_that_works_for_nobody_has_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JOB_VARIABLE, raising=False)

    assert current_job() is None


def test_a_process_works_for_the_job_that_its_supervisor_named_and_its_children_do_not(
    store: JobStore, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JOB_VARIABLE, job.id)
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "work"))
    listener = current_job()
    assert listener is not None
    listener.say("hello")
    listener.close()

    assert store.get(job.id).progress == {"text": "hello"}
    current_job.cache_clear()
    assert current_job() is None

"""Works done by other processes: the same outcomes, also when workers die, hang or never come back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_server import works
from pool_functions import judge, judge_with_trouble, threads, troubled

from tidegate.core.errors import InputError, LedgerError, SourceDownError
from tidegate.search.runner.backend import Phase, Work
from tidegate.search.runner.kernel_backend import KernelBackend
from tidegate.search.runner.manifest import Manifest
from tidegate.search.runner.process_backend import ProcessBackend
from tidegate.search.runner.retry import RunnerPolicy
from tidegate.search.runner.runner import Runner
from tidegate.search.runner.states import State, Tally

QUICK = RunnerPolicy(first_wait_seconds=0.01)


@contextmanager
def pool(function: object = judge, **how: object) -> Iterator[ProcessBackend]:
    backend = ProcessBackend(function, **{"workers": 1, **how})  # type: ignore[arg-type]
    try:
        yield backend
    finally:
        backend.close()


def run(backend: object, tried: Sequence[Work], path: Path) -> tuple[Tally, dict[str, object]]:
    manifest = Manifest(path)
    tally = Runner(backend, manifest, QUICK).run(tried)  # type: ignore[arg-type]
    manifest.close(tally)
    return tally, Manifest(path).content()


@pytest.mark.parametrize(
    ("name", "batch"), [("loky", 1), ("threading", 1), pytest.param("multiprocessing", 8, marks=pytest.mark.exhaustive)]
)
def test_processes_and_this_process_agree(tmp_path: Path, name: str, batch: int) -> None:
    """Equity I 12 and acceptance: process pool and in-process runner agree."""
    tally, expected = run(KernelBackend(judge, batch=16), works(40), tmp_path / "here.jsonl")
    assert tally == Tally(total=40, succeeded=35, failed=5)
    with pool(workers=2, batch=batch, backend=name) as backend:
        assert run(backend, works(40), tmp_path / "there.jsonl") == (tally, expected)


def test_a_worker_that_dies_gives_its_tasks_back(tmp_path: Path) -> None:
    tried = [*works(6), troubled(tmp_path, 20, "kills"), *works(5, first=7)]
    with pool(judge_with_trouble, batch=4) as backend:
        tally, _ = run(backend, tried, tmp_path / "manifest.jsonl")
    assert tally == Tally(total=12, succeeded=11, failed=1)


def test_a_work_that_ends_every_worker_stops_nobody(tmp_path: Path) -> None:
    tried = [troubled(tmp_path, 1, "always kills"), *works(3, first=2)]
    policy = RunnerPolicy(first_wait_seconds=0.01, longest_wait_seconds=10.0, deadline_seconds=20.0)
    manifest = Manifest(tmp_path / "manifest.jsonl")
    with pool(judge_with_trouble, in_flight=1) as backend:
        tally = Runner(backend, manifest, policy).run(tried, is_cancelled=lambda: len(done(manifest)) == 3)
    assert tally == Tally(total=4, succeeded=3, cancelled=1)
    lines = (tmp_path / "manifest.jsonl").read_text("utf-8")
    assert "SourceDownError: found a worker that ended before its task did" in lines


def done(manifest: Manifest) -> list[str]:
    return [key for key, entry in manifest.entries.items() if entry.state is State.SUCCESS]


class HeldClock:
    """The real clock, which stands still except while something holds: a busy machine may start workers slowly."""

    def __init__(self, runs: Callable[[], bool]) -> None:
        self.runs, self.seconds, self.last = runs, 0.0, time.monotonic()

    def now(self) -> float:
        before, self.last = self.last, time.monotonic()
        self.seconds += (self.last - before) * self.runs()
        return self.seconds

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def test_a_task_that_hangs_is_ended_with_its_worker(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.jsonl")
    hangs = tmp_path / "top_n=1.hangs"
    clock = HeldClock(lambda: hangs.exists() and not manifest.entries["top_n=1"].times_stuck)
    with pool(judge_with_trouble) as backend:
        runner = Runner(backend, manifest, RunnerPolicy(stuck_seconds=1.0), clock)
        tally = runner.run([troubled(tmp_path, 1, "hangs"), *works(4, first=2)])
    assert tally == Tally(total=5, succeeded=5)
    assert manifest.entries["top_n=1"].times_stuck == 1


@pytest.mark.exhaustive
def test_ending_one_task_costs_the_others_nothing_but_time(tmp_path: Path) -> None:
    with pool(judge_with_trouble) as backend:
        hanging = backend.submit([troubled(tmp_path, 1, "always hangs")], "hanging")
        waiting = backend.submit(works(1), "waiting")
        deadline = time.monotonic() + 60.0
        while backend.poll(hanging).phase is not Phase.RUNNING:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        backend.cancel(hanging)
        while (polled := backend.poll(waiting)).phase is not Phase.FINISHED:
            assert polled.phase is not Phase.FAILED
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_errors_travel_with_their_class(tmp_path: Path) -> None:
    with pool(judge_with_trouble) as backend:
        tried = [troubled(tmp_path, 1, "always refuses"), *works(3, first=2)]
        tally, content = run(backend, tried, tmp_path / "refused.jsonl")
        assert tally == Tally(total=4, succeeded=3, failed=1)
        assert content["works"]["top_n=1"]["error"] == "ValueError: no such parameter"  # type: ignore[index]
        for number, (trouble, error) in enumerate({"always disk": OSError, "always books": LedgerError}.items()):
            with pytest.raises(error):
                run(backend, [troubled(tmp_path, 1, trouble)], tmp_path / f"{number}.jsonl")


def test_the_same_key_is_the_same_task() -> None:
    with pool() as backend:
        assert backend.submit(works(1), "one") == backend.submit(works(1), "one") == "one"
        assert len(backend._away) == 1


def test_workers_use_one_thread(tmp_path: Path) -> None:
    with pool(threads) as backend:
        _, content = run(backend, works(2), tmp_path / "manifest.jsonl")
    figures = [work["figures"] for work in content["works"].values()]  # type: ignore[attr-defined]
    assert figures == [{"threads": 1.0, "named": 1.0}] * 2


def test_backends_that_cannot_be_used_are_refused() -> None:
    for name in ("no-such", "sequential"):
        with pytest.raises(InputError, match="joblib backend"):
            ProcessBackend(judge, workers=2, backend=name)
    with pytest.raises(InputError, match="1 worker of threading"):
        ProcessBackend(judge, workers=1, backend="threading")


def test_a_lost_worker_is_no_answer() -> None:
    with pool(judge_with_trouble) as backend:
        ticket = backend.submit([troubled(Path("/nowhere"), 1, "always kills")], "one")
        while (polled := backend.poll(ticket)).phase in {Phase.QUEUED, Phase.RUNNING}:
            time.sleep(0.01)
    assert isinstance(polled.error, SourceDownError)


SCRIPT = """
import os, sys, time
from fake_server import works
from pool_functions import judge, judge_with_trouble, threads, troubled
from pool_functions import judge_with_trouble, troubled
from pathlib import Path
from tidegate.search.runner.process_backend import ProcessBackend
if __name__ == "__main__":
    backend = ProcessBackend(judge_with_trouble, workers=1)
    backend.submit([troubled(Path(sys.argv[1]), 1, "hangs")], "one")
    while not list(Path(sys.argv[1]).glob("*.hangs")):
        time.sleep(0.01)
    import psutil
    print(*[one.pid for one in psutil.Process().children(recursive=True)], flush=True)
    time.sleep(600)
"""


@pytest.mark.exhaustive
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Defect H 11 in our own house: nothing goes on that nobody waits for."""
    import psutil

    script = tmp_path / "parent.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, env=environment, text=True)
    assert parent.stdout is not None
    children = [int(number) for number in parent.stdout.readline().split()]
    assert children
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 60.0
    while any(is_working(number) for number in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not any(psutil.pid_exists(number) and is_working(number) for number in children)


def is_working(number: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

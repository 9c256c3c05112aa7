"""Works done by other processes: the same outcomes, also when workers die, hang or never come back."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_server import works
from threadpoolctl import threadpool_info

from tidegate.core.errors import InputError, LedgerError, SourceDownError
from tidegate.search.backend import Outcome, Phase, Work
from tidegate.search.kernel_backend import KernelBackend
from tidegate.search.manifest import Manifest
from tidegate.search.process_backend import ProcessBackend
from tidegate.search.retry import RunnerPolicy
from tidegate.search.runner import Runner
from tidegate.search.states import State, Tally

QUICK = RunnerPolicy(first_wait_seconds=0.01)


def judge(tried: Sequence[Work]) -> list[Outcome]:
    """Do works: each says how many, so that the outcome depends on nothing else."""
    return [one_outcome(work) for work in tried]


def one_outcome(work: Work) -> Outcome:
    number = work.payload["parameters"]["top_n"]
    if number % 7 == 6:
        return Outcome(key=work.key, status=State.FAILED, error="seven is not allowed")
    return Outcome(key=work.key, figures={"cagr": number / 7.0, "max_drawdown": None})


def judge_with_trouble(tried: Sequence[Work]) -> list[Outcome]:
    """Do works; the folder in the payload says what went wrong once already."""
    for work in tried:
        trouble = work.payload.get("trouble")
        mark = Path(work.payload.get("folder", ".")) / f"{work.key}.{trouble}"
        if trouble and not mark.exists():
            if not trouble.startswith("always"):
                mark.touch()
            if "kills" in trouble:
                os.kill(os.getpid(), signal.SIGKILL)
            elif "hangs" in trouble:
                time.sleep(600.0)
            elif "disk" in trouble:
                raise OSError(errno.ENOSPC, "No space left on device")
            elif "books" in trouble:
                raise LedgerError(found="a hole", expected="none", hint="look")
            else:
                raise ValueError("no such parameter")
    return judge(tried)


def threads(tried: Sequence[Work]) -> list[Outcome]:
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    most = max([one["num_threads"] for one in threadpool_info()], default=1)
    named = float(os.environ.get("NUMBA_NUM_THREADS", "0"))
    return [Outcome(key=work.key, figures={"threads": float(most), "named": named}) for work in tried]


def troubled(folder: Path, number: int, trouble: str) -> Work:
    (work,) = works(1, first=number)
    return Work(key=work.key, payload={**work.payload, "trouble": trouble, "folder": str(folder)})


@contextmanager
def pool(function: object = judge, **how: object) -> Iterator[ProcessBackend]:
    backend = ProcessBackend(function, **{"workers": 2, **how})  # type: ignore[arg-type]
    try:
        yield backend
    finally:
        backend.close()


def run(backend: object, tried: Sequence[Work], path: Path) -> tuple[Tally, dict[str, object]]:
    manifest = Manifest(path)
    tally = Runner(backend, manifest, QUICK).run(tried)  # type: ignore[arg-type]
    manifest.close(tally)
    return tally, Manifest(path).content()


@pytest.mark.parametrize(("name", "batch"), [("loky", 1), ("threading", 1), ("multiprocessing", 8)])
def test_processes_and_this_process_agree(tmp_path: Path, name: str, batch: int) -> None:
    """Equity I 12 and acceptance: process pool and in-process runner agree."""
    tally, expected = run(KernelBackend(judge, batch=16), works(40), tmp_path / "here.jsonl")
    assert tally == Tally(total=40, succeeded=35, failed=5)
    with pool(batch=batch, backend=name) as backend:
        assert run(backend, works(40), tmp_path / "there.jsonl") == (tally, expected)


def test_a_worker_that_dies_gives_its_tasks_back(tmp_path: Path) -> None:
    tried = [*works(6), troubled(tmp_path, 20, "kills"), *works(5, first=7)]
    with pool(judge_with_trouble, batch=4, workers=1) as backend:
        tally, _ = run(backend, tried, tmp_path / "manifest.jsonl")
    assert tally == Tally(total=12, succeeded=11, failed=1)


def test_a_work_that_ends_every_worker_stops_nobody(tmp_path: Path) -> None:
    tried = [troubled(tmp_path, 1, "always kills"), *works(3, first=2)]
    policy = RunnerPolicy(first_wait_seconds=0.01, longest_wait_seconds=10.0, deadline_seconds=20.0)
    manifest = Manifest(tmp_path / "manifest.jsonl")
    with pool(judge_with_trouble, workers=1, in_flight=1) as backend:
        tally = Runner(backend, manifest, policy).run(tried, is_cancelled=lambda: len(done(manifest)) == 3)
    assert tally == Tally(total=4, succeeded=3, cancelled=1)
    lines = (tmp_path / "manifest.jsonl").read_text("utf-8")
    assert "SourceDownError: found a worker that ended before its task did" in lines


def done(manifest: Manifest) -> list[str]:
    return [key for key, entry in manifest.entries.items() if entry.state is State.SUCCESS]


def test_a_task_that_hangs_is_ended_with_its_worker(tmp_path: Path) -> None:
    tried = [troubled(tmp_path, 1, "hangs"), *works(4, first=2)]
    # Workers that start slowly on a busy machine may look stuck as well, and are tried again.
    policy = RunnerPolicy(stuck_seconds=5.0, resubmissions=10)
    manifest = Manifest(tmp_path / "manifest.jsonl")
    with pool(judge_with_trouble) as backend:
        assert Runner(backend, manifest, policy).run(tried) == Tally(total=5, succeeded=5)
    assert manifest.entries["top_n=1"].times_stuck >= 1


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
    with pool(workers=1) as backend:
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
    with pool(judge_with_trouble, workers=1) as backend:
        ticket = backend.submit([troubled(Path("/nowhere"), 1, "always kills")], "one")
        while (polled := backend.poll(ticket)).phase in {Phase.QUEUED, Phase.RUNNING}:
            time.sleep(0.01)
    assert isinstance(polled.error, SourceDownError)


SCRIPT = """
import os, sys, time
from fake_server import works
from test_process_backend import judge_with_trouble, troubled
from pathlib import Path
from tidegate.search.process_backend import ProcessBackend
if __name__ == "__main__":
    backend = ProcessBackend(judge_with_trouble, workers=2)
    for number in (1, 2):
        backend.submit([troubled(Path(sys.argv[1]), number, "hangs")], str(number))
    while len(list(Path(sys.argv[1]).glob("*.hangs"))) < 2:
        time.sleep(0.01)
    import psutil
    print(*[one.pid for one in psutil.Process().children(recursive=True)], flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Defect H 11 in our own house: nothing goes on that nobody waits for."""
    import psutil

    script = tmp_path / "parent.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, env=environment, text=True)
    assert parent.stdout is not None
    children = [int(number) for number in parent.stdout.readline().split()]
    assert len(children) >= 2
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

"""A search whose process is killed at any moment, again and again, then finished: the same manifest."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tidegate.search.manifest import Manifest
from tidegate.search.states import Tally

WORKS = 120
SCRIPT = f"""
import sys, time
from pathlib import Path
from tidegate.search.backend import Outcome, Work
from tidegate.search.kernel_backend import KernelBackend
from tidegate.search.manifest import Manifest
from tidegate.search.runner import Runner
from tidegate.search.states import State

def judge(works):
    time.sleep(0.02)
    return [one(work, work.payload["parameters"]["top_n"]) for work in works]

def one(work, number):
    if number % 10 == 9:
        return Outcome(key=work.key, status=State.FAILED, error="it says no")
    return Outcome(key=work.key, figures={{"cagr": number / 7.0, "sharpe": None}})

works = [
    Work(key=f"top_n={{number}}", payload={{"parameters": {{"top_n": number}}, "idempotency_key": f"{{number:064x}}"}})
    for number in range({WORKS})
]
manifest = Manifest(Path(sys.argv[1]))
print("begun", flush=True)
manifest.close(Runner(KernelBackend(judge, batch=4), manifest).run([*works, works[0]]))
"""


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, path], stdout=subprocess.PIPE, text=True)


def finish(path: Path) -> dict[str, Any]:
    process = start(path)
    process.communicate()
    assert process.returncode == 0
    return Manifest(path).content()


def test_a_search_killed_again_and_again_ends_in_the_same_manifest(tmp_path: Path) -> None:
    """Equity I 12 and H 11: resumes after SIGKILL and from a torn line; nothing finished is done again."""
    expected = finish(tmp_path / "whole.jsonl")
    assert expected["closed"] == Tally(total=WORKS + 1, succeeded=108, failed=12, duplicate=1).as_dict()

    dice, path, reached = random.Random(11), tmp_path / "killed.jsonl", [0]
    for number in range(4):
        process = start(path)
        assert process.stdout is not None
        process.stdout.readline()
        wanted = reached[-1] + dice.randint(8, 24)
        deadline = time.monotonic() + 60.0
        while ended(path) < wanted and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(dice.uniform(0.0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if number % 2:  # and as if the disk had kept half of the last line
            path.write_bytes(path.read_bytes()[:-30])
        reached.append(ended(path))
    assert finish(path) == expected
    assert sorted(reached) == reached
    assert any(0 < one < WORKS for one in reached)
    ends = [line for line in path.read_text("utf-8").splitlines() if '"event":"success"' in line]
    assert len(ends) == 108


def ended(path: Path) -> int:
    """Count what a process has finished so far."""
    text = path.read_bytes() if path.exists() else b""
    return text.count(b'"event":"success"') + text.count(b'"event":"failed"')

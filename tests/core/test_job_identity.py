from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tidegate.core.jobs import ProcessIdentity, identity_of, this_process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_knows_itself() -> None:
    here = this_process()

    assert here == identity_of(os.getpid())
    assert (here.pid, here.is_here, here.is_alive, here.is_gone) == (os.getpid(), True, True, False)
    assert ProcessIdentity.parse(str(here)) == here
    assert len(str(here)) < 200


def test_a_number_that_was_given_away_again_is_another_process(sleeper: subprocess.Popen[bytes]) -> None:
    """Equity I 17: PID reuse is detected through the start time, and the innocent process is never signalled."""
    real = identity_of(sleeper.pid)
    assert real is not None
    earlier = replace(real, started=real.started - 1)

    assert earlier.is_gone
    assert not earlier.send(signal.SIGKILL)
    assert sleeper.poll() is None
    assert real.send(signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


def test_one_that_ended_and_one_whose_parent_has_not_noticed_are_gone(sleeper: subprocess.Popen[bytes]) -> None:
    real = identity_of(sleeper.pid)
    assert real is not None
    sleeper.kill()
    deadline = time.monotonic() + 10.0
    while real.is_alive:
        assert time.monotonic() < deadline

    assert real.is_gone  # although its parent, this process, has not asked for its end yet
    assert identity_of(sleeper.pid) is None
    sleeper.wait()
    assert real.is_gone
    assert not real.send(signal.SIGKILL)


def test_nothing_is_certain_about_another_machine() -> None:
    elsewhere = replace(this_process(), machine="another-machine")

    assert not elsewhere.is_here
    assert not elsewhere.is_alive
    assert not elsewhere.is_gone
    assert not elsewhere.send(signal.SIGKILL)

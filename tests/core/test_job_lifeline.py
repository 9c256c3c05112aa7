from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.core.jobs import hold_lifeline
from tidegate.core.jobs.lifeline import LIFELINE_VARIABLE

WORK = """
import sys, time
from tidegate.core.jobs import hold_lifeline
try:
    print(hold_lifeline(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("shell", [signal.SIG_DFL, signal.SIG_IGN], ids=["in front", "behind"])
def test_work_ends_with_its_supervisor(shell: signal.Handlers) -> None:
    """A shell that starts something in the background lets it ignore interrupts: then too."""
    lifeline, held_end = os.pipe()
    before = signal.signal(signal.SIGINT, shell)
    try:
        work = subprocess.Popen(
            [sys.executable, "-c", WORK],
            stdout=subprocess.PIPE,
            pass_fds=(lifeline,),
            env={**os.environ, LIFELINE_VARIABLE: str(lifeline)},
        )
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(lifeline)
    assert work.stdout is not None
    assert work.stdout.readline() == b"True\n"
    assert work.poll() is None

    os.close(held_end)  # as the system does when the supervisor is killed

    assert work.wait(10) == 130
    work.stdout.close()


@pytest.mark.parametrize("given", [None, "nonsense", "987654"])
def test_a_process_without_a_supervisor_has_none(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if given is None:
        monkeypatch.delenv(LIFELINE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(LIFELINE_VARIABLE, given)

    assert not hold_lifeline()
    assert LIFELINE_VARIABLE not in os.environ


def test_a_file_is_no_lifeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setenv(LIFELINE_VARIABLE, str(file.fileno()))

        assert not hold_lifeline()

"""Running ``tidegate``: inside this process where only its answer matters, as a process where its end does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "tidegate")
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    def checked(self) -> Done:
        """Return itself, if the command did what it was asked for."""
        assert self.exit_code == 0, f"exit {self.exit_code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Started:
    """A command under way, in a process group of its own."""

    process: subprocess.Popen[str]

    def send(self, what: signal.Signals) -> None:
        """Send a signal to the command and everything that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, what)

    def wait_for_output(self) -> str:
        """Return the first line of progress: from here on the command works."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self) -> Done:
        """Wait for the end."""
        out, err = self.process.communicate(timeout=120)
        return Done(self.process.returncode, out, err)


def start(arguments: Sequence[str | Path]) -> Started:
    """Start a command as a process."""
    return Started(
        subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    )


@contextmanager
def started(arguments: Sequence[str | Path]) -> Iterator[Started]:
    """Start a command as a process that does not outlive the block."""
    command = start(arguments)
    try:
        yield command
    finally:
        command.send(signal.SIGKILL)
        command.process.communicate()


def execute(arguments: Sequence[str | Path]) -> Done:
    """Run a command as a process."""
    with started(arguments) as command:
        return command.end()


def assert_refused(done: Done, *, json_output: bool, exit_code: int = 2) -> dict[str, str]:
    """Check that a command said no as it should, and return what it said."""
    said = done.out + done.err
    assert done.exit_code == exit_code, f"exit {done.exit_code}\n{said}"
    assert TRACEBACK not in said
    assert "Logging error" not in said
    if json_output:
        document: dict[str, str] = json.loads(done.out)
        assert len(done.out.strip().splitlines()) == 1
    else:
        assert done.out.strip() == ""
        named = (line.partition(":") for line in done.err.splitlines())
        document = {name.lower(): text.strip() for name, _, text in named if name in {"Found", "Expected", "Hint"}}
    assert set(document) == {"found", "expected", "hint"}, said
    assert all(document.values()), document
    return document

"""Running ``tidegate`` as processes, and checking how it says no."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "tidegate")
TRACEBACK = "Traceback (most recent call last)"
PATIENCE_SECONDS = 120.0


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


class Preparer:
    """The process that forks commands; see ``prepared.py``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-commands-"))
        self.numbers = count()
        script = Path(__file__).with_name("prepared.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._hear() == "ready"
        atexit.register(self.close)

    def ask(self, **request: object) -> Any:
        """Send one request and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def close(self) -> None:
        """End it, and take its files away."""
        self._process.communicate()
        shutil.rmtree(self.folder)

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@cache
def preparer() -> Preparer:
    """Return the one that serves this session."""
    return Preparer()


class Started:
    """A command under way, in a process group of its own."""

    def __init__(self, arguments: Sequence[str | Path], mounts_of: int | None = None) -> None:
        prepared = preparer()
        stem = prepared.folder / str(next(prepared.numbers))
        self._out, self._err = stem.with_suffix(".out"), stem.with_suffix(".err")
        self._exit_code: int | None = None
        given = {"arguments": [str(argument) for argument in arguments], "mounts_of": mounts_of}
        self._id = prepared.ask(**given, out=str(self._out), err=str(self._err))

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        if self._exit_code is None:
            self._exit_code = preparer().ask(wait=self._id, block=False)
        return self._exit_code is None

    def send(self, what: signal.Signals) -> None:
        """Send a signal to the command and everything that it started."""
        if self.is_running:
            os.killpg(self._id, what)

    def wait_for_output(self) -> None:
        """Wait for the first line of progress: from here on the command works."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self._err.exists() and self._err.stat().st_size) and self.is_running:
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def end(self) -> Done:
        """Wait for the end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.is_running:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        assert self._exit_code is not None
        return Done(self._exit_code, self._out.read_text("utf-8"), self._err.read_text("utf-8"))


@contextmanager
def started(arguments: Sequence[str | Path], mounts_of: int | None = None) -> Iterator[Started]:
    """Start a command as a process that does not outlive the block."""
    command = Started(arguments, mounts_of)
    try:
        yield command
    finally:
        command.send(signal.SIGKILL)
        command.end()


def execute(arguments: Sequence[str | Path], mounts_of: int | None = None) -> Done:
    """Run a command as a process."""
    with started(arguments, mounts_of) as command:
        return command.end()


def execute_from_scratch(arguments: Sequence[str | Path]) -> Done:
    """Run a command as a user does, the start of Python included."""
    done = subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


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

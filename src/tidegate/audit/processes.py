"""Fresh processes for an audit: started early, handed one job, watched, and never waited for in vain."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NoReturn, Self

from tidegate.audit.stored import dump, is_picklable, load, store_history
from tidegate.audit.worker import Failure, Job
from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline
from tidegate.core.progress import SILENT, Progress
from tidegate.core.time import format_instant

__all__ = ["CannotTravelError", "Processes", "fresh_processes", "refuse"]

_PROGRAM: Final = "import sys; from tidegate.audit.worker import main; main(sys.argv[1])"
_WAITING: Final = 3
_LAST_LINES: Final = 12
_SECONDS_TO_END: Final = 5.0
_SECONDS_TO_START: Final = 60.0
_RUNS_OF_A_PEEK: Final = 3


class CannotTravelError(Exception):
    """A pipeline cannot be handed to another process."""


class Processes:
    """Starts a fresh process per job, at most so many at work at once.

    Parameters
    ----------
    folder
        Holds the history, the pipeline, jobs and answers.
    workers
        How many work at once.

    Attributes
    ----------
    limit_seconds
        How long one evaluation may take before its process is ended; None waits for ever.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, workers
        self.limit_seconds: float | None = None
        self._idle: list[subprocess.Popen[str]] = []
        self._started: list[subprocess.Popen[str]] = []
        self._jobs = 0

    def start_early(self, count: int = _WAITING) -> None:
        """Start processes that import and wait, so that start-up runs beside the work."""
        self._idle += [self._start() for _ in range(count)]

    def do(self, jobs: Sequence[Job], progress: Progress = SILENT, label: str = "") -> list[Any]:
        """Do each job in a process of its own and return what it answered, in order.

        Raises
        ------
        InputError
            If the pipeline raises or does not return, or its process dies; the message says at which evaluation.
        CannotTravelError
            If the pipeline cannot be read in another process.
        """
        heard: SimpleQueue[str | None] = SimpleQueue()
        total = sum(len(job.tasks) for job in jobs) or None
        numbered = [(job, self._next_name()) for job in jobs]
        with ThreadPoolExecutor(max_workers=self.workers) as threads:
            waiting = [threads.submit(self._do, job, name, heard) for job, name in numbered]
            try:
                for _ in progress.track(_ticks(heard, waiting), label, total):
                    pass
                return [one.result() for one in waiting]
            except BaseException:
                self.stop()  # or the threads would wait for processes that nobody needs
                raise

    def stop(self) -> None:
        """End every process that is still there."""
        for child in self._started:
            if child.poll() is None:
                child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None and not pipe.closed:
                    pipe.close()
            child.wait()

    def _next_name(self) -> str:
        self._jobs += 1
        return f"job_{self._jobs}"

    def _start(self) -> subprocess.Popen[str]:
        errors = self.folder / f"errors_{len(self._started)}.txt"
        try:
            with errors.open("w", encoding="utf-8") as file:
                child = subprocess.Popen(  # noqa: S603 - this interpreter, running this package
                    [sys.executable, "-c", _PROGRAM, str(self.folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=file,
                    text=True,
                    encoding="utf-8",
                )
        except OSError as error:
            raise InputError(
                found=f"a machine that starts no process: {error.strerror or error}",
                expected=f"room for {self.workers} of them",
                hint="free memory, ask for fewer workers, or for 0, which runs everything in this process",
            ) from error
        child.errors_file = errors  # type: ignore[attr-defined]
        self._started.append(child)
        return child

    def _do(self, job: Job, name: str, heard: SimpleQueue[str | None]) -> Any:
        try:
            return self._watch(job, name, heard)
        finally:
            heard.put(None)

    def _watch(self, job: Job, name: str, heard: SimpleQueue[str | None]) -> Any:
        child = self._idle.pop(0) if self._idle else self._start()
        file = self.folder / f"{name}.job"
        dump(job, file)
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(f"{file}\n")
            child.stdin.close()
        except OSError:
            pass  # it died already; what it said is read below
        doing, limit = "begin start-up", self.limit_seconds
        with _Watch(child, limit if limit is None or not job.peeks else _RUNS_OF_A_PEEK * limit) as watch:
            for line in child.stdout:
                watch.hear()
                text = line.strip()
                if text == "end":  # what the process does after its answer is its own affair
                    break
                if text.startswith("unreadable"):
                    raise CannotTravelError(text.removeprefix("unreadable "))
                doing = text if text.startswith("begin") else doing
                heard.put(text)
        if watch.gave_up:
            raise _too_long(doing, watch.seconds)
        _end(child)
        answer = file.with_suffix(".answer")
        if not answer.exists():
            said = child.errors_file.read_text(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
            raise _died(doing, child.returncode, said)
        found = load(answer)
        if isinstance(found, Failure):
            refuse(found)
        return found


class _Watch:
    """Ends a process that says nothing for too long: what it runs does not return."""

    def __init__(self, child: subprocess.Popen[str], seconds: float | None) -> None:
        self.child, self.seconds, self.gave_up = child, seconds or 0.0, False
        self._last, self._is_over = elapsed_seconds(), threading.Event()
        self._allowed = max(self.seconds, _SECONDS_TO_START)
        self._thread = None if seconds is None else threading.Thread(target=self._guard, daemon=True)

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def hear(self) -> None:
        """Note that the process said something; once it runs, its limit counts."""
        self._last, self._allowed = elapsed_seconds(), self.seconds

    def _guard(self) -> None:
        while not self._is_over.wait(min(self.seconds / 4, 1.0)):
            if elapsed_seconds() - self._last > self._allowed:
                self.gave_up = True
                self.child.kill()
                return


def _end(child: subprocess.Popen[str]) -> None:
    """Wait for a process that has answered, but not for ever."""
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _ticks(heard: SimpleQueue[str | None], waiting: Sequence[Future[Any]]) -> Iterator[str]:
    """Yield whenever an evaluation is done, until all jobs are, or one has failed."""
    left = len(waiting)
    while left:
        said = heard.get()
        if said is None:
            left -= 1
            for one in waiting:
                if one.done():
                    one.result()
        elif said == "done":
            yield said


@contextmanager
def fresh_processes(pipeline: Pipeline, history: History, workers: int) -> Iterator[Processes]:
    """Write down what processes need, and clean up after them.

    Raises
    ------
    CannotTravelError
        If the pipeline cannot be pickled.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-audit-") as name:
        folder = Path(name)
        if not is_picklable(pipeline, folder / "pipeline.pickle"):
            raise CannotTravelError("it holds functions of a script or of another function")
        dump(list(sys.path), folder / "path.pickle")
        processes = Processes(folder, workers)
        try:
            store_history(history, folder)
            yield processes
        finally:
            processes.stop()


def refuse(failure: Failure) -> NoReturn:
    """Raise what a pipeline raised, with its last frames."""
    raise InputError(
        found=f"a pipeline that fails {_place(failure.doing)}: {failure.error}",
        expected="stages, on the history and on what was known of it at any instant",
        hint=f"run it on history.until(...) yourself; the last frames were:\n{failure.trace.rstrip()}",
    )


def _died(doing: str, code: int | None, said: str) -> InputError:
    last = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
    return InputError(
        found=f"a process that died (exit {code}) {_place(doing)}",
        expected="an answer",
        hint=f"a negative exit is a signal, and -9 often means too little memory; it said: {last or 'nothing'}",
    )


def _too_long(doing: str, seconds: float) -> InputError:
    return InputError(
        found=f"a pipeline that does not return {_place(doing)}: it was still busy after {seconds:,.0f} s",
        expected="an evaluation that takes at most twenty times as long as that of everything, or a minute",
        hint="look for a loop that waits for bars, a lock or the network",
    )


def _place(doing: str) -> str:
    words = doing.split()
    if len(words) < 3:
        return f"on {' '.join(words[1:]) or 'everything'}"
    return f"at {words[1]} {format_instant(int(words[2]))}"

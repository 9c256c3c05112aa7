"""Fresh processes for an audit: started early, handed one job, watched, and never waited for in vain."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from tidegate.audit.stored import dump, is_picklable, load, store_history
from tidegate.audit.worker import Failure, Job
from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline
from tidegate.core.progress import SILENT, Progress
from tidegate.core.time import format_instant

__all__ = ["CannotTravelError", "Processes", "fresh_processes", "refuse"]

_PROGRAM: Final = "import sys; from tidegate.audit.worker import main; main(sys.argv[1])"
_WAITING: Final = 3
_LAST_LINES: Final = 12


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
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, workers
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
            If the pipeline raises, or its process dies; the message says at which evaluation.
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
        with errors.open("w", encoding="utf-8") as file:
            child = subprocess.Popen(  # noqa: S603 - this interpreter, running this package
                [sys.executable, "-c", _PROGRAM, str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                encoding="utf-8",
            )
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
        doing = "begin start-up"
        for line in child.stdout:
            text = line.strip()
            if text.startswith("unreadable"):
                raise CannotTravelError(text.removeprefix("unreadable "))
            doing = text if text.startswith("begin") else doing
            heard.put(text)
        child.wait()
        answer = file.with_suffix(".answer")
        if not answer.exists() or child.returncode != 0:
            said = child.errors_file.read_text(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
            raise _died(doing, child.returncode, said)
        found = load(answer)
        if isinstance(found, Failure):
            refuse(found)
        return found


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


def refuse(failure: Failure) -> None:
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


def _place(doing: str) -> str:
    words = doing.split()
    if len(words) < 3:
        return f"on {' '.join(words[1:]) or 'everything'}"
    return f"at {words[1]} {format_instant(int(words[2]))}"

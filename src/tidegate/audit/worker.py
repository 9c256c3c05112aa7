"""A process that evaluates a pipeline and has never seen anything later than what it was handed so far.

It is started as a fresh interpreter, which imports nothing of the caller's program but what the pipeline needs: no
script is run a second time, and start-up stays short.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from tidegate.audit.cut import Cutter
from tidegate.audit.differences import Difference, Tally
from tidegate.audit.evaluate import Outcome, Task, run_task
from tidegate.audit.labels import check_ends
from tidegate.audit.peeks import Peek, bars_ahead
from tidegate.audit.reference import Reference, store_reference
from tidegate.audit.stored import dump, load, load_history
from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import TidegateError
from tidegate.core.pipeline import Claim, Claimant, Pipeline, SplitClaim, StageKind

__all__ = ["Everything", "Failure", "Job", "do", "evaluate_all", "failure_of", "main"]

_LAST_FRAMES: Final = 6
_NEVER: Final = 2**62
_SAID: Final = (StageKind.PREDICTIONS, StageKind.DECISIONS)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one process does: tasks in order, or peeks, or, if there is neither, the run on everything."""

    tasks: tuple[Task, ...] = ()
    peeks: tuple[Peek, ...] = ()
    reference: Reference | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Everything:
    """What the run on everything gave: the reference, labels before their end, claims, and how long it took."""

    reference: Reference
    ends: tuple[Difference, ...]
    cells: int
    claims: tuple[Claim, ...]
    seconds: float = 0.0

    @property
    def begun(self) -> tuple[int, ...]:
        """Instants of the first forecasts and decisions, and of the first row of each test that is claimed."""
        said = [
            min(stage.first_known.values())
            for stage in self.reference.stages
            if stage.declared.kind in _SAID and stage.first_known
        ]
        splits = (claim for claim in self.claims if isinstance(claim, SplitClaim))
        tested = [int(claim.test_times.min()) for claim in splits if len(claim.test_times)]
        return tuple(sorted({*said, *tested}))

    @property
    def first(self) -> int:
        """The first instant at which the pipeline gives anything; that of the far future if it never does."""
        given = [int(stage.times[0]) for stage in self.reference.stages if len(stage.times)]
        return min(given, default=_NEVER)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a pipeline raised, and when."""

    doing: str
    error: str
    trace: str
    is_ours: bool


def do(job: Job, pipeline: Pipeline, cutter: Cutter, folder: Path, tell: Callable[[str], None]) -> Any:
    """Do a job in this process.

    Parameters
    ----------
    tell
        Hears what is about to be done, and once more when it is done.
    """
    if job.reference is None:
        tell("begin everything")
        return evaluate_all(pipeline, cutter, folder)
    outcomes: list[Outcome] = []
    for task in job.tasks:
        tell(f"begin {task.kind.value} {task.as_of}")
        outcomes.append(run_task(task, pipeline, cutter, job.reference))
        tell("done")
    found = []
    for peek in job.peeks:
        tell(f"begin peek {peek.at}")
        found.append(bars_ahead(peek, pipeline, cutter))
    return found if job.peeks else outcomes


def evaluate_all(pipeline: Pipeline, cutter: Cutter, folder: Path) -> Everything:
    """Run a pipeline on everything, and store what it gives."""
    history, started = cutter.history, elapsed_seconds()
    reference = store_reference(pipeline.run(history), folder)
    tally = Tally()
    last = int(history.bars.times[-1])
    for stage in reference.stages:
        if stage.declared.kind is StageKind.LABELS:
            check_ends(stage, last, tally)
    claims = tuple(pipeline.claims(history)) if isinstance(pipeline, Claimant) else ()
    seconds = elapsed_seconds() - started
    return Everything(reference=reference, ends=tuple(tally), cells=tally.cells, claims=claims, seconds=seconds)


def failure_of(error: Exception, doing: str) -> Failure:
    """Return what a parent needs to know of an error."""
    trace = "".join(traceback.format_exception(error)[-_LAST_FRAMES:])
    is_ours = isinstance(error, TidegateError)
    return Failure(doing=doing, error=f"{type(error).__name__}: {error}", trace=trace, is_ours=is_ours)


def main(folder_name: str) -> None:
    """Read what to do from the parent, do it, and write the answer.

    Parameters
    ----------
    folder_name
        Holds the history and the pipeline.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a pipeline prints must not pass for an answer
    folder = Path(folder_name)
    sys.path[:] = load(folder / "path.pickle")
    try:
        pipeline = load(folder / "pipeline.pickle")
    except Exception as error:  # noqa: BLE001 - the edge of a process: told to the parent, which halts or goes on alone
        _tell(answers, f"unreadable {type(error).__name__}: {error}")
        return
    _tell(answers, "ready")
    for line in sys.stdin:
        _answer(Path(line.strip()), pipeline, answers)
    os._exit(0)  # threads that a pipeline left behind would keep the process for ever


def _answer(file: Path, pipeline: Pipeline, answers: IO[str]) -> None:
    doing = "begin"

    def tell(text: str) -> None:
        nonlocal doing
        doing = text if text.startswith("begin") else doing
        _tell(answers, text)

    try:
        # Read only now: processes wait for work without holding tables.
        answer = do(load(file), pipeline, Cutter(load_history(file.parent)), file.parent, tell)
    except Exception as error:  # noqa: BLE001 - the edge of a process: told to the parent, which halts
        answer = failure_of(error, doing)
    dump(answer, file.with_suffix(".answer"))
    _tell(answers, "end")


def _tell(answers: IO[str], text: str) -> None:
    answers.write(" ".join(text.split()) + "\n")
    answers.flush()

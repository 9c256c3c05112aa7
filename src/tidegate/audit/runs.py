"""The evaluations of an audit: in fresh processes, or here in an order that lets nothing be seen too early."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from tidegate.audit.cut import Cutter
from tidegate.audit.evaluate import Outcome, Task, TaskKind, compared, reach_of, run_task, stages_of
from tidegate.audit.peeks import Peek, bars_ahead
from tidegate.audit.plan import Plan, in_turn
from tidegate.audit.processes import Processes, fresh_processes, refuse
from tidegate.audit.reference import Reference, empty_like
from tidegate.audit.worker import Everything, Job, evaluate_all, failure_of
from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import TidegateError
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline, Stage, StageKind
from tidegate.core.progress import Progress

__all__ = ["Looked", "MakePlan", "Runs", "evaluations_here", "fresh_evaluations"]

MakePlan = Callable[[Sequence[Stage], int, Sequence[int]], Plan]
"""From what stages declare, the first instant at which they give anything, and those at which something begins."""
_LEAST_SECONDS: Final = 60.0
_TIMES_EVERYTHING: Final = 20.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Looked:
    """What the run on everything gave, what was planned on it, and what came of it."""

    everything: Everything
    plan: Plan
    outcomes: tuple[Outcome, ...]


class Runs(Protocol):
    """Runs evaluations of one pipeline on one history."""

    is_fresh: bool

    def look(self, make_plan: MakePlan) -> Looked:
        """Run on everything, and all that is planned."""
        ...

    def more(self, tasks: Sequence[Task]) -> tuple[Outcome, ...]:
        """Run further evaluations."""
        ...

    def peek(self, peeks: Sequence[Peek]) -> list[int | None]:
        """Find out how many bars ahead values look."""
        ...


@contextmanager
def fresh_evaluations(pipeline: Pipeline, history: History, workers: int, progress: Progress) -> Iterator[Runs]:
    """Run every kind of evaluation in a process of its own.

    Raises
    ------
    CannotTravelError
        If the pipeline cannot be handed to another process.
    """
    with fresh_processes(pipeline, history, workers) as processes:
        yield _Fresh(processes, progress)


@contextmanager
def evaluations_here(pipeline: Pipeline, history: History, progress: Progress) -> Iterator[Runs]:
    """Run every evaluation in this process, those that see least first."""
    with tempfile.TemporaryDirectory(prefix="tidegate-audit-") as name:
        yield _Here(pipeline, Cutter(history), Path(name), progress)


class _Fresh:
    is_fresh = True

    def __init__(self, processes: Processes, progress: Progress) -> None:
        self.processes, self.progress = processes, progress
        self._everything: Everything | None = None

    def look(self, make_plan: MakePlan) -> Looked:
        workers = self.processes.workers
        self.processes.start_early(1 + 2 * workers)
        everything: Everything = self.processes.do([Job()], self.progress, "everything")[0]
        self._everything = everything
        self.processes.limit_seconds = max(_LEAST_SECONDS, _TIMES_EVERYTHING * everything.seconds)
        plan = make_plan([stage.declared for stage in everything.reference.stages], everything.first, everything.begun)
        honest = in_turn((*plan.truncated, *plan.slices), workers)
        poisoned = in_turn(plan.poisoned, workers)
        if plan.silenced:
            # A silent history shows all bars, so it comes last of what its process sees.
            poisoned = [*poisoned[:-1], (*(poisoned[-1] if poisoned else ()), *plan.silenced)]
        return Looked(everything=everything, plan=plan, outcomes=self._run([*honest, *poisoned], "looking ahead"))

    def more(self, tasks: Sequence[Task]) -> tuple[Outcome, ...]:
        honest = in_turn((task for task in tasks if task.kind is not TaskKind.POISON), self.processes.workers)
        poisoned = in_turn((task for task in tasks if task.kind is TaskKind.POISON), self.processes.workers)
        return self._run([*honest, *poisoned], "looking closer")

    def peek(self, peeks: Sequence[Peek]) -> list[int | None]:
        if not peeks:
            return []
        found: list[int | None] = self.processes.do(
            [Job(peeks=tuple(peeks), reference=self._reference)], self.progress, "how far ahead"
        )[0]
        return found

    @property
    def _reference(self) -> Reference:
        assert self._everything is not None
        return self._everything.reference

    def _run(self, parts: Sequence[tuple[Task, ...]], label: str) -> tuple[Outcome, ...]:
        jobs = [Job(tasks=part, reference=self._reference) for part in parts]
        answers = self.processes.do(jobs, self.progress, label) if jobs else []
        return tuple(outcome for answer in answers for outcome in answer)


class _Here:
    is_fresh = False

    def __init__(self, pipeline: Pipeline, cutter: Cutter, folder: Path, progress: Progress) -> None:
        self.pipeline, self.cutter, self.folder, self.progress = pipeline, cutter, folder, progress
        self._everything: Everything | None = None

    def look(self, make_plan: MakePlan) -> Looked:
        declared, first = self._first_rows()
        plan = make_plan(declared, first, ())
        reach = reach_of(declared)
        honest = [part for parts in in_turn((*plan.truncated, *plan.slices), 1) for part in parts]
        kept = [
            (task, _Kept(stages_of(task, self.pipeline, self.cutter, reach)))
            for task in self.progress.track(honest, "looking ahead", len(honest))
        ]
        self._everything = everything = self._evaluate_all()
        times = self.cutter.history.bars.times
        outcomes = [
            replace(compared(task, stages, everything.reference, times), seconds=stages.seconds)
            for task, stages in kept
        ]
        # Where something begins shows only now; what is planned on it comes later than it does in fresh processes.
        begun = make_plan(declared, first, everything.begun).begun
        known = {*plan.truncated, *plan.poisoned}
        later = (*plan.poisoned, *plan.silenced, *(task for task in begun if task not in known))
        return Looked(everything=everything, plan=plan, outcomes=(*outcomes, *self.more(later)))

    def more(self, tasks: Sequence[Task]) -> tuple[Outcome, ...]:
        assert self._everything is not None
        reference = self._everything.reference
        return tuple(run_task(task, self.pipeline, self.cutter, reference) for task in tasks)

    def peek(self, peeks: Sequence[Peek]) -> list[int | None]:
        return [bars_ahead(peek, self.pipeline, self.cutter) for peek in peeks]

    def _evaluate_all(self) -> Everything:
        try:
            return evaluate_all(self.pipeline, self.cutter, self.folder)
        except TidegateError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody's code; told as another process would tell it
            refuse(failure_of(error, "begin everything"))

    def _first_rows(self) -> tuple[list[Stage], int]:
        """Return what the stages declare, and from when on they give anything, without looking at more than needed."""
        times, bars = self.cutter.history.bars.times, 1
        while bars < len(times):
            with suppress(Exception):  # what it refuses to do with few bars says nothing
                stages = list(self.pipeline.run(self.cutter.until(int(times[bars - 1]))))
                given = [stage for stage in stages if stage.kind is not StageKind.LABELS and len(stage.times)]
                if given:
                    return [empty_like(stage) for stage in stages], min(int(stage.times[0]) for stage in given)
            bars *= 2
        return [], int(times[0])


class _Kept:
    """Stages that were computed and are looked at later; if a pipeline refused, it refuses again."""

    def __init__(self, stages: Iterator[Stage]) -> None:
        self._stages: list[Stage] = []
        self._error: Exception | None = None
        started = elapsed_seconds()
        try:
            self._stages += stages
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody's code; judged once it is known to run on everything
            self._error = error
        self.seconds = elapsed_seconds() - started

    def __iter__(self) -> Iterator[Stage]:
        yield from self._stages
        if self._error is not None:
            raise self._error

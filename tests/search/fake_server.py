"""A server that does works as badly as one likes, and a clock on which hours pass at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.search.runner.backend import Outcome, Phase, Polled, Work
from tidegate.search.runner.states import State

PATIENCE = 200_000


class FakeClock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds > 0.0
        assert len(self.sleeps) < PATIENCE, "it hangs"
        self.sleeps.append(seconds)
        self.seconds += seconds


class KilledError(BaseException):
    """The process of the runner is gone."""


@dataclass
class Fate:
    """What becomes of one task over there."""

    queued: float = 0.0
    takes: float = 10.0
    ends: str = "finished"
    """finished, garbled, passing, lasting, silent (no progress and no end), busy (progress and no end)"""
    statuses: dict[str, State] = field(default_factory=dict)


@dataclass
class Job:
    works: tuple[Work, ...]
    fate: Fate
    since: float
    is_live: bool = True
    is_known: bool = False
    """Whether the runner was given its ticket."""


@dataclass(kw_only=True)
class FakeServer:
    """Keeps the contract of a backend: the same idempotency key is the same job while that lives or has succeeded.

    ``submit_faults`` and ``poll_faults`` give what is raised by the next calls, None for nothing; an error of a
    submission named ``late`` is raised after the job was accepted. ``fates`` gives what becomes of the next job.
    """

    clock: FakeClock
    in_flight: int = 8
    batch: int = 1
    poll_seconds: float = 5.0
    submit_faults: Iterator[BaseException | None] = field(default_factory=lambda: iter(()))
    poll_faults: Iterator[BaseException | None] = field(default_factory=lambda: iter(()))
    fates: Callable[[tuple[Work, ...]], Fate] = lambda works: Fate()
    dies_at_call: int | None = None

    jobs: dict[str, Job] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    most_live: int = 0
    calls: int = 0

    @property
    def live(self) -> int:
        return sum(job.is_live for job in self.jobs.values())

    def submit(self, works: Sequence[Work], idempotency_key: str) -> str:
        self._call()
        self.asked.append(idempotency_key)
        fault = next(self.submit_faults, None)
        known = self.jobs.get(idempotency_key)
        if isinstance(fault, ValueError) and known is not None:
            fault = None  # what was accepted is not refused afterwards
        if fault is not None and not hasattr(fault, "late"):
            raise fault
        if known is None or not (known.is_live or self._has_succeeded(known)):
            self.begun.append(idempotency_key)
            self.jobs[idempotency_key] = Job(tuple(works), self.fates(tuple(works)), self.clock.now())
        self.most_live = max(self.most_live, self.live)
        if fault is not None:
            raise fault
        self.jobs[idempotency_key].is_known = True
        return idempotency_key

    def poll(self, ticket: str) -> Polled:
        self._call()
        fault = next(self.poll_faults, None)
        if fault is not None:
            raise fault
        job = self.jobs[ticket]
        age = self.clock.now() - job.since
        fate = job.fate
        if age < fate.queued:
            return Polled(phase=Phase.QUEUED)
        if fate.ends == "busy":
            return Polled(phase=Phase.RUNNING, marker=age)
        if fate.ends == "silent" or age < fate.queued + fate.takes:
            return Polled(phase=Phase.RUNNING, marker=0)
        job.is_live = False
        if fate.ends == "passing":
            return Polled(phase=Phase.FAILED, error=ConnectionError("a worker is gone"))
        if fate.ends == "lasting":
            return Polled(phase=Phase.FAILED, error=ValueError("no such parameter"))
        outcomes = [self._outcome(work, fate) for work in job.works]
        return Polled(phase=Phase.FINISHED, outcomes=outcomes[1:] if fate.ends == "garbled" else outcomes)

    def cancel(self, ticket: str) -> None:
        if self.dies_at_call is not None and self.calls >= self.dies_at_call:
            return  # whoever would have asked is dead
        self.cancelled.append(ticket)
        self.jobs[ticket].is_live = False
        self.jobs[ticket].fate = Fate(ends="lasting")

    def close(self) -> None:
        assert not self.left_alone

    @property
    def left_alone(self) -> list[str]:
        """Jobs that live although the runner has their tickets."""
        return [key for key, job in self.jobs.items() if job.is_live and job.is_known]

    def _call(self) -> None:
        self.calls += 1
        if self.dies_at_call is not None and self.calls >= self.dies_at_call:
            raise KilledError

    def _has_succeeded(self, job: Job) -> bool:
        return not job.is_live and job.fate.ends == "finished"

    @staticmethod
    def _outcome(work: Work, fate: Fate) -> Outcome:
        status = fate.statuses.get(work.key, State.SUCCESS)
        if status is not State.SUCCESS:
            return Outcome(key=work.key, status=status, error="it says no")
        return Outcome(key=work.key, figures={"cagr": len(work.key) / 100.0, "max_drawdown": None})


def late(error: BaseException) -> BaseException:
    """Mark an error as one that is raised after the job was accepted."""
    error.late = True  # type: ignore[attr-defined]
    return error


def works(count: int, first: int = 0) -> list[Work]:
    """Return works as a search plans them."""
    return [
        Work(
            key=f"top_n={number}",
            payload={"parameters": {"top_n": number}, "idempotency_key": f"{number:064x}", "data": "us@3"},
        )
        for number in range(first, first + count)
    ]

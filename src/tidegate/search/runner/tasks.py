"""Tasks: works that are handed over together, and what is known of them while they are away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tidegate.core.errors import SourceGarbledError
from tidegate.search.runner.backend import OUTCOMES, Outcome, Phase, Polled, Work
from tidegate.search.runner.manifest import Entry
from tidegate.search.runner.retry import Backoff, RunnerPolicy
from tidegate.search.runner.states import State

__all__ = ["Task", "answered", "cut_into_tasks", "task_key"]


@dataclass(eq=False, kw_only=True)
class Task:
    """Works that travel together.

    Parameters
    ----------
    works
        At least one.
    policy
        How patient one is with it.
    due
        When it may be handed over, or asked for, at the earliest; seconds of the runner's clock.
    trouble
        Waits after failures of the task itself; its parts inherit them, so that halving wins no time.
    """

    works: tuple[Work, ...]
    policy: RunnerPolicy
    due: float = 0.0
    trouble: Backoff = field(init=False)
    contact: Backoff = field(init=False)
    ticket: str | None = None
    key: str = field(init=False)
    phase: Phase = Phase.QUEUED
    marker: object = None
    begun: float = 0.0
    unchanged_since: float = 0.0

    def __post_init__(self) -> None:
        self.key = task_key(self.works)
        self.trouble, self.contact = Backoff(self.policy, self.key), Backoff(self.policy, self.key)

    def begin(self, ticket: str, at: float) -> None:
        """Take it as handed over."""
        self.ticket, self.phase, self.marker = ticket, Phase.QUEUED, None
        self.begun = self.unchanged_since = self.due = at
        self.contact.reset()

    def follow(self, polled: Polled, at: float) -> None:
        """Take in what was said of it."""
        self.contact.reset()
        if (polled.phase, polled.marker) != (self.phase, self.marker):
            self.phase, self.marker, self.unchanged_since = polled.phase, polled.marker, at

    def overdue(self, at: float) -> State | None:
        """Return the state of a task that one waits for no longer; None for one that is on time."""
        if at - self.begun >= self.policy.longest_seconds:
            return State.TIMEOUT
        queued = self.phase is Phase.QUEUED
        patience = self.policy.queued_seconds if queued else self.policy.stuck_seconds
        return State.STUCK if at - self.unchanged_since >= patience else None

    def parts(self, due: float) -> list[Task]:
        """Return its halves, or itself anew where it is one work, to be handed over at ``due``."""
        middle = (len(self.works) + 1) // 2
        halves = [half for half in (self.works[:middle], self.works[middle:]) if half]
        return [self._heir(half, due) for half in halves]

    def _heir(self, works: tuple[Work, ...], due: float) -> Task:
        task = Task(works=works, policy=self.policy, due=due)
        task.trouble = self.trouble.copy(task.key)
        return task


def task_key(works: Sequence[Work]) -> str:
    """Return the idempotency key of a task: that of its only work, or the SHA-256 of those of all.

    Examples
    --------
    >>> task_key([Work(key="one", payload={"idempotency_key": "4f1c"})])
    '4f1c'
    """
    if len(works) == 1:
        return works[0].idempotency_key
    return hashlib.sha256("\n".join(work.idempotency_key for work in works).encode()).hexdigest()


def cut_into_tasks(
    works: Iterable[Work], entries: Mapping[str, Entry], *, batch: int, policy: RunnerPolicy
) -> Iterator[Task]:
    """Yield tasks of ``batch`` works; works that were away when a process died travel together as they did then."""
    fresh: list[Work] = []
    away: dict[str, list[Work]] = {}
    for work in works:
        entry = entries[work.key]
        if entry.is_under_way and entry.last.task is not None:
            away.setdefault(entry.last.task, []).append(work)
        else:
            fresh.append(work)
    for together in away.values():
        yield Task(works=tuple(together), policy=policy)
    for _, numbered in groupby(enumerate(fresh), lambda pair: pair[0] // batch):
        yield Task(works=tuple(work for _, work in numbered), policy=policy)


def answered(task: Task, polled: Polled) -> list[Outcome]:
    """Return the outcomes of a finished task in order of its works.

    Raises
    ------
    SourceGarbledError
        If there is not exactly one of each work, or one is no end of a work.
    """
    found = {outcome.key: outcome for outcome in polled.outcomes}
    wanted = [work.key for work in task.works]
    ends = all(outcome.status in OUTCOMES for outcome in polled.outcomes)
    if len(polled.outcomes) != len(wanted) or found.keys() != set(wanted) or not ends:
        raise SourceGarbledError(
            found=f"{len(polled.outcomes)} outcomes of {len(wanted)} works, or others than were asked for",
            expected="one success, failure or missing score of each work",
            hint="look at what the backend answers",
        )
    return [found[key] for key in wanted]

"""The runner: hands works to a backend, never too many at a time, and waits for every one of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from tidegate.core.clock import elapsed_seconds, sleep
from tidegate.core.errors import RunError, SourceGarbledError, TidegateError
from tidegate.core.interrupts import interrupt_requested
from tidegate.search.runner.backend import Backend, Phase, Polled, Work
from tidegate.search.runner.manifest import Manifest, Step
from tidegate.search.runner.retry import RunnerPolicy, is_transient, stops_everything
from tidegate.search.runner.states import ENDED, State, Tally, tally_of
from tidegate.search.runner.tasks import Task, answered, cut_into_tasks

__all__ = ["Clock", "RealClock", "Runner"]

_LONGEST_PAUSE: Final = 1.0
_SHORTEST_PAUSE: Final = 0.001


class Clock(Protocol):
    """Time, as far as a runner needs it."""

    def now(self) -> float:
        """Return seconds; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class RealClock:
    """The machine's own clock, which nobody sets."""

    def now(self) -> float:
        """Return seconds; only differences mean anything."""
        return elapsed_seconds()

    def sleep(self, seconds: float) -> None:
        """Wait; an interrupt ends it at once."""
        sleep(seconds)


class Runner:
    """Drives works through their states until every one has ended.

    At most ``backend.in_flight`` tasks are away at a time; a task of which nobody knows whether it arrived counts.
    Whatever the backend does, every wait ends by the policy, and then every work is in one of the states that end it.
    What was finished according to the manifest is not repeated, and what was away when its process died is handed over
    again under the same idempotency key. A task that breaks is halved, until the work that breaks it is alone.

    Parameters
    ----------
    backend
        Who works.
    manifest
        Where every step is written before the next one is taken.
    policy
        Patience.
    clock
        The machine's own by default.
    missing_score
        Says why a work cannot begin for lack of scores, None where it can; asked before it is handed over.

    Examples
    --------
    >>> runner = Runner(backend, Manifest(folder / "manifest.jsonl"))  # doctest: +SKIP
    >>> runner.run(works).succeeded  # doctest: +SKIP
    30
    """

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        policy: RunnerPolicy | None = None,
        clock: Clock | None = None,
        *,
        missing_score: Callable[[Work], str | None] | None = None,
    ) -> None:
        self._backend, self._manifest = backend, manifest
        self._policy, self._clock = policy or RunnerPolicy(), clock or RealClock()
        self._missing_score = missing_score

    def run(
        self,
        works: Sequence[Work],
        on_progress: Callable[[Tally], object] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Tally:
        """Do works and return how they ended; those that an earlier call or process finished are counted.

        ``on_progress`` hears the numbers after each look that changed them. Once ``is_cancelled`` says so, what is away
        is taken back and everything that has not ended is recorded as cancelled; an interrupt does the same and is
        raised again.

        Raises
        ------
        RunError
            If the manifest belongs to other works.
        TidegateError, OSError
            What is no failure of a work, such as a full disk or a bug; works that were away are taken back.
        """
        drive = _Drive(self._backend, self._manifest, self._policy, self._clock)
        try:
            drive.prepare(works, self._missing_score)
            drive.until_all_ended(on_progress or _ignore, is_cancelled or _never)
        except BaseException:
            # The first error is the one to tell: the manifest may be what broke.
            with suppress(OSError, TidegateError):
                drive.take_back("interrupted")
            raise
        return drive.tally()


class _Drive:
    """One call of a runner."""

    def __init__(self, backend: Backend, manifest: Manifest, policy: RunnerPolicy, clock: Clock) -> None:
        self._backend, self._manifest, self._policy, self._clock = backend, manifest, policy, clock
        self._waiting: deque[Task] = deque()
        self._delayed: list[Task] = []
        self._away: list[Task] = []
        self._steps: list[Step] = []
        self._next_steps: list[Step] = []
        self._counts: Counter[State] = Counter()
        self._duplicates = 0

    def tally(self) -> Tally:
        """Return the numbers of this call's works."""
        return tally_of(self._counts, duplicates=self._duplicates)

    def prepare(self, works: Sequence[Work], missing_score: Callable[[Work], str | None] | None) -> None:
        """Plan works and cut those that are to be done into tasks."""
        unique = _unique(works)
        self._manifest.plan(list(unique.values()))
        entries = self._manifest.entries
        self._counts = Counter(entries[key].state for key in unique)
        self._duplicates = len(works) - len(unique)
        first: dict[str, str] = {}
        for key, entry in entries.items():
            first.setdefault(entry.idempotency_key, key)
        todo = [work for work in unique.values() if not entries[work.key].is_finished]
        for work in todo:
            entry = entries[work.key]
            if entry.state is not State.PLANNED:
                task = entry.last.task if entry.is_under_way else None
                self._step(work, State.PLANNED, task=task, error="begun anew")
            if (other := first[work.idempotency_key]) != work.key:
                self._next_steps.append(Step(key=work.key, state=State.DUPLICATE, same_as=other))
            elif missing_score is not None and (reason := missing_score(work)) is not None:
                self._next_steps.append(Step(key=work.key, state=State.MISSING_SCORE, error=reason))
        self._write()
        left = [work for work in todo if entries[work.key].state not in ENDED]
        self._waiting.extend(cut_into_tasks(left, entries, batch=max(self._backend.batch, 1), policy=self._policy))

    def until_all_ended(self, on_progress: Callable[[Tally], object], is_cancelled: Callable[[], bool]) -> None:
        """Hand over and look after tasks until none is left."""
        told = None
        while self._waiting or self._delayed or self._away:
            if interrupt_requested():
                raise KeyboardInterrupt
            if is_cancelled():
                self.take_back("cancelled")
                on_progress(self.tally())
                return
            handed_over = self._hand_over()
            if not (self._look() or handed_over):
                self._rest()
            elif (tally := self.tally()) != told:
                told = tally
                on_progress(tally)

    def take_back(self, reason: str) -> None:
        """End what is away, and record everything that has not ended as cancelled."""
        tasks = [*self._away, *self._delayed, *self._waiting]
        for task in self._away:
            self._cancel(task)
        self._away, self._delayed = [], []
        self._waiting.clear()
        self._write()
        for task in tasks:
            self._all(task, State.CANCELLED, error=reason)
        self._write()

    def _hand_over(self) -> bool:
        """Hand over what is due, as far as there is room; whether there was any."""
        now = self._clock.now()
        for task in [task for task in self._delayed if task.due <= now]:
            self._delayed.remove(task)
            self._waiting.append(task)
        leaving = [task for task in self._away if task.ticket is None and task.due <= now]
        while self._waiting and len(self._away) < max(self._backend.in_flight, 1):
            task = self._waiting.popleft()
            self._away.append(task)
            leaving.append(task)
        for task in leaving:
            self._all(task, State.SUBMITTED)
        self._write()  # before it happens: a process that dies in between must know that it may have
        for task in leaving:
            self._submit(task)
        self._write()
        return bool(leaving)

    def _submit(self, task: Task) -> None:
        try:
            ticket = self._backend.submit(task.works, task.key)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is recorded or raised again
            if not is_transient(error):
                self._broke(task, error)
            elif (wait := task.contact.after(error, at=self._clock.now())) is None:
                self._give_up(task, error)
            else:  # it may have arrived, so it keeps its room until one knows
                task.due = self._clock.now() + wait
                self._all(task, State.PLANNED, error=_words(error))
        else:
            task.begin(ticket, self._clock.now())

    def _look(self) -> bool:
        """Ask for every task that is away; whether anything is different now."""
        for task in [task for task in self._away if task.ticket is not None and task.due <= self._clock.now()]:
            self._ask_for(task, task.ticket or "")
        changed = bool(self._steps)
        self._write()
        return changed

    def _ask_for(self, task: Task, ticket: str) -> None:
        try:
            polled = self._backend.poll(ticket)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is recorded or raised again
            self._not_told(task, error)
            return
        now = self._clock.now()
        task.follow(polled, now)
        if polled.phase is Phase.FINISHED:
            self._finish(task, polled)
        elif polled.phase is Phase.FAILED:
            self._broke(task, polled.error or RuntimeError("the task failed, and nobody said why"))
        elif (state := task.overdue(now)) is not None:
            self._overdue(task, state, now)
        elif polled.phase is Phase.RUNNING:
            self._all(task, State.RUNNING, unless=State.RUNNING)

    def _finish(self, task: Task, polled: Polled) -> None:
        try:
            outcomes = answered(task, polled)
        except SourceGarbledError as error:
            self._broke(task, error)
            return
        self._away.remove(task)
        for work, one in zip(task.works, outcomes, strict=True):
            lasts = one.status is State.FAILED
            self._step(work, one.status, task=task.key, error=one.error, permanent=lasts, figures=one.figures)

    def _not_told(self, task: Task, error: Exception) -> None:
        """Ask again later, unless that is of no use."""
        if not is_transient(error):
            self._cancel(task)
            self._broke(task, error)
        elif (wait := task.contact.after(error, at=self._clock.now())) is None:
            self._cancel(task)
            self._give_up(task, error)
        else:
            task.due = self._clock.now() + wait

    def _broke(self, task: Task, error: BaseException) -> None:
        """Try the halves of a broken task, after a while where that may help; a single work fails at once otherwise."""
        if stops_everything(error):
            raise error
        now = self._clock.now()
        wait = task.trouble.after(error, at=now) if is_transient(error) else 0.0
        if wait is None:
            self._give_up(task, error)
        elif len(task.works) == 1 and not is_transient(error):
            self._away.remove(task)
            self._all(task, State.FAILED, error=_words(error), permanent=True)
        else:
            self._away.remove(task)
            self._delayed.extend(task.parts(now + wait))
            self._all(task, State.PLANNED, error=_words(error))

    def _give_up(self, task: Task, error: BaseException) -> None:
        self._away.remove(task)
        state = State.TIMEOUT if isinstance(error, TimeoutError) else State.FAILED
        self._all(task, state, error=f"{_words(error)}; tried for {self._policy.deadline_seconds:g} s")

    def _overdue(self, task: Task, state: State, now: float) -> None:
        """Free the room of a task that does not come back; a stuck one may be handed over once more."""
        self._cancel(task)
        self._away.remove(task)
        phase = f"{task.phase} since {now - task.begun:.0f} s"
        self._all(task, state, error=f"{phase}, without progress for {now - task.unchanged_since:.0f} s")
        if state is State.STUCK:
            entries, most = self._manifest.entries, self._policy.resubmissions
            again = tuple(work for work in task.works if entries[work.key].times_stuck < most)
            for work in again:
                self._next_steps.append(self._made(work, State.PLANNED, task=task.key, error="handed over once more"))
            if again:
                self._waiting.append(Task(works=again, policy=self._policy))

    def _cancel(self, task: Task) -> None:
        if task.ticket is not None:
            with suppress(Exception):  # nobody waits for it any longer, whether it ends or not
                self._backend.cancel(task.ticket)

    def _rest(self) -> None:
        """Wait until a task may have changed or is due, but never for long: somebody may cancel."""
        now = self._clock.now()
        dues = [task.due - now for task in (*self._delayed, *self._away) if task.due > now]
        longest = max(self._backend.poll_seconds, _SHORTEST_PAUSE)
        if not any(task.ticket is not None for task in self._away):
            longest = max(longest, _LONGEST_PAUSE)
        self._clock.sleep(max(min([longest, *dues]), _SHORTEST_PAUSE))

    def _all(
        self,
        task: Task,
        state: State,
        *,
        error: str | None = None,
        permanent: bool = False,
        unless: State | None = None,
    ) -> None:
        """Let every work of a task reach a state, but for those that are in the state ``unless``."""
        for work in task.works:
            if unless is None or self._manifest.entries[work.key].state is not unless:
                self._step(work, state, task=task.key, error=error, permanent=permanent)

    def _step(self, work: Work, state: State, **known: object) -> None:
        self._steps.append(self._made(work, state, **known))

    def _made(self, work: Work, state: State, **known: object) -> Step:
        attempt = self._manifest.entries[work.key].last.attempt + (state is State.SUBMITTED)
        return Step(key=work.key, state=state, attempt=attempt, **known)  # type: ignore[arg-type]

    def _write(self) -> None:
        """Write the steps that were taken, then those that follow them."""
        for steps in (self._steps, self._next_steps):
            before = [self._manifest.entries[step.key].state for step in steps]
            if steps:
                self._manifest.record(steps)
            self._counts.subtract(before)
            self._counts.update(step.state for step in steps)
        self._steps, self._next_steps = [], []


def _unique(works: Iterable[Work]) -> dict[str, Work]:
    unique: dict[str, Work] = {}
    for work in works:
        if unique.setdefault(work.key, work).idempotency_key != work.idempotency_key:
            raise RunError(
                found=f"two works under the key {work.key}, decided by different things",
                expected="a key of its own for each",
                hint="make the key from everything that decides a work",
            )
    return unique


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _ignore(tally: Tally) -> None:
    """Hear nothing."""


def _never() -> bool:
    return False

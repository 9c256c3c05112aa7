"""The manifest of a search: every step of every work, in a file that only grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tidegate.core.append_log import AppendLog
from tidegate.core.clock import now
from tidegate.core.errors import RunError
from tidegate.core.time import Instant, format_instant
from tidegate.search.runner.backend import Work
from tidegate.search.runner.states import State, Tally, check_transition

__all__ = ["Entry", "Manifest", "Step"]

_CLOSED: Final = "closed"
_OWN_FIELDS: Final = frozenset({"ts", "event", "key", "attempt", "task", "figures", "error", "permanent", "same_as"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One work reaches a state.

    Parameters
    ----------
    key, state
        Which work, and which state.
    attempt
        How often it was handed over so far.
    task
        Idempotency key of the task that it was handed over in.
    figures
        What success found; what is not finite is written as none.
    error
        Why it failed, or why it is tried again.
    permanent
        Whether it would fail again.
    same_as
        Key of the work that is done in its place, for a duplicate.
    """

    key: str
    state: State
    attempt: int = 0
    task: str | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    error: str | None = None
    permanent: bool = False
    same_as: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the manifest knows of one work: its last step, what it was planned with, and how often it was stuck."""

    last: Step
    payload: Mapping[str, Any]
    times_stuck: int = 0

    @property
    def idempotency_key(self) -> str:
        """What makes it the same work as another."""
        return Work(key=self.last.key, payload=self.payload).idempotency_key

    @property
    def state(self) -> State:
        """Where the work stands."""
        return self.last.state

    @property
    def is_finished(self) -> bool:
        """Whether it is not to be done again, not even by a search that goes on where another stopped."""
        done = {State.SUCCESS, State.MISSING_SCORE, State.DUPLICATE}
        return self.state in done or (self.state is State.FAILED and self.last.permanent)

    @property
    def is_under_way(self) -> bool:
        """Whether somebody may be working on it, as far as the file says."""
        return self.last.task is not None and self.state in {State.PLANNED, State.SUBMITTED, State.RUNNING}


class Manifest:
    """The events of a search, ``manifest.jsonl``: one JSON object in each line, the last one of each key counts.

    A work begins with ``{"ts", "event": "planned", "key", ...its payload}`` and goes on with ``{"ts", "event", "key",
    "attempt", "task"}`` and, where there are any, ``figures``, ``error``, ``permanent`` and ``same_as``. ``event`` is
    the state that it reached. The last line is ``{"ts", "event": "closed", "total", "succeeded", "failed", ...}``.

    Parameters
    ----------
    path
        The file; one that is there is read, and gone on with.
    stamp
        Gives the time of an event.

    Raises
    ------
    RunError
        If the file is damaged elsewhere than in its last line, or tells of steps that cannot follow each other.
    """

    def __init__(self, path: Path, stamp: Callable[[], Instant] = now) -> None:
        self._log, self._stamp = AppendLog(path), stamp
        self._entries: dict[str, Entry] = {}
        self._closing: dict[str, int] | None = None
        self._is_sound = True
        for number, line in enumerate(self._log.read(), start=1):
            self._take(line, number)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What is known of each work, by key, in order of planning."""
        return MappingProxyType(self._entries)

    def plan(self, works: Sequence[Work]) -> None:
        """Write down works that are new; those that are known stay as they are.

        Raises
        ------
        RunError
            If a work is known under its key but decided by something else, or its payload uses a name of the manifest.
        """
        fresh = [work for work in works if not self._knows(work)]
        for work in fresh:
            if taken := _OWN_FIELDS & work.payload.keys():
                raise RunError(
                    found=f"work {work.key}: a payload with {', '.join(sorted(taken))}",
                    expected="other names: these are fields of the manifest",
                    hint="rename them",
                )
        at = self._time()
        self._begin_writing()
        self._log.append({"ts": at, "event": State.PLANNED, "key": work.key, **work.payload} for work in fresh)
        for work in fresh:
            self._entries[work.key] = Entry(last=Step(key=work.key, state=State.PLANNED), payload=dict(work.payload))
        self._closing = None if fresh else self._closing
        self._is_sound = True

    def record(self, steps: Iterable[Step]) -> None:
        """Write a group of steps, each of another work, with one flush.

        Raises
        ------
        RunError
            If a step may not follow the last one of its work; nothing is written then.
        """
        group = [replace(step, figures=_finite(step.figures)) for step in steps]
        for step in group:
            check_transition(self._entries[step.key].state, step.state, key=step.key)
        at = self._time()
        self._begin_writing()
        self._log.append(_line(step, at) for step in group)
        for step in group:
            self._follow(step)
        self._is_sound = True

    def close(self, tally: Tally) -> None:
        """Write the closing numbers as the last line, unless they stand there."""
        if self._closing != tally.as_dict():
            self._log.append([{"ts": self._time(), "event": _CLOSED, **tally.as_dict()}])
            self._closing = tally.as_dict()

    def content(self) -> dict[str, Any]:
        """Return what the manifest says in the end, however it came about: no times, no attempts.

        Returns
        -------
        dict
            ``works``: by key ``status``, ``parameters``, ``idempotency_key``, ``figures``, ``error`` and ``same_as``;
            ``closed``: the closing numbers, None while the search is open.
        """
        works = {
            key: {
                "status": str(entry.state),
                "parameters": entry.payload.get("parameters"),
                "idempotency_key": entry.payload.get("idempotency_key"),
                "figures": dict(entry.last.figures),
                "error": entry.last.error,
                "same_as": entry.last.same_as,
            }
            for key, entry in sorted(self._entries.items())
        }
        return {"works": works, "closed": self._closing}

    def _knows(self, work: Work) -> bool:
        entry = self._entries.get(work.key)
        if entry is None:
            return False
        if (known := entry.idempotency_key) != work.idempotency_key:
            raise RunError(
                found=f"{self._log.path}: work {work.key} of other parameters, scores, data or code ({known})",
                expected=f"the manifest of this search ({work.idempotency_key})",
                hint="begin the search anew in another folder",
            )
        return True

    def _begin_writing(self) -> None:
        """Refuse to go on where an interrupt or a full disk parted what is known here from what is in the file."""
        if not self._is_sound:
            raise RunError(
                found=f"{self._log.path}: writing was interrupted",
                expected="a manifest that is as it was written",
                hint="open it anew: what was written is kept",
            )
        self._is_sound = False

    def _take(self, line: dict[str, Any], number: int) -> None:
        """Follow one line of the file."""
        try:
            if line["event"] == _CLOSED:
                self._closing = {name: line[name] for name in Tally().as_dict()}
            elif line["event"] == State.PLANNED and line["key"] not in self._entries:
                payload = {name: value for name, value in line.items() if name not in _OWN_FIELDS}
                self._closing = None
                self._entries[line["key"]] = Entry(last=_step(line), payload=payload)
            else:
                check_transition(self._entries[line["key"]].state, State(line["event"]), key=line["key"])
                self._follow(_step(line))
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(
                found=f"{self._log.path}: line {number} is no event of a search ({type(error).__name__}: {error})",
                expected="lines as they were written",
                hint="bring back a copy of the file, or take it away to begin anew",
            ) from None

    def _follow(self, step: Step) -> None:
        before = self._entries[step.key]
        stuck = before.times_stuck + (step.state is State.STUCK)
        self._entries[step.key] = Entry(last=step, payload=before.payload, times_stuck=stuck)
        self._closing = None

    def _time(self) -> str:
        return format_instant(self._stamp())


def _finite(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value if value is not None and isfinite(value) else None for name, value in figures.items()}


def _line(step: Step, at: str) -> dict[str, Any]:
    line: dict[str, Any] = {"ts": at, "event": step.state, "key": step.key, "attempt": step.attempt, "task": step.task}
    optional = {"figures": step.figures, "error": step.error, "permanent": step.permanent, "same_as": step.same_as}
    return line | {name: value for name, value in optional.items() if value}


def _step(line: Mapping[str, Any]) -> Step:
    return Step(
        key=line["key"],
        state=State(line["event"]),
        attempt=line.get("attempt", 0),
        task=line.get("task"),
        figures=line.get("figures", {}),
        error=line.get("error"),
        permanent=line.get("permanent", False),
        same_as=line.get("same_as"),
    )

"""What a runner hands out and gets back, and what it asks of whoever does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from tidegate.search.runner.states import State

__all__ = ["OUTCOMES", "Backend", "Outcome", "Phase", "Polled", "Work"]

OUTCOMES: Final = frozenset({State.SUCCESS, State.FAILED, State.MISSING_SCORE})
"""States that a backend may report for a work; the others are the runner's own findings."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One parameter set to be judged.

    Parameters
    ----------
    key
        Its name: unique within a search, the same in every process.
    payload
        Everything that decides its figures, plain values only. It is written into the manifest as it is: fully resolved
        ``parameters``, ``scores_sha256``, ``data``, ``code``, ``run``, ``train_run``. ``idempotency_key`` is the hash
        of all that; two works with the same one are the same work.

    Examples
    --------
    >>> Work(key="top_n=5", payload={"idempotency_key": "4f1c"}).idempotency_key
    '4f1c'
    """

    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def idempotency_key(self) -> str:
        """What makes it the same work as another; its name where the payload does not say."""
        return str(self.payload.get("idempotency_key", self.key))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one work ended over there.

    Parameters
    ----------
    key
        Of the work.
    status
        One of :data:`OUTCOMES`. A failure here is one of the work itself: it would fail again.
    figures
        By name; None where a figure is not defined.
    error
        Why there is no success, in words.
    """

    key: str
    status: State = State.SUCCESS
    figures: Mapping[str, float | None] = field(default_factory=dict)
    error: str | None = None


class Phase(StrEnum):
    """Where a task stands over there."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    """There is an outcome of every work."""
    FAILED = "failed"
    """The task as a whole broke; ``error`` says how."""


@dataclass(frozen=True, kw_only=True)
class Polled:
    """What a backend says of a task.

    Parameters
    ----------
    phase
        Where it stands.
    marker
        Anything that differs when there was progress; a task whose marker and phase stay is stuck in the end.
    outcomes
        One of each work once finished, in any order.
    error
        What broke the task, where it failed; its class says whether trying again may help.
    """

    phase: Phase
    marker: object = None
    outcomes: Sequence[Outcome] = ()
    error: BaseException | None = None


class Backend(Protocol):
    """Whoever does the work: this process, others on this machine, or a server.

    Calls that fail raise. What may pass (``TimeoutError``, ``ConnectionError``, and ``SourceDownError``,
    ``SourceLimitedError``, ``SourceGarbledError`` of :mod:`tidegate.core.errors`) is tried again; see
    :func:`tidegate.search.runner.retry.is_transient`. No call may block for longer than a request takes, but for a
    backend that works inside :meth:`submit`.
    """

    @property
    def in_flight(self) -> int:
        """Most tasks handed over at a time, at least 1."""
        ...

    @property
    def batch(self) -> int:
        """Works in one task, at least 1."""
        ...

    @property
    def poll_seconds(self) -> float:
        """Pause between two looks at tasks of which none has changed; 0 for none."""
        ...

    def submit(self, works: Sequence[Work], idempotency_key: str) -> str:
        """Take a task and return its ticket; the same key again gives the same task, and does not begin another.

        A backend of this process forgets with the process: there the same key begins the task anew.
        """
        ...

    def poll(self, ticket: str) -> Polled:
        """Say how a task stands; once it has said finished or failed, it is not asked again."""
        ...

    def cancel(self, ticket: str) -> None:
        """End a task; its ticket is not used again, unless the same task is submitted once more."""
        ...

    def close(self) -> None:
        """Let go of everything; nothing runs afterwards. The owner calls it, the runner does not."""
        ...
